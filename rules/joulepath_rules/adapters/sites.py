# SPDX-License-Identifier: Apache-2.0
"""Sites: a live overhead, the watts of supplies with a meter, and shares by the hours of the week."""

from collections.abc import Iterator, Mapping

from joulepath_rules.adapters.guards import steady
from joulepath_rules.adapters.local_time import LOCAL, within
from joulepath_rules.adapters.power import mean, watts
from joulepath_rules.rule import Rule, number
from joulepath_topology import Topology, promql
from joulepath_topology.hosts import Overhead
from joulepath_topology.supplies import Supply, by_hours, shares


def sites(topology: Topology) -> Iterator[Rule]:
    """A rule for each supply that has a meter or changes with the hour, and for each live overhead."""
    for name, site in topology.sites.items():
        for supply, entry in site.supplies.items():
            if entry.query is not None:
                yield Rule("adapter:supply:watts", watts(_delivered(entry.query)), {"site": name, "supply": supply})
        for supply in by_hours(site.supplies):
            yield Rule("adapter:supply_share:ratio", _share(site.supplies, supply), {"site": name, "supply": supply})
        if isinstance(site.overhead, Overhead):
            yield Rule("adapter:overhead:ratio", _overhead(site.overhead.query), {"site": name})


def _delivered(expr: str) -> str:
    """A battery that is charged, or an inverter at night, takes power: it shows negative watts and delivers nothing."""
    return expr if promql.is_constant(expr) or promql.counters(expr) else f"clamp_min(sum({expr}), 0)"


def _share(supplies: Mapping[str, Supply], name: str) -> str:
    """The share of the hours that it is, or what the others leave; a gap while the clock is."""
    if supplies[name].hours:
        return _by_hours(supplies[name])
    left = number(1 - sum(shares(supplies).values()))
    others = "".join(f"\n- ({_by_hours(supply)})" for supply in supplies.values() if supply.hours)
    return f"clamp_min({left}{others}, 0)"


def _by_hours(supply: Supply) -> str:
    zone = supply.time_zone or ""
    rows = [(each.share, within(zone, each)) for each in supply.hours]
    rows.append((supply.share or 0.0, f"{LOCAL}{{time_zone={promql.quote(zone)}}}"))
    return "\nor ".join(f"vector({number(share)}) and on () ({when})" for share, when in rows)


def _overhead(expr: str) -> str:
    """One number of at least 1: a site cannot take less than its hosts. Several rows are believed while they agree."""
    one = f"(max({expr}) == min({expr}) >= 1 < Inf"
    if promql.is_constant(expr):
        return f"{one})"
    return f"{one} and on () ({steady(expr)}))" if promql.has_range(expr) else mean(f"{one})")
