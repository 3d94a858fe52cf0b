# SPDX-License-Identifier: Apache-2.0
"""The topology as a whole, and the few questions about it that need more than one entry."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterator
from functools import cached_property
from typing import Annotated

from pydantic import Field

from joulepath_topology import placements
from joulepath_topology.applications import Application, Mark
from joulepath_topology.budgets import Budget
from joulepath_topology.common import Entry, FileName, Name, Seconds
from joulepath_topology.components import Component
from joulepath_topology.cores.keys import InCore
from joulepath_topology.hosts import Active, Host, Site, Vm
from joulepath_topology.kepler import Kepler
from joulepath_topology.placements import Placement
from joulepath_topology.policies import DEFAULT, Policy, PolicyChoice, resolved


class Topology(Entry):
    """The sites, hosts, components and applications, and the division of their power."""

    name: FileName = "joulepath"
    """Label `topology` of everything that the rules record, and name of the rule file."""
    interval: Seconds = 15.0
    """Time between two evaluations of the rules, 1s to 2m; at least the scrape interval."""
    window: Seconds = 120.0
    """Time over which power and traffic are averaged; at least four intervals."""
    policy: PolicyChoice = DEFAULT
    """Amounts that divide each part of power: a name, or own weights (docs/reference/policies.md)."""
    sites: Annotated[dict[Name, Site], Field(min_length=1)]
    """Places, each with its grid; at least one."""
    hosts: Annotated[dict[Name, Host], Field(min_length=1)]
    """Metered boxes; at least one."""
    vms: dict[Name, Vm] = Field(default_factory=dict)
    """Virtual machines on the hosts, for components that run inside one."""
    components: Annotated[dict[Name, Component], Field(min_length=1)]
    """Functions on the hosts; at least one."""
    applications: dict[Name, Application] = Field(default_factory=dict)
    """Applications that use the components."""
    budgets: dict[Name, Budget] = Field(default_factory=dict)
    """Budgets of energy, CO2 and money: of applications, of sites, of a label's values."""

    @cached_property
    def hash(self) -> str:
        """Twelve hex digits that change whenever the meaning does: comments and order of keys do not count."""
        text = json.dumps(self.model_dump(mode="json"), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    @cached_property
    def boxes(self) -> dict[str, Host]:
        """All metered boxes: hosts and their GPUs."""
        return placements.boxes(self.hosts)

    @cached_property
    def members(self) -> dict[str, list[str]]:
        """The components on each metered box."""
        found: dict[str, list[str]] = {}
        for name in self.components:
            for placement in self.placements(name):
                found.setdefault(placement.host, []).append(name)
        return found

    @cached_property
    def guests(self) -> dict[str, list[str]]:
        """The components in each virtual machine."""
        found: dict[str, list[str]] = {}
        for name in self.components:
            for placement in self.placements(name):
                if placement.vm is not None:
                    found.setdefault(placement.vm, []).append(name)
        return found

    @cached_property
    def supporters(self) -> dict[str, frozenset[str]]:
        """The supporting components of each component that has some."""
        found: dict[str, set[str]] = {}
        for name, entry in self.components.items():
            for supported in entry.supports:
                found.setdefault(supported, set()).add(name)
        return {name: frozenset(supporters) for name, supporters in found.items()}

    def active(self, box: str) -> Active | None:
        """The query for all active work of a host, a GPU or a virtual machine."""
        return self.vms[box].active if box in self.vms else self.boxes[box].active

    def named_in_kepler(self, host: str) -> Kepler:
        """A host or virtual machine as Kepler knows it, with its name there."""
        kepler = self.vms[host].kepler if host in self.vms else self.hosts[host].kepler
        return kepler.model_copy(update={"node_name": kepler.node_name or host})

    def hosts_of(self, component: str) -> tuple[str, ...]:
        """The hosts or virtual machines of a component: named, those of a pool, or of its own name."""
        entry = self.components[component]
        if entry.pool is not None:
            return tuple(name for name, host in self.hosts.items() if host.pool == entry.pool)
        return entry.hosts or (entry.host or component,)

    def placements(self, component: str) -> tuple[Placement, ...]:
        """The metered boxes on which a component draws power, each once."""
        return self._placements[component]

    @cached_property
    def _placements(self) -> dict[str, tuple[Placement, ...]]:
        claimed = {
            (host, gpu)
            for name, entry in self.components.items()
            for host in self.hosts_of(name)
            for gpu in placements.gpu_shares(entry, host)
        }
        return {
            name: tuple(
                placement
                for host in self.hosts_of(name)
                for placement in self._placed(self.components[name], host, claimed)
            )
            for name in self.components
        }

    def _placed(self, component: Component, host: str, claimed: set[tuple[str, str]]) -> Iterator[Placement]:
        """The boxes of one host; without any share the component has all of the host, with the GPUs that are left."""
        if host in self.vms:
            yield Placement(self.vms[host].host, placements.own_shares(component), vm=host)
            return
        own, gpus = placements.own_shares(component), placements.gpu_shares(component, host)
        if own or not component.share:
            yield Placement(host, own)
        for gpu, shares in gpus.items():
            yield Placement(placements.gpu_box(host, gpu), shares, gpu=gpu)
        if not component.share and host in self.hosts:
            for gpu in self.hosts[host].gpus:
                if (host, gpu) not in claimed:
                    yield Placement(placements.gpu_box(host, gpu), gpu=gpu)

    def whole(self, placement: Placement) -> bool:
        """Whether all of a box's power is the component's: it is there alone and does not claim a mere share."""
        return not placement.shares and placement.vm is None and len(self.members[placement.host]) == 1

    def gpu_reservations(self, box: str) -> dict[str, float]:
        """The part of a GPU that each component reserves, as far as its shares say so; 1 is all of the GPU."""
        shares = {
            name: [
                share.reservation
                for placement in self.placements(name)
                if placement.host == box
                for share in placement.shares
                if share.reservation is not None
            ]
            for name in self.members.get(box, ())
        }
        return {name: sum(reserved) for name, reserved in shares.items() if reserved}

    def weights(self, component: str) -> Policy:
        """The weights with which each part of a component's power follows amounts."""
        own, common = self.components[component].policy, resolved(self.policy)
        return common if own is None else resolved(own, common)

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

    def mark_route(self, application: str, mark: Mark) -> tuple[str, ...]:
        """The components that one mark of an application passes: its own path, or the application's."""
        return mark.path or self.applications[application].path

    def route(self, application: str) -> tuple[str, ...]:
        """The components that any mark of an application passes, with its models, without what supports them."""
        entry = self.applications[application]
        paths = [self.mark_route(application, mark) for mark in entry.marks] or [entry.path]
        return tuple(dict.fromkeys([*(member for path in paths for member in path), *entry.models]))

    def keys_in_core(self, application: str, component: str) -> tuple[InCore, ...]:
        """Those of an application's keys in cores that the core of this component knows in full."""
        traffic = self.components[component].traffic
        core = traffic.of_core if traffic is not None else None
        known = core.keys.keys() if core is not None else ()
        return tuple(one for one in self.applications[application].core if one.given.keys() <= set(known))

    def needed(self, application: str) -> list[str]:
        """Every component that must be there for the application's power to be complete."""
        route = self.route(application)
        supporters = {name for component in route for name in self.supporters.get(component, ())}
        return [*route, *sorted(supporters)]

    def applications_of(self, budget: Budget) -> list[str]:
        """The applications that a budget counts, without those of a site."""
        key, value = budget.of
        if budget.label is not None:
            return [name for name, entry in self.applications.items() if entry.labels.get(key) == value]
        return [value] if key == "application" and value in self.applications else []

    def boxes_of(self, budget: Budget) -> list[str]:
        """The metered boxes of which a budget counts the power, as a whole or in shares."""
        if budget.site is not None:
            return [name for name, box in self.boxes.items() if box.site == budget.site]
        needed = {member for name in self.applications_of(budget) for member in self.needed(name)}
        known = needed & self.components.keys()
        return sorted({placement.host for member in known for placement in self.placements(member)})
