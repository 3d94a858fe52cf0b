# SPDX-License-Identifier: Apache-2.0
"""The equal part of each application that sends at a component, from what the rules record: asked at each evaluation.

A mean of traffic over an hour does not say when an application was there, so the server works out each moment.
"""

from collections.abc import Iterator

from joulepath_report.questions import Questions, Rows
from joulepath_rules import marks, reads
from joulepath_rules.constants import PREFIX
from joulepath_rules.history import any_of
from joulepath_rules.places import amounts
from joulepath_topology import Topology

BACKGROUND = 0.001
"""The part of all traffic beyond which undeclared traffic is a sender, too, as in the rules."""


def presence(questions: Questions) -> Rows:
    """By application and component. Raises PrometheusError."""
    found: Rows = {}
    for by, components in _counted(questions.topology):
        found |= questions.rate(_equal(questions.topology, by, components), ("application", "component"))
    return found


def _counted(topology: Topology) -> Iterator[tuple[str, list[str]]]:
    """An amount that is recorded, and the components at which it is taken: bytes before packets."""
    named = {
        name: amounts(topology, name) for name, entry in topology.components.items() if entry.traffic or entry.requests
    }
    volume = [name for name, used in named.items() if "volume" in used]
    others = [name for name in named if name not in volume]
    yield from ((by, names) for by, names in (("volume", volume), ("count", others)) if names)


def _equal(topology: Topology, by: str, components: list[str]) -> str:
    marked = ", ".join(marks.of(topology).labels)
    own = f"component=~{any_of(components)}"

    def read(name: str, matchers: str) -> str:
        return reads.selector(topology, name, matchers)

    nodes, counters = (read(f"{PREFIX}path", f'{own},{each}!=""') for each in ("node_id", "counter"))
    seen, counted = read("node:seen:rate", f'by="{by}",total=""'), read("adapter:traffic:rate", f'by="{by}"')
    rows = f"""sum by (application, component) (
      max by (application, component, {marked}, node_id) ({nodes})
        * on ({marked}, node_id) group_left () max by ({marked}, node_id) ({seen})
      or max by (application, component, counter, {marked}) ({counters})
        * on (application, counter, {marked}) group_left ()
          max by (application, counter, {marked}) ({counted}))"""
    known = [read(name, f'{own},by="{by}"') for name in ("component:whole:rate", "component:counted:rate")]
    whole = f"(max by (component) ({known[0]}) or max by (component) ({known[1]}))"
    others = f"({whole} - on (component) sum by (component) ({rows})) > bool on (component) ({BACKGROUND} * {whole})"
    senders = f"sum by (component) ({rows} > bool 0) + on (component) ({others})"
    return f"({rows} > bool 0) / on (component) group_left () clamp_min({senders}, 1)"
