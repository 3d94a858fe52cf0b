# SPDX-License-Identifier: Apache-2.0
"""Energy budgets of applications: what was used in the running hour, day or month (UTC).

A component's row is absent while its share is not known and 0 while it is known to be 0. Known time is added up from
the hours that `history` closed and from the rows since. Time that is not known is charged with the component's mean,
but none before its first measurement.
"""

from collections.abc import Iterator

from joulepath_rules import reads
from joulepath_rules.history import FIRST, HOUR, JOULES, SECONDS, any_of, at_hour, known, known_rows, recorded
from joulepath_rules.rule import Rule, number
from joulepath_topology import Topology
from joulepath_topology.durations import duration
from joulepath_topology.promql import quote

# How far back the midnights are at which a period's closed hours are read, day by day.
REACH = {"hour": 0.0, "day": 25 * HOUR, "month": (31 * 24 + 1) * HOUR}

# One second back, so that midnight still belongs to the day that ends.
ELAPSED = {
    "hour": "vector((time() - 1) % 3600 + 1)",
    "day": "vector((time() - 1) % 86400 + 1)",
    "month": "(day_of_month(vector(time() - 1)) - 1) * 86400 + (time() - 1) % 86400 + 1",
}
LENGTH = {"hour": "vector(3600)", "day": "vector(86400)", "month": "days_in_month(vector(time() - 1)) * 86400"}


def budgets(topology: Topology) -> Iterator[Rule]:
    """Rules of all budgets; their alerts are in `alerts.yaml`."""
    for per in REACH:
        if any(budget.per == per for budget in topology.budgets.values()):
            yield from _period(topology, per)
    for name in topology.budgets:
        yield from _budget(topology, name)


def _now(topology: Topology, series: str, **labels: str) -> str:
    """A series as this evaluation wrote it."""
    return reads.now(reads.selector(topology, series, "", **labels))


def _period(topology: Topology, per: str) -> Iterator[Rule]:
    """Of every application with such a budget, at each of its components: what is known of the running period."""
    labels = {"per": per}
    elapsed, start = _now(topology, "budget:elapsed_seconds", per=per), _now(topology, "budget:start_seconds", per=per)
    yield Rule("budget:elapsed_seconds", ELAPSED[per], labels)
    yield Rule("budget:length_seconds", LENGTH[per], labels)
    yield Rule("budget:start_seconds", f"time() - {elapsed}", labels)
    yield Rule("budget_component:known_joules", _known(topology, per, "sum", JOULES), labels)
    yield Rule("budget_component:known_seconds", _known(topology, per, "count", SECONDS), labels)
    yield Rule("budget_component:first_seconds", _first(topology, per), labels)
    first = _now(topology, "budget_component:first_seconds", per=per)
    early = f"{first} <= scalar({start}) + {topology.window:g}"
    yield Rule("budget_component:charged_seconds", f"0 * ({early}) + scalar({elapsed})\nor time() - {first}", labels)


def _applications(topology: Topology, per: str) -> set[str]:
    return {budget.application for budget in topology.budgets.values() if budget.per == per}


def _running(topology: Topology, per: str, function: str) -> str:
    """Of the running hour, seen from its start, where its rows lie ahead. One second back, as ELAPSED is."""
    return at_hour(known(topology, _applications(topology, per), function, HOUR, " offset -1h"), 1)


def _closed(topology: Topology, per: str, series: str, function: str, hours: int) -> str:
    """The records of the period's hours: for each of its days, of that many hours until the day's end."""
    start = f"{reads.selector(topology, 'budget:start_seconds', '', per=per)} @ end()"
    day = recorded(topology, _hours(topology, per, series), function, hours, 24)
    filtered = f"({day} and on () (vector(time()) >= on () {start}))"
    return f"{function}_over_time({filtered}[{duration(REACH[per])}:1d])"


def _hours(topology: Topology, per: str, series: str) -> str:
    return f"{series}{{topology={quote(topology.name)},application=~{any_of(_applications(topology, per))}}}"


def _known(topology: Topology, per: str, function: str, series: str) -> str:
    running = _running(topology, per, function)
    if not REACH[per]:
        return running
    # Until it is recorded, the hour that ended last is read from its rows, unless it is the former period's.
    written = at_hour(recorded(topology, _hours(topology, per, series), "last", 1, 0), 1)
    within = f"{at_hour('vector(time())', 1)} > on () {_now(topology, 'budget:start_seconds', per=per)}"
    last = at_hour(known(topology, _applications(topology, per), function, HOUR), 1)
    last = f"({last}\nunless {written})\nand on () ({within})"
    return _joined("sum", running, last, _closed(topology, per, series, "sum", 24))


def _first(topology: Topology, per: str) -> str:
    """When a component was measured first, or before the period where the hour before it was measured, too.

    A row appears at the first evaluation at which half of its window was measured, so the measurement began half a
    window earlier or up to an interval less. Of the first known hour only the known time is charged, but of the last
    60 minutes all since the first row.
    """
    applications, step = _applications(topology, per), max(60.0, topology.interval)
    minute = f"time() - {known_rows(topology, applications, 'count', step)}"
    last = f"time() - {known(topology, applications, 'count', HOUR)}"
    terms = [
        f"min_over_time(({minute})[1h:{duration(step)}])",
        f"time() - {_running(topology, per, 'count')}",
        at_hour(last, 1),
    ]
    if REACH[per]:
        terms.append(_closed(topology, per, FIRST, "min", 25))
    return f"{_joined('min', *terms)} - {topology.window / 2 - 2 * topology.interval:g}"


def _joined(operator: str, *terms: str) -> str:
    """Rows of several ranges taken together."""
    marked = [f'label_replace({term}, "range", "{number}", "", "")' for number, term in enumerate(terms)]
    return f"{operator} by (topology, application, component) (\n" + "\nor ".join(marked) + ")"


def _budget(topology: Topology, name: str) -> Iterator[Rule]:
    """Energy used = sum over components of mean watts while the share was known * seconds since the first measurement.

    A component that the application does not need any more is charged with what was known of it. A component that was
    not known at all leaves a gap.
    """
    budget = topology.budgets[name]
    labels = {"application": budget.application, "budget": name, "per": budget.per}
    needed = topology.needed(budget.application)
    matchers = f"topology={quote(topology.name)},application={quote(budget.application)},per={quote(budget.per)}"

    def component(series: str, operator: str = "=~") -> str:
        return reads.now(f"budget_component:{series}{{{matchers},component{operator}{any_of(needed)}}}")

    mean = f"{component('known_joules')} / {component('known_seconds')}"
    complete = f"count({component('known_seconds')}) == {len(needed)}"
    elapsed = _now(topology, "budget:elapsed_seconds", per=budget.per)
    yield Rule(
        "budget:energy_joules",
        f"sum({mean} * {component('charged_seconds')}\n  or {component('known_joules', '!~')})\nand on () {complete}",
        labels,
    )
    least = f"min({component('known_seconds')}) and on () {complete} or on () vector(0)"
    yield Rule("budget:coverage:ratio", f"clamp_max(({least}) / on () {elapsed}, 1)", labels)
    yield Rule("budget:limit_joules", f"vector({number(budget.energy)})", labels)
    present = reads.selector(topology, "application:power_watts", "", application=budget.application)
    recent = f"sum(avg_over_time({present}[{duration(max(60.0, topology.interval))}]))"
    left = f"({_now(topology, 'budget:length_seconds', per=budget.per)} - on () {elapsed})"
    yield Rule(
        "budget:projected_joules",
        f"sum({_now(topology, 'budget:energy_joules', budget=name)})\n+ on () ({recent} or sum({mean})) * on () {left}",
        labels,
    )
