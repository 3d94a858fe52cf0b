# SPDX-License-Identifier: Apache-2.0
"""Chooses the source of a chassis' power, and rejects sources that contradict others."""
