# SPDX-License-Identifier: Apache-2.0
"""Several chassis behind one BMC: which holds which, and what more than one of them tells of the same meter."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from joulepath.bmc.redfish_items import Item, Quantity, Resource
from joulepath.bmc.redfish_tree import at, uri_of

BUILT_IN = "built in"
"""In place of the type where a vendor's data say that the chassis is a part of the server, whatever its links say."""
PARTS = {"Card", "Module", "Component", "IPBasedDrive", BUILT_IN}
"""Types of chassis (DSP0268, Chassis: ChassisType) that are a part of the measured one around them."""
ALWAYS_PARTS = PARTS - {"Card"}
"""Parts even where nothing around them is measured; a card may be a whole server's board (Intel)."""

SUPPLIES: frozenset[Quantity] = frozenset({"psu_input", "psu_output"})
"""Quantities of a supply."""


@dataclass(frozen=True)
class Chassis:
    """One chassis and what it offers."""

    uri: str
    """Without a slash at its end."""
    name: str
    kind: str
    """ChassisType, or BUILT_IN."""
    items: tuple[Item, ...]
    feeds: frozenset[str]
    """The supplies whose inputs, summed, are the chassis' power."""
    serials: Mapping[str, str]
    """Serial numbers of the supplies that are present."""


def around(listed: Mapping[str, Resource]) -> Mapping[str, set[str]]:
    """The URIs of all chassis around each, by its links and by theirs."""
    direct: dict[str, set[str]] = {uri: set() for uri in listed}
    for uri, chassis in listed.items():
        direct[uri] |= {outer for outer in _linked(chassis, "ContainedBy") if outer in listed}
        for inner in _linked(chassis, "Contains"):
            if inner in listed:
                direct[inner].add(uri)
    found: dict[str, set[str]] = {}
    for uri in listed:
        outer: set[str] = set()
        waiting = [uri]
        while waiting:
            new = direct[waiting.pop()] - outer - {uri}
            outer |= new
            waiting += new
        found[uri] = outer
    return found


def apart(found: Iterable[Chassis], outer: Mapping[str, set[str]]) -> Sequence[Chassis]:
    """The chassis, each meter in one of them alone; parts of a measured chassis as its subsystems."""
    return _without_parts(_supplies_once(_resources_once(list(found)), outer), outer)


def _resources_once(found: Sequence[Chassis]) -> Sequence[Chassis]:
    """A resource that several chassis refer to is of the innermost one below which it lies, else of the first."""
    owners: dict[str, tuple[int, str]] = {}
    for chassis in found:
        for uri in {item.uri for item in chassis.items}:
            depth = len(chassis.uri) if uri.startswith(f"{chassis.uri}/") else 0
            if uri not in owners or depth > owners[uri][0]:
                owners[uri] = (depth, chassis.uri)
    kept: list[Chassis] = []
    for chassis in found:
        items = tuple(item for item in chassis.items if owners[item.uri][1] == chassis.uri)
        metered = any(item.quantity in SUPPLIES for item in items)
        kept.append(
            replace(
                chassis,
                items=items,
                feeds=chassis.feeds if metered else frozenset(),
                serials=chassis.serials if metered else {},
            )
        )
    return kept


def _supplies_once(found: Sequence[Chassis], outer: Mapping[str, set[str]]) -> Sequence[Chassis]:
    """A supply that several chassis list is of the outermost; siblings that share it have no input of their own."""
    holders: dict[str, list[Chassis]] = {}
    for chassis in found:
        # Some state a placeholder: what several supplies of one chassis have in common tells none from another.
        for serial, times in Counter(chassis.serials.values()).items():
            if times == 1:
                holders.setdefault(serial, []).append(chassis)
    shared = {serial: chassis for serial, chassis in holders.items() if len(chassis) > 1}
    kept: list[Chassis] = []
    for chassis in found:
        lost: set[str] = set()
        alone = True
        for part, serial in chassis.serials.items():
            if serial not in shared:
                continue
            owner = _outermost(shared[serial], outer)
            if owner.uri != chassis.uri:
                lost.add(part)
            elif any(owner.uri not in outer[other.uri] for other in shared[serial] if other.uri != owner.uri):
                alone = False
        items = tuple(i for i in chassis.items if i.part not in lost or i.quantity not in SUPPLIES)
        kept.append(replace(chassis, items=items, feeds=frozenset() if lost or not alone else chassis.feeds))
    return kept


def _outermost(chassis: Sequence[Chassis], outer: Mapping[str, set[str]]) -> Chassis:
    uris = {one.uri for one in chassis}
    return next((one for one in chassis if not outer[one.uri] & uris), chassis[0])


def _without_parts(found: Sequence[Chassis], outer: Mapping[str, set[str]]) -> Sequence[Chassis]:
    """Cards and modules inside a measured chassis as its subsystems, the outermost of them only."""
    kinds = {chassis.uri: chassis.kind for chassis in found}
    measured = {
        chassis.uri: chassis
        for chassis in found
        if chassis.feeds or any(item.quantity in {"power", "meter_energy"} for item in chassis.items)
    }
    servers = {uri for uri, kind in kinds.items() if kind != BUILT_IN}
    around_it = {uri: outer[uri] | servers if one.kind == BUILT_IN else outer[uri] for uri, one in measured.items()}
    holders = {
        uri: around_it[uri] if one.kind in ALWAYS_PARTS else around_it[uri] & measured.keys()
        for uri, one in measured.items()
        if one.kind in PARTS
    }
    parts = {uri for uri, held in holders.items() if held}
    moved: dict[str, list[Item]] = {}
    for uri in sorted(parts):
        if holders[uri] & parts:
            continue  # inside another part, whose power holds this one's
        # The innermost box that is measured, else the innermost.
        inner = max(
            sorted(holders[uri]),
            key=lambda holder: (kinds[holder] not in PARTS, holder in measured, len(outer[holder])),
        )
        name = next(chassis.name for chassis in found if chassis.uri == inner)
        moved.setdefault(inner, []).extend(_as_subsystem(measured[uri], name))
    return [
        replace(chassis, items=(*chassis.items, *moved.get(chassis.uri, ())))
        for chassis in found
        if chassis.uri not in parts
    ]


def _as_subsystem(part: Chassis, holder: str) -> Iterator[Item]:
    for item in part.items:
        if item.quantity == "power":
            yield replace(item, quantity="subsystem", chassis=holder, part=part.name, source="")


def _linked(chassis: Resource, key: str) -> Iterator[str]:
    found = at(chassis, "Links", key)
    for link in found if isinstance(found, list) else [found]:  # iLO 5 gives ContainedBy as a list's only member
        uri = uri_of(link)
        if uri:
            yield uri.rstrip("/")
