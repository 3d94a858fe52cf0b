# SPDX-License-Identifier: Apache-2.0
"""The topology as a whole, and the few questions about it that need more than one entry."""

import hashlib
import json
from collections import Counter
from functools import cached_property
from typing import Annotated

from pydantic import Field

from joulepath_topology.applications import Application, Budget, Trace
from joulepath_topology.common import Entry, FileName, Name, Seconds
from joulepath_topology.components import Component
from joulepath_topology.hosts import Host, Site
from joulepath_topology.policies import PolicyName


class Topology(Entry):
    """The sites, hosts, components and applications, and the division of their power."""

    name: FileName = "joulepath"
    """Label `topology` of everything that the rules record, and name of the rule file."""
    interval: Seconds = 15.0
    """Time between two evaluations of the rules, 1s to 2m; at least the scrape interval."""
    window: Seconds = 120.0
    """Time over which power and traffic are averaged; at least four intervals."""
    policy: PolicyName = "packets-bytes"
    """Amounts that divide each part of power, packets or bytes (docs/reference/attribution.md#policies)."""
    sites: Annotated[dict[Name, Site], Field(min_length=1)]
    """Places, each with its grid; at least one."""
    hosts: Annotated[dict[Name, Host], Field(min_length=1)]
    """Metered boxes; at least one."""
    components: Annotated[dict[Name, Component], Field(min_length=1)]
    """Functions on the hosts; at least one."""
    applications: dict[Name, Application] = Field(default_factory=dict)
    """Applications that use the components."""
    budgets: dict[Name, Budget] = Field(default_factory=dict)
    """Energy budgets of applications."""

    @cached_property
    def hash(self) -> str:
        """Twelve hex digits that change whenever the meaning does: comments and order of keys do not count."""
        text = json.dumps(self.model_dump(mode="json"), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    @cached_property
    def members(self) -> dict[str, list[str]]:
        """The components on each host."""
        found: dict[str, list[str]] = {}
        for name in self.components:
            found.setdefault(self.host_of(name), []).append(name)
        return found

    @cached_property
    def supporters(self) -> dict[str, frozenset[str]]:
        """The supporting components of each component that has some."""
        found: dict[str, set[str]] = {}
        for name, entry in self.components.items():
            for supported in entry.supports:
                found.setdefault(supported, set()).add(name)
        return {name: frozenset(supporters) for name, supporters in found.items()}

    def host_of(self, component: str) -> str:
        """The host of a component: named, or of its own name."""
        return self.components[component].host or component

    def alone(self, component: str) -> bool:
        """Whether all of its host's power is the component's: it is there alone and does not claim a mere share."""
        return len(self.members[self.host_of(component)]) == 1 and not self.components[component].share

    def counted_at(self, component: str) -> str:
        """The component at which the traffic of `component` is counted: its anchor, or itself."""
        traffic = self.components[component].traffic
        return traffic.anchor if traffic and traffic.anchor else component

    @cached_property
    def anchors(self) -> frozenset[str]:
        """The components at which the traffic of others is counted."""
        traffics = (entry.traffic for entry in self.components.values())
        return frozenset(traffic.anchor for traffic in traffics if traffic and traffic.anchor)

    @cached_property
    def shared_nodes(self) -> frozenset[int]:
        """The node ids that several components count at every exporter: allowed, and warned of."""
        traffics = (entry.traffic for entry in self.components.values())
        nodes = Counter(each.ioam.node for each in traffics if each and each.ioam and not each.ioam.instances)
        return frozenset(node for node, users in nodes.items() if users > 1)

    def trace_route(self, application: str, trace: Trace) -> tuple[str, ...]:
        """The components that one trace of an application passes: its own path, or the application's."""
        return trace.path or self.applications[application].path

    def route(self, application: str) -> tuple[str, ...]:
        """The components that any trace of an application passes, with its models, without what supports them."""
        entry = self.applications[application]
        paths = [self.trace_route(application, trace) for trace in entry.traces] or [entry.path]
        return tuple(dict.fromkeys([*(member for path in paths for member in path), *entry.models]))

    def needed(self, application: str) -> list[str]:
        """Every component that must be there for the application's power to be complete."""
        route = self.route(application)
        supporters = {name for component in route for name in self.supporters.get(component, ())}
        return [*route, *sorted(supporters)]
