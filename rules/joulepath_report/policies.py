# SPDX-License-Identifier: Apache-2.0
"""The energy of each application under each policy: how much of the answer is a choice.

Under another policy a part of a component's energy follows another amount. The table adds the difference to the energy
under the present policy, which stays exactly as it is in the other tables.
"""

from collections.abc import Iterator, Sequence

from joulepath_report.applications import joules
from joulepath_report.columns import energy, ratio, table
from joulepath_report.measured import Measured
from joulepath_report.method import listed
from joulepath_report.model import UNATTRIBUTED, Column, Table, Value
from joulepath_report.questions import Questions
from joulepath_report.traffic import Traffic
from joulepath_topology import Topology
from joulepath_topology.policies import POLICIES, Policy

Energies = dict[str, float | None]


def policies(questions: Questions, found: Measured) -> Iterator[Table]:
    """The table, where some component's energy is divided by traffic. Raises PrometheusError."""
    topology = found.topology
    if not any(entry.traffic or entry.requests for entry in topology.components.values()):
        return
    traffic = Traffic(questions)
    of = {name: under(found, traffic, name) for name in POLICIES}
    rows: list[list[Value]] = []
    for application, own in joules(found).items():
        values = [each.get(application) for each in of.values()]
        known = [value for value in values if value is not None]
        spread = ratio(max(known) - min(known), own) if len(known) == len(values) else None
        rows.append([application, *energy(own)[:1], *values, spread])
    columns = [
        Column("application", "application"),
        Column("energy_joules", "in this report", "J"),
        *(Column(f"{name.replace('-', '_')}_joules", name, "J") for name in POLICIES),
        Column("spread", "spread", "ratio"),
    ]
    unknown = [name for name, each in of.items() if None in each.values()]
    note = (
        "All components under one policy each. The spread is the largest less the smallest, as a part of the energy in "
        "this report."
    )
    if unknown:
        amounts = listed([f"`{name}`" for name in unknown])
        note += f" Energy under {amounts} is not known: an amount that it needs is not recorded under this policy."
    yield table(
        "policies",
        "Policies",
        columns,
        rows,
        note,
        partial=[f"{name.replace('-', '_')}_joules" for name in unknown],
    )


def under(found: Measured, traffic: Traffic, policy: str) -> Energies:
    """Joules of each application, with `unattributed`, if all components had this policy; None where not known."""
    topology = found.topology
    change: dict[tuple[str, str], float | None] = {}
    for component in topology.components:
        for application in topology.applications:
            if component in topology.route(application):
                change[application, component] = _change(found, traffic, policy, application, component)
    for supporter, entry in topology.components.items():
        for application in topology.applications if entry.supports else ():
            change[application, supporter] = _supported(found, change, application, supporter)
    own = joules(found)
    result = {name: _sum([own[name], *(value for (of, _), value in change.items() if of == name)]) for name in own}
    taken = [result[name] for name in own if name != UNATTRIBUTED and own[name] is not None]
    result[UNATTRIBUTED] = _sum([found.energy.joules, *(None if value is None else -value for value in taken)])
    return result


def _sum(values: Sequence[float | None]) -> float | None:
    """The sum; None while one of them is not known."""
    known = [value for value in values if value is not None]
    return sum(known) if len(known) == len(values) else None


def _weights(topology: Topology, component: str) -> Policy:
    return topology.weights(component)


def _change(found: Measured, traffic: Traffic, policy: str, application: str, component: str) -> float | None:
    """Joules that an application takes more of a component."""
    now, then = _weights(found.topology, component), POLICIES[policy]
    result = 0.0
    for (slot, part), whole in found.of_components.get(component, {}).items():
        for by in ("count", "volume"):
            if difference := then[part].get(by, 0.0) - now[part].get(by, 0.0):
                share = traffic.part(application, component, by, slot)
                if share is None:
                    return None
                result += whole * difference * share
    return result


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
