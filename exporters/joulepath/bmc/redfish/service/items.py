# SPDX-License-Identifier: Apache-2.0
"""Where a value stands in a Redfish resource, and whether it is a measurement."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from joulepath.bmc.quantity import ALL_BITS, ENERGIES, MAX_JOULES, BmcQuantity
from joulepath.reading.energy import MAX_WATTS
from joulepath.reading.rejected import NotMeasuredError

Resource: TypeAlias = Mapping[str, Any]
"""A JSON object as a BMC sent it: every value in it may be of any type."""

Pointer: TypeAlias = tuple[str | int, ...]

AVERAGE_MINUTES = 5.0
"""A mean over longer than this says little about now: iLO averages over 20 minutes, Intel since the last reset."""

# Names of a supply's limits in the schemas (Power, PowerSupply) and in Dell's extension. A limit is not measured.
CAPACITIES = {"PowerCapacityWatts", "CapacityWatts", "OutputWattage", "Range1MaxInputPowerWatts", "MaxInputPowerWatts"}

_DECIMAL = re.compile(r"-?[0-9]{1,18}(\.[0-9]{1,18})?")

SUPPLY_LOSS = 1.5
"""A supply takes and delivers at most so many times its capacity, with losses and short overload."""


@dataclass(frozen=True)
class Item:
    """One value that a poll reads, and the place where it stands."""

    quantity: BmcQuantity
    chassis: str
    uri: str
    pointer: Pointer
    part: str = ""
    """Name of the supply, subsystem or component."""
    source: str = ""
    """For a chassis' power: the name of the source."""
    within: str = ""
    """For a component: its subsystem. For a subsystem's feed: the name of the feed."""
    device: str = ""
    """For a subsystem: the kind of device, such as cpu; empty if unknown."""
    scale: float = 1.0
    sensor: str = ""
    """URI of the sensor that an excerpt repeats, where that is stated."""
    capacities: frozenset[float] = frozenset()
    """Limits of the supply [W]: a reading equal to one is that limit."""
    without_feed: bool = False
    """Whether the supply, where another resource holds its state, said at the survey that it carries nothing."""


def value(item: Item, resource: Resource) -> float:
    """The item's value in W or J. Raises NotMeasuredError; `missing` is the reason where there is nothing at all."""
    holder, stated = resolve(resource, item.pointer)
    if stated is None:
        raise NotMeasuredError("null" if isinstance(holder, Mapping) and item.pointer[-1] in holder else "missing")
    stated = number(stated)
    if stated is None:
        raise NotMeasuredError("not_a_number")
    for level in (resource, holder):
        if isinstance(level, Mapping):
            _check_state(level)
    if item.source == "power_control_average":
        _check_interval(holder)
    if item.source == "power_control" and stated == 0 and never_metered(holder):
        raise NotMeasuredError("never_read")
    energy = item.quantity in ENERGIES
    if not energy and stated in ALL_BITS:
        raise NotMeasuredError("implausible")
    limit = MAX_JOULES if energy else MAX_WATTS
    # Python's JSON admits NaN, infinities, and whole numbers that no float holds: all of them fail this.
    if not 0 <= stated <= limit / item.scale:
        raise NotMeasuredError("implausible")
    measured = stated * item.scale
    if item.capacities:
        if measured in item.capacities:
            raise NotMeasuredError("capacity")
        if measured > SUPPLY_LOSS * max(item.capacities):
            raise NotMeasuredError("above_capacity")
    return measured


def number(stated: object) -> float | None:
    """A number, also one that a BMC writes as text ("152"); None for anything else."""
    if isinstance(stated, str):
        return float(stated) if _DECIMAL.fullmatch(stated) else None
    return stated if isinstance(stated, int | float) and not isinstance(stated, bool) else None


def works(item: Item, resource: Resource) -> bool:
    """Whether the item is measured in this resource."""
    try:
        value(item, resource)
    except NotMeasuredError:
        return False
    return True


def capacities(resource: Any, depth: int = 8) -> Iterator[float]:
    """All limits of a supply [W] that its resource states, at any usual `depth`: Dell has them four objects deep."""
    if isinstance(resource, Mapping) and depth:
        for key, inner in resource.items():
            limit = number(inner) if key in CAPACITIES else None
            if limit is None:
                yield from capacities(inner, depth - 1)
            elif 0 < limit <= MAX_WATTS:
                yield float(limit)
    elif isinstance(resource, list) and depth:
        for inner in resource:
            yield from capacities(inner, depth - 1)


def resolve(resource: Resource, pointer: Pointer) -> tuple[Any, Any]:
    """The object or array that holds the value, and the value; None for a missing one."""
    holder: Any = None
    inner: Any = resource
    for step in pointer:
        holder = inner
        if isinstance(step, int):
            entries = holder if isinstance(holder, list) else [holder]  # some have one object in place of an array
            inner = entries[step] if step < len(entries) else None
        else:
            inner = holder.get(step) if isinstance(holder, Mapping) else None
    return holder, inner


def never_metered(control: Any) -> bool:
    """Whether a PowerControl of 0 W says itself that it has no meter: no capacity, and no watt at any time (iLO 4)."""
    if not isinstance(control, Mapping):
        return False
    limits = (control.get("PowerCapacityWatts"), resolve(control, ("PowerMetrics", "MaxConsumedWatts"))[1])
    stated = [number(limit) for limit in limits]
    return 0 in stated and all(limit is None or limit == 0 for limit in stated)


def _check_state(resource: Resource) -> None:
    status = resource.get("Status")
    if isinstance(status, Mapping) and status.get("State") == "Absent":
        raise NotMeasuredError("absent")
    # Never read since the BMC's start: HPE Cray EX answers 0 J of the year 1970.
    time = resource.get("ReadingTime")
    if isinstance(time, str) and time.startswith("1970-"):
        raise NotMeasuredError("never_read")


def _check_interval(metrics: Any) -> None:
    minutes = number(metrics.get("IntervalInMin")) if isinstance(metrics, Mapping) else None
    if minutes is None or minutes <= 0:
        raise NotMeasuredError("zero_interval")
    if minutes > AVERAGE_MINUTES:
        raise NotMeasuredError("long_interval")
    if number(metrics.get("MaxConsumedWatts")) == 0:  # iDRAC 8 answers a mean and an extreme of 0 W beside 135 W
        raise NotMeasuredError("never_read")
