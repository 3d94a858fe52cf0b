# SPDX-License-Identifier: Apache-2.0
"""Traffic and slopes, now and in the scenario, and what the power of each component changes by."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from joulepath.errors import JoulepathError
from joulepath_topology import Topology
from joulepath_topology.checks.marginal import counted
from joulepath_topology.marginal import Marginal, amount_of, of_application
from joulepath_topology.policies import DIRECTIONS, TRAFFIC
from joulepath_whatif.division import OTHERS, needed
from joulepath_whatif.present import Key, Present
from joulepath_whatif.scenario import ApplicationChange, ComponentChange, Scenario
from joulepath_whatif.span import Span, total


@dataclass(frozen=True)
class Traffic:
    """Rates by application, component and amount, now and then."""

    topology: Topology
    topology_then: Topology
    scenario: Scenario
    now: Mapping[Key, float]
    then: Mapping[Key, float]

    def slopes(self, component: str, application: str, *, then: bool) -> Sequence[Marginal] | None:
        """The entries that hold for an application at a component; None where it has none."""
        change = self.scenario.components.get(component)
        if then and change is not None and self.replaced(component):
            return [Marginal.model_validate({"per": unit, "joules": each}) for unit, each in change.joules.items()]
        return of_application(self.topology.components[component].marginal, application) or None

    def replaced(self, component: str) -> bool:
        """Whether the scenario has slopes for a component in place of those of the topology."""
        change = self.scenario.components.get(component)
        return change is not None and bool(change.joules)

    def marginal(self, component: str, application: str, *, then: bool) -> Span | None:
        """Watts that the traffic of an application adds at a component; None where that is not known."""
        slopes = self.slopes(component, application, then=then)
        if slopes is None:
            return None
        rates, parts = self.then if then else self.now, []
        for slope in slopes:
            if slope.amount is None:  # power does not follow traffic
                continue
            rate = rates.get((application, component, slope.amount))
            if rate is None:
                return None
            parts.append(_span(slope).times(rate))
        return total(parts)

    def change(self, component: str, application: str, weights: tuple[float, float] = (1.0, 1.0)) -> Span | None:
        """The change of these watts, each times a weight now and then. One slope at two rates has one error."""
        before, after = (self.slopes(component, application, then=then) for then in (False, True))
        if before is None or after is None:
            return None
        if before != after:
            watts = [self.marginal(component, application, then=then) for then in (False, True)]
            if watts[0] is None or watts[1] is None:
                return None
            return watts[1].times(weights[1]) + watts[0].times(-weights[0])
        parts = []
        for slope in before:
            if slope.amount is None:
                continue
            key = (application, component, slope.amount)
            if key not in self.now and key not in self.then:
                return None
            now, then = (rates.get(key, 0.0) for rates in (self.now, self.then))
            parts.append(_span(slope).times(weights[1] * then - weights[0] * now))
        return total(parts)

    def changed(self, component: str, application: str) -> bool:
        """Whether its traffic there, or what this adds, is another one."""
        keys = [(application, component, by) for by in TRAFFIC]
        if not any(rates.get(key) for rates in (self.now, self.then) for key in keys):
            return False
        if self.slopes(component, application, then=False) != self.slopes(component, application, then=True):
            return True
        return any(self.now.get(key) != self.then.get(key) for key in keys)

    def senders(self, component: str) -> list[str]:
        """The applications that use a component, now or then, and all others together."""
        found = {name for name, at, _ in (*self.now, *self.then) if at == component}
        return sorted(found)


def _span(slope: Marginal) -> Span:
    return Span(slope.joules, slope.low, slope.high)


def traffic(topology: Topology, present: Present, scenario: Scenario) -> Traffic:
    """The traffic of now and of the scenario. Raises JoulepathError where what changes is not known."""
    now = dict(present.traffic)
    for component, by in present.whole:
        declared = sum(rate for (_, at, of), rate in now.items() if (at, of) == (component, by))
        now[OTHERS, component, by] = max(present.whole[component, by] - declared, 0.0)
    then = {key: rate * _factor(topology, scenario, key) for key, rate in now.items()}
    for name, change in scenario.applications.items():
        _check_known(topology, now, name, change)
        _move(topology, now, then, name, change)
    return Traffic(topology, scenario.applied(topology), scenario, now, then)


def _move(
    topology: Topology, now: dict[Key, float], then: dict[Key, float], name: str, change: ApplicationChange
) -> None:
    """Moves an application's traffic to the components that it uses in place of others."""
    left = {
        (before, by): then.pop((name, before, by))
        for before in change.instead
        for by in TRAFFIC
        if (name, before, by) in then
    }
    for before, after in change.instead.items():
        if strange := sorted(set(counted(topology, after)) - set(counted(topology, before))):
            raise JoulepathError(
                f"applications.{name}.instead: {after} counts {' and '.join(strange)}, and {before} does not: name "
                "a component that counts what the other one counts"
            )
        directed = [by for by in needed(topology, after) if by in DIRECTIONS]
        if blind := [by for by in directed if (before, by) not in left]:
            raise JoulepathError(
                f"applications.{name}.instead: the policy of {after} divides {blind[0]} bytes, which are not known at "
                f"{before}: name a component with another policy"
            )
        passed = _passed(topology, name, before, after)
        for by in dict.fromkeys([*map(amount_of, counted(topology, after)), *directed]):
            if (before, by) in left and not passed:
                then[name, after, by] = then.get((name, after, by), 0.0) + left[before, by]
                now.setdefault((name, after, by), 0.0)
    for before, by in left:
        then.setdefault((name, before, by), 0.0)


def _passed(topology: Topology, name: str, before: str, after: str) -> bool:
    """Whether packets that pass one component pass the other already. Requests go to one model at a time."""
    if topology.components[before].requests is not None:
        return False
    application = topology.applications[name]
    routes = [topology.mark_route(name, mark) for mark in application.marks] or [application.path]
    both = [after in route for route in routes if before in route]
    if any(both) and not all(both):
        raise JoulepathError(
            f"applications.{name}.instead.{before}: some of its traces pass {after} already, and others do not: their "
            "traffic is not known apart"
        )
    return any(both)


def _factor(topology: Topology, scenario: Scenario, key: Key) -> float:
    name, component, by = key
    units = [unit for unit in counted(topology, component) if amount_of(unit) == by]
    unit = units[0] if units else ("packets" if by == "count" else "bytes")
    change = scenario.applications.get(name, ApplicationChange())
    elsewhere = scenario.components.get(component, ComponentChange())
    return change.factor(unit) * (elsewhere.tokens if unit == "tokens" else 1.0)


def _check_known(topology: Topology, now: Mapping[Key, float], name: str, change: ApplicationChange) -> None:
    """Refuses a change of traffic that was not counted."""
    silent = [
        component
        for component in topology.route(name)
        if counted(topology, component)
        and (component in change.instead or any(change.factor(unit) != 1 for unit in counted(topology, component)))
        and not any((name, component, by) in now for by in TRAFFIC)
    ]
    unstated = [component for component in silent if not topology.components[component].marginal]
    if unstated:
        raise JoulepathError(
            f"applications.{name}: its traffic at {', '.join(unstated)} is not known: state `marginal` there, and load "
            "the rules again"
        )
    if silent:
        raise JoulepathError(
            f"applications.{name}: its traffic at {', '.join(silent)} is not known now: see `joulepath doctor`"
        )


def unknown(found: Traffic) -> Iterator[str]:
    """A line for each component where a change of power is not known."""
    for component in found.topology.components:
        for application in found.senders(component):
            if found.changed(component, application) and found.change(component, application) is None:
                owner = f"application {application}" if application else "the traffic of others"
                yield (
                    f"components.{component}: has no `marginal` for {owner}: run `joulepath calibrate marginal`, or "
                    "declare a number"
                )
