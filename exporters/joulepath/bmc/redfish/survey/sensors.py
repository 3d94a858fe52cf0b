# SPDX-License-Identifier: Apache-2.0
"""Decides what a Redfish Sensor measures (DSP0268, Sensor: ReadingType, PhysicalContext, PhysicalSubContext)."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from joulepath.bmc.names import (
    feed_of,
    is_inside,
    is_lesser,
    is_limit,
    is_output,
    names_itself,
    names_other,
    part_of,
    stem,
)
from joulepath.bmc.quantity import JOULES_PER_KWH, BmcQuantity
from joulepath.bmc.redfish.service.items import Item, Resource, works
from joulepath.bmc.redfish.service.tree import uri_of
from joulepath.bmc.redfish.survey.doubts import step_of
from joulepath.bmc.vendors import Vendors

_TYPES = {"Power": 1.0, "EnergyJoules": 1.0, "EnergykWh": JOULES_PER_KWH, "EnergyWh": 3600.0}
_UNITS = {"W": 1.0, "kW": 1e3, "J": 1.0, "kJ": 1e3, "kW.h": JOULES_PER_KWH, "kWh": JOULES_PER_KWH, "W.h": 3600.0}
_SUPPLIES = {"PowerSupply", "PowerSupplyBay", "Rectifier"}
_WAYS: Mapping[str, BmcQuantity] = {"Input": "psu_input", "Output": "psu_output"}
_OPEN = {"", "Chassis", "PowerSubsystem", "SystemBoard"}
"""Contexts in which the name tells what the sensor is of; OpenBMC and others state none."""

_SUBSYSTEMS = {
    "CPUSubsystem": "cpu",
    "CPU": "cpu",
    "MemorySubsystem": "memory",
    "Memory": "memory",
    "GPUSubsystem": "gpu",
    "GPU": "gpu",
    "Accelerator": "gpu",
    "StorageSubsystem": "storage",
    "StorageDevice": "storage",
    "NetworkingDevice": "network",
    "Fan": "fan",
}
# OpenBMC puts the quantity before the name, the others behind it.
_AFFIX = re.compile(
    r"^(power|energy)_|[ _-]?(input|output|in|out)?[ _-]?(power|pwr|watts|energy|pin|pout)$", re.IGNORECASE
)
_SUM = re.compile(r"total|aggregate", re.IGNORECASE)


@dataclass(frozen=True)
class Owner:
    """The chassis that the sensors belong to."""

    name: str
    """The label of its readings."""
    id: str
    """Its Id, or the last part of its path."""
    is_part: bool = False
    """Whether it may be a part of another chassis."""
    is_device: bool = False
    """Whether its type says that it always is."""
    processors: frozenset[str] = frozenset()
    """URIs of the processors that it is or holds."""
    register: str = ""
    """URI of the sensor that it names as the source of its energy."""


def items(owner: Owner, sensors: Iterable[Resource], vendors: Vendors) -> Iterator[Item]:
    """The items of one chassis' sensors: its whole, its supplies, its subsystems without overlap."""
    metering = [sensor for sensor in sensors if _kind(sensor) and _text(sensor, "@odata.id") and not _limit(sensor)]
    wholes = _wholes(owner, metering, vendors)
    powered = any(_kind(sensor) == "Power" and str(sensor["@odata.id"]) in wholes for sensor in metering)
    subsystems: dict[str, list[Resource]] = {}
    for sensor in metering:
        context, uri, name = _text(sensor, "PhysicalContext"), str(sensor["@odata.id"]), _name(sensor)
        power = _kind(sensor) == "Power"
        whole = wholes.get(uri, "")
        if whole and power:
            yield Item("power", owner.name, uri, ("Reading",), source=whole, scale=scale_of(sensor))
        elif whole:
            for pointer in READINGS:
                yield Item("meter_energy", owner.name, uri, (pointer,), source=whole, scale=scale_of(sensor))
        elif feed_of(name, owner.id):
            if power and not powered:
                feed = feed_of(name, owner.id)
                yield Item("psu_input", owner.name, uri, ("Reading",), feed, scale=scale_of(sensor))
        elif _of_supply(sensor, vendors):
            way: BmcQuantity | None = _WAYS.get(_text(sensor, "PhysicalSubContext")) or vendors.way(name)
            if power and way:
                yield Item(way, owner.name, uri, ("Reading",), _part(sensor), scale=scale_of(sensor))
        elif subsystem := _SUBSYSTEMS.get(context) or _part_in_name(sensor):
            subsystems.setdefault(subsystem, []).append(sensor)
    for kind, members in subsystems.items():
        yield from _of_subsystem(owner, kind, members)


READINGS = "LifetimeReading", "Reading"
"""Where a register stands; the former survives a reset of the latter."""


def _of_subsystem(owner: Owner, kind: str, sensors: Sequence[Resource]) -> Iterator[Item]:
    """Power and registers of one kind of device: those of one level, since a sum holds its devices' again."""
    powers = [(_watts(owner, kind, sensor), sensor) for sensor in sensors if _kind(sensor) == "Power"]
    working = [(item, sensor) for item, sensor in powers if works(item, sensor)]
    best = max((_breadth(sensor) for _, sensor in working), default=(0, 0))
    stems = {stem(_name(sensor)) for _, sensor in working}
    chosen = [
        (item, stem(_name(sensor)))
        for item, sensor in working
        if _breadth(sensor) == best and not is_inside(stem(_name(sensor)), stems)
    ]
    registers: dict[str, Resource] = {}
    for sensor in sensors:
        if _kind(sensor) != "Power":
            registers.setdefault(stem(_name(sensor)), sensor)
    if chosen:
        yield from (item for item, _ in chosen)
        for item, name in chosen:
            if name in registers:
                yield from _register(owner, kind, item.part, registers[name])
        return
    counting = [one for one in registers.values() if any(works(item, one) for item in _register(owner, kind, "", one))]
    best = max(map(_breadth, counting), default=(0, 0))
    for sensor in counting:
        if _breadth(sensor) == best and not is_inside(stem(_name(sensor)), set(registers)):
            yield from _register(owner, kind, _part(sensor), sensor)


def _watts(owner: Owner, kind: str, sensor: Resource) -> Item:
    uri = str(sensor["@odata.id"])
    return Item("subsystem", owner.name, uri, ("Reading",), _part(sensor), scale=scale_of(sensor), device=kind)


def _register(owner: Owner, kind: str, part: str, sensor: Resource) -> Iterator[Item]:
    uri, scale = str(sensor["@odata.id"]), scale_of(sensor)
    for pointer in READINGS:
        yield Item("subsystem_energy", owner.name, uri, (pointer,), part, scale=scale, device=kind)


def scale_of(sensor: Resource) -> float:
    """One unit of a sensor of power or energy, in W or J; 1 if the sensor does not say."""
    return _UNITS.get(str(sensor.get("ReadingUnits")), _TYPES.get(_kind(sensor), 1.0))


def measures_other(sensor: Resource) -> bool:
    """Whether a sensor states by itself that it measures neither power nor energy."""
    return not _kind(sensor) and any(_text(sensor, key) for key in ("ReadingType", "ReadingUnits"))


def measures_energy(sensor: Resource) -> bool:
    """Whether a sensor states by itself that it counts energy."""
    return bool(_kind(sensor)) and _kind(sensor) != "Power"


def _part(sensor: Resource) -> str:
    """A supply's or subsystem's name: the sensor's without its quantity."""
    name = _name(sensor)
    return _AFFIX.sub("", _AFFIX.sub("", name)) or name


def _limit(sensor: Resource) -> bool:
    """Whether the sensor states a limit, or the distance to one (Sensor: ReadingBasis)."""
    return _text(sensor, "ReadingBasis") in {"Headroom", "Delta"} or is_limit(_name(sensor))


def _wholes(owner: Owner, metering: Sequence[Resource], vendors: Vendors) -> Mapping[str, str]:
    """The sensors of the whole chassis by URI, with the source's name: one of a quantity, or none where it is open."""
    ranked: dict[tuple[bool, int], list[tuple[str, str]]] = {}
    for sensor in metering:
        rank, source = (0, "sensor") if _itself(owner, sensor, metering) else _whole(sensor, metering, vendors)
        if source == "sensor" and step_of(sensor):
            source = "sdr"
        if source:
            ranked.setdefault((_kind(sensor) == "Power", rank), []).append((str(sensor["@odata.id"]), source))
    sources: dict[str, str] = {}
    for power in (True, False):
        best = next((ranked[power, rank] for rank in range(4) if (power, rank) in ranked), [])
        # Two of the same rank are halves of the chassis, or are not what they seem; two by name are one.
        if len(best) == 1 or (power, 0) in ranked:
            sources.update(best)
    return sources


def _whole(sensor: Resource, metering: Sequence[Resource], vendors: Vendors) -> tuple[int, str]:
    """How surely the sensor is the whole chassis' (0 is best), and the source's name, empty where it is not."""
    context, sub = _text(sensor, "PhysicalContext"), _text(sensor, "PhysicalSubContext")
    if sub == "Output" or is_output(_name(sensor)) or sensor.get("ElectricalContext") == "Synthesized":
        return 0, ""
    if context == "VoltageRegulator" and sub == "Input":
        return 0, "regulator_input" if _is_feed(sensor.get("Oem")) else ""
    name = f"{sensor.get('Id')} {sensor.get('Name')}"
    apart = not _is_open(sensor) or _part_in_name(sensor) or _of_supply(sensor, vendors)
    if vendors.names_feed(name) or (not apart and vendors.names_system(name)):
        return 0, "sdr" if vendors.names_coarse(name) else "sensor"
    if apart:
        return 0, ""
    if context in {"Chassis", "PowerSubsystem"}:
        return 1 if sub == "Input" else 2, "sensor"
    alike = [other for other in metering if _kind(other) == _kind(sensor)]
    return 3, "sensor" if not context and len(alike) == 1 else ""


def _itself(owner: Owner, sensor: Resource, metering: Sequence[Resource]) -> bool:
    """Whether the chassis is a device, and the sensor the device's own.

    It is by its name, by a name that it shares with the chassis' register, where it is related to the only processor of
    the chassis and to nothing else, or where it is the only one and names no other device.
    """
    name = stem(_name(sensor))
    if not owner.is_part or feed_of(_name(sensor), owner.id):
        return False
    register = next((_name(other) for other in metering if other["@odata.id"] == owner.register), None)
    if names_itself(_name(sensor), owner.id) or (register is not None and stem(register) == name):
        return True
    related = sensor.get("RelatedItem")
    uris = [uri_of(one) for one in related] if isinstance(related, list) else []
    if len(owner.processors) == 1 and len(uris) == 1 and str(uris[0]).rstrip("/") in owner.processors:
        return True
    powers = [one for one in metering if _kind(one) == "Power" and not is_lesser(_name(one))]
    return owner.is_device and powers == [sensor] and not names_other(_name(sensor), owner.id)


def _is_open(sensor: Resource) -> bool:
    """Whether the name tells: AMI has VoltageRegulator for all watts, others for a regulator's input or output."""
    context = _text(sensor, "PhysicalContext")
    return context in _OPEN or (context == "VoltageRegulator" and not _text(sensor, "PhysicalSubContext"))


def _is_feed(oem: object) -> bool:
    """HPE Cray EX: whether the regulator takes the 380 V or 12 V of a blade without supplies; others are behind it."""
    return isinstance(oem, dict) and oem.get("ParentalContext") == "Chassis" and oem.get("Index", 0) == 0


def _breadth(sensor: Resource) -> tuple[int, int]:
    """How much of a subsystem it measures: one device, all, or all by name (EX235a has both of the latter).

    Of one device the whole now goes before a regulator of it and before a mean.
    """
    whole = int(not is_lesser(_name(sensor)))
    if _SUM.search(f"{sensor.get('Id')} {sensor.get('Name')}"):
        return 2, whole
    return int(_text(sensor, "PhysicalContext").endswith("Subsystem")), whole


def _of_supply(sensor: Resource, vendors: Vendors) -> bool:
    context = _text(sensor, "PhysicalContext")
    return context in _SUPPLIES or (_is_open(sensor) and vendors.names_supply(_split_words(_name(sensor))))


def _part_in_name(sensor: Resource) -> str:
    """The part that a sensor's name speaks of, where its context does not tell."""
    if not _is_open(sensor) or sensor.get("ElectricalContext"):
        return ""
    return part_of(_name(sensor))


def _kind(sensor: Resource) -> str:
    """The quantity that it measures, by its type or else its unit; empty for other quantities."""
    stated = _text(sensor, "ReadingType")
    if stated or not isinstance(sensor.get("ReadingUnits"), str):
        return stated if stated in _TYPES else ""
    unit = str(sensor["ReadingUnits"])
    return "Power" if unit in {"W", "kW"} else "EnergyJoules" if unit in _UNITS else ""


def _split_words(name: str) -> str:
    return re.sub(r"[ _-]+", " ", name)


def _text(sensor: Resource, key: str) -> str:
    stated = sensor.get(key)
    return stated if isinstance(stated, str) else ""


def _name(sensor: Resource) -> str:
    return str(sensor.get("Id") or str(sensor["@odata.id"]).rpartition("/")[2])
