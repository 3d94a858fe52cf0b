# SPDX-License-Identifier: Apache-2.0
"""Notes on one period that a reader must know: gaps, guesses and limits."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

from joulepath_report.applications import coverage, joules
from joulepath_report.measured import Measured
from joulepath_report.model import UNATTRIBUTED
from joulepath_report.numbers import percent
from joulepath_topology import Topology

MOST_NAMES = 8
"""More than these are counted in a note, and not named."""

NEARLY = 0.995
"""Coverage from which a period counts as whole."""

LITTLE = 0.005
"""The part of an energy that is not worth a note."""


def notes(found: Measured) -> Iterator[str]:
    """One or two sentences each."""
    if not found.energy.cells:
        yield "Nothing was known of this period: check that the rules of this topology are loaded in the server."
        return
    yield from _gaps(found)
    yield from _changed(found)
    yield from _short(found)
    yield from _guesses(found)
    yield from _factors(found)
    if part := found.carbon.settled(len(found.energy.slots)):
        yield f"{percent(part)} % of the carbon factors are settled; sources may still correct the others."
    yield from _prices(found)


def ends_earlier(topology: Topology) -> str:
    """Why a report up to now ends before now."""
    return (
        f"The report ends {topology.window / 2 + topology.interval:g} s before it was made: each figure is the mean of "
        f"the {topology.window:g} s around its time, and the rules record it up to {topology.interval:g} s later."
    )


def _gaps(found: Measured) -> Iterator[str]:
    known, whole = joules(found), found.energy.seconds
    hosts = {host: found.energy.known_hosts.get(host, 0.0) / whole for host in found.topology.boxes}
    if absent := [host for host, part in hosts.items() if not part]:
        yield f"Not measured at all: {_joined(absent)}. This energy is missing in every total."
    for share, members in _grouped({host: part for host, part in hosts.items() if part}):
        yield f"The power of {_joined(members)} was known for {share} % of the period."
    if unknown := [name for name, own in known.items() if own is None]:
        yield f"The energy of {_joined(unknown)} was not known: all that was used there is in `unattributed`."
    parts = {name: coverage(found, name) for name, own in known.items() if own is not None and name != UNATTRIBUTED}
    for share, members in _grouped(parts):
        yield f"All of {_joined(members)} was known for {share} % of the period."


def _grouped(parts: Mapping[str, float]) -> Iterable[tuple[str, Sequence[str]]]:
    """Percent, and the names that were known for so long, but for those that were known nearly always."""
    found: dict[str, list[str]] = defaultdict(list)
    for name, part in parts.items():
        if part < NEARLY:
            found[percent(part)].append(name)
    return found.items()


def _changed(found: Measured) -> Iterator[str]:
    """Names with energy that are not in the file."""
    topology = found.topology
    rows = {cell.row for cell in found.energy.cells}
    for kind, seen, own in (
        ("a host", {row.host for row in rows}, topology.boxes.keys()),
        ("a component", {row.component for row in rows}, topology.components.keys()),
        ("an application", {row.application for row in rows}, topology.applications.keys()),
    ):
        if gone := sorted(seen - own - {UNATTRIBUTED}):
            yield f"The topology has changed: {_joined(gone)} had energy and is no longer {kind} of the file."


def _joined(words: Sequence[str]) -> str:
    """The words as a sentence has them; of many, the first ones."""
    if len(words) > MOST_NAMES:
        words = [*words[: MOST_NAMES - 1], f"{len(words) - MOST_NAMES + 1} others"]
    return " and ".join(filter(None, [", ".join(words[:-1]), words[-1]]))


def _factors(found: Measured) -> Iterator[str]:
    known, filled = (
        found.sums(lambda cell: cell.row.site),
        found.sums(lambda cell: cell.row.site if found.carbon.filled(cell) else None),
    )
    for site, energy in filled.items():
        if site is not None and energy > LITTLE * known[site]:
            yield f"{site} had no carbon factor in some hours: they have the mean of the others."


def _prices(found: Measured) -> Iterator[str]:
    if not found.prices.currencies:
        return
    known = found.sums(lambda cell: cell.row.site)
    without = {cell.row.site for cell in found.energy.cells if cell.joules and found.prices.of(cell) is None}
    if without:
        yield f"{_joined(sorted(without))} had no price, or no overhead: the cost of what was used there is not known."
    filled = found.sums(lambda cell: cell.row.site if found.prices.filled(cell) else None)
    for site, energy in filled.items():
        if site is not None and energy > LITTLE * known[site]:
            yield f"{site} had no price in some hours: they have the mean of the others."
    if len(found.prices.currencies) > 1:
        listed = _joined(found.prices.currencies)
        yield f"Costs are in {listed}, each for the sites with that currency. They are never added."


def _short(found: Measured) -> Iterator[str]:
    known = joules(found)
    for name, short in found.energy.short.items():
        if short > LITTLE * (known.get(name) or 0.0):
            yield (
                f"The rules recorded {short:.4g} J more for {name} than the meters leave for it: hours in which it was "
                "not always known are charged less here."
            )


def _guesses(found: Measured) -> Iterator[str]:
    guesses, fallbacks = defaultdict(list), defaultdict(list)
    for host, of in found.methods(lambda cell: cell.row.host).items():
        for method, part in of.items():
            if method != "measured" and part > 0:
                guesses[percent(part / sum(of.values())), method].append(host)
    for (share, method), hosts in guesses.items():
        yield f"{share} % of the energy of {_joined(hosts)} is {method}."
    for host, of in found.tiers().items():
        if fallback := sum(of.values()) - of.get("1", 0.0):
            fallbacks[percent(fallback / sum(of.values()))].append(host)
    for share, hosts in fallbacks.items():
        yield f"{share} % of the energy of {_joined(hosts)} was read by a fallback: `power` was not complete."
