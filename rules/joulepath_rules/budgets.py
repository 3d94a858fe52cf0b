# SPDX-License-Identifier: Apache-2.0
"""Energy budgets of applications: what was used in the running hour, day or month (UTC), and two alerts.

A component's row is absent while its share is not known and 0 while it is known to be 0. Known time is added up from
the hours that `history` closed and from the rows since. Time that is not known is charged with the component's mean,
but none before its first measurement.
"""

from collections.abc import Iterator

from joulepath_rules import reads
from joulepath_rules.history import (
    CLOCK,
    HOUR,
    JOULES,
    SECONDS,
    any_of,
    at_hour,
    known_rows,
    recorded_by,
    recorded_hour,
)
from joulepath_rules.rule import Alert, Rule, number, quote
from joulepath_rules.topology import Topology
from joulepath_rules.topology.common import duration

# How far back a period's closed hours are read: one more than it has.
REACH = {"hour": 0.0, "day": 25 * HOUR, "month": (31 * 24 + 1) * HOUR}

# Below this part of the elapsed time an alert says how much of it was known.
GOOD_COVERAGE = 0.9

# One second back, so that midnight still belongs to the day that ends.
ELAPSED = {
    "hour": "vector((time() - 1) % 3600 + 1)",
    "day": "vector((time() - 1) % 86400 + 1)",
    "month": "(day_of_month(vector(time() - 1)) - 1) * 86400 + (time() - 1) % 86400 + 1",
}
LENGTH = {"hour": "vector(3600)", "day": "vector(86400)", "month": "days_in_month(vector(time() - 1)) * 86400"}


def reach_seconds(topology: Topology) -> float:
    """How far back the rules of the topology's budgets read: Prometheus must keep samples longer than that."""
    if not topology.budgets:
        return 0.0
    return 2 * HOUR + recorded_by(topology) + max(REACH[budget.per] for budget in topology.budgets.values())


def budgets(topology: Topology) -> Iterator[Rule | Alert]:
    """Rules and alerts of all budgets."""
    for per in REACH:
        if any(budget.per == per for budget in topology.budgets.values()):
            yield from _period(topology, per)
    for name in topology.budgets:
        yield from _budget(topology, name)
    yield from _alerts(topology)


def _now(topology: Topology, series: str, **labels: str) -> str:
    """A series as this evaluation wrote it."""
    return f"last_over_time({reads.selector(topology, series, '', **labels)}[500ms])"


def _period(topology: Topology, per: str) -> Iterator[Rule]:
    """Of every application with such a budget, at each of its components: what is known of the running period."""
    labels = {"per": per}
    elapsed, start = _now(topology, "budget:elapsed_seconds", per=per), _now(topology, "budget:start_seconds", per=per)
    closed = f"last_over_time({reads.selector(topology, CLOCK, '')}[2h])"
    yield Rule("budget:elapsed_seconds", ELAPSED[per], labels)
    yield Rule("budget:length_seconds", LENGTH[per], labels)
    yield Rule("budget:start_seconds", f"time() - {elapsed}", labels)
    yield Rule("budget:open_seconds", f"{closed} > on () {start}\nor on () {start}", labels)
    yield Rule("budget_component:known_joules", _known(topology, per, "sum", JOULES), labels)
    yield Rule("budget_component:known_seconds", _known(topology, per, "count", SECONDS), labels)
    yield Rule("budget_component:first_seconds", _first(topology, per), labels)
    first = _now(topology, "budget_component:first_seconds", per=per)
    early = f"{first} <= scalar({start}) + {topology.window:g}"
    yield Rule("budget_component:charged_seconds", f"0 * ({early}) + scalar({elapsed})\nor time() - {first}", labels)


def _applications(topology: Topology, per: str) -> set[str]:
    return {budget.application for budget in topology.budgets.values() if budget.per == per}


def _step(topology: Topology) -> float:
    """Seconds between the steps in which rows are read: an interval, but not less than the usual one."""
    return max(topology.interval, 15.0)


def _open(topology: Topology, per: str, expr: str) -> str:
    """A range of the rows that no closed hour has."""
    reach, step = duration(HOUR + recorded_by(topology)), duration(_step(topology))
    start = f"{reads.selector(topology, 'budget:open_seconds', '', per=per)} @ end()"
    return f"({expr} and on () (vector(time()) > on () {start}))[{reach}:{step}]"


def _closed(topology: Topology, per: str, expr: str, begins: str) -> str:
    """A range of the period's closed hours. An hour belongs to it where its end `begins` the period's start."""
    start = f"{reads.selector(topology, 'budget:start_seconds', '', per=per)} @ end()"
    return f"({expr} and on () (vector(time()) {begins} on () {start}))[{duration(REACH[per])}:1h]"


def _rows(topology: Topology, per: str, function: str) -> str:
    return known_rows(topology, _applications(topology, per), function, _step(topology))


def _hours(topology: Topology, per: str, series: str) -> str:
    matchers = f"{{topology={quote(topology.name)},application=~{any_of(_applications(topology, per))}}}"
    return recorded_hour(topology, series + matchers)


def _known(topology: Topology, per: str, function: str, series: str) -> str:
    running = f"sum_over_time({_open(topology, per, _rows(topology, per, function))})"
    if not REACH[per]:
        return running
    closed = f"sum_over_time({_closed(topology, per, _hours(topology, per, series), '>')})"
    return _joined("sum", running, closed)


def _first(topology: Topology, per: str) -> str:
    """When a component was measured first, or before the period where the hour before it was measured, too.

    A row appears at the first evaluation at which half of its window was measured, so the measurement began half a
    window earlier or up to an interval less. Of the first known hour only the known time is charged.
    """
    applications = _applications(topology, per)
    rows = f"time() - {_rows(topology, per, 'count')}"
    # The hour that ended last: it may not be recorded yet. One second back, as the period's start.
    hour = f"time() - {known_rows(topology, applications, 'count', HOUR)}"
    terms = [
        f"min_over_time({_open(topology, per, rows)})",
        at_hour(hour, 1),
    ]
    if REACH[per]:
        hours = f"time() - {_hours(topology, per, SECONDS)}"
        terms.append(f"min_over_time({_closed(topology, per, hours, '>=')})")
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
        every = f"{matchers},component{operator}{any_of(needed)}"
        return f"last_over_time(budget_component:{series}{{{every}}}[500ms])"

    mean = f"{component('known_joules')} / {component('known_seconds')}"
    complete = f"count({component('known_seconds')}) == {len(needed)}"
    elapsed = _now(topology, "budget:elapsed_seconds", per=budget.per)
    yield Rule(
        "budget:energy_joules",
        f"sum({mean} * {component('charged_seconds')}\n  or {component('known_joules', '!~')})\nand on () {complete}",
        labels,
    )
    known = f"min({component('known_seconds')}) and on () {complete} or on () vector(0)"
    yield Rule("budget:coverage:ratio", f"clamp_max(({known}) / on () {elapsed}, 1)", labels)
    yield Rule("budget:limit_joules", f"vector({number(budget.energy)})", labels)
    present = reads.selector(topology, "application:power_watts", "", application=budget.application)
    recent = f"sum(avg_over_time({present}[{duration(max(60.0, topology.interval))}]))"
    left = f"({_now(topology, 'budget:length_seconds', per=budget.per)} - on () {elapsed})"
    yield Rule(
        "budget:projected_joules",
        f"sum({_now(topology, 'budget:energy_joules', budget=name)})\n+ on () ({recent} or sum({mean})) * on () {left}",
        labels,
    )


def _alerts(topology: Topology) -> Iterator[Alert]:
    on = "on (topology, application, budget, per)"
    energy, projected, limit = (
        reads.selector(topology, f"budget:{name}_joules", "") for name in ("energy", "projected", "limit")
    )
    over = f"{energy} > {on} {limit}"
    used = "{{ $labels.application }}"
    coverage = (
        '{{ range printf "budget:coverage:ratio{topology=%q,budget=%q} < '
        f'{GOOD_COVERAGE:g}" $labels.topology $labels.budget | query }}}}'
        " Only {{ .Value | humanizePercentage }} of the time was measured; the rest is charged with the mean."
        "{{ end }}"
    )
    yield Alert(
        "EnergyBudgetExceeded",
        over,
        "0s",
        {"severity": "critical"},
        {
            "summary": f"{used} has used up budget {{{{ $labels.budget }}}}",
            "description": "{{ $value | humanize }}J were used in the running {{ $labels.per }}, "
            f"more than the budget.{coverage}",
        },
    )
    yield Alert(
        "EnergyBudgetProjected",
        f"{projected} > {on} {limit}\nunless {on} {over}",
        "10m",
        {"severity": "warning"},
        {
            "summary": f"{used} is about to exceed budget {{{{ $labels.budget }}}}",
            "description": "At the present power the running {{ $labels.per }} comes to "
            f"{{{{ $value | humanize }}}}J.{coverage}",
        },
    )
