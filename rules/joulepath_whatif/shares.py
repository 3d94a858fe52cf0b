# SPDX-License-Identifier: Apache-2.0
"""The shares of applications in the scenario, as the policy of each component divides it."""

from collections.abc import Mapping

from joulepath.errors import JoulepathError
from joulepath_rules.places import AMOUNTS
from joulepath_topology import Topology
from joulepath_topology.common import UNATTRIBUTED
from joulepath_whatif.power import Power
from joulepath_whatif.present import Key, Present
from joulepath_whatif.traffic import Traffic

LEAST = 1e-9
"""Traffic below which it counts as 0."""
MOST_OFF = 0.1
"""By which shares may differ from those that the rules recorded, as a part: traffic changes within the mean."""


def shares_then(topology: Topology, present: Present, power: Power, sent: Traffic) -> Mapping[Key, float]:
    """Watts by application, component and host in the scenario."""
    shares = dict(present.shares)
    touched = {component for component in topology.components if _touched(present, power, sent, component)}
    plain = [name for name in touched if not topology.components[name].supports]
    for component in plain:
        _check_policy(topology, component)
        before, after = (
            _divided(topology, parts, rates, component)
            for parts, rates in ((present.parts, sent.now), (power.then, sent.then))
        )
        _check_all(present, before, component)
        for key, watts in before.items():
            known = present.shares.get(key, 0.0)
            if abs(watts - known) > MOST_OFF * max(abs(known), 1.0):
                raise JoulepathError(
                    f"components.{component}: {key[0]} has {known:.4g} W there, where its traffic would make it "
                    f"{watts:.4g} W: ask again in a minute, or take the mean of more time with --over"
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


def _check_policy(topology: Topology, component: str) -> None:
    """Refuses a policy of which this command does not know the amounts of the scenario."""
    strange = {amount for part in topology.weights(component).values() for amount, weight in part.items() if weight}
    if strange := strange - {*AMOUNTS, UNATTRIBUTED}:
        raise JoulepathError(
            f"components.{component}: its policy divides by {' and '.join(sorted(strange))}: this command knows shares "
            "by packets and bytes alone"
        )


def _check_all(present: Present, before: Mapping[Key, float], component: str) -> None:
    """Refuses a component at which an application has a share, and no known traffic."""
    for (name, at, host), watts in present.shares.items():
        if at == component and watts and name != UNATTRIBUTED and (name, at, host) not in before:
            raise JoulepathError(
                f"components.{component}: the traffic of {name} there is not known: the rules record it where the "
                "topology states `marginal` for all components of an application"
            )


def _touched(present: Present, power: Power, sent: Traffic, component: str) -> bool:
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
