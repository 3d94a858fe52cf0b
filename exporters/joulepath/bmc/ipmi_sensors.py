# SPDX-License-Identifier: Apache-2.0
"""Power out of a BMC's sensors (IPMI 2.0, section 43): by unit and name, and what they add up to."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from joulepath.bmc.redfish_names import part_of
from joulepath.bmc.vendors import Vendors

Role = Literal["system", "psu_input", "psu_output", "volts", "amperes"]

_VOLTS, _AMPERES, _WATTS = "V", "A", "W"
_MEAN = "mean"

PUBLISHED: frozenset[Role] = frozenset({"psu_input", "psu_output"})
"""Read at every poll; the other roles only where a chassis' power is made of them."""
NEEDED: Mapping[str, frozenset[Role]] = {"sdr": frozenset({"system"}), "volts_amperes": frozenset({"volts", "amperes"})}
"""Further roles that a source is made of."""


@dataclass(frozen=True)
class Sensor:
    """One sensor that matters: what of what."""

    key: str
    """The sensor's key in the repository."""
    role: Role
    part: str = ""
    """The supply; the same for the volts and amperes of one input. Of a system's sensor: `mean`, or nothing."""


def sensors(found: Iterable[tuple[str, str, str]], vendors: Vendors) -> list[Sensor]:
    """Those that measure power, out of (key, name, unit) of all.

    Volts and amperes only where they are a pair, of one supply each.
    """
    chosen: list[Sensor] = []
    pairs: dict[str, dict[Role, Sensor]] = {}
    for key, name, unit in found:
        title = " ".join(name.split())
        if unit == _WATTS:
            if vendors.names_output(title) or vendors.names_ipmi_output(title):
                chosen.append(Sensor(key, "psu_output", title))
            elif vendors.names_supply(title):
                chosen.append(Sensor(key, "psu_input", title))
            elif not part_of(title) and (vendors.names_system(title) or vendors.names_ipmi_system(title)):
                chosen.append(Sensor(key, "system", _MEAN if vendors.names_mean(title) else ""))
        elif unit in {_VOLTS, _AMPERES}:
            supply = vendors.electrical(title)
            if supply:
                role: Role = "volts" if unit == _VOLTS else "amperes"
                pairs.setdefault(supply, {}).setdefault(role, Sensor(key, role, supply))
    # HPE's Power Supply 1 repeats PS 1 Output.
    stated = [sensor for sensor in chosen if sensor.role != "psu_output" or vendors.names_output(sensor.part)]
    if any(sensor.role == "psu_output" for sensor in stated):
        chosen = stated
    return chosen + [sensor for pair in pairs.values() if len(pair) == 2 for sensor in pair.values()]


def power(chosen: Iterable[Sensor], values: Mapping[str, float]) -> Mapping[str, float]:
    """Watts by source: each only where every sensor that it needs gave a value."""
    by_role: dict[Role, list[Sensor]] = {}
    for sensor in chosen:
        by_role.setdefault(sensor.role, []).append(sensor)
    found: dict[str, float] = {}
    system = [
        (sensor.part != _MEAN, values[sensor.key]) for sensor in by_role.get("system", ()) if sensor.key in values
    ]
    if system:
        found["sdr"] = max(system)[1]  # several are the same total by another name, and a mean tells of the past
    inputs = by_role.get("psu_input", [])
    if inputs and all(sensor.key in values for sensor in inputs):
        found["psu_input"] = sum(values[sensor.key] for sensor in inputs)
    volts = {sensor.part: values.get(sensor.key) for sensor in by_role.get("volts", ())}
    amperes = {sensor.part: values.get(sensor.key) for sensor in by_role.get("amperes", ())}
    products = [v * a for part, v in volts.items() if v is not None and (a := amperes[part]) is not None]
    if products and len(products) == len(volts):
        found["volts_amperes"] = sum(products)
    return found
