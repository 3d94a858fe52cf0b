# SPDX-License-Identifier: Apache-2.0
"""The readings of one poll of a BMC, over either protocol."""

from collections.abc import Callable, Collection, Hashable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, NamedTuple, cast

from joulepath.reading.bounds import BEYOND, label

Level = Literal["chassis", "enclosure"]
"""An enclosure contains chassis that are measured themselves: its watts count theirs again, hence the other level."""


class Box(NamedTuple):
    """One measured chassis or enclosure: the part of a metric's name, and its label."""

    level: Level
    name: str


class ChassisPart(NamedTuple):
    """A power supply or a subsystem of a chassis."""

    chassis: str
    name: str


class ChassisComponent(NamedTuple):
    """A device inside a subsystem, such as one accelerator of a baseboard: its watts are part of the subsystem's."""

    chassis: str
    subsystem: str
    name: str


Row = Box | ChassisPart | ChassisComponent
"""A device with samples of its own."""


def name_row(row: Row) -> Row:
    """The row under names that are label values (`joulepath.reading.bounds`)."""
    renamed: Any = row  # mypy knows no _make of one of several
    return cast("Row", renamed._make(map(label, row)))


class Metered(NamedTuple):
    """A subsystem or component, integrated beside the boxes."""

    level: Literal["subsystem", "component"]
    part: ChassisPart | ChassisComponent


@dataclass(frozen=True)
class BmcReading:
    """One poll of one BMC: power in W, energy in J."""

    collector: str
    """The protocol: redfish or ipmi."""
    power: Mapping[Box, float]
    sources: Mapping[Box, str]
    """Where each box's power is read from."""
    up: Mapping[Box, bool] = field(default_factory=dict)
    """Whether each box that is expected to have power had some."""
    meter_energy: Mapping[Box, float] = field(default_factory=dict)
    psu_input: Mapping[ChassisPart, float] = field(default_factory=dict)
    psu_output: Mapping[ChassisPart, float] = field(default_factory=dict)
    subsystems: Mapping[ChassisPart, float] = field(default_factory=dict)
    """Parts of a chassis that do not overlap: they add up to no more than the chassis."""
    subsystem_energy: Mapping[ChassisPart, float] = field(default_factory=dict)
    components: Mapping[ChassisComponent, float] = field(default_factory=dict)
    component_energy: Mapping[ChassisComponent, float] = field(default_factory=dict)
    rejected: Mapping[str, int] = field(default_factory=dict)

    @property
    def watts(self) -> Mapping[Hashable, float]:
        """Active power [W] by Box, and by Metered for the devices inside."""
        return {
            **dict[Hashable, float](self.power.items()),
            **{Metered("subsystem", part): watts for part, watts in self.subsystems.items()},
            **{Metered("component", part): watts for part, watts in self.components.items()},
        }

    @property
    def rows(self) -> Collection[Hashable]:
        """The keys of `watts`, and the boxes that have no power now."""
        return {*self.watts, *self.up}

    @property
    def parts(self) -> Collection[Row]:
        """All that has samples of its own, the boxes first."""
        rows: dict[Row, None] = {}
        for each in (self.power, self.up, self.meter_energy):
            rows |= dict.fromkeys(each)
        for inside in (self.subsystems, self.psu_input, self.psu_output, self.subsystem_energy):
            rows |= dict.fromkeys(inside)
        for component in (self.components, self.component_energy):
            rows |= dict.fromkeys(component)
        return rows

    def with_label_names(self) -> "BmcReading":
        """The same under names that are label values (`joulepath.reading.bounds`)."""
        if all(label(name) == name for part in self.parts for name in part):
            return self
        return self._over(name_row)

    def without(self, beyond: Collection[Row]) -> "BmcReading":
        """The same without the rows beyond the limit; counts them as rejected."""
        if not beyond:
            return self
        kept = self._over(lambda row: None if row in beyond else row)
        return replace(kept, rejected={**self.rejected, BEYOND: len(beyond)})

    def _over(self, change: Callable[[Row], Row | None]) -> "BmcReading":
        """The same with each row changed; a row is left out where its change gives None."""
        changed: dict[str, Any] = {
            each: {to: value for row, value in getattr(self, each).items() if (to := change(row)) is not None}
            for each in _BY_ROW
        }
        return replace(self, **changed)


_BY_ROW = (
    "power",
    "sources",
    "up",
    "meter_energy",
    "psu_input",
    "psu_output",
    "subsystems",
    "subsystem_energy",
    "components",
    "component_energy",
)
"""Fields of a reading that map rows to values."""
