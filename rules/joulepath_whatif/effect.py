# SPDX-License-Identifier: Apache-2.0
"""The effect of a scenario: shares as the policy would divide them, marginal watts, and the power at the meters."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from joulepath.errors import JoulepathError
from joulepath_topology import Topology
from joulepath_topology.common import UNATTRIBUTED
from joulepath_topology.hosts import Overhead
from joulepath_whatif.present import Key, Present
from joulepath_whatif.scenario import Scenario
from joulepath_whatif.span import NOTHING, Span, total
from joulepath_whatif.traffic import Traffic, traffic, unknown

STATIC = "static"
LEAST = 1e-9
"""Traffic below which it counts as 0."""
MOST_OFF = 0.1
"""By which shares may differ from those that the rules recorded, as a part: traffic changes within the mean."""
JOULES_PER_KWH = 3.6e6


@dataclass(frozen=True)
class Row:
    """One application, or `unattributed`, in watts and grams of CO2 a second. None is not known."""

    name: str
    attributed: tuple[float, float]
    """Now and then."""
    marginal: tuple[Span, Span] | None
    change: Span | None
    """Of the marginal watts."""
    grams: tuple[float, float] | None
    marginal_grams: tuple[Span, Span] | None


@dataclass(frozen=True)
class Effect:
    """The answer."""

    rows: Sequence[Row]
    """Applications, and `unattributed` last."""
    left_out: Sequence[str]
    """Applications that are not known now, and that the scenario does not touch."""
    meters: float
    """Watts of all hosts now."""
    saved: Span
    """Watts by which this falls."""
    idle_saved: float
    """Of these, idle watts of hosts that the scenario changes."""
    grams: tuple[float, float] | None
    """Grams a second of all hosts, now and then."""


def effect(topology: Topology, present: Present, scenario: Scenario) -> Effect:
    """The answer for figures of now. Raises JoulepathError where it needs one that is not known."""
    sent = traffic(topology, present, scenario)
    if lines := list(unknown(sent)):
        raise JoulepathError(lines)
    power = _Power(topology, present, scenario, sent)
    shares = _shares(topology, present, power, sent)
    factors = _factors(topology, present, scenario)
    left_out = [name for name in topology.applications if not _complete(topology, present, name)]
    rows = [_row(name, power, shares, factors) for name in topology.applications if name not in left_out]
    rows.append(_row(UNATTRIBUTED, power, shares, factors))
    now = sum(present.parts.values())
    grams = None
    if factors is not None:
        before = sum(watts * factors[0][power.site(None, host)] for (_, host, _), watts in present.parts.items())
        after = sum(watts * factors[1][power.site(at, host)] for (at, host, _), watts in power.then.items())
        grams = (before, after)
    idle = sum(watts - power.then[key] for key, watts in present.parts.items() if key[2] == STATIC)
    saved = total(power.changes.values()).times(-1) + Span(idle, idle, idle)
    return Effect(rows, left_out, now, saved, idle, grams)


class _Power:
    """Watts of components now and then."""

    def __init__(self, topology: Topology, present: Present, scenario: Scenario, sent: Traffic) -> None:
        self.topology, self.present, self.scenario, self.sent = topology, present, scenario, sent
        self.changes: dict[str, Span] = {}
        """Watts that follow traffic, by component."""
        for component in topology.components:
            changes = [
                sent.change(component, name) for name in sent.senders(component) if sent.changed(component, name)
            ]
            if known := [change for change in changes if change is not None]:
                self.changes[component] = total(known)
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

    def site(self, component: str | None, host: str) -> str:
        """The site at which a component's power on a host counts; that of now without a component."""
        change = self.scenario.components.get(component or "")
        return change.site if change is not None and change.site is not None else self.topology.boxes[host].site

    def marginal(self, name: str, *, then: bool) -> Mapping[str, Span] | None:
        """Marginal watts of an application by component; None where one is not known, and of `unattributed`."""
        if name == UNATTRIBUTED:
            return None
        used = dict.fromkeys(self.topology.needed(name))
        if then:
            instead = self.scenario.applications[name].instead if name in self.scenario.applications else {}
            used = dict.fromkeys([*used, *instead.values()])
        found = {each: self.sent.marginal(each, name, then=then) for each in used}
        known = {each: span for each, span in found.items() if span is not None}
        return known if len(known) == len(found) else None


def _shares(topology: Topology, present: Present, power: _Power, sent: Traffic) -> Mapping[Key, float]:
    """Watts by application, component and host in the scenario."""
    shares = dict(present.shares)
    touched = {component for component in topology.components if _touched(present, power, sent, component)}
    plain = [name for name in touched if not topology.components[name].supports]
    for component in plain:
        before, after = (
            _divided(topology, parts, rates, component)
            for parts, rates in ((present.parts, sent.now), (power.then, sent.then))
        )
        for key, watts in before.items():
            known = present.shares.get(key, 0.0)
            if abs(watts - known) > MOST_OFF * max(abs(known), 1.0):
                raise JoulepathError(
                    f"components.{component}: {key[0]} has {known:.4g} W there, where its traffic would make it "
                    f"{watts:.4g} W: ask again in a minute; this command divides by packets and bytes alone"
                )
        for key, watts in after.items():
            shares[key] = max(present.shares.get(key, 0.0) + watts - before.get(key, 0.0), 0.0)
    for component, entry in topology.components.items():
        if entry.supports and (component in touched or set(entry.supports) & set(plain)):
            shares.update(_supporting(topology, shares, power.then, component))
    for component, host in {(key[0], key[1]) for key in present.parts}:
        own = [watts for key, watts in shares.items() if key[1:] == (component, host) and key[0] != UNATTRIBUTED]
        whole = sum(watts for key, watts in power.then.items() if key[:2] == (component, host))
        shares[UNATTRIBUTED, component, host] = max(whole - sum(own), 0.0)
    return shares


def _touched(present: Present, power: _Power, sent: Traffic, component: str) -> bool:
    if any(sent.changed(component, name) for name in sent.senders(component)):
        return True
    return any(power.then[key] != watts for key, watts in present.parts.items() if key[0] == component)


def _divided(
    topology: Topology, parts: Mapping[Key, float], rates: Mapping[Key, float], component: str
) -> dict[Key, float]:
    """The policy's division of a component among the applications that send there."""
    weights = topology.weights(component)
    found: dict[Key, float] = {}
    for (name, host, part), watts in parts.items():
        if name != component:
            continue
        for by, weight in weights[part].items():
            own = {key[0]: rate for key, rate in rates.items() if key[1:] == (component, by)}
            whole = max(sum(own.values()), LEAST)
            for application, rate in own.items():
                if application:
                    key = (application, component, host)
                    found[key] = found.get(key, 0.0) + watts * weight * rate / whole
    return found


def _supporting(
    topology: Topology, shares: Mapping[Key, float], parts: Mapping[Key, float], component: str
) -> dict[Key, float]:
    """The division of a supporting component: like the watts of what it supports."""
    supported = set(topology.components[component].supports)
    whole = max(sum(watts for key, watts in parts.items() if key[0] in supported), LEAST)
    found: dict[Key, float] = {}
    for host in {key[1] for key in parts if key[0] == component}:
        watts = sum(each for key, each in parts.items() if key[:2] == (component, host))
        for name in topology.applications:
            own = sum(each for key, each in shares.items() if key[0] == name and key[1] in supported)
            if component in topology.needed(name):
                found[name, component, host] = watts * own / whole
    return found


Factors = tuple[Mapping[str, float], Mapping[str, float]]
"""Grams for a joule by site, now and then."""


def _factors(topology: Topology, present: Present, scenario: Scenario) -> Factors | None:
    """None where a site has no factor."""
    now = {site: present.grams.get((site,)) for site in topology.sites}
    then = dict(now)
    for site, change in scenario.sites.items():
        stated = topology.sites[site].overhead
        old = present.overheads.get((site,)) if isinstance(stated, Overhead) else stated
        overhead = old if change.overhead is None else change.overhead
        if overhead is None or old is None:
            then[site] = None
        elif change.grams_per_kwh is not None:
            then[site] = overhead * change.grams_per_kwh / JOULES_PER_KWH
        elif (grams := now[site]) is not None:
            then[site] = grams * overhead / old
    known = [{site: grams for site, grams in each.items() if grams is not None} for each in (now, then)]
    return (known[0], known[1]) if all(len(each) == len(topology.sites) for each in known) else None


def _complete(topology: Topology, present: Present, name: str) -> bool:
    return all(
        (name, component, placement.host) in present.shares
        for component in topology.needed(name)
        for placement in topology.placements(component)
    )


def _row(name: str, power: _Power, shares: Mapping[Key, float], factors: Factors | None) -> Row:
    own = [(power.present.shares, False), (shares, True)]
    attributed = [sum(watts for key, watts in each.items() if key[0] == name) for each, _ in own]
    known = [power.marginal(name, then=then) for then in (False, True)]
    marginal = change = marginal_grams = grams = None
    if known[0] is not None and known[1] is not None:
        marginal = (total(known[0].values()), total(known[1].values()))
        changed = [power.sent.change(each, name) for each in {*known[0], *known[1]}]
        change = total(each or NOTHING for each in changed)
    if factors is not None:
        both = [
            sum(
                watts * factors[then][power.site(component if then else None, host)]
                for (who, component, host), watts in each.items()
                if who == name
            )
            for each, then in own
        ]
        grams = (both[0], both[1])
        if known[0] is not None and known[1] is not None:
            spans = [
                total(
                    span.times(part * factors[then][power.site(component if then else None, host)])
                    for component, span in (known[then] or {}).items()
                    for host, part in power.dynamic(component).items()
                )
                for then in (False, True)
            ]
            marginal_grams = (spans[0], spans[1])
    return Row(name, (attributed[0], attributed[1]), marginal, change, grams, marginal_grams)
