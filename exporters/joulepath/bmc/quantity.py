# SPDX-License-Identifier: Apache-2.0
"""The quantities that a BMC measures, and the bounds of a plausible value, over Redfish and IPMI alike."""

from typing import Literal

BmcQuantity = Literal[
    "power",
    "meter_energy",
    "psu_input",
    "psu_output",
    "subsystem",
    "subsystem_feed",
    "subsystem_energy",
    "component",
    "component_energy",
]
ENERGIES: frozenset[BmcQuantity] = frozenset({"meter_energy", "subsystem_energy", "component_energy"})
"""Quantities in J; the others are in W."""

JOULES_PER_KWH = 3.6e6
MAX_JOULES = 1e16
ALL_BITS = {32767, 65535}
"""A register of 16 bits that holds nothing, signed or not."""
