# SPDX-License-Identifier: Apache-2.0
"""Decides what the readings of a device mean, and which of them count."""
