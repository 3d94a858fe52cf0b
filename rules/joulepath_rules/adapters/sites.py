# SPDX-License-Identifier: Apache-2.0
"""Queries of sites: the overhead, and the watts of supplies with a meter."""

from collections.abc import Iterator

from joulepath_rules.adapters.guards import steady
from joulepath_rules.adapters.power import mean, watts
from joulepath_rules.rule import Rule
from joulepath_topology import Topology, promql
from joulepath_topology.hosts import Overhead


def sites(topology: Topology) -> Iterator[Rule]:
    """A rule for each such supply, and for each live overhead."""
    for name, site in topology.sites.items():
        for supply, entry in site.supplies.items():
            if entry.query is not None:
                yield Rule("adapter:supply:watts", watts(entry.query), {"site": name, "supply": supply})
        if isinstance(site.overhead, Overhead):
            yield Rule("adapter:overhead:ratio", _overhead(site.overhead.query), {"site": name})


def _overhead(expr: str) -> str:
    """One number of at least 1: a site cannot take less than its hosts. Several rows are believed while they agree."""
    one = f"(max({expr}) == min({expr}) >= 1 < Inf"
    if promql.is_constant(expr):
        return f"{one})"
    return f"{one} and on () ({steady(expr)}))" if promql.has_range(expr) else mean(f"{one})")
