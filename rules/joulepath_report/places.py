# SPDX-License-Identifier: Apache-2.0
"""Tables of segments, components, hosts, sites, labels and days, and the flow between them."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping

from joulepath_report.applications import BASIS
from joulepath_report.columns import COVERAGE, ENERGY, SHARE, energy, ratio, table
from joulepath_report.costs import columns as cost_columns
from joulepath_report.costs import values as cost_values
from joulepath_report.energy import Cell
from joulepath_report.measured import METHODS, PARTS, Key, Measured
from joulepath_report.model import UNATTRIBUTED, Column, Edge, Table, Value
from joulepath_topology.labels import UNLABELLED, Labelled


def tables(found: Measured) -> Iterator[Table]:
    """All of them but those of applications."""
    yield _segments(found)
    yield _components(found)
    yield _hosts(found)
    yield _sites(found)
    yield from _labels(found)
    yield _days(found)


def _grams(found: Measured, name: Callable[[Cell], Key]) -> tuple[list[Column], Callable[[Key], list[Value]]]:
    """Columns of CO2 by each basis, and their values by what `name` makes of a cell."""
    grams = {basis: found.grams(name, basis) for basis in found.carbon.bases}
    return [BASIS[basis] for basis in grams], lambda key: [of.get(key) for of in grams.values()]


def _segments(found: Measured) -> Table:
    carbon, grams = _grams(found, lambda cell: cell.row.segment)
    costs = found.costs(lambda cell: cell.row.segment)
    rows = [
        (
            name,
            *energy(joules),
            ratio(joules, found.energy.joules),
            *grams(name),
            *cost_values(found.prices, costs.get(name, {})),
        )
        for name, joules in sorted(found.sums(lambda cell: cell.row.segment).items(), key=lambda item: -item[1])
    ]
    columns = [Column("segment", "segment"), *ENERGY, SHARE, *carbon, *cost_columns(found.prices)]
    return table("segments", "Segments", columns, rows)


def _parted(found: Measured, name: Callable[[Cell], Key]) -> tuple[list[Column], Mapping[Key, list[Value]]]:
    """Columns of energy by part, and their values; none where nothing is divided."""
    parts = found.parts_of_places(name)
    used = [part for part in PARTS if any(of.get(part) for of in parts.values())]
    if not set(used) - {"undivided"}:
        return [], defaultdict(list)
    columns = [Column(f"{part}_joules", part, "J", short=False) for part in used]
    return columns, {key: [of.get(part, 0.0) for part in used] for key, of in parts.items()}


def _components(found: Measured) -> Table:
    def name(cell: Cell) -> tuple[str, str]:
        return cell.row.component, cell.row.host

    columns, parts = _parted(found, name)
    carbon, grams = _grams(found, name)
    attributed = found.sums(lambda cell: name(cell) if cell.row.application != UNATTRIBUTED else None)
    costs = found.costs(name)
    known = {(UNATTRIBUTED, host): seconds for host, seconds in found.energy.known_hosts.items()}
    known.update(found.energy.known_components)
    rows = []
    for key, joules in sorted(found.sums(name).items()):
        rows.append(
            (
                *key,
                *energy(joules),
                ratio(joules, found.energy.joules),
                *grams(key),
                *cost_values(found.prices, costs.get(key, {})),
                *parts[key],
                ratio(attributed.get(key, 0.0), joules),
                known.get(key, 0.0) / found.energy.seconds,
            )
        )
    return table(
        "components",
        "Components",
        [
            Column("component", "component"),
            Column("host", "host"),
            *ENERGY,
            SHARE,
            *carbon,
            *cost_columns(found.prices),
            *columns,
            Column("attributed", "of applications", "ratio"),
            COVERAGE,
        ],
        rows,
        "A component on several hosts has a row for each. `unattributed` is the rest of a host. The part `of "
        "applications` is what the declared applications take.",
        names=2,
    )


def _hosts(found: Measured) -> Table:
    columns, parts = _parted(found, lambda cell: cell.row.host)
    carbon, grams = _grams(found, lambda cell: cell.row.host)
    methods = found.methods(lambda cell: cell.row.host)
    costs = found.costs(lambda cell: cell.row.host)
    known = found.sums(lambda cell: cell.row.host)
    gpus = any(host.gpus for host in found.topology.hosts.values())
    places = dict(sorted((cell.row.host, cell.row.site) for cell in found.energy.cells))
    rows: list[list[Value]] = []
    for name in [*found.topology.boxes, *sorted(known.keys() - found.topology.boxes.keys())]:
        joules = known.get(name)
        site = found.topology.boxes[name].site if name in found.topology.boxes else places[name]
        of = methods.get(name, {})
        rows.append(
            [
                name,
                site,
                *energy(joules),
                ratio(joules, found.energy.joules),
                *grams(name),
                *cost_values(found.prices, None if joules is None else costs.get(name, {})),
                *(parts.get(name) or [None for _ in columns]),
                *(None if joules is None else ratio(of.get(method, 0.0), joules) for method in METHODS),
                found.energy.known_hosts.get(name, 0.0) / found.energy.seconds,
            ]
        )
    return table(
        "hosts",
        "Hosts",
        [
            Column("host", "host"),
            Column("site", "site"),
            *ENERGY,
            SHARE,
            *carbon,
            *cost_columns(found.prices),
            *columns,
            *(Column(method, method, "ratio", short=False) for method in METHODS),
            COVERAGE,
        ],
        rows,
        "Energy as the meters have it. A host that was not known has no energy here: it is not 0."
        + (" A GPU has a row of its own, and that of its server is without it." if gpus else ""),
    )


def _sites(found: Measured) -> Table:
    carbon, grams = _grams(found, lambda cell: cell.row.site)
    known, facility = found.sums(lambda cell: cell.row.site), found.facility(lambda cell: cell.row.site)
    costs = found.costs(lambda cell: cell.row.site)
    rows: list[list[Value]] = []
    sites = found.topology.sites
    for name in [*sites, *sorted(known.keys() - sites.keys())]:
        joules = known.get(name)
        rows.append(
            [
                name,
                *energy(joules),
                ratio(joules, found.energy.joules),
                facility.get(name),
                *grams(name),
                *cost_values(found.prices, None if joules is None else costs.get(name, {})),
            ]
        )
    return table(
        "sites",
        "Sites",
        [
            Column("site", "site"),
            *ENERGY,
            SHARE,
            Column("facility_joules", "with overhead", "J"),
            *carbon,
            *cost_columns(found.prices),
        ],
        rows,
        "Energy `with overhead` is what the supply of the site delivers (PUE). CO2 and costs include it.",
        partial=() if None not in facility.values() else ("facility_joules",),
    )


def _labels(found: Measured) -> Iterator[Table]:
    """For each label, the energy of the applications, and of the components, that have each of its values."""
    of_applications: Mapping[str, Labelled] = found.topology.applications
    of_components: Mapping[str, Labelled] = found.topology.components
    yield from _by_labels(found, "", "Applications", of_applications, lambda cell: cell.row.application)
    yield from _by_labels(found, "component-", "Components", of_components, lambda cell: cell.row.component)


def _by_labels(
    found: Measured, prefix: str, title: str, entries: Mapping[str, Labelled], name: Callable[[Cell], str]
) -> Iterator[Table]:
    for label in sorted({label for entry in entries.values() for label in entry.labels}):

        def value(cell: Cell, label: str = label) -> str:
            own = name(cell)
            return UNATTRIBUTED if own == UNATTRIBUTED else _value(entries, own, label)

        carbon, grams = _grams(found, value)
        costs = found.costs(value)
        rows = [
            [
                key,
                *energy(joules),
                ratio(joules, found.energy.joules),
                *grams(key),
                *cost_values(found.prices, costs.get(key, {})),
            ]
            for key, joules in sorted(found.sums(value).items(), key=lambda item: (item[0] == UNATTRIBUTED, item[0]))
        ]
        columns = [Column(label, label), *ENERGY, SHARE, *carbon, *cost_columns(found.prices)]
        yield table(f"{prefix}label-{label}", f"{title} by {label}", columns, rows)


def _value(entries: Mapping[str, Labelled], name: str, label: str) -> str:
    return entries[name].labels.get(label, UNLABELLED) if name in entries else UNLABELLED


def _days(found: Measured) -> Table:
    carbon, grams = _grams(found, lambda cell: _day(found, cell))
    costs = found.costs(lambda cell: _day(found, cell))
    rows = [
        [
            *key,
            *energy(joules),
            *grams(key),
            *cost_values(found.prices, costs.get(key, {})),
        ]
        for key, joules in sorted(found.sums(lambda cell: _day(found, cell)).items())
    ]
    columns = [Column("day", "day (UTC)"), Column("application", "application"), *ENERGY]
    columns += [*carbon, *cost_columns(found.prices)]
    return table("days", "Days", columns, rows, names=2)


def _day(found: Measured, cell: Cell) -> tuple[str, str]:
    return found.energy.slots[cell.slot].day, cell.row.application


def flow(found: Measured) -> Iterator[Edge]:
    """Energy from sites to hosts, from hosts to components, and from components to applications."""
    for (site, host), joules in found.energy.by("site", "host").items():
        yield Edge(site, host, joules, "host")
    for (host, component), joules in found.energy.by("host", "component").items():
        yield Edge(host, component, joules, "component")
    for (component, application), joules in found.energy.by("component", "application").items():
        yield Edge(component, application, joules, "application")
