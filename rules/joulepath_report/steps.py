# SPDX-License-Identifier: Apache-2.0
"""The stacked time series: known power of each application, in about as many steps as a chart can show."""

import math
from collections import defaultdict
from collections.abc import Iterator

from joulepath_prometheus.client import Prometheus
from joulepath_report.model import Step
from joulepath_rules import reads
from joulepath_rules.history import EDGE
from joulepath_topology import Topology
from joulepath_topology.durations import duration

MOST = 120
LENGTHS = (15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400)


def length(topology: Topology, seconds: float) -> float:
    """The length of a step for a period: a common one, and at least an interval."""
    least = max(seconds / MOST, topology.interval)
    return next((float(step) for step in LENGTHS if step >= least), math.ceil(least / 86400) * 86400.0)


def steps(prometheus: Prometheus, topology: Topology, begin: float, end: float) -> Iterator[Step]:
    """Of all full steps of the period. Steps end at multiples of their length. Raises PrometheusError."""
    step = length(topology, end - begin)
    first, last = math.ceil(begin / step) * step + step, math.floor(end / step) * step
    if first > last:
        return
    mean = f"avg_over_time({_range(topology, 'application_component:power_watts', step)})"
    one = f"max by (application, component, host, segment) ({mean})"
    known = _known(prometheus, topology, first, last, step)
    found = [
        Step(point.at - step, step, series.labels.get("application", ""), point.value, known.get(point.at, 0.0))
        for series in prometheus.query_range(f"sum by (application) ({one})", first, last, step)
        for point in series.points
        if math.isfinite(point.value)
    ]
    yield from sorted(found, key=lambda each: (each.begin, each.application))


def _known(prometheus: Prometheus, topology: Topology, first: float, last: float, step: float) -> dict[float, float]:
    """The known part of each step, by its end: the mean over all hosts that were known at some time."""
    count = f"max by (host) (count_over_time({_range(topology, 'host:power_watts', step)}))"
    hosts = prometheus.query_range(count, first, last, step)
    known: defaultdict[float, float] = defaultdict(float)
    for host in hosts:
        for point in host.points:
            known[point.at] += min(point.value * topology.interval / step, 1.0) / len(hosts)
    return known


def _range(topology: Topology, series: str, step: float) -> str:
    """The rows of a step: a row is the mean of a window, so it is written half a window after its middle."""
    return f"{reads.selector(topology, series, '')}[{duration(step - EDGE)}] offset -{duration(topology.window / 2)}"
