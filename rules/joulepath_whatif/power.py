# SPDX-License-Identifier: Apache-2.0
"""Watts of components now and in the scenario: those that follow traffic, and idle power."""

from collections.abc import Mapping

from joulepath.errors import JoulepathError
from joulepath_topology import Topology
from joulepath_topology.common import UNATTRIBUTED
from joulepath_whatif.present import Key, Present
from joulepath_whatif.scenario import Scenario
from joulepath_whatif.span import Span, total
from joulepath_whatif.traffic import Traffic
from joulepath_whatif.weights import Weight

STATIC = "static"


class Power:
    """Watts of components now and then."""

    def __init__(self, topology: Topology, present: Present, scenario: Scenario, sent: Traffic) -> None:
        self.topology, self.present, self.scenario, self.sent = topology, present, scenario, sent
        self.changes: dict[str, Span] = {}
        """Watts that follow traffic, by component."""
        for component in topology.components:
            changes = [
                sent.change(component, name) for name in sent.senders(component) if sent.changed(component, name)
            ]
            if change := total(each for each in changes if each is not None):
                self.changes[component] = change
        self.then: dict[Key, float] = dict(present.parts)
        self._idle()
        for component, change in self.changes.items():
            for host, part in self.dynamic(component).items():
                key = next(key for key in present.parts if key[:2] == (component, host) and key[2] != STATIC)
                self.then[key] += part * change.value
                if self.then[key] < 0:
                    raise JoulepathError(
                        f"components.{component}: would draw {-self.then[key]:.3g} W less than nothing: its `marginal` "
                        "does not hold for so large a change"
                    )

    def _idle(self) -> None:
        for host, change in self.scenario.hosts.items():
            now = sum(watts for (_, at, part), watts in self.present.parts.items() if (at, part) == (host, STATIC))
            if not now:
                raise JoulepathError(
                    f"hosts.{host}: its idle power is not known: give it `static_watts` in the topology"
                )
            for key in self.then:
                if (key[1], key[2]) == (host, STATIC):
                    self.then[key] *= change.static(now) / now

    def dynamic(self, component: str) -> Mapping[str, float]:
        """The part of a component's work on each of its hosts; equal parts where it does nothing."""
        own = {key[1]: watts for key, watts in self.present.parts.items() if key[0] == component and key[2] != STATIC}
        if not own:
            raise JoulepathError(
                f"components.{component}: has no power now: see `joulepath doctor`, or wait until its meters are read"
            )
        whole = sum(own.values())
        return {host: watts / whole if whole > 0 else 1 / len(own) for host, watts in own.items()}

    def factors(self, component: str, weight: Weight | None) -> tuple[float, float] | None:
        """A weight of the component's watts now and then, as its work is on its hosts; 1 without a weight."""
        if weight is None:
            return 1.0, 1.0
        hosts = self.dynamic(component)
        now = {host: weight.now.get(self.site(None, host)) for host in hosts}
        then = {host: weight.then.get(self.site(component, host)) for host in hosts}
        if None in (*now.values(), *then.values()):
            return None
        sums = [sum(part * (each[host] or 0.0) for host, part in hosts.items()) for each in (now, then)]
        return sums[0], sums[1]

    def site(self, component: str | None, host: str) -> str:
        """The site at which a component's power on a host counts; that of now without a component."""
        change = self.scenario.components.get(component or "")
        return change.site if change is not None and change.site is not None else self.topology.boxes[host].site

    def marginal(self, name: str, *, then: bool) -> Mapping[str, Span] | None:
        """Marginal watts of an application by component; None where one is not known, and of `unattributed`."""
        if name == UNATTRIBUTED:
            return None
        used = (self.sent.topology_then if then else self.topology).needed(name)
        found = {each: self.sent.marginal(each, name, then=then) for each in used}
        known = {each: span for each, span in found.items() if span is not None}
        return known if len(known) == len(found) else None
