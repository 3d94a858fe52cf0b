# SPDX-License-Identifier: Apache-2.0
"""The effect of a scenario: shares as the policy would divide them, marginal watts, and the power at the meters."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from joulepath.errors import JoulepathError
from joulepath_topology import Topology
from joulepath_topology.common import UNATTRIBUTED
from joulepath_whatif.beyond import Beyond, beyond
from joulepath_whatif.power import STATIC, Power
from joulepath_whatif.present import Key, Present
from joulepath_whatif.scenario import Scenario
from joulepath_whatif.shares import shares_then
from joulepath_whatif.span import NOTHING, Span, exactly, total
from joulepath_whatif.traffic import traffic, unknown
from joulepath_whatif.weights import Weight, Weights, weights

Pair = tuple[float, float]
"""Now and then."""


@dataclass(frozen=True)
class Added:
    """The power that the traffic of an application adds at hosts, now and then."""

    now: Span
    then: Span
    change: Span


@dataclass(frozen=True)
class Row:
    """One application, or `unattributed`. None is not known."""

    name: str
    attributed: Pair | None
    """Watts."""
    marginal: Added | None
    """Watts."""
    weighed: Mapping[str, Pair]
    """The share as grams of CO2 a second (`co2`, `co2_market`) and as money an hour, by currency, where known."""
    marginal_weighed: Mapping[str, Added]
    """The same of the marginal watts."""
    extrapolated: bool
    """Whether its traffic changes at a component that is in `Effect.beyond`."""


@dataclass(frozen=True)
class Effect:
    """The answer."""

    rows: Sequence[Row]
    """Applications, and `unattributed` last."""
    left_out: Sequence[str]
    """Applications of which neither the share nor the marginal watts are known now."""
    meters: float
    """Watts of all hosts now."""
    saved: Span
    """Watts by which this falls."""
    idle_saved: float
    """Of these, idle watts of hosts that the scenario changes."""
    weights: Weights
    """The units beside watts."""
    weighed: Mapping[str, Pair]
    """All hosts as grams of CO2 a second and as money an hour, where each site has a weight."""
    weighed_change: Mapping[str, Span]
    """The change of these."""
    beyond: Sequence[Beyond]
    """Traffic at which no slope was measured."""


def effect(topology: Topology, present: Present, scenario: Scenario) -> Effect:
    """The answer for figures of now. Raises JoulepathError where it needs one that is not known."""
    sent = traffic(topology, present, scenario)
    if lines := list(unknown(sent)):
        raise JoulepathError(lines)
    power = Power(topology, present, scenario, sent)
    shares = shares_then(present, power, sent)
    means = weights(topology, present, scenario)
    far = list(beyond(sent))
    rows = [_row(name, power, shares, means, far) for name in (*topology.applications, UNATTRIBUTED)]
    idle = sum(watts - power.then[key] for key, watts in present.parts.items() if key[2] == STATIC)
    hosts = [{("", *key): watts for key, watts in parts.items()} for parts in (present.parts, power.then)]
    weighed = {weight.name: _weighed(power, weight, *hosts) for weight in means.all}
    known = {name: pair for name, pair in weighed.items() if pair is not None}
    return Effect(
        rows=[row for row in rows if row.attributed is not None or row.marginal is not None],
        left_out=[row.name for row in rows if row.attributed is None and row.marginal is None],
        meters=sum(present.parts.values()),
        saved=total(power.changes.values()).times(-1) + exactly(idle),
        idle_saved=idle,
        weights=means,
        weighed=known,
        weighed_change={
            weight.name: _change(power, weight, known[weight.name]) for weight in means.all if weight.name in known
        },
        beyond=far,
    )


def _complete(topology: Topology, present: Present, name: str) -> bool:
    return all(
        (name, component, placement.host) in present.shares
        for component in topology.needed(name)
        for placement in topology.placements(component)
    )


def _row(name: str, power: Power, shares: Mapping[Key, float], means: Weights, far: Sequence[Beyond]) -> Row:
    complete = name == UNATTRIBUTED or _complete(power.topology, power.present, name)
    own = [{key: watts for key, watts in each.items() if key[0] == name} for each in (power.present.shares, shares)]
    weighed = {weight.name: _weighed(power, weight, *own) for weight in means.all} if complete else {}
    added = {weight.name: _added(power, name, weight) for weight in means.all}
    return Row(
        name=name,
        attributed=(sum(own[0].values()), sum(own[1].values())) if complete else None,
        marginal=_added(power, name, None),
        weighed={unit: pair for unit, pair in weighed.items() if pair is not None},
        marginal_weighed={unit: each for unit, each in added.items() if each is not None},
        extrapolated=any(power.sent.changed(each.component, name) for each in far),
    )


def _weighed(power: Power, weight: Weight, now: Mapping[Key, float], then: Mapping[Key, float]) -> Pair | None:
    """Sums of watts, each with the weight of its site; keys have the component and the host in second and third place.

    None while a site lacks a weight.
    """
    before = [(watts, weight.now.get(power.site(None, key[2]))) for key, watts in now.items()]
    after = [(watts, weight.then.get(power.site(key[1], key[2]))) for key, watts in then.items()]
    sums = [_sum(each) for each in (before, after)]
    return None if sums[0] is None or sums[1] is None else (sums[0], sums[1])


def _sum(products: Sequence[tuple[float, float | None]]) -> float | None:
    known = [watts * factor for watts, factor in products if factor is not None]
    return sum(known) if len(known) == len(products) else None


def _added(power: Power, name: str, weight: Weight | None) -> Added | None:
    """The power that its traffic adds, in watts or times a weight; None where one of these is not known."""
    if name == UNATTRIBUTED:
        return None
    now, then = (power.marginal(name, then=then) for then in (False, True))
    if now is None or then is None:
        return None
    factors = {each: power.factors(each, weight) for each in {**now, **then} if now.get(each) or then.get(each)}
    if None in factors.values():
        return None
    known = {each: pair for each, pair in factors.items() if pair is not None}
    return Added(
        total(now[each].times(pair[0]) for each, pair in known.items() if each in now),
        total(then[each].times(pair[1]) for each, pair in known.items() if each in then),
        total(power.sent.change(each, name, pair) or NOTHING for each, pair in known.items()),
    )


def _change(power: Power, weight: Weight, pair: Pair) -> Span:
    """The change of all hosts, with the interval of that part of it that follows traffic."""
    moved = total(
        span.times(factors[1])
        for component, span in power.changes.items()
        if (factors := power.factors(component, weight)) is not None
    )
    return moved + exactly(pair[1] - pair[0] - moved.value)
