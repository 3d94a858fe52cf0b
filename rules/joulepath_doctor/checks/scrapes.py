# SPDX-License-Identifier: Apache-2.0
"""How the server scrapes what the topology reads: often enough for the window, and with the labels of the exporter."""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from joulepath_doctor import places
from joulepath_doctor.catalogue import found, not_checked
from joulepath_doctor.context import Context
from joulepath_doctor.finding import Finding
from joulepath_doctor.inputs import named
from joulepath_doctor.supply import Supply, renamed
from joulepath_rules.constants import PREFIX
from joulepath_topology.durations import duration, seconds
from joulepath_topology.promql import quote

SCRAPES, OF_MOVERS = 4, 5
"""The scrapes that a window needs, and one that says where a component is that moves."""
PRESENCE = "adapter:working:ratio"
"""The rule that says where such a component is."""


def check(context: Context) -> Iterator[Finding]:
    """Findings about scrapes."""
    yield from _renamed(context)
    yield from _sparse(context)


def _renamed(context: Context) -> Iterator[Finding]:
    """Labels by which rules find nothing, and would find series if Prometheus had not renamed them."""
    found = {
        (job, label): one.name
        for one in sorted(context.inputs, key=lambda each: each.selector, reverse=True)
        for job, label in renamed(context, one).items()
    }
    constants = f'{{__name__=~"{PREFIX}.+",topology={quote(context.topology.name)},exported_instance!=""}}'
    for row in context.server.query(f"group by (job) ({constants})"):
        found[row.labels.get("job", ""), "instance"] = f"{PREFIX}source"
    for (job, label), name in sorted(found.items()):
        yield _finding(job, label, name)


def _finding(job: str, label: str, name: str) -> Finding:
    return found(
        "scrape/renamed", places.target(job),
        f"{name} of job {job} has exported_{label}, since its target has a label {label} too: state `honor_labels: "
        f"true` in the job, or drop the target's {label} by relabelling",
    )  # fmt: skip


def _sparse(context: Context) -> Iterator[Finding]:
    """The scrape intervals of jobs, against the ranges over which the rules read their metrics."""
    rows = context.server.query(f"group by (job, __name__) ({named(one for one in context.inputs if one.seconds)})")
    ranges = _ranges(context)
    strictest: dict[str, Range] = {}
    for row in rows:
        job, name = row.labels.get("job", ""), row.labels.get("__name__", "")
        for each in ranges:
            if re.fullmatch(each.name, name) and (job not in strictest or each.longest < strictest[job].longest):
                strictest[job] = each
    supply = Supply(context)
    for target in context.server.targets():
        strict = strictest.get(target.labels.get("job", ""))
        if strict is None or not supply.needs(target):
            continue
        if not target.scrape_interval:
            yield not_checked("scrape/sparse", supply.place(target), "the server does not say how often it scrapes")
            continue
        interval = seconds(target.scrape_interval)
        if interval > strict.longest:
            kind = "scrape/too-sparse" if 2 * interval > strict.length else "scrape/sparse"
            cure = f"{strict.key}: {duration(interval * strict.needed / strict.factor)}"
            yield found(
                kind, supply.place(target),
                f"{target.scrape_url} is scraped every {duration(interval)}: that is {strict.length / interval:.3g} "
                f"times in the {duration(strict.length)} over which {strict.name} is read, and must be "
                f"{strict.needed}: state `scrape_interval: {duration(strict.longest)}` in the job, or `{cure}` in the "
                "topology",
            )  # fmt: skip


@dataclass(frozen=True)
class Range:
    """A range over which a metric is read."""

    name: str
    """A regular expression of the metric."""
    length: float
    """[s]"""
    needed: int
    """The scrapes that it needs."""
    key: str
    """The key of the topology by which it follows."""
    factor: float
    """The range as a multiple of that key."""

    @property
    def longest(self) -> float:
        """The longest scrape interval [s]."""
        return self.length / self.needed


def _ranges(context: Context) -> Collection[Range]:
    """The ranges of the rules' own reads. Those of a query without `$window` are its author's."""
    window, interval = context.topology.window, context.topology.interval
    moving = {one.name for one in context.inputs if one.record == PRESENCE}
    found = {
        Range(one.name, window, OF_MOVERS if one.name in moving else SCRAPES, "window", 1)
        for one in context.inputs
        if one.seconds == window
    }
    found |= {
        Range(one.name, 2 * interval, 2, "interval", 2)
        for one in context.inputs
        if one.seconds == 2 * interval and one.record == PRESENCE
    }
    return found
