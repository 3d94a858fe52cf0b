# SPDX-License-Identifier: Apache-2.0
"""Turns the counts, the capture and the file of flows into the families of `metrics.py`."""

from collections.abc import Iterable, Sequence

from joulepath.metrics import Family, Metric, filled
from joulepath.pfcp import metrics
from joulepath.pfcp.flowsfile import Written
from joulepath.pfcp.sessions.tracker import Tracker
from joulepath.pfcp.source.reading import Captured


def families(tracker: Tracker, captured: Captured, written: Written | None) -> Iterable[Family]:
    """The families of one scrape."""
    with tracker.lock:
        return list(filled(_families(tracker, captured, written)))


def _families(tracker: Tracker, captured: Captured, written: Written | None) -> Iterable[Family]:
    counts = tracker.counts
    for metric, amounts in ((metrics.BYTES, counts.octets), (metrics.PACKETS, counts.packets)):
        yield _table(metric, (([*label, direction], number) for (label, direction), number in amounts.items()))
    yield _table(metrics.SESSIONS, ((label, number) for label, number in counts.sessions.items()))
    yield _single(metrics.UNKNOWN_SESSIONS, tracker.strangers)
    yield _table(metrics.PERIOD, (([group], seconds) for group, seconds in counts.longest_periods().items()))
    yield _table(metrics.INTERVAL, (([group], seconds) for group, seconds in counts.intervals().items()))
    yield _table(metrics.MESSAGES, (([kind], number) for kind, number in counts.messages.items()))
    yield _table(metrics.ERRORS, (([reason], number) for reason, number in counts.errors.items()))
    for name, number in counts.events.items():
        yield _single(metrics.EVENTS[name], number)
    yield _single(metrics.FOLDED, tracker.folded)
    yield _single(metrics.MEASURED, captured.seconds)
    yield _single(metrics.DROPS, captured.drops)
    yield _table(metrics.CAPTURE_INFO, (([name], 1) for name in captured.interfaces))
    if written is not None:
        yield _single(metrics.FLOWS, written.flows)
        yield _single(metrics.FLOWS_LEFT_OUT, written.left_out)
        yield _single(metrics.FLOWS_WRITES, written.times)
        yield _single(metrics.FLOWS_ERRORS, written.errors)


def _table(metric: Metric, rows: Iterable[tuple[Sequence[str], float]]) -> Family:
    family = metric.family()
    for labels, value in rows:
        family.add_metric(labels, value)
    return family


def _single(metric: Metric, value: float) -> Family:
    return _table(metric, [((), value)])
