# SPDX-License-Identifier: Apache-2.0
"""What a Redfish Sensor measures (DSP0268, Sensor: ReadingType, PhysicalContext, PhysicalSubContext)."""

import re
from collections.abc import Iterable, Iterator, Sequence

from joulepath.bmc.redfish_items import JOULES_PER_KWH, Item, Resource, works
from joulepath.bmc.vendors import Vendors

_TYPES = {"Power": 1.0, "EnergyJoules": 1.0, "EnergykWh": JOULES_PER_KWH, "EnergyWh": 3600.0}
_UNITS = {"W": 1.0, "kW": 1e3, "J": 1.0, "kJ": 1e3, "kW.h": JOULES_PER_KWH, "kWh": JOULES_PER_KWH, "W.h": 3600.0}
_SUPPLIES = {"PowerSupply", "PowerSupplyBay", "Rectifier"}

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
_SUFFIX = re.compile(r"[ _-]?(input|output|in|out)?[ _-]?(power|pwr|watts|energy)$", re.IGNORECASE)
_TELLING = re.compile(r"pow|pwr|watt|energy|joule|kwh|consum|pin|pout", re.IGNORECASE)


def telling(uris: Sequence[str]) -> Sequence[str]:
    """Of a chassis' sensors those whose name speaks of power; all of them where none does."""
    return [uri for uri in uris if _TELLING.search(uri.rpartition("/Sensors/")[2])] or uris


def items(chassis: str, sensors: Iterable[Resource], vendors: Vendors) -> Iterator[Item]:
    """The items of one chassis' sensors: its whole, its supplies, its subsystems without overlap."""
    metering = [sensor for sensor in sensors if _text(sensor, "ReadingType") in _TYPES and _text(sensor, "@odata.id")]
    by_uri = {str(sensor["@odata.id"]): sensor for sensor in metering}
    subsystems: dict[str, list[tuple[bool, Item]]] = {}
    for sensor in metering:
        kind, context, sub = (_text(sensor, key) for key in ("ReadingType", "PhysicalContext", "PhysicalSubContext"))
        scale = _UNITS.get(str(sensor.get("ReadingUnits")), _TYPES[kind])
        uri, name = str(sensor["@odata.id"]), _name(sensor)
        power = kind == "Power"
        whole = _whole(sensor, metering, vendors)
        if whole and power:
            yield Item("power", chassis, uri, ("Reading",), source=whole, scale=scale)
        elif whole:
            for pointer in ("LifetimeReading", "Reading"):  # the former survives a reset of the latter
                yield Item("meter_energy", chassis, uri, (pointer,), source=whole, scale=scale)
        elif power and context in _SUPPLIES and sub in {"Input", "Output"}:
            part = _SUFFIX.sub("", name) or name
            yield Item("psu_output" if sub == "Output" else "psu_input", chassis, uri, ("Reading",), part, scale=scale)
        elif power and context in _SUBSYSTEMS:
            item = Item("subsystem", chassis, uri, ("Reading",), _SUFFIX.sub("", name) or name, scale=scale)
            aggregate = context.endswith("Subsystem")
            subsystems.setdefault(_SUBSYSTEMS[context], []).append((aggregate, item))
    for found in subsystems.values():
        # A subsystem's own sensor is the sum of its devices': one or the other.
        working = [(aggregate, item) for aggregate, item in found if works(item, by_uri[item.uri])]
        best = any(aggregate for aggregate, _ in working)
        yield from (item for aggregate, item in working if aggregate == best)


def _whole(sensor: Resource, metering: Sequence[Resource], vendors: Vendors) -> str:
    """The source's name where the sensor is the whole chassis', else nothing."""
    context, sub = _text(sensor, "PhysicalContext"), _text(sensor, "PhysicalSubContext")
    if sub == "Output" or sensor.get("ElectricalContext") == "Synthesized":
        return ""
    oem = sensor.get("Oem")
    # HPE Cray EX: a blade without supplies, at the regulator that takes its 380 V or 12 V.
    if context == "VoltageRegulator" and sub == "Input":
        return "regulator_input" if isinstance(oem, dict) and oem.get("ParentalContext") == "Chassis" else ""
    if context in {"Chassis", "PowerSubsystem"}:
        return "sensor"
    if context in {"", "SystemBoard"} and vendors.names_system(f"{sensor.get('Id')} {sensor.get('Name')}"):
        return "sensor"
    alike = [other for other in metering if other["ReadingType"] == sensor["ReadingType"]]
    return "sensor" if not context and len(alike) == 1 else ""


def _text(sensor: Resource, key: str) -> str:
    found = sensor.get(key)
    return found if isinstance(found, str) else ""


def _name(sensor: Resource) -> str:
    return str(sensor.get("Id") or str(sensor["@odata.id"]).rpartition("/")[2])
