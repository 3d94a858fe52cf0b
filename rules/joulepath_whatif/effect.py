# SPDX-License-Identifier: Apache-2.0
"""The effect of a scenario: shares as the policy would divide them, marginal watts, and the power at the meters."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from joulepath.errors import JoulepathError
from joulepath_topology import Topology
from joulepath_topology.common import UNATTRIBUTED
from joulepath_whatif.power import STATIC, Power
from joulepath_whatif.present import Key, Present
from joulepath_whatif.scenario import Scenario
from joulepath_whatif.shares import shares_then
from joulepath_whatif.span import NOTHING, Span, total
from joulepath_whatif.traffic import traffic, unknown
from joulepath_whatif.weights import Weight, weights

Pair = tuple[float, float]
"""Now and then."""


@dataclass(frozen=True)
class Row:
    """One application, or `unattributed`. None is not known."""

    name: str
    attributed: Pair
    """Watts."""
    marginal: tuple[Span, Span] | None
    change: Span | None
    """Of the marginal watts."""
    weighed: Mapping[str, Pair]
    """The share as grams of CO2 a second (`co2`) and as money an hour, by currency."""
    marginal_weighed: Mapping[str, tuple[Span, Span]]
    """The same of the marginal watts."""


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
    weighed: Mapping[str, Pair]
    """All hosts as grams of CO2 a second and as money an hour."""


def effect(topology: Topology, present: Present, scenario: Scenario) -> Effect:
    """The answer for figures of now. Raises JoulepathError where it needs one that is not known."""
    sent = traffic(topology, present, scenario)
    if lines := list(unknown(sent)):
        raise JoulepathError(lines)
    power = Power(topology, present, scenario, sent)
    shares = shares_then(present, power, sent)
    means = weights(topology, present, scenario)
    left_out = [name for name in topology.applications if not _complete(topology, present, name)]
    names = [*(name for name in topology.applications if name not in left_out), UNATTRIBUTED]
    idle = sum(watts - power.then[key] for key, watts in present.parts.items() if key[2] == STATIC)
    hosts = [{("", *key): watts for key, watts in parts.items()} for parts in (present.parts, power.then)]
    return Effect(
        rows=[_row(name, power, shares, means) for name in names],
        left_out=left_out,
        meters=sum(present.parts.values()),
        saved=total(power.changes.values()).times(-1) + Span(idle, idle, idle),
        idle_saved=idle,
        weighed={weight.name: _weighed(power, weight, hosts[0], hosts[1]) for weight in means},
    )


def _complete(topology: Topology, present: Present, name: str) -> bool:
    return all(
        (name, component, placement.host) in present.shares
        for component in topology.needed(name)
        for placement in topology.placements(component)
    )


def _row(name: str, power: Power, shares: Mapping[Key, float], means: Sequence[Weight]) -> Row:
    own = [{key: watts for key, watts in each.items() if key[0] == name} for each in (power.present.shares, shares)]
    before, after = (power.marginal(name, then=then) for then in (False, True))
    known = None if before is None or after is None else (before, after)
    changes = () if known is None else (power.sent.change(each, name) for each in {*known[0], *known[1]})
    return Row(
        name=name,
        attributed=(sum(own[0].values()), sum(own[1].values())),
        marginal=None if known is None else (total(known[0].values()), total(known[1].values())),
        change=None if known is None else total(each or NOTHING for each in changes),
        weighed={weight.name: _weighed(power, weight, own[0], own[1]) for weight in means},
        marginal_weighed={}
        if known is None
        else {
            weight.name: (_spans(power, weight, known[0], then=False), _spans(power, weight, known[1], then=True))
            for weight in means
        },
    )


def _weighed(power: Power, weight: Weight, now: Mapping[Key, float], then: Mapping[Key, float]) -> Pair:
    """Sums of watts, each with the weight of its site; keys end with the component, and the host."""
    before = sum(watts * weight.now[power.site(None, key[2])] for key, watts in now.items())
    return before, sum(watts * weight.then[power.site(key[1], key[2])] for key, watts in then.items())


def _spans(power: Power, weight: Weight, known: Mapping[str, Span], *, then: bool) -> Span:
    """Marginal watts, each with the weight of its site; on several hosts as the component's work is there."""
    by_site = weight.then if then else weight.now
    return total(
        span.times(part * by_site[power.site(component if then else None, host)])
        for component, span in known.items()
        for host, part in power.dynamic(component).items()
    )
