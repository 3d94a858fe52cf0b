# SPDX-License-Identifier: Apache-2.0
"""Questions that several checks ask: numbers and rows at the instant of the context, and over its time."""

import math
from collections.abc import Iterable, Mapping

from joulepath_doctor.context import Context
from joulepath_prometheus.results import Sample
from joulepath_topology import promql
from joulepath_topology.durations import duration
from joulepath_topology.problem import Place
from joulepath_topology.promql import quote

Labels = Mapping[str, str]


def window(context: Context) -> str:
    """The window of the topology, as PromQL."""
    return duration(context.topology.window)


def since(context: Context) -> str:
    """How far to look back, as PromQL."""
    return duration(context.since)


def timed(context: Context, expr: str, reach: str | None = None) -> str:
    """A query of the topology, with a duration (by default the window) in place of `$window`."""
    return promql.timed(expr, reach or window(context), duration(context.topology.interval))


def own(context: Context, name: str, **labels: str) -> str:
    """A recorded series of the topology."""
    every = {"topology": context.topology.name, **labels}
    return f"{name}{{{','.join(f'{label}={quote(value)}' for label, value in every.items())}}}"


def value(context: Context, expr: str) -> float | None:
    """The sum of the rows of a query; None where there is no row, or one that is not a number."""
    rows = [row.value for row in context.server.query(expr)]
    total = sum(rows)
    return total if rows and math.isfinite(total) else None


def rows(context: Context, expr: str, *labels: str) -> dict[tuple[str, ...], float]:
    """The rows of a query by the values of these labels; an absent label is an empty value."""
    return {tuple(row.labels.get(label, "") for label in labels): row.value for row in context.server.query(expr)}


def targets(found: Iterable[Sample]) -> tuple[Place, ...]:
    """The targets that rows come from, as places."""
    return tuple(dict.fromkeys(("targets", row.labels.get("job", ""), row.labels.get("instance", "")) for row in found))


def length(seconds: float) -> str:
    """A time for a message, in one unit: `40 s`, `5 min`, `3 h`."""
    for unit, size in (("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"
