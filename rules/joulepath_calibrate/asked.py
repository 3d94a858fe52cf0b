# SPDX-License-Identifier: Apache-2.0
"""Means over windows, from a Prometheus that has the topology's rules."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

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
    prometheus: Prometheus, topology: Topology, host: str, times: "Times", *, load: str | None = None
) -> Sequence[Window]:
    """The windows at `times` in which the host's first tier was measured and its load is known.

    `load` is a query for the load instead of the processor's counters; `$window` in it is the topology's window. Raises
    PrometheusError and RefusedError.
    """
    watts = times.values(prometheus, fresh(_power(topology, host), topology))
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
        if loads := times.values(prometheus, query):
            return [Window(at, watts[at], loads[at]) for at in sorted(watts.keys() & loads.keys())]
    wanted = "--load" if load is not None else f"{' or '.join(COUNTERS)} with instance={quote(host)}"
    raise RefusedError(f"has no load in {prometheus.url}: {wanted} has no sample: state --load QUERY")


def host_times(prometheus: Prometheus, topology: Topology, host: str, since: float, now: float) -> "Times":
    """The times in the last `since` seconds at which the host's power was recorded. Raises PrometheusError."""
    return Times.of(prometheus, topology, _power(topology, host), since, now)


def token_windows(
    prometheus: Prometheus, topology: Topology, name: str, since: float, now: float, *, watts: str | None = None
) -> Sequence[TokenWindow]:
    """The windows of the last `since` seconds in which a model's power and tokens of both kinds are known.

    `watts` is a query for its power instead of the recorded series; `$window` in it is the topology's window. Raises
    PrometheusError and RefusedError.
    """
    own = f"topology={quote(topology.name)},component={quote(name)}"
    units = counted(name, topology.components[name], prompts=True)
    recorded = f"component:power_watts{{{own}}}"
    queries = {
        "power": f"sum({fresh(recorded, topology)})" if watts is None else watts,
        "tokens of prompts": f"sum({units['input_tokens']})",
        "generated tokens": f"sum({units['tokens']})",
    }
    times = Times.of(prometheus, topology, recorded, since, now)
    series = []
    for what, query in queries.items():
        series.append(times.values(prometheus, _timed(query, topology)))
        if not series[-1]:
            raise RefusedError(f"has no {what} in {prometheus.url}: check that {_timed(query, topology)} has samples")
    power, asked, told = series
    common = sorted(power.keys() & asked.keys() & told.keys())
    return [TokenWindow(at, power[at], asked[at], told[at]) for at in common]


@dataclass(frozen=True)
class Times:
    """The ends of windows, at which rules were evaluated.

    Recorded power is a mean over the window before its evaluation. A load that is asked for at another time would be
    that of a window that begins earlier or later, which makes a line less steep.
    """

    begin: float
    end: float
    step: float

    @classmethod
    def of(cls, prometheus: Prometheus, topology: Topology, recorded: str, since: float, now: float) -> Self:
        """The ends in the last `since` seconds. `recorded` is a series of the rules; without it the last is now."""
        step = math.ceil(topology.window / topology.interval - 1e-9) * topology.interval
        latest = [row.value for row in prometheus.query(f"max(timestamp({recorded}))", now)]
        end = latest[0] if latest else now
        return cls(end - since // step * step, end, step)

    def values(self, prometheus: Prometheus, query: str) -> Mapping[float, float]:
        """Values of a query with one row by time.

        Times at which it has no row, or several, or a value that is negative or not finite, are left out. Raises
        PrometheusError.
        """
        found: dict[float, float] = {}
        several: set[float] = set()
        count = round((self.end - self.begin) / self.step) + 1
        for first in range(0, count, MOST_POINTS):
            last = min(first + MOST_POINTS, count) - 1
            begin, end = (self.begin + place * self.step for place in (first, last))
            for series in prometheus.query_range(query, begin, end, self.step):
                for point in series.points:
                    if point.at in found:
                        several.add(point.at)
                    if 0 <= point.value < math.inf:
                        found[point.at] = point.value
        return {at: value for at, value in found.items() if at not in several}


def _timed(query: str, topology: Topology) -> str:
    return timed(query, duration(topology.window), duration(topology.interval))


def _power(topology: Topology, host: str) -> str:
    """The recorded power of a host's first tier, while a meter measures it."""
    own = f"topology={quote(topology.name)},host={quote(host)}"
    return f'host_tier:power_watts{{{own},tier="1",method="measured"}}'


def fresh(recorded: str, topology: Topology) -> str:
    """A recorded series without values that Prometheus shows for 5 minutes after it was stopped."""
    return f"{recorded} and timestamp({recorded}) > time() - {2 * topology.interval:g}"
