# SPDX-License-Identifier: Apache-2.0
"""The power of hosts from queries: a rule for each source without a meter."""

from collections.abc import Iterator

from joulepath_rules.adapters.guards import SENSIBLE, guarded
from joulepath_rules.constants import source_rows
from joulepath_rules.rule import Rule, number
from joulepath_topology import Topology, promql


def power(topology: Topology) -> Iterator[Rule]:
    """Watts of each such source, times its weight."""
    for weight, labels, expr in source_rows(topology):
        if expr is not None:
            yield Rule("source:power_watts", f"{number(weight)} * {watts(expr)}", labels)


def watts(expr: str) -> str:
    """Watts of now as a mean over the window, at least half of which must be there: as plugs are read.

    A constant stays one, and a query that looks back over a range by itself is left so.
    """
    sensible = f"(sum({expr}) {SENSIBLE})"
    if promql.is_constant(expr):
        return sensible
    return guarded(expr) if promql.has_range(expr) else mean(sensible)


def mean(instant: str) -> str:
    """The mean over the window of one value without labels, which must be there for half of the steps."""
    steps = f"{instant}[$window:$interval]"
    return f"(avg_over_time({steps}) and count_over_time({steps}) >= $steps)"
