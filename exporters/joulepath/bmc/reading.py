# SPDX-License-Identifier: Apache-2.0
"""What one poll of a BMC comes to, whichever protocol it was read by."""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

Level = Literal["chassis", "enclosure"]
"""An enclosure contains chassis that are measured themselves: its watts count theirs again, hence the other level."""


class Box(NamedTuple):
    """One measured chassis or enclosure: the part of a metric's name, and its label."""

    level: Level
    name: str


class Part(NamedTuple):
    """A power supply or a subsystem of a chassis."""

    chassis: str
    name: str


class Component(NamedTuple):
    """A device inside a subsystem, such as one accelerator of a baseboard: its watts are part of the subsystem's."""

    chassis: str
    subsystem: str
    name: str


class Metered(NamedTuple):
    """What is integrated beside the boxes."""

    level: Literal["subsystem", "component"]
    part: Part | Component


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
    psu_input: Mapping[Part, float] = field(default_factory=dict)
    psu_output: Mapping[Part, float] = field(default_factory=dict)
    subsystems: Mapping[Part, float] = field(default_factory=dict)
    """Parts of a chassis that do not overlap: they add up to no more than the chassis."""
    subsystem_energy: Mapping[Part, float] = field(default_factory=dict)
    components: Mapping[Component, float] = field(default_factory=dict)
    component_energy: Mapping[Component, float] = field(default_factory=dict)
    rejected: Mapping[str, int] = field(default_factory=dict)

    @property
    def watts(self) -> Mapping[Hashable, float]:
        """Active power [W] by Box, and by Metered for what is inside."""
        return {
            **dict[Hashable, float](self.power.items()),
            **{Metered("subsystem", part): watts for part, watts in self.subsystems.items()},
            **{Metered("component", part): watts for part, watts in self.components.items()},
        }
