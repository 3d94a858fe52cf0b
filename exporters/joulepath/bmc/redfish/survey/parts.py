# SPDX-License-Identifier: Apache-2.0
"""Chassis that are parts of others, as subsystems and components: each watt of a chassis once in either level."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from joulepath.bmc.names import part_of
from joulepath.bmc.quantity import BmcQuantity
from joulepath.bmc.reading import ChassisPart
from joulepath.bmc.redfish.service.items import Item
from joulepath.bmc.redfish.survey.chassis import SUPPLIES, Chassis

PARTS = {"Card", "Module", "Component", "IPBasedDrive"}
"""Types of chassis (DSP0268, Chassis: ChassisType) that are a part of the one around them."""
ALWAYS_PARTS = PARTS - {"Card"}
"""Parts even where nothing around them is measured; a card may be a whole server's board (Intel)."""
PROCESSORS = {"cpu", "gpu"}

_POWER: frozenset[BmcQuantity] = frozenset({"power", "subsystem"})
_WHOLE: frozenset[BmcQuantity] = frozenset({"power", "meter_energy"})


@dataclass(frozen=True)
class Nested:
    """Boxes, which are in nothing or in an enclosure, with their parts as items."""

    boxes: Sequence[Chassis]
    feeds: Mapping[ChassisPart, frozenset[str]] = field(default_factory=dict)
    """The hot-swap controllers with readings that add up to a subsystem's power."""
    serials: Mapping[ChassisPart, str] = field(default_factory=dict)
    """Serial numbers of boxes (under their own name), subsystems and components."""


def nest(every_chassis: Sequence[Chassis], linked: Mapping[str, set[str]]) -> Nested:
    """Moves parts into the boxes that hold them; `linked` are the chassis around each by its links.

    Subsystems are the outermost parts that measure power, and components the devices inside those. A part that states
    only energy, or its devices, stands back where one around it or inside it measures power.
    """
    outer = _around(every_chassis, linked)
    by_uri = {one.uri: one for one in every_chassis}
    parts = {one.uri for one in every_chassis if _is_part(one, every_chassis, outer)}
    boxes = {one.uri: one for one in every_chassis if one.uri not in parts}
    moved: dict[str, list[Item]] = {}
    feeds: dict[ChassisPart, frozenset[str]] = {}
    serials = {ChassisPart(one.name, one.name): one.serial for one in boxes.values()}
    kinds: dict[str, set[str]] = {}
    levels = _Levels({uri: by_uri[uri] for uri in parts}, outer)
    for uri in levels.subsystems:
        one = by_uri[uri]
        holder = _holder(one, boxes, every_chassis, linked, outer)
        moved.setdefault(holder, []).extend(_as_subsystem(one, holder))
        if levels.is_fed(one):
            feeds[ChassisPart(holder, one.name)] = one.feeds
        inner = [by_uri[component] for component in levels.components(uri)]
        for device in inner:
            moved[holder] += _as_component(device, holder, one.name)
        if not inner and "power" in one.measures and not part_of(one.name):
            moved[holder] += _own_devices(one, holder)
        serials |= {ChassisPart(holder, device.name): device.serial for device in (one, *inner)}
        kinds.setdefault(holder, set()).update(levels.kinds(uri))
    for uri in levels.around:
        one, inside = by_uri[uri], levels.kinds(uri, itself=False)
        holder = _holder(one, boxes, every_chassis, linked, outer)
        own = [item for item in _as_subsystem(one, holder) if item.device and item.device not in inside]
        moved.setdefault(holder, []).extend(own)
    names = {one.name for one in boxes.values()}
    whole = [_with(one, moved.get(one.name, ()), kinds.get(one.name, set())) for one in boxes.values()]
    whole += [_make_unlisted(name, items) for name, items in moved.items() if name not in names]
    return Nested(whole, feeds, serials)


def _around(every_chassis: Sequence[Chassis], linked: Mapping[str, set[str]]) -> Mapping[str, set[str]]:
    """The chassis around each: by links, else those of its computer system, else the only one that is not a part."""
    outer = {one.uri: set(linked[one.uri]) for one in every_chassis}
    whole = [one for one in every_chassis if one.kind not in PARTS and not one.built_in]
    for one in every_chassis:
        if one.kind in PARTS and not linked[one.uri]:
            alike = {other.uri for other in whole if other.systems & one.systems}
            only = {whole[0].uri} if len(whole) == 1 and one.kind in ALWAYS_PARTS and not one.systems else set()
            outer[one.uri] |= alike or only
    return {uri: direct.union(*(linked[further] for further in direct)) - {uri} for uri, direct in outer.items()}


def _is_part(one: Chassis, every_chassis: Sequence[Chassis], outer: Mapping[str, set[str]]) -> bool:
    if one.built_in and any(not other.built_in and other.kind not in PARTS for other in every_chassis):
        return True
    if one.kind == "Card":
        return any(other.uri in outer[one.uri] and _is_measured(other) for other in every_chassis)
    if one.kind in ALWAYS_PARTS or one.built_in:
        if outer[one.uri] or one.container:
            return True
        # One of several that make up a system, unless it takes the system's feed.
        shared = any(other.systems & one.systems for other in every_chassis if other.uri != one.uri)
        feeds = one.serials or any(item.quantity in SUPPLIES or item.source == "power_control" for item in one.items)
        return one.kind in ALWAYS_PARTS and shared and not feeds
    return False


def _holder(
    one: Chassis,
    boxes: Mapping[str, Chassis],
    every_chassis: Sequence[Chassis],
    linked: Mapping[str, set[str]],
    outer: Mapping[str, set[str]],
) -> str:
    """The name of the box around a part: the innermost that is measured, else the innermost."""
    around = [boxes[uri] for uri in sorted(outer[one.uri]) if uri in boxes]
    if not around and any(other.built_in for other in every_chassis if other.uri in outer[one.uri] | {one.uri}):
        around = [box for box in boxes.values() if not box.built_in and box.kind not in PARTS]
    if around:
        depths = {box.uri: len(linked[box.uri]) for box in around}
        best = max(
            around,
            key=lambda box: (
                _is_measured(box),
                box.uri in outer[one.uri],
                box.kind not in PARTS,
                bool(box.systems),
                depths[box.uri] if box.uri in outer[one.uri] else -depths[box.uri],
            ),
        )
        return best.name
    containers = [
        other.container for other in every_chassis if other.uri in outer[one.uri] | {one.uri} and other.container
    ]
    systems = sorted(uri.rpartition("/")[2] for uri in one.systems)
    return next(iter([*containers, *systems]), one.name)


def _is_measured(one: Chassis) -> bool:
    return bool(one.feeds) or any(item.quantity in _WHOLE for item in one.items)


class _Levels:
    """Sorts the parts into subsystems and their components."""

    def __init__(self, parts: Mapping[str, Chassis], outer: Mapping[str, set[str]]) -> None:
        self._parts = parts
        self._outer = outer
        self._powered = {uri for uri, one in parts.items() if "power" in one.measures or self.is_fed(one)}
        powered = sorted(uri for uri in self._powered if not outer[uri] & self._powered)
        others = {
            uri
            for uri, one in parts.items()
            if any(item.quantity not in SUPPLIES for item in one.items)
            and uri not in self._powered
            and not outer[uri] & self._powered
            and not any(uri in outer[inner] for inner in powered)
        }
        self.subsystems = [*powered, *sorted(uri for uri in others if not outer[uri] & others)]
        self.around = sorted(
            uri
            for uri in parts.keys() - self._powered
            if not outer[uri] & self._powered and any(uri in outer[inner] for inner in powered)
        )
        """Parts without power of their own around parts that have it."""

    def is_fed(self, one: Chassis) -> bool:
        """Whether the inputs of a part are its power: those of a board that holds others, not of a distributor."""
        return (
            not one.measures & {"power"}
            and bool(one.feeds)
            and "psu_input" in one.measures
            and any(one.uri in around for around in self._outer.values())
        )

    def components(self, subsystem: str) -> Sequence[str]:
        """The devices inside a subsystem: neither parts that hold processors nor parts inside a device."""
        inside = {uri for uri in self._powered if subsystem in self._outer[uri]}
        processors = {uri for uri in inside if part_of(self._parts[uri].name) in PROCESSORS}
        devices = {uri for uri in inside if not any(uri in self._outer[inner] for inner in processors)}
        return sorted(uri for uri in devices if not self._outer[uri] & devices)

    def kinds(self, subsystem: str, *, itself: bool = True) -> set[str]:
        """The kinds of the measured devices that a subsystem is or holds."""
        inside = [one for uri, one in self._parts.items() if subsystem in self._outer[uri]]
        inside += [self._parts[subsystem]] if itself else []
        measured = [one for one in inside if one.items]
        named = {part_of(one.name) for one in measured}
        return (named | {item.device for one in measured for item in one.items}) - {""}


def _as_subsystem(one: Chassis, holder: str) -> Iterator[Item]:
    whole = "power" in one.measures or not one.measures & _POWER
    if not whole:
        for item in one.items:
            if item.quantity in {"subsystem", "subsystem_energy"}:
                yield replace(item, chassis=holder, part=_device_name(one, item))
        return
    for item in _first(one, "power"):
        yield replace(item, quantity="subsystem", chassis=holder, part=one.name, source="")
    for item in one.items:
        if item.quantity == "psu_input" and item.part in one.feeds:
            yield replace(item, quantity="subsystem_feed", chassis=holder, part=one.name, within=item.part)
    for item in _first(one, "meter_energy"):
        yield replace(item, quantity="subsystem_energy", chassis=holder, part=one.name, source="")


def _first(one: Chassis, quantity: BmcQuantity) -> Sequence[Item]:
    """Of several places of one reading the first that measures, so that no other is asked; all where none does."""
    alike = [item for item in one.items if item.quantity == quantity]
    return [item for item in alike if item in one.working][:1] or alike


def _as_component(one: Chassis, holder: str, subsystem: str) -> Iterator[Item]:
    for item in _as_subsystem(one, holder):
        if item.quantity == "subsystem":
            yield replace(item, quantity="component", within=subsystem)
        elif item.quantity == "subsystem_energy":
            yield replace(item, quantity="component_energy", within=subsystem)


def _own_devices(one: Chassis, holder: str) -> Iterator[Item]:
    """The devices of a subsystem that are told by its sensors, not by chassis of their own."""
    for item in one.items:
        if item.quantity == "subsystem":
            yield replace(item, quantity="component", chassis=holder, within=one.name)
        elif item.quantity == "subsystem_energy":
            yield replace(item, quantity="component_energy", chassis=holder, within=one.name)


def _device_name(one: Chassis, item: Item) -> str:
    """Of a part without a reading of its own: its name where it is one device, else with the device's."""
    alone = len({other.part for other in one.items if other.quantity in {"subsystem", "subsystem_energy"}}) == 1
    return one.name if alone else f"{one.name}/{item.part}"


def _with(box: Chassis, moved: Iterable[Item], kinds: set[str]) -> Chassis:
    """A box with its parts; its own sensors of the kinds that these state repeat them."""
    own = (item for item in box.items if not (item.quantity.startswith("subsystem") and item.device in kinds))
    return replace(box, items=(*own, *moved))


def _make_unlisted(name: str, items: Sequence[Item]) -> Chassis:
    """The box of parts of a system that lists no chassis around them."""
    return Chassis(name, name, "", built_in=False, items=tuple(items), working={}, feeds=frozenset(), serials={})
