# SPDX-License-Identifier: Apache-2.0
"""Finds a BMC's power sensors (IPMI 2.0, section 43) by unit and name, and adds them up."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from joulepath.bmc.choice.supplies import Inputs
from joulepath.bmc.names import is_limit, part_of
from joulepath.bmc.vendors import Vendors

Role = Literal["system", "psu_input", "psu_output", "volts", "amperes"]

_VOLTS, _AMPERES, _WATTS = "V", "A", "W"
_MEAN = "mean"
_PAIR: tuple[Role, Role] = ("volts", "amperes")

SOURCES: Mapping[Role, str] = {"system": "sdr", "volts": "volts_amperes", "amperes": "volts_amperes"}
"""The sources that roles make; those of supplies are read at every poll, these only where the source is asked."""


@dataclass(frozen=True)
class IpmiSensor:
    """One sensor that is read: the role of its value, and the supply it belongs to."""

    key: str
    """The sensor's key in the repository."""
    role: Role
    part: str = ""
    """The supply; the same for the volts and amperes of one input. Of a system's sensor: `mean`, or nothing."""
    supply: str = ""
    """The supply by its number alone: the same for all its sensors."""


def sensors(listed: Iterable[tuple[str, str, str]], vendors: Vendors) -> list[IpmiSensor]:
    """Those that measure power, out of (key, name, unit) of all.

    Volts and amperes only where they are a pair, of one supply each.
    """
    chosen: list[IpmiSensor] = []
    pairs: dict[str, dict[Role, IpmiSensor]] = {}
    for key, name, unit in listed:
        title = " ".join(name.split())
        if unit == _WATTS:
            if is_limit(title):
                continue
            if vendors.names_output(title) or vendors.names_ipmi_output(title):
                chosen.append(IpmiSensor(key, "psu_output", title, vendors.supply(title) or title))
            elif vendors.names_supply(title):
                chosen.append(IpmiSensor(key, "psu_input", title, vendors.supply(title)))
            elif not part_of(title) and (vendors.names_system(title) or vendors.names_ipmi_system(title)):
                chosen.append(IpmiSensor(key, "system", _MEAN if vendors.names_mean(title) else ""))
        elif unit in {_VOLTS, _AMPERES}:
            supply = vendors.electrical(title)
            if supply:
                role: Role = "volts" if unit == _VOLTS else "amperes"
                pairs.setdefault(supply, {}).setdefault(role, IpmiSensor(key, role, supply, supply))
    # HPE's Power Supply 1 repeats PS 1 Output.
    stated = [sensor for sensor in chosen if sensor.role != "psu_output" or vendors.names_output(sensor.part)]
    if any(sensor.role == "psu_output" for sensor in stated):
        chosen = stated
    return chosen + [sensor for pair in pairs.values() if len(pair) == 2 for sensor in pair.values()]


class Sums:
    """Sums the inputs of the supplies from poll to poll: bays that have always been empty do not count."""

    def __init__(self) -> None:
        self._inputs, self._products = Inputs(), Inputs()
        self._present: set[str] = set()

    def watts(
        self, chosen: Sequence[IpmiSensor], values: Mapping[str, float], answered: Collection[str] | None = None
    ) -> Mapping[str, float]:
        """Watts by source, out of the values by key.

        Of sensors that are not among `answered` the BMC says that they have no value; None is all of them.
        """
        self._present &= {one.supply for one in chosen}
        self._present |= {one.supply for one in chosen if answered is None or one.key in answered}
        empty = {sensor.supply for sensor in chosen} - self._present
        candidates: dict[str, float] = {}
        system = [(s.part != _MEAN, values[s.key]) for s in chosen if s.role == "system" and s.key in values]
        if system:
            candidates["sdr"] = max(system)[1]  # several repeat one total; a mean tells of the past
        inputs = {sensor.key: sensor for sensor in chosen if sensor.role == "psu_input"}
        volts, amperes = ({s.part: values[s.key] for s in chosen if s.role == r and s.key in values} for r in _PAIR)
        products = {part: volts[part] * amperes[part] for part in volts.keys() & amperes.keys()}
        pairs = {sensor.part for sensor in chosen if sensor.role == "volts"}
        for source, sums, needed, watts in (
            ("psu_input", self._inputs, inputs.keys(), values),
            ("volts_amperes", self._products, pairs, products),
        ):
            dark = {one for one in needed if (inputs[one].supply if one in inputs else one) in empty}
            total = sums.total(needed, watts, dark)
            if total is not None:
                candidates[source] = total
        return candidates
