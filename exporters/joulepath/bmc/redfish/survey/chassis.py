# SPDX-License-Identifier: Apache-2.0
"""Several chassis behind one BMC: which one holds another, and repeated readings of the same meter."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from joulepath.bmc.quantity import BmcQuantity
from joulepath.bmc.redfish.service.items import Item, Resource
from joulepath.bmc.redfish.service.tree import look_up, uri_of

SUPPLIES: frozenset[BmcQuantity] = frozenset({"psu_input", "psu_output"})
"""The quantities that are measured at a supply."""


@dataclass(frozen=True)
class Chassis:
    """One chassis and what it offers."""

    uri: str
    """The chassis' URI, without a slash at its end."""
    name: str
    kind: str
    """The chassis' ChassisType."""
    built_in: bool
    """Whether a vendor's data say that it is a part of the server, whatever its type and links say."""
    items: tuple[Item, ...]
    working: Mapping[Item, float]
    """The present readings, in W or J."""
    feeds: frozenset[str]
    """The supplies with inputs that add up to the chassis' power."""
    serials: Mapping[str, str]
    """Serial numbers of the supplies that are present."""
    systems: frozenset[str] = frozenset()
    """URIs of its computer systems."""
    container: str = ""
    """Name of the chassis around it, where that is not listed itself."""
    serial: str = ""
    """Its serial number, empty where it states none."""
    awaited: frozenset[str] = frozenset()
    """Sources that it may also have: the resources that would show it could not be read."""

    @property
    def measures(self) -> frozenset[BmcQuantity]:
        """The quantities that its items measure now."""
        return frozenset(item.quantity for item in self.items if item in self.working)


def around(listed: Mapping[str, Resource]) -> Mapping[str, set[str]]:
    """The URIs of all chassis around each, by its links and by theirs."""
    direct: dict[str, set[str]] = {uri: set() for uri in listed}
    for uri, chassis in listed.items():
        direct[uri] |= {outer for outer in list_links(chassis, "ContainedBy") if outer in listed}
        for inner in list_links(chassis, "Contains"):
            if inner in listed:
                direct[inner].add(uri)
    outer_of: dict[str, set[str]] = {}
    for uri in listed:
        outer: set[str] = set()
        waiting = [uri]
        while waiting:
            new = direct[waiting.pop()] - outer - {uri}
            outer |= new
            waiting += new
        outer_of[uri] = outer
    return outer_of


def apart(every_chassis: Iterable[Chassis], outer: Mapping[str, set[str]]) -> Sequence[Chassis]:
    """The chassis, with each meter in exactly one of them."""
    return _supplies_once(_resources_once(list(every_chassis)), outer)


def list_links(chassis: Resource, key: str) -> Iterator[str]:
    """The URIs that a chassis links to under `key`, without a slash at their end."""
    links = look_up(chassis, "Links", key)
    for link in links if isinstance(links, list) else [links]:  # iLO 5 gives ContainedBy as a list's only member
        uri = uri_of(link)
        if uri:
            yield uri.rstrip("/")


def _resources_once(every_chassis: Sequence[Chassis]) -> Sequence[Chassis]:
    """A resource that several chassis refer to belongs to the innermost one above its path, else to the first."""
    owners: dict[str, tuple[int, str]] = {}
    for chassis in every_chassis:
        for uri in {item.uri for item in chassis.items}:
            depth = len(chassis.uri) if uri.startswith(f"{chassis.uri}/") else 0
            if uri not in owners or depth > owners[uri][0]:
                owners[uri] = (depth, chassis.uri)
    kept: list[Chassis] = []
    for chassis in every_chassis:
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


def _supplies_once(every_chassis: Sequence[Chassis], outer: Mapping[str, set[str]]) -> Sequence[Chassis]:
    """A supply that several chassis list belongs to the outermost; siblings that share it get no input."""
    holders: dict[str, list[Chassis]] = {}
    for chassis in every_chassis:
        # Some state a placeholder: what several supplies of one chassis have in common tells none from another.
        for serial, times in Counter(chassis.serials.values()).items():
            if times == 1:
                holders.setdefault(serial, []).append(chassis)
    shared = {serial: chassis for serial, chassis in holders.items() if len(chassis) > 1}
    kept: list[Chassis] = []
    for chassis in every_chassis:
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
