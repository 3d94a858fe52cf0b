# SPDX-License-Identifier: Apache-2.0
"""How Kepler names a host, and in which dialect."""

import re
from typing import Annotated, Literal

from pydantic import Field, model_validator

from joulepath_topology.common import Entry, Text


class Kepler(Entry):
    """How Kepler names the host, and which of its zones are its active joules (zones overlap: see the checks)."""

    node_name: Text | None = None
    """Name of the host in Kepler; without it the host's own name."""
    zones: Annotated[tuple[Text, ...], Field(min_length=1)] = ("package", "dram")
    """Zones that together are the host's active joules: package alone, where it contains dram."""
    dialect: Literal["0.10", "0.9"] = "0.10"
    """Names of Kepler's series: those of `0.10` and later, or of `0.9` and earlier."""

    @model_validator(mode="after")
    def _zones(self) -> "Kepler":
        if self.dialect == "0.9" and (odd := [zone for zone in self.zones if not re.fullmatch(r"[a-z_]+", zone)]):
            raise ValueError(f"zone {odd[0]!r}: Kepler 0.9 has a metric for each zone, such as package and dram")
        return self
