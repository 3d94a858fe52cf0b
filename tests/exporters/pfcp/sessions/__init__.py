# SPDX-License-Identifier: Apache-2.0
"""Tests of sessions and of the counting of their usage reports."""
