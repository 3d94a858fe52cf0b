# SPDX-License-Identifier: Apache-2.0
"""Reads devices and counters: polls, reads at a scrape, and makes counters of energy that never fall."""
