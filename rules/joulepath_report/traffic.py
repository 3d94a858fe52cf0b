# SPDX-License-Identifier: Apache-2.0
"""The part of each application in a component's traffic, by amount, as far as it is recorded."""

from collections import defaultdict
from collections.abc import Iterator, Mapping

from joulepath_report.questions import Key, Questions, Rows
from joulepath_rules import marks
from joulepath_rules.constants import PREFIX, constants
from joulepath_rules.history import any_of
from joulepath_topology import Topology
from joulepath_topology.durations import duration

BY = {"count": "packets", "volume": "bytes"}


class Traffic:
    """Parts from 0 to 1: `part(application, component, by, slot)`. Raises PrometheusError when it is made."""

    def __init__(self, questions: Questions) -> None:
        topology = questions.topology
        mark = marks.of(topology).labels
        identity, row_of = (*mark, "node_id"), ("application", "counter", *mark, "by")
        self._wholes = [
            questions.over("avg", "component:whole:rate", ("component", "by")),
            questions.over("avg", "component:counted:rate", ("component", "by")),
        ]
        counters = questions.over("avg", "adapter:traffic:rate", row_of)
        nodes = {by: _marks(questions, unit, identity) for by, unit in BY.items()}
        self._own: dict[tuple[str, str, str], dict[int, float]] = {}
        self._means: dict[tuple[str, str, str], float | None] = {}
        for application, component, labels in _paths(topology):
            for by in BY:
                if "node_id" in labels:
                    values = nodes[by].get(tuple(labels.get(name, "") for name in identity), {})
                else:
                    named = (labels["counter"], *(labels.get(name, "") for name in mark))
                    values = counters.get((application if not any(named[1:]) else "", *named, by), {})
                row = self._own.setdefault((application, component, by), defaultdict(float))
                for slot, rate in values.items():
                    row[slot] += rate

    def part(self, application: str, component: str, by: str, slot: int) -> float | None:
        """In one slot; where that is not known the mean of the others, and None where none is."""
        own = self._known(application, component, by)
        if slot in own:
            return own[slot]
        return sum(own.values()) / len(own) if own else None

    def whole(self, component: str, by: str, slot: int) -> float | None:
        """All traffic of a component in a second; where that is not known the mean of the others."""
        known = self._whole(component, by)
        return known.get(slot, sum(known.values()) / len(known) if known else None)

    def _whole(self, component: str, by: str) -> Mapping[int, float]:
        whole: Mapping[int, float] = {}
        for rows in reversed(self._wholes):
            whole = {**whole, **rows.get((component, by), {})}
        return whole

    def _known(self, application: str, component: str, by: str) -> Mapping[int, float]:
        whole = self._whole(component, by)
        own = self._own.get((application, component, by), {})
        return {slot: min(own.get(slot, 0.0) / rate, 1.0) for slot, rate in whole.items() if rate > 0 and own}


def _marks(questions: Questions, unit: str, identity: Key) -> Rows:
    """The rates of traces and flows at nodes."""
    topology = questions.topology
    nodes = [
        constant.labels["node_id"]
        for constant in constants(topology)
        if constant.name == f"{PREFIX}path" and "node_id" in constant.labels
    ]
    if not nodes:
        return {}
    counter = marks.of(topology).counter(unit, f"node_id=~{any_of(nodes)}")
    return questions.rate(f"sum by ({', '.join(identity)}) (rate({counter}[{duration(topology.window)}]))", identity)


def _paths(topology: Topology) -> Iterator[tuple[str, str, Mapping[str, str]]]:
    """Application and component of each path, once for all of the component's hosts, and where it is counted."""
    seen: set[Key] = set()
    for constant in constants(topology):
        if constant.name == f"{PREFIX}path":
            labels = {name: value for name, value in constant.labels.items() if name not in {"host", "site", "passing"}}
            if (key := tuple(sorted(labels.values()))) not in seen:
                seen.add(key)
                yield labels["application"], labels["component"], labels
