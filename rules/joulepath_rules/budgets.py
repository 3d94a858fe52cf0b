# SPDX-License-Identifier: Apache-2.0
"""Energy budgets of applications: what was used in the running hour, day or month (UTC), and two alerts."""

from collections.abc import Iterable, Iterator

from joulepath_rules.rule import Alert, Rule, number, quote, selector
from joulepath_rules.topology import Topology
from joulepath_rules.topology.common import UNATTRIBUTED, duration

# Step at which a period is added up, and how far back the subquery must look. The step is an average, so that
# nothing between two steps is lost.
STEPS = {"hour": ("1m", "1h"), "day": ("5m", "1d"), "month": ("1h", "31d")}

# One second back, so that midnight still belongs to the day that ends.
ELAPSED = {
    "hour": "vector((time() - 1) % 3600 + 1)",
    "day": "vector((time() - 1) % 86400 + 1)",
    "month": "(day_of_month(vector(time() - 1)) - 1) * 86400 + (time() - 1) % 86400 + 1",
}
LENGTH = {"hour": "vector(3600)", "day": "vector(86400)", "month": "days_in_month(vector(time() - 1)) * 86400"}


def budgets(topology: Topology) -> Iterator[Rule | Alert]:
    """Rules and alerts of all budgets."""
    periods = [per for per in STEPS if any(budget.per == per for budget in topology.budgets.values())]
    for per in periods:
        yield Rule("budget:elapsed_seconds", ELAPSED[per], {"per": per})
        yield Rule("budget:start_seconds", f"time() - {_fresh('budget:elapsed_seconds', per=per)}", {"per": per})
        yield Rule("budget:length_seconds", LENGTH[per], {"per": per})
        yield _averages(topology, per)
    for name in topology.budgets:
        yield from _budget(topology, name)
    yield from _alerts()


def _mean(topology: Topology, per: str) -> str:
    """Over what a step is the mean: itself, or an interval where that is longer, as a minute may hold no evaluation."""
    step = STEPS[per][0]
    return duration(max(topology.interval, 60)) if step == "1m" else step


def _fresh(series: str, **labels: str) -> str:
    """A series as this evaluation wrote it."""
    return f"last_over_time({series}{selector(**labels)}[500ms])"


def _averages(topology: Topology, per: str) -> Rule:
    """Mean watts of the applications with a budget at their components, and of the rest, which is their clock."""
    step = STEPS[per][0]
    names = [budget.application for budget in topology.budgets.values() if budget.per == per]
    members = {member for name in names for member in topology.needed(name)}
    matchers = f"application=~{_any_of({*names, UNATTRIBUTED})},component=~{_any_of(members)}"
    expr = f"avg_over_time(application_component:power_watts{{{matchers}}}[{_mean(topology, per)}])"
    return Rule(f"application_component:power_watts:avg{step}", expr)


def _budget(topology: Topology, name: str) -> Iterator[Rule]:
    """Energy used = sum over components of mean watts while the component was measured * elapsed seconds.

    Every measured component has a row for `unattributed`, so its rows count how long it was measured: an application
    that was away counts as 0 W, a silent meter as the mean. A component without any reading leaves a gap.
    """
    budget = topology.budgets[name]
    step, reach = STEPS[budget.per]
    labels = {"application": budget.application, "budget": name, "per": budget.per}
    needed = topology.needed(budget.application)

    def running(application: str) -> str:
        matchers = f"application={quote(application)},component=~{_any_of(needed)}"
        start = f"budget:start_seconds{selector(per=budget.per)} @ end()"
        rows = f"application_component:power_watts:avg{step}{{{matchers}}}"
        return f"({rows} and on () (vector(time()) > on () {start}))[{reach}:{step}]"

    yield Rule(
        "budget_component:watts:sum", f"sum by (component) (sum_over_time({running(budget.application)}))", labels
    )
    yield Rule("budget_component:steps:count", f"sum by (component) (count_over_time({running(UNATTRIBUTED)}))", labels)
    watts, steps = (
        _fresh("budget_component:watts:sum", budget=name),
        _fresh("budget_component:steps:count", budget=name),
    )
    elapsed = _fresh("budget:elapsed_seconds", per=budget.per)
    yield Rule(
        "budget:energy_joules",
        f"sum(({watts} or 0 * {steps}) / on (component) {steps}) * on () {elapsed}\n"
        f"and on () count({steps}) == {len(needed)}",
        labels,
    )
    yield Rule("budget:limit_joules", f"vector({number(budget.energy)})", labels)
    present = f"application:power_watts{selector(application=budget.application)}[{_mean(topology, budget.per)}]"
    recent = f"sum(avg_over_time({present}))"
    left = f"({_fresh('budget:length_seconds', per=budget.per)} - on () {elapsed})"
    yield Rule(
        "budget:projected_joules",
        f"sum({_fresh('budget:energy_joules', budget=name)})\n+ {recent} * on () {left}",
        labels,
    )


def _alerts() -> Iterator[Alert]:
    on = "on (application, budget, per)"
    used = "{{ $labels.application }}"
    yield Alert(
        "EnergyBudgetExceeded",
        f"budget:energy_joules > {on} budget:limit_joules",
        "0s",
        {"severity": "critical"},
        {
            "summary": f"{used} has used up budget {{{{ $labels.budget }}}}",
            "description": "{{ $value | humanize }}J were used in the running {{ $labels.per }}, more than the budget.",
        },
    )
    yield Alert(
        "EnergyBudgetProjected",
        f"budget:projected_joules > {on} budget:limit_joules\n"
        f"unless {on} budget:energy_joules > {on} budget:limit_joules",
        "10m",
        {"severity": "warning"},
        {
            "summary": f"{used} is about to exceed budget {{{{ $labels.budget }}}}",
            "description": "At the present power the running {{ $labels.per }} comes to {{ $value | humanize }}J.",
        },
    )


def _any_of(names: Iterable[str]) -> str:
    """A regular expression, quoted, that matches exactly these names."""
    return quote("|".join(name.replace(".", "\\.") for name in sorted(names)))
