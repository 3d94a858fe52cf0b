# SPDX-License-Identifier: Apache-2.0
"""The mistakes of a topology beyond the form of its entries: references, sums, doubles, what could never work."""

from collections.abc import Iterator
from typing import Any

from joulepath_topology.checks import applications, budgets, components, cores, hosts, marginal, nodes, policies, sites
from joulepath_topology.checks.doubts import doubts
from joulepath_topology.durations import duration
from joulepath_topology.model import Topology
from joulepath_topology.problem import Declared, Problem


def check(topology: Topology, data: dict[Any, Any]) -> Iterator[Problem]:
    """All mistakes and warnings. `data` is all of the file: a name in it is declared, even if its entry was refused."""
    declared: Declared = {
        section: set(data[section]) if isinstance(data.get(section), dict) else set()
        for section in ("sites", "hosts", "vms", "components", "applications")
    }
    yield from _durations(topology)
    yield from sites.check(topology)
    yield from hosts.check(topology, declared)
    yield from components.check(topology, declared)
    yield from nodes.check(topology)
    yield from applications.check(topology, declared)
    yield from budgets.check(topology, declared)
    yield from cores.check(topology)
    yield from cores.shared(topology)
    yield from policies.check(topology)
    yield from marginal.check(topology, declared)
    yield from doubts(topology)


def _durations(topology: Topology) -> Iterator[Problem]:
    if not 1 <= topology.interval <= 120:
        yield Problem(("interval",), "must lie between 1s and 2m: Prometheus forgets a series after five minutes")
    elif topology.window < 4 * topology.interval:
        shortest = duration(4 * topology.interval)
        yield Problem(("window",), f"must be at least four intervals, here {shortest}", (("interval",),))
