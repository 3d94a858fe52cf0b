# SPDX-License-Identifier: Apache-2.0
"""Finds contradictions between a Redfish resource and one of its own readings."""

from collections.abc import Iterator, Mapping
from typing import Any

from joulepath.bmc.choice.contradictions import BEYOND, PowerStatistics
from joulepath.bmc.quantity import ALL_BITS, MAX_JOULES
from joulepath.bmc.redfish.service.items import Item, Resource, number, resolve
from joulepath.bmc.redfish.service.tree import entries

NO_FEED = {"Absent", "UnavailableOffline", "Disabled", "StandbyOffline", "StandbySpare"}
"""Resource.State of a supply that carries nothing: an empty bay, a supply without a feed, one that is switched off, and
one that waits until another fails."""

BEYOND_OUTPUTS = 1.2
"""For `PowerStatistics.factor` if the reading is the sum of the supplies' outputs: no losses explain a difference."""

STEPS = 255
"""Steps of an IPMI sensor's byte over its range."""
COARSE_WATTS = 2.0
"""Steps [W] of at least this size are coarser than whole watts."""


def absent(supply: Resource) -> bool:
    """Whether a supply's resource is that of an empty bay."""
    return _state(supply) == "Absent"


def has_no_feed(supply: Resource) -> bool:
    """Whether a supply's resource says that it takes no power now, or that its bay is empty."""
    return _state(supply) in NO_FEED


def is_absent(item: Item, resource: Resource) -> bool:
    """Whether the supply of an item is that of an empty bay."""
    return absent(_supply(item, resource))


def carries_nothing(item: Item, resource: Resource) -> bool:
    """Whether the item's supply says that it takes no power now, or that its bay is empty."""
    supply = _supply(item, resource)
    if has_no_feed(supply):
        return True
    if _number_at(supply, "LineInputVoltage") == 0 and not _number_at(supply, "PowerInputWatts"):
        # Volts count only where they are measured: at another supply.
        volts = [_number_at(other, "LineInputVoltage") for _, other in entries(resource, "PowerSupplies")]
        if volts:
            return any(one is not None and one > 0 for one in volts)
    # Supermicro calls an empty bay Enabled; everything else that it states of one is null.
    stated = ("PowerCapacityWatts", "LineInputVoltage", "PowerInputWatts")
    return all(fact in supply and supply[fact] is None for fact in stated) and supply.get("PowerOutputWatts") is None


def _supply(item: Item, resource: Resource) -> Resource:
    supply = resolve(resource, item.pointer[:2])[1] if item.pointer[0] == "PowerSupplies" else resource
    return supply if isinstance(supply, Mapping) else {}


def _state(resource: Resource) -> str:
    return str(resolve(resource, ("Status", "State"))[1])


def statistics(item: Item, resource: Resource) -> PowerStatistics | None:
    """The minimum, maximum and period of the item's PowerControl; None if they are unusable."""
    control, shown = resolve(resource, item.pointer)
    watts = number(shown)
    keys = ("MinConsumedWatts", "MaxConsumedWatts", "IntervalInMin")
    low, high, minutes = (_number_at(control, "PowerMetrics", key) for key in keys)
    if item.source != "power_control" or watts is None or low is None or high is None or minutes is None:
        return None
    if not (0 <= low <= high and high and minutes > 0) or high in ALL_BITS:
        return None
    outputs = list(_outputs(resource))
    repeats_outputs = len(outputs) > 1 and abs(sum(outputs) - watts) <= 1
    return PowerStatistics(low, high, minutes * 60, BEYOND_OUTPUTS if repeats_outputs else BEYOND)


def step_of(sensor: Resource) -> float:
    """The step [W] of a sensor that is IPMI's byte in other words, by its range; 0 for another."""
    low, high, reading = (_number_at(sensor, key) for key in ("ReadingRangeMin", "ReadingRangeMax", "Reading"))
    if high is None or reading is None:
        return 0
    base = low if low is not None and low < high else 0  # Lenovo states the maximum as the minimum, too
    step = (high - base) / STEPS
    whole = step >= COARSE_WATTS and step.is_integer() and ((reading - base) / step).is_integer()
    return step if whole else 0


def _outputs(power: Resource) -> Iterator[float]:
    """The output [W] of each supply of an older Power resource."""
    for _, supply in entries(power, "PowerSupplies"):
        outputs = [_number_at(supply, key) for key in ("PowerOutputWatts", "LastPowerOutputWatts")]
        yield from [watts for watts in outputs if watts is not None][:1]


def _number_at(resource: Any, *keys: str) -> float | None:
    """The number at a path of objects; None for none, and for one that is beyond all that is measured."""
    stated = number(resolve(resource, keys)[1])
    return stated if stated is not None and abs(stated) <= MAX_JOULES else None
