# SPDX-License-Identifier: Apache-2.0
"""What a Redfish resource itself says against one of its readings."""

import math
from collections.abc import Iterator, Mapping
from typing import Any, TypeGuard

from joulepath.bmc.beyond import BEYOND, Statistics
from joulepath.bmc.redfish_items import Item, Resource, resolve

NO_FEED = {"Absent", "UnavailableOffline", "Disabled"}
"""Resource.State of a supply that carries nothing: an empty bay, a supply without a feed, one that is switched off."""

BEYOND_OUTPUTS = 1.2
"""For `Statistics.factor`, where the reading is the sum of the supplies' outputs: no losses explain a difference."""

STEPS = 255
"""An IPMI sensor's byte has so many steps over its range."""
COARSE_WATTS = 2.0
"""Steps from this size on are worse than whole watts."""


def absent(supply: Resource) -> bool:
    """Whether a supply's resource is that of an empty bay."""
    return _state(supply) == "Absent"


def is_absent(item: Item, resource: Resource) -> bool:
    """The same for the supply of an item."""
    return absent(_supply(item, resource))


def carries_nothing(item: Item, resource: Resource) -> bool:
    """Whether the item's supply says that it takes no power now, or that its bay is empty."""
    supply = _supply(item, resource)
    if _state(supply) in NO_FEED:
        return True
    others = resource.get("PowerSupplies")
    if supply.get("LineInputVoltage") == 0 and not supply.get("PowerInputWatts") and isinstance(others, list):
        # Volts count only where they are measured: at another supply.
        return any(_is_number(volts := resolve(other, ("LineInputVoltage",))[1]) and volts > 0 for other in others)
    # Supermicro calls an empty bay Enabled; everything else that it states of one is null.
    stated = ("PowerCapacityWatts", "LineInputVoltage", "PowerInputWatts")
    return all(fact in supply and supply[fact] is None for fact in stated) and supply.get("PowerOutputWatts") is None


def _supply(item: Item, resource: Resource) -> Resource:
    found = resolve(resource, item.pointer[:2])[1] if item.pointer[0] == "PowerSupplies" else resource
    return found if isinstance(found, Mapping) else {}


def _state(resource: Resource) -> object:
    return resolve(resource, ("Status", "State"))[1]


def statistics(item: Item, resource: Resource) -> Statistics | None:
    """What the item's PowerControl says of its own past; None where that is nothing to go by."""
    control, watts = resolve(resource, item.pointer)
    if item.source != "power_control" or not _is_number(watts):
        return None
    keys = ("MinConsumedWatts", "MaxConsumedWatts", "IntervalInMin")
    low, high, minutes = (resolve(control, ("PowerMetrics", key))[1] for key in keys)
    if not (_is_number(low) and _is_number(high) and _is_number(minutes) and 0 <= low <= high and high and minutes > 0):
        return None
    outputs = list(_outputs(resource))
    repeats_outputs = len(outputs) > 1 and abs(sum(outputs) - watts) <= 1
    return Statistics(low, high, minutes * 60, BEYOND_OUTPUTS if repeats_outputs else BEYOND)


def step_of(sensor: Resource) -> float:
    """The step [W] of a sensor that is IPMI's byte in other words, by its range; 0 for another."""
    low, high, reading = (sensor.get(key) for key in ("ReadingRangeMin", "ReadingRangeMax", "Reading"))
    if not (_is_number(high) and _is_number(reading)):
        return 0
    base = low if _is_number(low) and low < high else 0  # Lenovo states the maximum as the minimum, too
    step = (high - base) / STEPS
    whole = step >= COARSE_WATTS and step.is_integer() and ((reading - base) / step).is_integer()
    return step if whole else 0


def _outputs(power: Resource) -> Iterator[float]:
    """What each supply of an older Power resource delivers."""
    supplies = power.get("PowerSupplies")
    for supply in supplies if isinstance(supplies, list) else ():
        if isinstance(supply, Mapping):
            found = [supply.get(key) for key in ("PowerOutputWatts", "LastPowerOutputWatts")]
            yield from [watts for watts in found if _is_number(watts)][:1]


def _is_number(found: Any) -> TypeGuard[float]:
    return isinstance(found, int | float) and not isinstance(found, bool) and math.isfinite(found)
