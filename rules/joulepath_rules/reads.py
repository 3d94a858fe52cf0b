# SPDX-License-Identifier: Apache-2.0
"""How a rule reads what other rules of the topology wrote, and the topology's constants."""

import re
from collections.abc import Callable

from joulepath_topology import Topology
from joulepath_topology.durations import duration
from joulepath_topology.promql import quote

NOW = "500ms"
"""A range that holds this evaluation and none before."""

Read = Callable[[str, str], str]
"""From a series' name and its matchers (`part="static"`, or nothing) to the PromQL that reads it."""


def selector(topology: Topology, name: str, matchers: str, **more: str) -> str:
    """`name{topology="...",matchers}`."""
    own = ",".join(f"{label}={quote(value)}" for label, value in {"topology": topology.name, **more}.items())
    return f"{name}{{{own}{',' if matchers else ''}{matchers}}}"


def now(selected: str) -> str:
    """A selector, as this very evaluation wrote its series: all rules of a group share one timestamp."""
    return f"last_over_time({selected}[{NOW}])"


def fresh(topology: Topology) -> Read:
    """As this very evaluation wrote it."""
    return lambda name, matchers: now(selector(topology, name, matchers))


def before(topology: Topology, interval: float) -> Read:
    """As another group of this interval (seconds) wrote it at least 14/15 of the interval ago.

    That is one whole evaluation, even when both groups start together. A range of one interval holds just one
    evaluation at any time; a longer one would bring back rows that are gone.
    """
    reach = f"[{duration(interval)}] offset {duration(14 / 15 * interval)}"
    return lambda name, matchers: f"last_over_time({selector(topology, name, matchers)}{reach})"


def scraped(topology: Topology) -> Read:
    """A constant that `joulepath rules serve` publishes for this very file, even where its last scrapes failed."""
    return lambda name, matchers: f"last_over_time({selector(topology, name, matchers, generation=topology.hash)}[5m])"


def recorded(read: Read) -> Read:
    """A constant that a rule wrote, and not the same one that `joulepath rules serve` publishes beside it."""
    return lambda name, matchers: read(name, f'generation=""{"," if matchers else ""}{matchers}')


def rewrite(expr: str, reader: Callable[[str], Read | None]) -> str:
    """The expression with each plain read in its place; `reader` gives None for a series that is not the topology's."""

    def replace(found: re.Match[str]) -> str:
        read = reader(found["name"]) if found["name"] else None
        return found[0] if read is None else read(found["name"], found["matchers"] or "")

    return _NAME.sub(replace, expr)


# Strings first: what stands in one is not a read.
_NAME = re.compile(r'"(?:\\.|[^"\\])*"|(?P<name>[a-zA-Z_][\w:]*)(?:\{(?P<matchers>[^{}]*)\})?(?![\w:\[{])')
