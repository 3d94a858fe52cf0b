# SPDX-License-Identifier: Apache-2.0
"""Counts of packets and bytes by node, trace and recorded path."""
