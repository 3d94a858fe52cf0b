# SPDX-License-Identifier: Apache-2.0
"""The shares of applications in the scenario, as the policy of each component divides it."""

from collections.abc import Mapping

from joulepath.errors import JoulepathError
from joulepath_topology import Topology
from joulepath_topology.common import UNATTRIBUTED
from joulepath_topology.durations import duration
from joulepath_whatif.division import LEAST, Parts, divided, needed
from joulepath_whatif.power import Power
from joulepath_whatif.present import Key, Present
from joulepath_whatif.traffic import Traffic

MOST_OFF = 0.1
"""By which shares may differ from those that the rules recorded, as a part: traffic changes within the mean."""
LEAST_RECORDED = 0.9
"""The part of the time of a mean in which the rules must have run."""


def shares_then(present: Present, power: Power, sent: Traffic) -> Mapping[Key, float]:
    """Watts by application, component and host in the scenario."""
    topology, shares = sent.topology, dict(present.shares)
    touched = {component for component in topology.components if _touched(present, power, sent, component)}
    plain = [name for name in touched if not topology.components[name].supports]
    for component in plain:
        before = _divided(topology, component, present.parts, sent.now)
        after = _divided(sent.topology_then, component, power.then, sent.then)
        _check_all(topology, present, sent, component)
        for key, watts in before.items():
            known = present.shares.get(key, 0.0)
            if abs(watts - known) > MOST_OFF * max(abs(known), 1.0):
                raise JoulepathError(
                    f"components.{component}: {key[0]} has {known:.4g} W there, where its traffic would make it "
                    f"{watts:.4g} W: {_cure(present, topology.interval)}"
                )
        for key, watts in after.items():
            shares[key] = max(present.shares.get(key, 0.0) + watts - before.get(key, 0.0), 0.0)
    for component, entry in topology.components.items():
        if entry.supports and (component in touched or set(entry.supports) & set(plain)):
            shares.update(_supporting(sent.topology_then, shares, power.then, component))
    for component, host in {(key[0], key[1]) for key in present.parts}:
        own = [watts for key, watts in shares.items() if key[1:] == (component, host) and key[0] != UNATTRIBUTED]
        whole = sum(watts for key, watts in power.then.items() if key[:2] == (component, host))
        shares[UNATTRIBUTED, component, host] = max(whole - sum(own), 0.0)
    return shares


def _cure(present: Present, interval: float) -> str:
    """More time helps only as far as there are figures of it."""
    if present.recorded >= LEAST_RECORDED * present.over - 2 * interval:
        return "ask again in a minute, or take the mean of more time with --over"
    recorded, over = (duration(max(seconds // 60, 1) * 60) for seconds in (present.recorded, present.over))
    return f"the rules ran for only {recorded} of the last {over}: ask with --over {recorded}, or less"


def _divided(
    topology: Topology, component: str, parts: Mapping[Key, float], rates: Mapping[Key, float]
) -> dict[Key, float]:
    own: Parts = {(host, part): watts for (name, host, part), watts in parts.items() if name == component}
    sent: dict[str, dict[str, float]] = {}
    for (name, at, by), rate in rates.items():
        if at == component:
            sent.setdefault(by, {})[name] = rate
    return {(name, component, host): watts for (name, host), watts in divided(topology, component, own, sent).items()}


def _check_all(topology: Topology, present: Present, sent: Traffic, component: str) -> None:
    """Refuses a component at which an application has a share, and no known traffic."""
    for (name, at, _), watts in present.shares.items():
        if at != component or not watts or name == UNATTRIBUTED:
            continue
        if any((name, component, by) not in sent.now for by in needed(topology, component)):
            raise JoulepathError(
                f"components.{component}: the traffic of {name} there is not known: the rules record it where the "
                "topology states `marginal` for all components of an application"
            )


def _touched(present: Present, power: Power, sent: Traffic, component: str) -> bool:
    if any(sent.changed(component, name) for name in sent.senders(component)):
        return True
    return any(power.then[key] != watts for key, watts in present.parts.items() if key[0] == component)


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
