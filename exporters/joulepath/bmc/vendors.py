# SPDX-License-Identifier: Apache-2.0
"""Reads `vendors.yaml`: names and properties of Redfish that differ between vendors."""

import re
from functools import cached_property, lru_cache
from importlib.resources import as_file, files
from typing import Literal

from pydantic import Field

from joulepath.bmc.redfish_items import Quantity
from joulepath.config import Model, load


class Oem(Model):
    """One property of a vendor."""

    vendor: str
    resource: Literal["chassis", "power", "control", "supply"]
    """Chassis; Power; the first member of its PowerControl; each of its PowerSupplies."""
    quantity: Quantity
    pointer: tuple[str, ...] = Field(min_length=2)
    scale: float = 1.0


class Vendors(Model):
    """`vendors.yaml`."""

    system_sensors: tuple[str, ...]
    oem: tuple[Oem, ...]

    @cached_property
    def _system(self) -> re.Pattern[str]:
        return re.compile("|".join(f"(?:{pattern})" for pattern in self.system_sensors), re.IGNORECASE)

    def names_system(self, name: str) -> bool:
        """Whether a sensor of that name is one of the whole system."""
        return self._system.search(name) is not None


@lru_cache(maxsize=1)
def shipped() -> Vendors:
    """The shipped data."""
    with as_file(files("joulepath.bmc") / "vendors.yaml") as path:
        return load(path, Vendors)
