# SPDX-License-Identifier: Apache-2.0
"""Reads PowerControl and PowerSupplies in the older Power resource of a chassis (DSP0268, Power)."""

import re
from collections.abc import Iterator

from joulepath.bmc.names import part_of
from joulepath.bmc.redfish.service.items import Item, Pointer, Resource, capacities, number
from joulepath.bmc.redfish.service.tree import entries
from joulepath.bmc.redfish.survey.doubts import absent
from joulepath.bmc.vendors import Vendors

_PART = re.compile(r"sub-?system|cpu|processor|memory|dimm|gpu|accelerator|fan|storage|drive", re.IGNORECASE)
_SUBSYSTEM = re.compile(r"sub-?system|^(cpu|processor|memory|gpu|accelerator|fan|storage\w*) ", re.IGNORECASE)


def items(name: str, uri: str, power: Resource, vendors: Vendors, *, with_supplies: bool) -> Iterator[Item]:
    """Finds the items of the older Power resource: one PowerControl is the chassis, others are its parts."""
    controls = dict(entries(power, "PowerControl"))
    parts = {index for index, control in controls.items() if _PART.search(_title(control))}
    if len(controls) == 1:  # the only one is the chassis, whatever its name, unless it states another context
        parts = {index for index in parts if _SUBSYSTEM.search(_title(controls[index]))}
    wholes = [index for index in controls if index not in parts]
    reading = [index for index in wholes if number(controls[index].get("PowerConsumedWatts")) is not None]
    whole = next(iter(reading or wholes), None)
    for index, control in controls.items():
        consumed: Pointer = ("PowerControl", index, "PowerConsumedWatts")
        if index in parts:
            part = str(control.get("Name") or control.get("MemberId") or index)
            yield Item("subsystem", name, uri, consumed, part, device=part_of(part))
        elif index == whole:
            yield Item("power", name, uri, consumed, source="power_control")
            average: Pointer = ("PowerControl", index, "PowerMetrics", "AverageConsumedWatts")
            yield Item("power", name, uri, average, source="power_control_average")
    for index, part, supply in _named_supplies(power) if with_supplies else ():
        place: Pointer = ("PowerSupplies", index)
        limits = frozenset(capacities(supply))
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
            yield Item(oem.quantity, name, uri, pointer, oem.part, source="oem", device=oem.part, scale=oem.scale)


def _title(control: Resource) -> str:
    return f"{control.get('PhysicalContext')} {control.get('Name')}"


def supplies(power: Resource) -> Iterator[tuple[str, str]]:
    """The supplies of the older Power resource, with their serials."""
    return ((part, serial_of(supply)) for _, part, supply in _named_supplies(power) if not absent(supply))


def _named_supplies(power: Resource) -> Iterator[tuple[int, str, Resource]]:
    """All bays, with their place and name: the MemberId, or the place where several share one."""
    bays = list(entries(power, "PowerSupplies"))
    names = [str(supply.get("MemberId") or index) for index, supply in bays]
    distinct = len(set(names)) == len(names)
    for (index, supply), name in zip(bays, names, strict=True):
        yield index, name if distinct else str(index), supply


def serial_of(resource: Resource) -> str:
    """The serial number that a supply or chassis states, empty for none."""
    serial = resource.get("SerialNumber")
    return serial.strip() if isinstance(serial, str) else ""
