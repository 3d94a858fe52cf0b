# SPDX-License-Identifier: Apache-2.0
"""What of a BMC's Redfish tree measures power, found once: a poll then asks for a few resources."""

import asyncio
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from joulepath.bmc import redfish_sensors
from joulepath.bmc.reading import Box
from joulepath.bmc.redfish_items import (
    JOULES_PER_KWH,
    Item,
    Pointer,
    Quantity,
    RejectedError,
    Resource,
    capacities,
    value,
    works,
)
from joulepath.bmc.redfish_tree import Get, Tree, at, entries, link, uri_of
from joulepath.bmc.vendors import Vendors

_PART = re.compile(r"sub-?system|cpu|processor|memory|dimm|gpu|accelerator|fan|storage|drive", re.IGNORECASE)


@dataclass(frozen=True)
class Layout:
    """One BMC as it was found."""

    boxes: Mapping[str, Box]
    """Each chassis that has something to read, by its name."""
    items: tuple[Item, ...]
    """In each quantity the better ones first."""
    supplies: Mapping[str, frozenset[str]]
    """The supplies that are present, by chassis: their inputs are its power when all are known."""


async def survey(get: Get, vendors: Vendors) -> Layout:
    """Reads everything that could measure power. Raises what `get` raises, and JoulepathError for an empty tree."""
    tree = Tree(get)
    root = await get("/redfish/v1/")
    features = at(root, "ProtocolFeaturesSupported", "ExpandQuery")
    tree.expand = isinstance(features, dict) and bool(features.get("Levels"))
    listed = await tree.members(link(root, "Chassis") or "/redfish/v1/Chassis")
    names = _names(listed)
    found = await asyncio.gather(*(_chassis(tree, name, listed[uri], vendors) for uri, name in names.items()))
    items = tuple(item for chassis in found for item in chassis[0])
    measured = {item.chassis for item in items}
    enclosures = {
        names[outer]
        for uri, name in names.items()
        if name in measured
        for outer in _outer(uri, listed)
        if outer in names
    }
    boxes = {name: Box("enclosure" if name in enclosures else "chassis", name) for name in names.values()}
    return Layout(
        boxes={name: box for name, box in boxes.items() if name in measured},
        items=items,
        supplies={name: chassis[1] for name, chassis in zip(names.values(), found, strict=True)},
    )


async def _chassis(tree: Tree, name: str, chassis: Resource, vendors: Vendors) -> tuple[list[Item], frozenset[str]]:
    """The items of one chassis and its supplies."""
    items: list[tuple[Item, Resource]] = []

    def add(item: Item, resource: Resource) -> None:
        items.append((item, resource))

    environment = link(chassis, "EnvironmentMetrics")
    resource = await tree.read(environment)
    if environment and resource:
        for item in _environment(name, environment):
            add(item, resource)

    found, supplies = await _supplies(tree, name, chassis)
    items += found

    power_uri = link(chassis, "Power")
    power = await tree.read(power_uri)
    if power_uri and power:
        for item in _power(name, power_uri, power, vendors, with_supplies=not supplies):
            add(item, power)
            if item.quantity == "psu_input":
                supplies.add(item.part)

    sensors = {str(sensor.get("@odata.id")): sensor for sensor in await tree.sensors(link(chassis, "Sensors"))}
    known = {item.quantity for item, resource in items if item.part and works(item, resource)}
    for item in redfish_sensors.items(name, sensors.values(), vendors):
        if item.quantity not in known:
            add(item, sensors[item.uri])
            if item.quantity == "psu_input" and not supplies:
                supplies |= {item.part}

    for oem in vendors.oem:
        if oem.resource == "chassis":
            uri = str(chassis.get("@odata.id"))
            add(Item(oem.quantity, name, uri, oem.pointer, source="oem", scale=oem.scale), chassis)
    return [item for item, resource in items if _worth(item, resource)], frozenset(supplies)


async def _supplies(tree: Tree, name: str, chassis: Resource) -> tuple[list[tuple[Item, Resource]], set[str]]:
    """Of PowerSubsystem: what each supply takes and delivers, and the supplies that are present."""
    items: list[tuple[Item, Resource]] = []
    supplies: set[str] = set()
    subsystem = await tree.read(link(chassis, "PowerSubsystem"))
    for uri, supply in (await tree.members(link(subsystem, "PowerSupplies"))).items():
        if at(supply, "Status", "State") == "Absent":
            continue
        part, limits = str(supply.get("Id") or uri.rpartition("/")[2]), frozenset(capacities(supply))
        supplies.add(part)
        metrics = link(supply, "Metrics")
        resource = await tree.read(metrics)
        if metrics and resource:
            quantities: dict[str, Quantity] = {"InputPowerWatts": "psu_input", "OutputPowerWatts": "psu_output"}
            for key, quantity in quantities.items():
                items.append((Item(quantity, name, metrics, (key, "Reading"), part, capacities=limits), resource))
    return items, supplies


def _environment(name: str, uri: str) -> Iterator[Item]:
    yield Item("power", name, uri, ("PowerWatts", "Reading"), source="environment_metrics")
    for key, scale in (("EnergyJoules", 1.0), ("EnergykWh", JOULES_PER_KWH)):
        for reading in ("LifetimeReading", "Reading"):  # the former survives a reset of the latter
            yield Item("meter_energy", name, uri, (key, reading), scale=scale)


def _power(name: str, uri: str, power: Resource, vendors: Vendors, *, with_supplies: bool) -> Iterator[Item]:
    """Of the older Power resource: the first PowerControl is the chassis, others are parts of it."""
    whole: int | None = None
    for index, control in entries(power, "PowerControl"):
        title = f"{control.get('PhysicalContext')} {control.get('Name')}"
        consumed: Pointer = ("PowerControl", index, "PowerConsumedWatts")
        if _PART.search(title):
            part = str(control.get("Name") or control.get("MemberId") or index)
            yield Item("subsystem", name, uri, consumed, part)
        elif whole is None:
            whole = index
            yield Item("power", name, uri, consumed, source="power_control")
            average: Pointer = ("PowerControl", index, "PowerMetrics", "AverageConsumedWatts")
            yield Item("power", name, uri, average, source="power_control_average")
    for index, supply in entries(power, "PowerSupplies"):
        if not with_supplies or at(supply, "Status", "State") == "Absent":
            continue
        place: Pointer = ("PowerSupplies", index)
        part, limits = str(supply.get("MemberId") or index), frozenset(capacities(supply))
        yield Item("psu_input", name, uri, (*place, "PowerInputWatts"), part, capacities=limits)
        yield Item("psu_output", name, uri, (*place, "PowerOutputWatts"), part, capacities=limits)
        yield Item("psu_output", name, uri, (*place, "LastPowerOutputWatts"), part, capacities=limits)
        for oem in vendors.oem:
            if oem.resource == "supply":
                yield Item(oem.quantity, name, uri, (*place, *oem.pointer), part, scale=oem.scale, capacities=limits)
    for oem in vendors.oem:
        if oem.resource == "power":
            yield Item(oem.quantity, name, uri, oem.pointer, source="oem", scale=oem.scale)
        elif oem.resource == "control" and whole is not None:
            pointer: Pointer = ("PowerControl", whole, *oem.pointer)
            yield Item(oem.quantity, name, uri, pointer, source="oem", scale=oem.scale)


def _worth(item: Item, resource: Resource) -> bool:
    """Whether to ask for the item at every poll; what is null now may be a server that is off."""
    try:
        value(item, resource)
    except RejectedError as reason:
        return item.quantity != "subsystem" and str(reason) not in {"missing", "absent"}
    return True


def _names(listed: Mapping[str, Resource]) -> Mapping[str, str]:
    """The name of each chassis by URI: its Id, or its path where several share one."""
    ids = {uri: str(chassis.get("Id") or uri.rstrip("/").rpartition("/")[2]) for uri, chassis in listed.items()}
    times = Counter(ids.values())
    return {uri: name if times[name] == 1 else uri.strip("/").partition("Chassis/")[2] for uri, name in ids.items()}


def _outer(uri: str, listed: Mapping[str, Resource]) -> set[str]:
    """The URIs of all chassis around the one at `uri`, by its links and by theirs."""
    found: set[str] = set()
    waiting = [uri]
    while waiting:
        inner = waiting.pop()
        around = {uri_of(link) for link in _links(listed.get(inner, {}), "ContainedBy")}
        around |= {
            outer
            for outer, chassis in listed.items()
            if inner in {uri_of(link) for link in _links(chassis, "Contains")}
        }
        new = {outer for outer in around if outer and outer != uri} - found
        found |= new
        waiting += new
    return found


def _links(chassis: Resource, key: str) -> Iterable[object]:
    found = at(chassis, "Links", key)
    return found if isinstance(found, list) else [found]  # iLO 5 gives ContainedBy as a list's only member
