# SPDX-License-Identifier: Apache-2.0
"""Power and load of a host over windows, for a power model: from Prometheus, or from a CSV file."""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from joulepath_calibrate import asked, windows
from joulepath_calibrate.errors import RefusedError
from joulepath_prometheus.client import Prometheus
from joulepath_topology import Topology
from joulepath_topology.durations import duration
from joulepath_topology.promql import quote

_NOT_DISKS = "(dm-|md|loop|ram|zram|sr|nbd).*"
"""Devices that stand on others, or on none: the exporter leaves them out, too."""


class LoadWindow(NamedTuple):
    """Means over one window; `at` is its end in Unix seconds. A value that was not asked for is 0."""

    at: float
    watts: float
    load: float
    """Busy part of the processor, 0 to 1."""
    memory: float = 0.0
    """Bytes in use."""
    disk: float = 0.0
    """Bytes/s read and written."""


COLUMNS = {"memory": "memory_bytes", "disk": "disk_bytes_per_second"}
"""Of a CSV file, by term."""


def from_csv(path: Path, length: float, terms: Collection[str]) -> Sequence[LoadWindow]:
    """The windows of `length` seconds that a file has samples of. Raises UsageError."""
    wanted = [term for term in COLUMNS if term in terms]
    rows = windows.from_csv(path, length, ["watts", "load", *(COLUMNS[term] for term in wanted)])
    return [LoadWindow(*row[:3], **dict(zip(wanted, row[3:], strict=True))) for row in rows]


def from_prometheus(
    prometheus: Prometheus, topology: Topology, host: str, terms: Collection[str], *, since: float, now: float
) -> Sequence[LoadWindow]:
    """The windows of the last `since` seconds in which power and all that is asked for is known.

    Raises PrometheusError and RefusedError.
    """
    times = asked.host_times(prometheus, topology, host, since, now)
    found = asked.windows(prometheus, topology, host, times)
    more: dict[str, Mapping[float, float]] = {}
    for term in COLUMNS:
        if term in terms:
            query = QUERIES[term](f"instance={quote(host)}", topology.window)
            more[term] = times.values(prometheus, query)
            if not more[term]:
                raise RefusedError(
                    f"has no {term} in {prometheus.url}: scrape its node_exporter with instance={quote(host)}, or "
                    f"leave --{term} out"
                )
    return [
        LoadWindow(*window, **{term: values[window.at] for term, values in more.items()})
        for window in found
        if all(window.at in values for values in more.values())
    ]


def _memory(own: str, window: float) -> str:
    """Prometheus 2 counts a sample at the begin of a range, too, which is the last one of the window before."""
    over = duration(window - 0.001)
    total, free = (f"avg_over_time(node_memory_{name}_bytes{{{own}}}[{over}])" for name in ("MemTotal", "MemAvailable"))
    return f"sum({total} - {free})"


def _disk(own: str, window: float) -> str:
    over = duration(window)
    disks = f'{own},device!~"{_NOT_DISKS}"'
    read, written = (f"sum(rate(node_disk_{name}_bytes_total{{{disks}}}[{over}]))" for name in ("read", "written"))
    return f"{read} + {written}"


QUERIES = {"memory": _memory, "disk": _disk}
"""PromQL over node_exporter's series, from the host's matcher and the range."""
