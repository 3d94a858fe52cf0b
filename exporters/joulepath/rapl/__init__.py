# SPDX-License-Identifier: Apache-2.0
"""Exporter of the processor's own energy counters (RAPL) from the kernel's powercap tree."""
