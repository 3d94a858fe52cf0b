# SPDX-License-Identifier: Apache-2.0
"""Means over windows, from a Prometheus that has the topology's rules."""

from collections.abc import Mapping, Sequence

from joulepath_calibrate.errors import RefusedError
from joulepath_calibrate.windows import TokenWindow, Window
from joulepath_prometheus.client import Prometheus
from joulepath_rules.adapters.traffic import counted
from joulepath_topology import Topology
from joulepath_topology.durations import duration
from joulepath_topology.promql import quote, timed

MOST_POINTS = 10_000
"""Of one question: Prometheus gives at most 11,000."""
COUNTERS = ("workload_host_cpu_seconds_total", "node_cpu_seconds_total")
"""Processor time by `mode`, of Joulepath's own exporter or of node_exporter; the first that has samples."""
_WAITING = 'mode=~"idle|iowait|steal"'
_GUEST = 'mode!~"guest|guest_nice"'


def busy(counter: str, host: str, window: float) -> str:
    """PromQL: the busy part of the processor. Time of guests is in `user` already."""
    name, over = f"instance={quote(host)}", duration(window)
    return f"1 - sum(rate({counter}{{{name},{_WAITING}}}[{over}])) / sum(rate({counter}{{{name},{_GUEST}}}[{over}]))"


def windows(
    prometheus: Prometheus, topology: Topology, host: str, since: float, now: float, *, load: str | None = None
) -> Sequence[Window]:
    """The windows of the last `since` seconds in which the host's first tier was measured and its load is known.

    `load` is a query for the load instead of the processor's counters; `$window` in it is the topology's window. Raises
    PrometheusError and RefusedError.
    """
    own = f"topology={quote(topology.name)},host={quote(host)}"
    query = f'sum(host_tier:power_watts{{{own},tier="1",method="measured"}})'
    watts = values(prometheus, query, topology.window, since, now)
    if not watts:
        raise RefusedError(
            f"has no measured power in {prometheus.url}: load the rules of topology {topology.name!r} there, and check "
            "that the meter of its `power` is read"
        )
    if load is None:
        queries = [busy(counter, host, topology.window) for counter in COUNTERS]
    else:
        queries = [_timed(load, topology)]
    for query in queries:
        if loads := values(prometheus, query, topology.window, since, now):
            return [Window(at, watts[at], loads[at]) for at in sorted(watts.keys() & loads.keys())]
    wanted = "--load" if load is not None else f"{' or '.join(COUNTERS)} with instance={quote(host)}"
    raise RefusedError(f"has no load in {prometheus.url}: {wanted} has no sample: state --load QUERY")


def token_windows(
    prometheus: Prometheus, topology: Topology, name: str, since: float, now: float, *, watts: str | None = None
) -> Sequence[TokenWindow]:
    """The windows of the last `since` seconds in which a model's power and tokens of both kinds are known.

    `watts` is a query for its power instead of the recorded series; `$window` in it is the topology's window. Raises
    PrometheusError and RefusedError.
    """
    own = f"topology={quote(topology.name)},component={quote(name)}"
    units = counted(name, topology.components[name], prompts=True)
    queries = {
        "power": f"sum(component:power_watts{{{own}}})" if watts is None else watts,
        "tokens of prompts": f"sum({units['input_tokens']})",
        "generated tokens": f"sum({units['tokens']})",
    }
    series = []
    for what, query in queries.items():
        series.append(values(prometheus, _timed(query, topology), topology.window, since, now))
        if not series[-1]:
            raise RefusedError(f"has no {what} in {prometheus.url}: check that {_timed(query, topology)} has samples")
    power, asked, told = series
    times = sorted(power.keys() & asked.keys() & told.keys())
    return [TokenWindow(at, power[at], asked[at], told[at]) for at in times]


def values(prometheus: Prometheus, query: str, length: float, since: float, now: float) -> Mapping[float, float]:
    """Values of a query with one row by time, one for each window of `length` seconds in the last `since` seconds.

    Times at which the query has no row, or several, or a value that is negative or not finite, are left out. Raises
    PrometheusError.
    """
    end = now // length * length
    found: dict[float, float] = {}
    several: set[float] = set()
    begin = end - since // length * length
    while begin <= end:
        last = min(end, begin + (MOST_POINTS - 1) * length)
        for series in prometheus.query_range(query, begin, last, length):
            for point in series.points:
                if point.at in found:
                    several.add(point.at)
                if 0 <= point.value < float("inf"):
                    found[point.at] = point.value
        begin = last + length
    return {at: value for at, value in found.items() if at not in several}


def _timed(query: str, topology: Topology) -> str:
    return timed(query, duration(topology.window), duration(topology.interval))
