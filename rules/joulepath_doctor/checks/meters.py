# SPDX-License-Identifier: Apache-2.0
"""The meters that sources of power name: there, fresh, measured for most of the window, and counting."""

from collections.abc import Iterator, Sequence

from joulepath_doctor.catalogue import found
from joulepath_doctor.context import Context
from joulepath_doctor.finding import Finding
from joulepath_doctor.named import Reading, readings
from joulepath_doctor.questions import length, since, targets, window
from joulepath_doctor.selected import last_seen, nearest, select, shown
from joulepath_prometheus.results import Sample
from joulepath_topology.promql import quote

LEAST = 0.5
"""The part of a window that must be measured, or a reading is a gap (attribution.yaml, `source:power_watts`)."""


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

    def refused(self, reading: Reading) -> bool:
        """Whether its exporter says that it cannot read the device, or this part of it."""
        part = reading.meter.part
        label = part.label if part is not None else ""
        own = reading.labels.get(label, "")
        up = [row.value for row in self.of_device(reading, f"{reading.kind}_up") if row.labels.get(label, own) == own]
        return bool(up) and not any(up)

    def largest(self, reading: Reading, expr: str) -> float:
        """The largest value of a reading; 0 without rows."""
        return max((row.value for row in self.of(reading, expr)), default=0.0)


def _of(context: Context, rows: Rows, reading: Reading) -> Iterator[Finding]:
    meter = reading.meter
    if rows.refused(reading):
        up = f"{reading.kind}_up"
        yield found(
            "source/unread", reading.place,
            f"the exporter cannot read {reading.device} ({up} is 0): see its log and landing page for the reason, such "
            "as an address, a login or a firewall",
            targets(rows.of_device(reading, up)), reading.device,
        )  # fmt: skip
        return
    now = rows.of(reading, f"present_over_time({meter.joules}[{window(context)}])")
    if not now:
        yield _missing(context, rows, reading)
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
    if not rows.of(reading, f"present_over_time({meter.seconds}[{window(context)}])"):
        fact = f"{reading.device} has {meter.joules}, but not {meter.seconds}"
        yield found(
            "source/absent", reading.place,
            f"{fact}, so nothing says how long it was measured: remove the metric_relabel_configs that drop it",
            targets(now), fact,
        )  # fmt: skip
        return
    rate = f"rate({meter.seconds}[{window(context)}])"
    measured = rows.largest(reading, rate)
    if measured <= LEAST:
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


def _missing(context: Context, rows: Rows, reading: Reading) -> Finding:
    seen = select(context, reading.joules)
    if seen.before:
        gone = rows.of_device(reading, f"present_over_time({reading.meter.joules}[{window(context)}])")
        fact = reading.words if gone else reading.device
        return found(
            "source/stale", reading.place,
            f"{fact} was last seen {last_seen(context, reading.joules)}{_instead(context, reading)}: see the log and "
            "the configuration of its exporter",
            seen.targets, fact,
        )  # fmt: skip
    fact = nearest(context, reading.joules)
    return found(
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
