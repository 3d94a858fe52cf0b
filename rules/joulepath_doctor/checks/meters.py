# SPDX-License-Identifier: Apache-2.0
"""The meters that sources of power name: there, fresh, measured for most of the window, and counting."""

from collections.abc import Iterator, Sequence
from urllib.parse import urlsplit, urlunsplit

from joulepath_doctor.catalogue import found
from joulepath_doctor.context import Context
from joulepath_doctor.finding import Finding
from joulepath_doctor.named import Reading, readings
from joulepath_doctor.questions import length, since, targets, window
from joulepath_doctor.selected import last_seen, nearest, select, shown
from joulepath_doctor.youth import pending, recent
from joulepath_prometheus.results import Sample
from joulepath_prometheus.state import Target
from joulepath_topology.promql import quote

LEAST = 0.5
"""The part of a window that must be measured, or a reading is a gap (attribution.yaml, `source:power_watts`)."""
STEADY = 0.9
"""The part of the polls of a device that succeeds while it can be read."""


def check(context: Context) -> Iterator[Finding]:
    """Findings about each of them."""
    rows = Rows(context)
    for reading in readings(context.topology):
        yield from _of(context, rows, reading)


class Rows:
    """Rows of a query about all meters of a kind, of which a reading takes its own."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._found: dict[tuple[str, ...], dict[tuple[str, ...], list[Sample]]] = {}

    def of(self, reading: Reading, expr: str) -> Sequence[Sample]:
        """The rows of one reading: of several targets where these show the same meter."""
        names = tuple(reading.labels)
        if (expr, *names) not in self._found:
            indexed: dict[tuple[str, ...], list[Sample]] = {}
            for row in self._context.server.query(expr):
                indexed.setdefault(tuple(row.labels.get(name, "") for name in names), []).append(row)
            self._found[expr, *names] = indexed
        return self._found[expr, *names].get(tuple(reading.labels.values()), [])

    def of_device(self, reading: Reading, expr: str) -> Sequence[Sample]:
        """The rows of all parts of the device that a reading is of."""
        whole = Reading(reading.place, reading.kind, {"instance": reading.labels["instance"]})
        return self.of(whole, expr) if "instance" in reading.labels else ()

    def of_instance(self, reading: Reading, expr: str) -> Sequence[Sample]:
        """The rows of a reading's device: of its part, where rows tell of parts."""
        if (expr,) not in self._found:
            indexed: dict[tuple[str, ...], list[Sample]] = {}
            for row in self._context.server.query(expr):
                indexed.setdefault((row.labels.get("instance", ""),), []).append(row)
            self._found[expr,] = indexed
        rows = self._found[expr,].get((reading.labels["instance"],), [])
        return [row for row in rows if all(row.labels.get(key, each) == each for key, each in reading.labels.items())]

    def largest(self, reading: Reading, expr: str) -> float:
        """The largest value of a reading; 0 without rows."""
        return max((row.value for row in self.of(reading, expr)), default=0.0)


def _of(context: Context, rows: Rows, reading: Reading) -> Iterator[Finding]:
    meter = reading.meter
    now = rows.of(reading, f"present_over_time({meter.joules}[{window(context)}])")
    if not now:
        yield from _unread(context, rows, reading)
        yield from _missing(context, rows, reading)
        return
    label = meter.optional
    parts = sorted({row.labels.get(label, "") for row in now}) if label is not None else []
    if len(parts) > 1:
        yield found(
            "source/ambiguous", reading.place,
            f"{reading.labels['instance']} has {len(parts)} of {label}: {shown('', parts)}; they may contain each "
            f"other: name one as `{label}`",
        )  # fmt: skip
        return
    rate = f"rate({meter.seconds}[{window(context)}])"
    if not rows.of(reading, rate) and not rows.of(reading, f"present_over_time({meter.seconds}[{window(context)}])"):
        fact = f"{reading.device} has {meter.joules}, but not {meter.seconds}"
        yield found(
            "source/absent", reading.place,
            f"{fact}, so nothing says how long it was measured: remove the metric_relabel_configs that drop it",
            targets(now), fact,
        )  # fmt: skip
        return
    measured = rows.largest(reading, rate)
    if measured <= LEAST:
        unread = list(_unread(context, rows, reading))
        young = [] if unread else list(recent(context, reading.joules, reading.place, targets(now)))
        yield from (*unread, *young)
        if young:
            return
        device = max((row.value for row in rows.of_device(reading, rate)), default=0.0)
        fact = reading.device if device <= LEAST else reading.words
        yield found(
            "source/sparse", reading.place,
            f"only {measured:.0%} of the last {window(context)} was measured at {fact}, and {LEAST:.0%} is needed: see "
            "the log of its exporter for polls that fail, or raise `window`",
            targets(now), fact,
        )  # fmt: skip
        return
    if not rows.largest(reading, f"increase({meter.joules}[{since(context)}])"):
        yield found(
            "source/still", reading.place,
            f"{reading.words} measured 0 W for {length(context.since)}: is anything plugged in there, and is this the "
            "right one?",
        )  # fmt: skip


def _unread(context: Context, rows: Rows, reading: Reading) -> Iterator[Finding]:
    """The device of the reading, where polls of it fail."""
    if not reading.meter.up:
        return
    polls = rows.of_instance(reading, f"avg_over_time({reading.meter.up}[{window(context)}])")
    best = max(polls, key=lambda row: row.value, default=None)
    if best is not None and best.value < STEADY:
        (place,) = targets([best])
        yield found(
            "meter/unread", place,
            f"{best.value:.0%} of the polls of {reading.labels['instance']} in the last {window(context)} succeeded "
            f"({reading.meter.up}): {_page(context.server.targets(), best)} says why",
        )  # fmt: skip


def _page(scraped: Sequence[Target], row: Sample) -> str:
    """The landing page about the device that a row is of."""
    for one in scraped:
        if all(one.labels.get(name) == row.labels.get(name) for name in ("job", "instance")):
            parts = urlsplit(one.scrape_url)
            return f"the page {urlunsplit((parts.scheme, parts.netloc, '/', parts.query, ''))}"
    return "the log of its exporter"


def _missing(context: Context, rows: Rows, reading: Reading) -> Iterator[Finding]:
    seen = select(context, reading.joules)
    if seen.before:
        gone = rows.of_device(reading, f"present_over_time({reading.meter.joules}[{window(context)}])")
        fact = reading.words if gone else reading.device
        yield found(
            "source/stale", reading.place,
            f"{fact} was last seen {last_seen(context, reading.joules)}{_instead(context, reading)}: see the log and "
            "the configuration of its exporter",
            seen.targets, fact,
        )  # fmt: skip
        return
    if young := list(pending(context, reading.joules, reading.place)):
        yield from young
        return
    fact = nearest(context, reading.joules)
    yield found(
        "source/absent", reading.place,
        f"{fact}: name what is there, or add it to the exporter's configuration and to the scrape jobs",
        seen.targets, fact,
    )  # fmt: skip


def _instead(context: Context, reading: Reading) -> str:
    """The readings that are there now, beside a reading that is gone, and that are most like it."""
    matched = reading.meter.joules
    for name, value in reading.labels.items():
        exact = f"{name}={quote(value)}"
        now = {row.labels.get(name, "") for row in context.server.query(f"group by ({name}) ({matched})")}
        if value not in now:
            return f", now there is {shown(value, sorted(now))}" if now else ""
        matched = f"{reading.meter.joules}{{{exact}}}"
    return ""
