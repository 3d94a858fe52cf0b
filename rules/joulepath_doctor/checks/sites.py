# SPDX-License-Identifier: Apache-2.0
"""Sites: one value of each live factor, an overhead and a price that can be, supplies that add up, and a factor."""

from collections.abc import Iterable, Iterator

from joulepath_doctor.catalogue import found
from joulepath_doctor.context import Context
from joulepath_doctor.finding import Finding
from joulepath_doctor.questions import length, own, rows, since, timed, value
from joulepath_rules.factors import STATES, metric
from joulepath_rules.rule import selector
from joulepath_topology import promql
from joulepath_topology.hosts import Overhead, Site
from joulepath_topology.problem import Place
from joulepath_topology.queries import factors
from joulepath_topology.supplies import Factor, Supply

ROUNDING = 1e-6
GRANTED = 0.05
"""The part by which meters of supplies may differ from those of hosts."""


def check(context: Context) -> Iterator[Finding]:
    """Findings about each site."""
    shares = rows(context, f"sum by (site) ({own(context, 'supply:share:ratio')})", "site")
    shown = _means(context, "adapter:supply:watts")
    taken = _means(context, "site:facility_power_watts")
    known = rows(context, own(context, "site:co2_grams_per_joule"), "site", "basis")
    powered = rows(context, own(context, "site:facility_power_watts"), "site")
    for name, site in context.topology.sites.items():
        place = ("sites", name)
        yield from _overhead(context, (*place, "overhead"), site)
        yield from _currency(context, (*place, "price", "query"), site)
        for at, entry in factors(name, site):
            yield from _values(context, at, site, entry)
            yield from _negative(context, at, entry)
        total = shares.get((name,))
        if total is not None and abs(total - 1) > ROUNDING:
            yield found(
                "sum/supplies", (*place, "supply"),
                f"its supplies deliver {total:.6g} times the power of the site, not 1: see whether two rule files "
                "record this topology",
            )  # fmt: skip
        if (name,) in shown and (name,) in taken and shown[name,] > taken[name,] * (1 + GRANTED):
            yield found(
                "site/supplies-exceed", (*place, "supply"),
                f"the meters of its supplies show {shown[name,]:.4g} W and its hosts take {taken[name,]:.4g} W with "
                f"overhead, over {length(context.since)}: the rest goes elsewhere; multiply the query by the part that "
                "reaches these hosts if others are always supplied, too",
            )  # fmt: skip
        yield from _factor(name, site, {basis for at, basis in known if at == name}, (name,) in powered)


def _means(context: Context, series: str) -> dict[tuple[str, ...], float]:
    return rows(context, f"sum by (site) (avg_over_time({own(context, series)}[{since(context)}]))", "site")


def _overhead(context: Context, place: Place, site: Site) -> Iterator[Finding]:
    if not isinstance(site.overhead, Overhead):
        return
    values = sorted({row.value for row in context.server.query(timed(context, site.overhead.query))})
    if len(values) > 1:
        yield found(
            "site/overhead-refused", place,
            f"the query gives {len(values)} values, {values[0]:.4g} to {values[-1]:.4g}, and a site has one overhead: "
            "choose one by its labels, or take their mean",
        )  # fmt: skip
    elif values and not values[0] >= 1:
        yield found(
            "site/overhead-refused", place,
            f"the query gives {values[0]:.4g}, and an overhead is at least 1: divide the power of the site by that of "
            "its machines, not the other way round",
        )  # fmt: skip


def _currency(context: Context, place: Place, site: Site) -> Iterator[Finding]:
    """The currency in the labels of the answer or, where it has none, of the series that the query reads."""
    if site.price is None or site.price.query is None:
        return
    expr = timed(context, site.price.query)
    read = (rows(context, each, "currency") for each in (expr, *promql.selectors(expr)))
    named = next((sorted({*filter(None, found_in)}) for found_in in map(_only, read) if any(found_in)), [])
    others = [each for each in named if each != site.price.currency]
    if others:
        yield found(
            "price/currency", place,
            f"reads prices in {' and '.join(others)}, and the currency is {site.price.currency}: choose the series by "
            "its label currency, or state that currency; if the query converts them, say so by "
            f'label_replace(QUERY, "currency", "{site.price.currency}", "", "")',
        )  # fmt: skip


def _only(found_rows: Iterable[tuple[str, ...]]) -> list[str]:
    return [value for (value,) in found_rows]


def _negative(context: Context, place: Place, entry: Factor) -> Iterator[Finding]:
    """A meter that never showed more than 0: the other way round, unless a battery is charged or it is night."""
    if not isinstance(entry, Supply) or entry.query is None or not promql.selectors(entry.query):
        return
    most = value(context, f"max_over_time((sum({promql.closed(timed(context, entry.query))}))[{since(context)}:])")
    if most is not None and most < 0:
        yield found(
            "site/supply-negative", (*place, entry.kind),
            f"showed at most {most:.4g} W over {length(context.since)}, which counts as 0: if the supply delivered, "
            "its meter counts the other way round; write -1 * (...)",
        )  # fmt: skip


def _values(context: Context, place: Place, site: Site, entry: Factor) -> Iterator[Finding]:
    """Different values of the state that counts; equal ones are of a pair of exporters."""
    if not (entry.grid_zone and entry.source):
        return
    labels = selector(grid_zone=entry.grid_zone, source=entry.source, boundary=entry.boundary)
    found_rows = context.server.query(metric(site.factor) + labels)
    for state in STATES:
        values = sorted({row.value for row in found_rows if row.labels.get("state", "") == state})
        if len(values) > 1:
            yield found(
                "source/ambiguous", (*place, "grid_zone"),
                f"{metric(site.factor)}{labels} has {len(values)} values{f' of the state {state}' if state else ''}, "
                f"{values[0]:g} to {values[-1]:g}: let one exporter publish it",
            )  # fmt: skip
        if values:
            return


def _factor(name: str, site: Site, known: set[str], powered: bool) -> Iterator[Finding]:
    """No factor, while the hosts are measured; a cause that is found explains it."""
    if not site.supplies or not powered:
        return
    because = tuple(
        (*place, key)
        for place, entry in factors(name, site)
        for key in ("grid_zone", "joules", "watts")
        if getattr(entry, key, None) is not None
    )
    contracts = any(supply.market for supply in site.supplies.values())
    for basis in ("location", *(["market"] if contracts else [])):
        if basis not in known and (basis == "market" or any(supply.known for supply in site.supplies.values())):
            yield found(
                "site/factor-absent", ("sites", name),
                f"has power and no factor by {basis}, although its sources are there: wait for one window, then "
                f'compare supply:share:ratio and supply:co2_grams_per_kilowatt_hour of site="{name}"',
                (*because, ("sites", name, "overhead")),
            )  # fmt: skip
            return
