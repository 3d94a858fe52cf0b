# SPDX-License-Identifier: Apache-2.0
"""The topology as a whole, and the few questions about it that need more than one entry."""

import hashlib
import json
from typing import Annotated

from pydantic import Field

from joulepath.config import Model
from joulepath_rules.topology.applications import Application, Budget
from joulepath_rules.topology.common import Name, Seconds
from joulepath_rules.topology.components import Component, PolicyName
from joulepath_rules.topology.hosts import Host, Site


class Topology(Model):
    """What is where, and how its power is to be divided."""

    interval: Seconds = 15.0
    window: Seconds = 120.0
    policy: PolicyName = "packets-bytes"
    sites: Annotated[dict[Name, Site], Field(min_length=1)]
    hosts: Annotated[dict[Name, Host], Field(min_length=1)]
    components: Annotated[dict[Name, Component], Field(min_length=1)]
    applications: dict[Name, Application] = Field(default_factory=dict)
    budgets: dict[Name, Budget] = Field(default_factory=dict)

    @property
    def hash(self) -> str:
        """Twelve hex digits that change whenever the meaning does: comments and order of keys do not count."""
        text = json.dumps(self.model_dump(mode="json"), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    def host_of(self, component: str) -> str:
        """The host of a component: named, or of its own name."""
        return self.components[component].host or component

    def alone(self, component: str) -> bool:
        """Whether all of its host's power is the component's: nobody else is there, and it claims no mere share."""
        host = self.host_of(component)
        others = [name for name in self.components if name != component and self.host_of(name) == host]
        return not others and not self.components[component].share

    def counted_at(self, component: str) -> str:
        """The component at which the traffic of `component` is counted: its anchor, or itself."""
        traffic = self.components[component].traffic
        return traffic.anchor if traffic and traffic.anchor else component

    def supporters(self, component: str) -> frozenset[str]:
        """The supporting components of a component."""
        return frozenset(name for name, entry in self.components.items() if component in entry.supports)

    def route(self, application: str) -> list[str]:
        """The components that an application passes, with its models, without what supports them."""
        entry = self.applications[application]
        return [*entry.path, *entry.models]

    def needed(self, application: str) -> list[str]:
        """Every component that must be there for the application's power to be complete."""
        route = self.route(application)
        supporters = {name for component in route for name in self.supporters(component)}
        return [*route, *sorted(supporters)]
