# SPDX-License-Identifier: Apache-2.0
"""How the rules read what tells applications apart at an IOAM node: traces, flows, or both.

Series of traces and of flows never have the same labels, so one selector reads both.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from joulepath_topology import Topology
from joulepath_topology.policies import DIRECTIONS

LABELS = {"trace": ("ioam_namespace", "trace_id"), "flow": ("flow",)}
"""The labels that identify a mark of each way."""


@dataclass(frozen=True)
class Marks:
    """The kinds of marks that a topology has, as PromQL."""

    ways: tuple[str, ...]

    @property
    def labels(self) -> tuple[str, ...]:
        """All labels that identify a mark."""
        return tuple(label for way in self.ways for label in LABELS[way])

    @property
    def constants(self) -> str:
        """The marks of each application."""
        names = [f"joulepath_topology_{way}" for way in self.ways]
        return names[0] if len(names) == 1 else f"({' or '.join(names)})"

    def counter(self, unit: str, matchers: str = "") -> str:
        """A selector of the counters of packets or bytes."""
        names = [f"ioam_{way}_{unit}_total" for way in self.ways]
        if len(names) > 1:
            return f'{{__name__=~"{"|".join(names)}"{"," if matchers else ""}{matchers}}}'
        return f"{names[0]}{{{matchers}}}" if matchers else names[0]


UNCOUNTED = """
unless on (application, component) (
  (joulepath_topology_path{flow!="",node_id!=""}
    unless on (flow, node_id) sum by (flow, node_id) (node:seen:rate{by="$by",flow!="",total=""})
    or joulepath_topology_path{flow!="",counter!=""}
    unless on (application, counter, flow) adapter:traffic:rate{flow!=""})
  unless on (component, host) (sum by (component, host) (component:power_watts{component!="unattributed"}) == 0))"""
"""Makes a gap of an application where one of its flows is not counted: exporters show each of theirs from the start.

It reads the rates that shares are made of, the first that is recorded: a scrape may be stored between two rules.
"""


def of(topology: Topology) -> Marks:
    """The marks of a topology. One without any is written like one with traces."""
    found = {mark.way for application in topology.applications.values() for mark in application.marks}
    return Marks(tuple(way for way in LABELS if way in found) or ("trace",))


def words(topology: Topology, features: Collection[str]) -> Mapping[str, str]:
    """The words in place of `$mark_labels`, `$mark_packets` and the like in attribution.yaml."""
    marks = of(topology)
    labels = ", ".join(marks.labels)
    several = any(entry.flows and len(entry.marks) > 1 for entry in topology.applications.values())
    return {
        "$if_counted": UNCOUNTED.replace("$by", "count" if "count" in features else "volume") if several else "",
        "$mark_packets": marks.counter("packets"),
        "$mark_bytes": marks.counter("bytes"),
        "$if_declared": f" and on ({labels}) {marks.constants}" if "flow" in marks.ways else "",
        **{f"$mark_{way}_bytes": marks.counter("bytes", f'direction="{way}"') for way in DIRECTIONS},
        "$mark_labels": labels,
        "$marks": marks.constants,
        "$unmarked": ",".join(f'{LABELS[way][-1]}=""' for way in dict.fromkeys(["trace", *marks.ways])),
    }
