# SPDX-License-Identifier: Apache-2.0
"""The energy of each application under each policy: how much of the answer is a choice.

Under another policy a part of a component's energy follows another amount. The table adds the difference to the energy
under the present policy, which stays exactly as it is in the other tables.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from joulepath_report.applications import joules
from joulepath_report.columns import energy, ratio, table
from joulepath_report.measured import Measured
from joulepath_report.method import listed
from joulepath_report.model import UNATTRIBUTED, Column, Table, Value
from joulepath_report.presence import presence
from joulepath_report.questions import Questions, Rows
from joulepath_report.traffic import Traffic
from joulepath_topology import Topology
from joulepath_topology.policies import POLICIES, Weights, amounts_of

Energies = dict[str, float | None]

ALWAYS = ("packets-bytes", "bytes", "packets")
"""Policies that every report compares; `--compare-policies` compares all."""


def policies(questions: Questions, found: Measured, *, every: bool = False) -> Iterator[Table]:
    """The table, where some component's energy is divided by traffic. Raises PrometheusError."""
    topology = found.topology
    if not any(entry.traffic or entry.requests for entry in topology.components.values()):
        return
    names = list(POLICIES) if every else list(ALWAYS)
    compared = _Compared(found, Traffic(questions), presence(questions) if every else {})
    of = {name: compared.under(name) for name in names}
    rows: list[list[Value]] = []
    for application, own in joules(found).items():
        values = [each.get(application) for each in of.values()]
        known = [value for value in values if value is not None]
        whole = len(known) == len(values) or (every and len(known) > 1)
        rows.append([application, *energy(own)[:1], *values, ratio(max(known) - min(known), own) if whole else None])
    columns = [
        Column("application", "application"),
        Column("energy_joules", "in this report", "J"),
        *(Column(_column(name), name, "J") for name in names),
        Column("spread", "spread", "ratio"),
    ]
    unknown = [name for name, each in of.items() if None in each.values()]
    note = (
        "All components under one policy each. The spread is the largest less the smallest, as a part of the energy in "
        "this report."
    )
    yield table(
        "policies",
        "Policies",
        columns,
        rows,
        " ".join([note, *_reasons(topology, unknown)]),
        partial=[_column(name) for name in unknown],
    )


def _column(policy: str) -> str:
    return f"{policy.replace('-', '_')}_joules"


def _reasons(topology: Topology, unknown: Sequence[str]) -> Iterator[str]:
    """Why the energy under some policies is not known, one sentence each."""
    recorded = []
    for name in unknown:
        lacking = [each for each in _divided(topology) if _lacks(topology, each, name)]
        if lacking:
            data = {"steps": "the steps that were needed are recorded under this policy alone, at"}
            words = data.get(name, f"there is no `{name}` for")
            yield f"Energy under `{name}` is not known: {words} {listed(lacking)}."
        else:
            recorded.append(f"`{name}`")
    if recorded:
        yield (
            f"Energy under {listed(recorded)} is not known: an amount that it needs is not recorded under this policy."
        )


def _divided(topology: Topology) -> list[str]:
    return [name for name, entry in topology.components.items() if entry.traffic or entry.requests]


def _lacks(topology: Topology, component: str, policy: str) -> bool:
    """Whether the topology lacks the data with which a component could be divided by a policy."""
    entry = topology.components[component]
    if dict(topology.weights(component)) == POLICIES[policy]:
        return False
    if policy == "capacity":
        return entry.capacity is None
    if policy == "reservation":
        return not any(
            each.reservation for name, each in topology.applications.items() if component in topology.route(name)
        )
    return policy == "steps" and bool(entry.steps)


class _Compared:
    """The energies of a period under other policies."""

    def __init__(self, found: Measured, traffic: Traffic, present: Rows) -> None:
        self._found, self._traffic, self._present = found, traffic, present
        self._own: dict[tuple[str, str], float] = defaultdict(float)
        for cell in found.energy.cells:
            self._own[cell.row.application, cell.row.component] += cell.joules

    def under(self, policy: str) -> Energies:
        """Joules of each application, with `unattributed`, if all components had this policy; None where not known."""
        found, topology = self._found, self._found.topology
        change: dict[tuple[str, str], float | None] = {}
        for component in topology.components:
            for application in topology.applications:
                if component in topology.route(application):
                    change[application, component] = self._change(policy, application, component)
        for supporter, entry in topology.components.items():
            for application in topology.applications if entry.supports else ():
                change[application, supporter] = _supported(found, change, application, supporter)
        own = joules(found)
        result = {name: _sum([own[name], *(more for (of, _), more in change.items() if of == name)]) for name in own}
        taken = [result[name] for name in own if name != UNATTRIBUTED and own[name] is not None]
        result[UNATTRIBUTED] = _sum([found.energy.joules, *(None if each is None else -each for each in taken)])
        return result

    def _change(self, policy: str, application: str, component: str) -> float | None:
        """Joules that an application takes more of a component."""
        topology = self._found.topology
        now, then = topology.weights(component), POLICIES[policy]
        if dict(now) == dict(then):
            return 0.0
        if _lacks(topology, component, policy):
            return None
        # Of amounts that are not traffic only the result is recorded: then the whole is worked out anew.
        anew = not amounts_of(now) <= {"count", "volume", "unattributed"}
        result = -self._own.get((application, component), 0.0) if anew else 0.0
        for (slot, part), whole in self._found.of_components.get(component, {}).items():
            for by, weight in (then[part] if anew else _difference(then[part], now[part])).items():
                share = self._share(application, component, by, slot)
                if share is None:
                    return None
                result += whole * weight * share
        return result

    def _share(self, application: str, component: str, by: str, slot: int) -> float | None:
        """The part of an amount that is an application's, 0 to 1."""
        entry = self._found.topology.components[component]
        if by == "unattributed":
            return 0.0
        if by == "reservation":
            return _reserved(self._found.topology, application, component)
        if by in {"equal", "steps"}:
            known = self._present.get((application, component), {})
            return known.get(slot, sum(known.values()) / len(known) if known else None)
        if by == "capacity":
            part, whole = (
                self._traffic.part(application, component, "volume", slot),
                self._traffic.whole(component, "volume", slot),
            )
            return None if part is None or whole is None else part * min(whole / (entry.capacity or whole), 1.0)
        return self._traffic.part(application, component, by, slot)


def _difference(then: Weights, now: Weights) -> Weights:
    found = {by: then.get(by, 0.0) - now.get(by, 0.0) for by in dict.fromkeys([*then, *now])}
    return {by: weight for by, weight in found.items() if weight}


def _reserved(topology: Topology, application: str, component: str) -> float:
    held: Mapping[str, float] = {
        name: entry.reservation or 0.0
        for name, entry in topology.applications.items()
        if component in topology.route(name)
    }
    return held.get(application, 0.0) / (topology.components[component].capacity or sum(held.values()))


def _sum(values: Sequence[float | None]) -> float | None:
    """The sum; None while one of them is not known."""
    known = [value for value in values if value is not None]
    return sum(known) if len(known) == len(values) else None


def _supported(
    found: Measured, change: dict[tuple[str, str], float | None], application: str, supporter: str
) -> float | None:
    """The same of a supporting component: its energy follows that of what it supports."""
    supports = found.topology.components[supporter].supports
    changes = [change.get((application, name), 0.0) for name in supports]
    sums = {name: sum(of.values()) for name, of in found.of_components.items()}
    whole = sum(sums.get(name, 0.0) for name in supports)
    more = _sum(changes)
    return None if more is None else sums.get(supporter, 0.0) / whole * more if whole else 0.0
