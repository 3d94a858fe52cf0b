# SPDX-License-Identifier: Apache-2.0
"""Budgets of energy, CO2 and cost: what was used in the running period, what is left, and what it will come to.

Known time is added up from the hours that `accounts` closed and from the rows since. Time that is not known is charged
with the part's mean, but none before its first measurement.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from joulepath_rules import reads
from joulepath_rules.accounts import AMOUNT, FIRST, SECONDS, Rate, closed, known, known_rows, rate, values
from joulepath_rules.chain import slow
from joulepath_rules.history import EDGE, HOUR, any_of, at_hour, recorded
from joulepath_rules.periods import DAY, ELAPSED, LENGTH, START, Period, clocks, now, period
from joulepath_rules.rule import Rule, number
from joulepath_topology import Topology
from joulepath_topology.budgets import Budget, Quantity
from joulepath_topology.durations import duration
from joulepath_topology.promql import quote

CHARGED = "budget_part:charged_seconds"

USED: dict[Quantity, str] = {"energy": "budget:energy_joules", "co2": "budget:co2_grams", "cost": "budget:cost"}
UNITS: dict[Quantity, str] = {"energy": "joules", "co2": "co2_grams", "cost": "cost"}
"""How the names of a limit, of what remains and of a projection end."""


def budgets(topology: Topology) -> Iterator[Rule]:
    """Rules of all budgets; their alerts are in `alerts.yaml`."""
    found: dict[Period, dict[Rate, list[Budget]]] = {}
    for budget in topology.budgets.values():
        found.setdefault(period(budget), {}).setdefault(rate(topology, budget), []).append(budget)
    for each, rates in found.items():
        yield from clocks(topology, each)
        for adding, members in rates.items():
            yield from _Sums(topology, each, adding, frozenset(values(topology, members))).rules()
    for name, budget in topology.budgets.items():
        yield from _budget(topology, name, budget)


@dataclass(frozen=True)
class _Sums:
    """The known amounts of a running period: of each part of a rate, for some applications or sites."""

    topology: Topology
    period: Period
    rate: Rate
    names: frozenset[str]

    def rules(self) -> Iterator[Rule]:
        labels = {**self.rate.labels, **self.period.labels}
        yield Rule(AMOUNT, self._known("sum", AMOUNT), labels)
        yield Rule(SECONDS, self._known("count", SECONDS), labels)
        yield Rule(FIRST, self._first(), labels)
        elapsed, start = (now(self.topology, self.period, name) for name in (ELAPSED, START))
        matchers = {**self.rate.labels, **self.period.matchers}
        of = f"{self.rate.of}=~{any_of(self.names)}"
        first = reads.now(reads.selector(self.topology, FIRST, of, **matchers))
        early = f"{first} <= scalar({start}) + {self.topology.window:g}"
        yield Rule(CHARGED, f"0 * ({early}) + scalar({elapsed})\nor time() - {first}", labels)

    def _running(self, function: str) -> str:
        """Of the running grain, seen from its start, where its rows lie ahead. One second back, as ELAPSED is."""
        grain = self.period.grain
        return at_hour(known(self.topology, self.rate, self.names, function, offset=grain, span=grain), 1, grain)

    def _closed(self, series: str, function: str, before: float = 0) -> str:
        """The records of the period's grains, at each of its steps, and of some time before it."""
        return "\nor ".join(self._steps(series, function, before, phase) for phase in self.period.phases)

    def _steps(self, series: str, function: str, before: float, phase: float) -> str:
        """The same while the period began so many seconds after a step; from there on they are as far apart."""
        grain = self.period.grain
        step = int(self.period.step / grain)
        start = f"{reads.selector(self.topology, START, '', **self.period.matchers)} @ end()"
        spans = step + int(before / grain)
        grains = recorded(self.topology, self._grains(series), function, spans, step, span=grain, later=phase)
        moment = f"vector(time(){f' + {phase:g}' if phase else ''})"
        since = f"{moment} >= on () {start}"
        if len(self.period.phases) > 1:
            since += f" and on () ({moment} - on () {start}) % {DAY:g} == 0"
        length = "1d" if self.period.step == DAY else duration(grain)
        return f"{function}_over_time(({grains} and on () ({since}))[{duration(self.period.reach)}:{length}])"

    def _grains(self, series: str) -> str:
        of = f"{self.rate.of}=~{any_of(self.names)}"
        return reads.selector(self.topology, closed(series, self.period.grain), of, **self.rate.labels)

    def _known(self, function: str, series: str) -> str:
        running = self._running(function)
        if not self.period.closed:
            return running
        # Until it is recorded, the grain that ended last is read from its rows, unless it is the former period's.
        grain = self.period.grain
        written = at_hour(recorded(self.topology, self._grains(series), "last", 1, 0, span=grain), 1, grain)
        within = f"{at_hour('vector(time())', 1, grain)} > on () {now(self.topology, self.period, START)}"
        last = at_hour(known(self.topology, self.rate, self.names, function, span=grain), 1, grain)
        by = f"on (topology, {self.rate.of}, part)"
        last = f"({last}\nunless {by} {written})\nand on () ({within})"
        return self._joined("sum", running, last, self._closed(series, "sum"))

    def _first(self) -> str:
        """When a part was measured first, or before the period where the hour before it was measured, too.

        A row appears at the first evaluation at which half of its window was measured, so the measurement began half a
        window earlier or up to an interval less. Of the first known hour only the known time is charged, but of the
        last 60 minutes all since the first row.
        """
        topology, grain = self.topology, self.period.grain
        step = max(60.0, self.rate.step)
        minute = known_rows(topology, self.rate, self.names, "count", f"[{duration(step - EDGE)}]")
        ages = f"time() - {self.rate.by_part(minute, 'max')}"
        terms = [
            f"min_over_time(({ages})[1h:{duration(step)}])",
            f"time() - {self._running('count')}",
            at_hour(f"time() - {known(topology, self.rate, self.names, 'count', span=grain)}", 1, grain),
        ]
        if self.period.closed:
            terms.append(self._closed(FIRST, "min", before=HOUR))
        return f"{self._joined('min', *terms)} - {topology.window / 2 - 2 * topology.interval:g}"

    def _joined(self, operator: str, *terms: str) -> str:
        """Rows of several ranges taken together."""
        marked = [f'label_replace({term}, "range", "{number}", "", "")' for number, term in enumerate(terms)]
        return f"{operator} by (topology, {self.rate.of}, part) (\n" + "\nor ".join(marked) + ")"


def labels_of(topology: Topology, name: str, budget: Budget) -> dict[str, str]:
    """The labels of a budget's series."""
    kind = dict(rate(topology, budget).kind)
    return {**dict([budget.of]), "budget": name, **period(budget).labels, **kind, **budget.labels}


def _budget(topology: Topology, name: str, budget: Budget) -> Iterator[Rule]:
    """Used = sum over parts of the mean rate while it was known * seconds since the first measurement.

    A part that is not needed any more is charged with what was known of it. A part that was not known at all leaves a
    gap.
    """
    running, adding = period(budget), rate(topology, budget)
    labels, unit = labels_of(topology, name, budget), UNITS[budget.quantity]
    ratios = {**labels, "quantity": budget.quantity}
    parts, limit = adding.parts_of(topology, budget), number(budget.limit)
    names = values(topology, [budget])

    def part(series: str, operator: str = "=~") -> str:
        matchers = f"{adding.of}=~{any_of(names)},part{operator}{any_of(parts)}"
        return reads.now(reads.selector(topology, series, matchers, **adding.labels, **running.matchers))

    def own(series: str) -> str:
        return reads.now(reads.selector(topology, series, f"budget={quote(name)}"))

    mean = f"{part(AMOUNT)} / {part(SECONDS)}"
    complete = f"count({part(SECONDS)}) == {len(parts)}"
    elapsed, length = (now(topology, running, series) for series in (ELAPSED, LENGTH))
    yield Rule(
        USED[budget.quantity],
        f"sum({mean} * {part(CHARGED)}\n  or {part(AMOUNT, '!~')})\nand on () {complete}",
        labels,
    )
    used = f"sum({own(USED[budget.quantity])})"
    least = f"min({part(SECONDS)}) and on () {complete} or on () vector(0)"
    yield Rule("budget:coverage:ratio", f"clamp_max(({least}) / on () {elapsed}, 1)", labels)
    yield Rule(f"budget:limit_{unit}", f"vector({limit})", labels)
    yield Rule(f"budget:remaining_{unit}", f"{limit} - {used}", labels)
    yield Rule("budget:used:ratio", f"{used} / {limit}", ratios)

    rows = adding.rows(topology, names, f"[{duration(slow(topology))}]", "avg")
    present = f"count({adding.by_part(rows, 'group')}) == {len(parts)}"
    burn = f"sum({rows}) * on () {length} / {number(budget.limit * adding.per)}"
    yield Rule("budget:burn:ratio", f"{burn}\nand on () {present}", ratios)
    recent = f"(sum({own('budget:burn:ratio')}) * {limit} / on () {length} or sum({mean}))"
    projected = f"{used}\n+ on () {recent} * on () ({length} - on () {elapsed})"
    yield Rule(f"budget:projected_{unit}", projected, labels)
    yield Rule("budget:projected:ratio", f"sum({own(f'budget:projected_{unit}')}) / {limit}", ratios)
