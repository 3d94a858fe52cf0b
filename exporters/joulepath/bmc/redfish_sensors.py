# SPDX-License-Identifier: Apache-2.0
"""What a Redfish Sensor measures (DSP0268, Sensor: ReadingType, PhysicalContext, PhysicalSubContext)."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from joulepath.bmc.redfish_doubts import step_of
from joulepath.bmc.redfish_items import JOULES_PER_KWH, Item, Quantity, Resource, works
from joulepath.bmc.vendors import Vendors

_TYPES = {"Power": 1.0, "EnergyJoules": 1.0, "EnergykWh": JOULES_PER_KWH, "EnergyWh": 3600.0}
_UNITS = {"W": 1.0, "kW": 1e3, "J": 1.0, "kJ": 1e3, "kW.h": JOULES_PER_KWH, "kWh": JOULES_PER_KWH, "W.h": 3600.0}
_SUPPLIES = {"PowerSupply", "PowerSupplyBay", "Rectifier"}
_WAYS: Mapping[str, Quantity] = {"Input": "psu_input", "Output": "psu_output"}
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
# Words that make a sensor without a PhysicalContext one of a part, with the word for the part.
_WORDS = {
    "cpu": re.compile(r"cpu|processor", re.IGNORECASE),
    "memory": re.compile(r"mem(ory)?|dimm|dram", re.IGNORECASE),
    "gpu": re.compile(r"gpu|accelerator|sxm", re.IGNORECASE),
    "storage": re.compile(r"drive|disk|hdd|ssd|nvme|storage", re.IGNORECASE),
    "network": re.compile(r"nic|pcie?", re.IGNORECASE),
    "fan": re.compile(r"fan", re.IGNORECASE),
}
_SUM = re.compile(r"total|aggregate", re.IGNORECASE)
_TELLING = re.compile(r"pow|pwr|watt|energy|joule|kwh|consum|pin|pout", re.IGNORECASE)


def part_of(name: str) -> str:
    """The part of a server that a sensor's name speaks of, empty for none."""
    return next((part for part, words in _WORDS.items() if words.search(name)), "")


def telling(uris: Sequence[str]) -> Sequence[str]:
    """Of a chassis' sensors those whose name speaks of power; all of them where none does."""
    return [uri for uri in uris if _TELLING.search(uri.rpartition("/Sensors/")[2])] or uris


def items(chassis: str, sensors: Iterable[Resource], vendors: Vendors) -> Iterator[Item]:
    """The items of one chassis' sensors: its whole, its supplies, its subsystems without overlap."""
    metering = [sensor for sensor in sensors if _kind(sensor) and _text(sensor, "@odata.id")]
    by_uri = {str(sensor["@odata.id"]): sensor for sensor in metering}
    wholes = _wholes(metering, vendors)
    subsystems: dict[str, list[tuple[int, Item]]] = {}
    for sensor in metering:
        kind, context = _kind(sensor), _text(sensor, "PhysicalContext")
        scale = _UNITS.get(str(sensor.get("ReadingUnits")), _TYPES[kind])
        uri, name = str(sensor["@odata.id"]), _name(sensor)
        part = _AFFIX.sub("", _AFFIX.sub("", name)) or name
        power = kind == "Power"
        whole = wholes.get(uri, "")
        if whole and power:
            yield Item("power", chassis, uri, ("Reading",), source=whole, scale=scale)
        elif whole:
            for pointer in ("LifetimeReading", "Reading"):  # the former survives a reset of the latter
                yield Item("meter_energy", chassis, uri, (pointer,), source=whole, scale=scale)
        elif power and _of_supply(sensor, vendors):
            way: Quantity | None = _WAYS.get(_text(sensor, "PhysicalSubContext")) or vendors.way(name)
            if way:
                yield Item(way, chassis, uri, ("Reading",), part, scale=scale)
        elif power and (subsystem := _SUBSYSTEMS.get(context) or _worded(sensor)):
            item = Item("subsystem", chassis, uri, ("Reading",), part, scale=scale)
            subsystems.setdefault(subsystem, []).append((_breadth(sensor), item))
    for found in subsystems.values():
        # A subsystem's own sensor is the sum of its devices', and what calls itself a sum is that of all: one of them.
        working = [(breadth, item) for breadth, item in found if works(item, by_uri[item.uri])]
        best = max((breadth for breadth, _ in working), default=0)
        yield from (item for breadth, item in working if breadth == best)


def _wholes(metering: Sequence[Resource], vendors: Vendors) -> Mapping[str, str]:
    """The sensors of the whole chassis by URI, with the source's name: one of a quantity, or none where it is open."""
    ranked: dict[tuple[bool, int], list[tuple[str, str]]] = {}
    for sensor in metering:
        rank, source = _whole(sensor, metering, vendors)
        if source == "sensor" and step_of(sensor):
            source = "sdr"
        if source:
            ranked.setdefault((_kind(sensor) == "Power", rank), []).append((str(sensor["@odata.id"]), source))
    found: dict[str, str] = {}
    for power in (True, False):
        best = next((ranked[power, rank] for rank in range(4) if (power, rank) in ranked), [])
        # Two of the same rank are halves of the chassis, or are not what they seem; two by name are one.
        if len(best) == 1 or (power, 0) in ranked:
            found.update(best)
    return found


def _whole(sensor: Resource, metering: Sequence[Resource], vendors: Vendors) -> tuple[int, str]:
    """How surely the sensor is the whole chassis' (0 is best), and the source's name, empty where it is not."""
    context, sub = _text(sensor, "PhysicalContext"), _text(sensor, "PhysicalSubContext")
    if sub == "Output" or sensor.get("ElectricalContext") == "Synthesized":
        return 0, ""
    if context == "VoltageRegulator" and sub == "Input":
        return 0, "regulator_input" if _is_feed(sensor.get("Oem")) else ""
    name = f"{sensor.get('Id')} {sensor.get('Name')}"
    apart = not _is_open(sensor) or _worded(sensor) or _of_supply(sensor, vendors)
    if vendors.names_feed(name) or (not apart and vendors.names_system(name)):
        return 0, "sdr" if vendors.names_coarse(name) else "sensor"
    if apart:
        return 0, ""
    if context in {"Chassis", "PowerSubsystem"}:
        return 1 if sub == "Input" else 2, "sensor"
    alike = [other for other in metering if _kind(other) == _kind(sensor)]
    return 3, "sensor" if not context and len(alike) == 1 else ""


def _is_open(sensor: Resource) -> bool:
    """Whether the name tells: AMI has VoltageRegulator for all watts, others for a regulator's input or output."""
    context = _text(sensor, "PhysicalContext")
    return context in _OPEN or (context == "VoltageRegulator" and not _text(sensor, "PhysicalSubContext"))


def _is_feed(oem: object) -> bool:
    """HPE Cray EX: whether the regulator takes the 380 V or 12 V of a blade without supplies; others are behind it."""
    return isinstance(oem, dict) and oem.get("ParentalContext") == "Chassis" and oem.get("Index", 0) == 0


def _breadth(sensor: Resource) -> int:
    """How much of a subsystem it measures: one device, all, or all by name (EX235a has both of the latter)."""
    if _SUM.search(f"{sensor.get('Id')} {sensor.get('Name')}"):
        return 2
    return int(_text(sensor, "PhysicalContext").endswith("Subsystem"))


def _of_supply(sensor: Resource, vendors: Vendors) -> bool:
    context = _text(sensor, "PhysicalContext")
    return context in _SUPPLIES or (_is_open(sensor) and vendors.names_supply(_spaced(_name(sensor))))


def _worded(sensor: Resource) -> str:
    """The part that a sensor's name speaks of, where its context does not tell."""
    if not _is_open(sensor) or sensor.get("ElectricalContext"):
        return ""
    return part_of(_name(sensor))


def _kind(sensor: Resource) -> str:
    """What it measures, by its type or else its unit; empty for other things."""
    stated = _text(sensor, "ReadingType")
    if stated or not isinstance(sensor.get("ReadingUnits"), str):
        return stated if stated in _TYPES else ""
    unit = str(sensor["ReadingUnits"])
    return "Power" if unit in {"W", "kW"} else "EnergyJoules" if unit in _UNITS else ""


def _spaced(name: str) -> str:
    return re.sub(r"[ _-]+", " ", name)


def _text(sensor: Resource, key: str) -> str:
    found = sensor.get(key)
    return found if isinstance(found, str) else ""


def _name(sensor: Resource) -> str:
    return str(sensor.get("Id") or str(sensor["@odata.id"]).rpartition("/")[2])
