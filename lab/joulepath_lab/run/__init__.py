# SPDX-License-Identifier: Apache-2.0
"""Runs the lab: the programs, their configuration, the demo, its faults and results."""
