# SPDX-License-Identifier: Apache-2.0
"""Finds the resources of a BMC's Redfish tree that measure power, so that a poll reads only those."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass, field, replace

from joulepath.bmc.quantity import JOULES_PER_KWH, BmcQuantity
from joulepath.bmc.reading import Box, ChassisPart
from joulepath.bmc.redfish.service.client import ResourceBusyError
from joulepath.bmc.redfish.service.items import Item, Pointer, Resource, capacities, value, works
from joulepath.bmc.redfish.service.tree import Get, Tree, link, look_up, source_of, uri_of
from joulepath.bmc.redfish.survey import power as power_resource
from joulepath.bmc.redfish.survey import reports as metric_reports
from joulepath.bmc.redfish.survey import sensors as power_sensors
from joulepath.bmc.redfish.survey.chassis import SUPPLIES, Chassis, apart, around, list_links
from joulepath.bmc.redfish.survey.doubts import absent, carries_nothing, has_no_feed, is_absent
from joulepath.bmc.redfish.survey.parts import ALWAYS_PARTS, PARTS, nest
from joulepath.bmc.redfish.survey.power import serial_of
from joulepath.bmc.redfish.survey.rank import rank
from joulepath.bmc.redfish.survey.reports import Reports
from joulepath.bmc.vendors import Vendors
from joulepath.errors import JoulepathError
from joulepath.reading.bounds import label
from joulepath.reading.rejected import NotMeasuredError


@dataclass(frozen=True)
class BmcLayout:
    """One BMC as it was found."""

    boxes: Mapping[str, Box]
    """Each chassis that has something to read, by its name."""
    items: tuple[Item, ...]
    """Within each quantity, the better ones come first."""
    supplies: Mapping[str, frozenset[str]]
    """The supplies with inputs that add up to a chassis' power, where it has them to itself."""
    feeds: Mapping[ChassisPart, frozenset[str]] = field(default_factory=dict)
    """The feeds with readings that add up to a subsystem's power."""
    serials: Mapping[ChassisPart, str] = field(default_factory=dict)
    """Serial numbers of boxes (under their own name), subsystems and components; empty where none is stated."""
    reports: Reports = field(default_factory=Reports)
    """Metric reports to read in place of resources."""
    states: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """The resources, if any, that say whether a chassis is on."""
    awaited: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Sources that a chassis may have as well: the BMC could not answer for the resources that would tell."""
    unread: tuple[str, ...] = ()
    """Parts of the tree for which the BMC could not answer, one line each."""
    equipment: bool = False
    """Whether it may be a PDU or a power shelf, which `joulepath pdu` reads."""

    @property
    def complete(self) -> bool:
        """Whether the BMC answered for every part of its tree."""
        return not self.unread


async def survey(get: Get, vendors: Vendors) -> BmcLayout:
    """Reads everything that could measure power. Raises what `get` raises, and JoulepathError for an empty tree."""
    tree = Tree(get)
    try:
        root = await get("/redfish/v1/")
    except ResourceBusyError as busy:
        raise JoulepathError(f"{busy}: the BMC is busy or starting, and is asked again") from None
    features = look_up(root, "ProtocolFeaturesSupported", "ExpandQuery")
    tree.expand = isinstance(features, dict) and bool(features.get("Levels"))
    members = await tree.members(link(root, "Chassis") or "/redfish/v1/Chassis")
    listed = {uri.rstrip("/"): chassis for uri, chassis in members.items()}
    outer = around(listed)
    every_chassis = await asyncio.gather(
        *(_chassis(tree, name, uri, listed, vendors) for uri, name in _names(listed).items())
    )
    parts = nest(apart(every_chassis, outer), outer)
    measured = [chassis for chassis in parts.boxes if chassis.items]
    enclosures = {uri for chassis in measured for uri in outer.get(chassis.uri, ())}
    return BmcLayout(
        boxes={one.name: Box("enclosure" if one.uri in enclosures else "chassis", one.name) for one in measured},
        items=tuple(item for chassis in measured for item in chassis.items),
        supplies={chassis.name: chassis.feeds for chassis in measured if chassis.feeds},
        feeds=parts.feeds,
        serials=parts.serials,
        reports=await metric_reports.survey(
            tree, root, {item: now for one in every_chassis for item, now in one.working.items()}
        ),
        states={one.name: _states(listed.get(one.uri, {})) for one in measured},
        awaited={one.name: one.awaited for one in measured if one.awaited},
        unread=tuple(tree.unread.values()),
        equipment=link(root, "PowerEquipment") is not None,
    )


def _states(chassis: Resource) -> tuple[str, ...]:
    """The resources with a chassis' PowerState: its systems, since a chassis may be on while they are off."""
    systems = look_up(chassis, "Links", "ComputerSystems")
    links = [uri for system in (systems if isinstance(systems, list) else ()) if (uri := uri_of(system))]
    itself = chassis.get("@odata.id")
    return tuple(links) or ((itself,) if isinstance(itself, str) and "PowerState" in chassis else ())


async def _chassis(tree: Tree, name: str, uri: str, listed: Mapping[str, Resource], vendors: Vendors) -> Chassis:
    """Finds the items of one chassis, without the other chassis."""
    chassis = listed[uri]
    kind, built_in = str(chassis.get("ChassisType")), vendors.names_part(str(chassis.get("Id")))
    items: list[tuple[Item, Resource]] = []

    environment = link(chassis, "EnvironmentMetrics")
    resource = await tree.read(environment)
    if environment and resource:
        items += [item async for item in _registers(tree, name, environment, resource)]
        where, pointer, holder = await _excerpt(tree, environment, resource, "PowerWatts")
        sensor = _source(resource, "PowerWatts")
        items.append((Item("power", name, where, pointer, source="environment_metrics", sensor=sensor), holder))
    copied = look_up(resource, "PowerWatts", "DataSourceUri")
    copy_of = {"@odata.id": copied, **await tree.read(copied)} if isinstance(copied, str) else {}

    supply_items, supplies = await _supplies(tree, name, chassis)
    items += supply_items

    power_uri = link(chassis, "Power")
    power = await tree.read(power_uri)
    if power_uri and power:
        # The newer resource may name supplies that only the older one measures.
        older = not any(_worth(item, resource) for item, resource in supply_items)
        items += ((item, power) for item in power_resource.items(name, power_uri, power, vendors, with_supplies=older))
        supplies = (dict(power_resource.supplies(power)) if older else {}) or supplies

    sensors = {str(sensor.get("@odata.id")): sensor for sensor in await tree.sensors(link(chassis, "Sensors"))}
    known = {item.quantity for item, resource in items if item.part and works(item, resource)}
    owner = power_sensors.Owner(
        name=name,
        id=str(chassis.get("Id") or uri.rpartition("/")[2]),
        is_part=built_in or kind in PARTS,
        is_device=kind in ALWAYS_PARTS,
        processors=frozenset(list_links(chassis, "Processors")),
        register=str(look_up(resource, "EnergyJoules", "DataSourceUri")),
    )
    if owner.is_part and owner.register in sensors and look_up(resource, "PowerWatts") is None:
        # Power and energy of such a device stand in sensors side by side: both are read there.
        items = [(item, holder) for item, holder in items if item.uri != environment]
    for item in power_sensors.items(owner, sensors.values(), vendors):
        if item.quantity not in known:
            items.append((item, sensors[item.uri]))

    itself = str(chassis.get("@odata.id"))
    folder = link(chassis, "Sensors")
    lacking = [sensor for sensor in (folder, *sensors) if sensor in tree.unread]
    awaited = {
        "environment_metrics": environment in tree.unread,
        "power_control": power_uri in tree.unread,
        "sensor": any(sensor == folder or vendors.names_whole(sensor.rpartition("/")[2]) for sensor in lacking),
    }
    for oem in vendors.oem:
        if oem.resource == "chassis":
            items.append((Item(oem.quantity, name, itself, oem.pointer, source="oem", scale=oem.scale), chassis))
    items = rank([(item, resource) for item, resource in items if _worth(item, resource)], copy_of, vendors)
    return Chassis(
        uri=uri,
        name=name,
        kind=kind,
        built_in=built_in,
        items=tuple(item for item, _ in items),
        working={item: value(item, resource) for item, resource in items if works(item, resource)},
        feeds=_feeds(items, len(supplies)) if supplies or not lacking else frozenset(),
        awaited=frozenset(source for source, is_awaited in awaited.items() if is_awaited),
        serials={part: serial for part, serial in supplies.items() if serial},
        systems=frozenset(list_links(chassis, "ComputerSystems")),
        container=next(
            (outer.rpartition("/")[2] for outer in list_links(chassis, "ContainedBy") if outer not in listed), ""
        ),
        serial=serial_of(chassis),
    )


def _feeds(items: Iterable[tuple[Item, Resource]], present: int) -> frozenset[str]:
    """The supplies with inputs that add up to the chassis; none where fewer are metered than present."""
    inputs = [(item, resource) for item, resource in items if item.quantity == "psu_input"]
    named = frozenset(item.part for item, _ in inputs)
    empty = frozenset(item.part for item, resource in inputs if item.without_feed or carries_nothing(item, resource))
    bays = present + len({item.part for item, resource in inputs if is_absent(item, resource)})
    # The same supply may go by two names, one of them never measured (DMTF: Bay1 and the sensor PS1).
    working = frozenset(item.part for item, resource in inputs if works(item, resource))
    if working and bays and len(working | empty) >= bays:
        return working | empty
    return named if len(named) >= bays else frozenset()


async def _supplies(tree: Tree, name: str, chassis: Resource) -> tuple[list[tuple[Item, Resource]], dict[str, str]]:
    """Finds in PowerSubsystem the input and output of each supply, and the serials of the supplies that are present."""
    items: list[tuple[Item, Resource]] = []
    supplies: dict[str, str] = {}
    subsystem = await tree.read(link(chassis, "PowerSubsystem"))
    bays = link(subsystem, "PowerSupplies")
    for uri, supply in (await tree.all_members(bays)).items():
        if absent(supply):
            continue
        part, limits = label(str(supply.get("Id") or uri.rpartition("/")[2])), frozenset(capacities(supply))
        supplies[part] = serial_of(supply)
        metrics = link(supply, "Metrics")
        resource = await tree.read(metrics)
        if metrics and resource:
            quantities: dict[str, BmcQuantity] = {"InputPowerWatts": "psu_input", "OutputPowerWatts": "psu_output"}
            for key, quantity in quantities.items():
                where, pointer, holder = await _excerpt(tree, metrics, resource, key)
                sensor = _source(resource, key)
                item = Item(quantity, name, where, pointer, part, sensor=sensor, capacities=limits)
                items.append((replace(item, without_feed=has_no_feed(supply)), holder))
    if bays in tree.unread:
        supplies[""] = ""  # more exist than can be read now
    return items, supplies


async def _excerpt(tree: Tree, uri: str, resource: Resource, key: str) -> tuple[str, Pointer, Resource]:
    """Where an excerpt's reading is: beside it, or only at the sensor that it names as its source (NVIDIA DGX)."""
    stated = any(look_up(resource, key, reading) is not None for reading in power_sensors.READINGS)
    source = "" if stated else _source(resource, key)
    sensor = await tree.read(source) if source else {}
    return (source, ("Reading",), sensor) if sensor else (uri, (key, "Reading"), resource)


def _source(resource: Resource, key: str) -> str:
    """URI of the sensor that an excerpt repeats, or that stands in its place; empty where none is stated."""
    return source_of(look_up(resource, key))


async def _registers(tree: Tree, name: str, uri: str, resource: Resource) -> AsyncIterator[tuple[Item, Resource]]:
    """The energy that EnvironmentMetrics states, or the sensor that it names as its source."""
    for key, scale in (("EnergyJoules", 1.0), ("EnergykWh", JOULES_PER_KWH)):
        where, pointer, holder = await _excerpt(tree, uri, resource, key)
        for reading in power_sensors.READINGS:
            sensor = _source(resource, key) if reading == "Reading" else ""
            yield Item("meter_energy", name, where, (*pointer[:-1], reading), scale=scale, sensor=sensor), holder


def _worth(item: Item, resource: Resource) -> bool:
    """Whether to ask for the item at every poll; what is null now may be a server that is off."""
    try:
        value(item, resource)
    except NotMeasuredError as reason:
        # A supply may come to a bay that is empty now.
        in_bay = item.pointer[0] == "PowerSupplies" and item.quantity in SUPPLIES and carries_nothing(item, resource)
        return in_bay or (item.quantity != "subsystem" and str(reason) not in {"missing", "absent"})
    return True


def _names(listed: Mapping[str, Resource]) -> Mapping[str, str]:
    """The name of each chassis by URI: its Id, or its path where several share one."""
    ids = {uri: str(chassis.get("Id") or uri.rstrip("/").rpartition("/")[2]) for uri, chassis in listed.items()}
    times = Counter(ids.values())
    return {
        uri: label(name if times[name] == 1 else uri.strip("/").partition("Chassis/")[2]) for uri, name in ids.items()
    }
