# SPDX-License-Identifier: Apache-2.0
"""Reads `vendors.yaml`: names and properties of Redfish that differ between vendors."""

import re
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import as_file, files
from pathlib import Path
from typing import Literal

from joulepath import apart
from joulepath.bmc.quantity import BmcQuantity


@dataclass(frozen=True)
class Oem:
    """One property of a vendor."""

    vendor: str
    resource: Literal["chassis", "power", "control", "supply"]
    """Chassis; Power; the first member of its PowerControl; each of its PowerSupplies."""
    quantity: BmcQuantity
    pointer: tuple[str, ...]
    part: str = ""
    """The name of a subsystem."""
    scale: float = 1.0


@dataclass(frozen=True)
class Vendors:
    """`vendors.yaml`."""

    system_sensors: tuple[str, ...]
    system_feeds: tuple[str, ...]
    coarse_sensors: tuple[str, ...]
    part_chassis: tuple[str, ...]
    oem: tuple[Oem, ...]
    ipmi_system_sensors: tuple[str, ...]
    ipmi_supplies: tuple[str, ...]
    ipmi_means: tuple[str, ...]
    ipmi_outputs: tuple[str, ...]
    ipmi_bare_outputs: tuple[str, ...]
    ipmi_electrical_words: tuple[str, ...]
    supply_inputs: tuple[str, ...]

    def names_system(self, name: str) -> bool:
        """Whether a sensor of that name is one of the whole system."""
        return _any(self.system_sensors).search(name) is not None

    def names_feed(self, name: str) -> bool:
        """The same for what takes the whole chassis' power, whatever its context."""
        return _any(self.system_feeds).search(name) is not None

    def names_whole(self, name: str) -> bool:
        """Whether a sensor of that name is an exact one of the whole system."""
        return (self.names_system(name) or self.names_feed(name)) and not self.names_coarse(name)

    def names_coarse(self, name: str) -> bool:
        """Whether a sensor of the whole system is IPMI's, of 256 steps."""
        return _any(self.coarse_sensors).search(name) is not None

    def names_part(self, chassis: str) -> bool:
        """Whether a chassis of that Id is a part of the server."""
        return _any(self.part_chassis).search(chassis) is not None

    def names_ipmi_system(self, name: str) -> bool:
        """The same for IPMI, which has shorter names."""
        return _any(self.ipmi_system_sensors).search(name) is not None

    def names_supply(self, name: str) -> bool:
        """Whether an IPMI sensor of that name belongs to a power supply."""
        return _any(self.ipmi_supplies).search(name) is not None

    def supply(self, name: str) -> str:
        """The supply that an IPMI sensor's name names; empty if it names none."""
        matched = re.search(f"(?:{_any(self.ipmi_supplies).pattern})\\d*", name, re.IGNORECASE)
        return re.sub(r"[ _-]", "", matched[0]).lower() if matched else ""

    def names_output(self, name: str) -> bool:
        """Whether it is what the supply delivers."""
        return self.names_supply(name) and _any(self.ipmi_outputs).search(name) is not None

    def names_ipmi_output(self, name: str) -> bool:
        """Whether an IPMI sensor is what a supply delivers though its name does not say so."""
        return _any(self.ipmi_bare_outputs).search(name) is not None

    def names_mean(self, name: str) -> bool:
        """Whether an IPMI sensor is a mean over time."""
        return _any(self.ipmi_means).search(name) is not None

    def way(self, name: str) -> BmcQuantity | None:
        """Whether a supply's sensor of that name is of its input or its output, None where the name does not say."""
        spaced = re.sub(r"[ _-]+", " ", name)
        if _any(self.ipmi_outputs).search(spaced):
            return "psu_output"
        return "psu_input" if _any(self.supply_inputs).search(spaced) else None

    def electrical(self, name: str) -> str:
        """The part of a name that the volts and amperes of one input share; empty if the name is of neither.

        Dell: `Voltage 1` and `Current 1`; Supermicro and others: `PSU1 VIN` and `PSU1 IIN`.
        """
        words = _any(self.ipmi_electrical_words)
        if not words.search(name) or self.names_output(name):
            return ""
        rest = " ".join(re.sub(r"[ _-]+", " ", words.sub(" ", name)).split())
        return rest if re.search(r"\d$", rest) else ""


@lru_cache(maxsize=16)
def _any(patterns: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile("|".join(f"(?:{pattern})" for pattern in patterns), re.IGNORECASE)


@lru_cache(maxsize=1)
def load_shipped() -> Vendors:
    """The shipped data."""
    with as_file(files("joulepath.bmc") / "vendors.yaml") as path:
        vendors: Vendors = apart.read("joulepath.bmc.vendors", path)
    return vendors


def read(path: Path, text: str | None = None) -> Vendors:
    """The data in a file, or in its text as read. Raises UsageError."""
    from joulepath.config import load  # noqa: PLC0415  # with pydantic: in the process that reads it alone

    return load(path, Vendors, text)
