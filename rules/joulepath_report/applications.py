# SPDX-License-Identifier: Apache-2.0
"""Tables of applications: energy, CO2 and cost, and the same energy by part, by segment and by method."""

from collections.abc import Callable, Iterator, Sequence

from joulepath_report.columns import COVERAGE, ENERGY, SHARE, energy, ratio, table
from joulepath_report.costs import columns as cost_columns
from joulepath_report.costs import values as cost_values
from joulepath_report.measured import METHODS, PARTS, Measured
from joulepath_report.model import UNATTRIBUTED, Column, Table, Value

APPLICATION = Column("application", "application")
BASIS = {
    "location": Column("co2_location_grams", "CO2 (location)", "g"),
    "market": Column("co2_market_grams", "CO2 (market)", "g"),
}


def names(found: Measured) -> list[str]:
    """The applications of the topology, others that the period has, and `unattributed`, in this order."""
    seen = {cell.row.application for cell in found.energy.cells}
    own = list(found.topology.applications)
    return [*own, *sorted(seen - set(own) - {UNATTRIBUTED}), UNATTRIBUTED]


def joules(found: Measured) -> dict[str, float | None]:
    """The energy of each application; None while it was not known at all. `unattributed` is always there."""
    known = found.sums(lambda cell: cell.row.application)
    return {name: known.get(name, 0.0 if name == UNATTRIBUTED else None) for name in names(found)}


def coverage(found: Measured, application: str) -> float:
    """The part of the period in which an application was known; of `unattributed`, in which every host was."""
    whole = found.energy.seconds
    if application == UNATTRIBUTED:
        return min((found.energy.known_hosts.get(host, 0.0) for host in found.topology.boxes), default=0.0) / whole
    return found.energy.known_applications.get(application, 0.0) / whole


def tables(found: Measured) -> Iterator[Table]:
    """All of them; those by part and by method only where there is more than one."""
    yield _energy(found)
    yield _segments(found)
    parts = found.parts_of_applications
    used = [part for part in PARTS if any(of.get(part) for of in parts.values())]
    if set(used) - {"undivided"}:
        yield _divided(
            found,
            "application-parts",
            "Applications by part",
            [Column(f"{part}_joules", part, "J") for part in used],
            lambda name: [parts.get(name, {}).get(part, 0.0) for part in used],
            note="`static` is idle power, `dynamic` what load adds. Energy is `undivided` where a host's idle power is "
            "not stated, or while the parts of an application were not known.",
        )
    methods = found.methods(lambda cell: cell.row.application)
    known = joules(found)
    yield _divided(
        found,
        "application-methods",
        "Applications by method",
        [Column(method, method, "ratio") for method in METHODS],
        lambda name: [ratio(methods.get(name, {}).get(method, 0.0), known[name]) for method in METHODS],
        note="The parts of the energy that rest on meters, on guesses from a reading, and on stated numbers.",
    )


def _energy(found: Measured) -> Table:
    columns = [APPLICATION, *ENERGY, SHARE]
    grams = {basis: found.grams(lambda cell: cell.row.application, basis) for basis in found.carbon.bases}
    costs = found.costs(lambda cell: cell.row.application)
    columns += [*(BASIS[basis] for basis in grams), *cost_columns(found.prices)]
    rows = [
        (
            name,
            *energy(own),
            ratio(own, found.energy.joules),
            *(None if own is None else of.get(name, 0.0) for of in grams.values()),
            *cost_values(found.prices, None if own is None else costs.get(name, {})),
            coverage(found, name),
        )
        for name, own in joules(found).items()
    ]
    note = (
        "The total is the energy of the meters. `unattributed` is what no application takes. The coverage is the part "
        "of the period in which all of an application was known."
    )
    return table("applications", "Applications", [*columns, COVERAGE], rows, note)


def _segments(found: Measured) -> Table:
    cells = found.energy.by("application", "segment")
    segments = sorted({segment for _, segment in cells}, key=lambda name: (name == UNATTRIBUTED, name))
    columns = [Column(f"{segment}_joules", segment, "J") for segment in segments]
    return _divided(
        found,
        "application-segments",
        "Applications by segment",
        columns,
        lambda name: [cells.get((name, segment), 0.0) for segment in segments],
        note="The segment is that of the component. `unattributed` is the rest of hosts, which no component takes.",
    )


def _divided(
    found: Measured,
    name: str,
    title: str,
    columns: Sequence[Column],
    parts: Callable[[str], Sequence[Value]],
    *,
    note: str,
) -> Table:
    rows: list[Sequence[Value]] = []
    for application, own in joules(found).items():
        values = [None for _ in columns] if own is None else parts(application)
        rows.append((application, *energy(own), *values))
    short = (ENERGY[0], Column(ENERGY[1].key, ENERGY[1].title, ENERGY[1].unit, short=False))
    return table(name, title, [APPLICATION, *short, *columns], rows, note)
