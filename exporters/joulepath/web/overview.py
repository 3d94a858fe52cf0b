# SPDX-License-Identifier: Apache-2.0
"""The numbers of the landing page: gauges as they are, counters as means over the time since an earlier look."""

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from prometheus_client.core import Metric as AnyFamily

from joulepath.exporter import Condition, Served
from joulepath.metrics import Metric, Shown

MOST_SERIES = 4096
"""Series of one metric that are looked at."""
LEAST_SECONDS = 5.0
"""A rate over less would show the steps of its counter."""
MOST_SECONDS = 600.0
"""An older look tells nothing of now."""

_Series = tuple[str, ...]
"""Label values, in the order of the metric's labels."""


@dataclass(frozen=True)
class Count:
    """A sample, and the measured seconds beside it where the metric has such a counter."""

    value: float
    seconds: float | None


@dataclass(frozen=True)
class Numbers:
    """The numbers of one target."""

    values: Mapping[Shown, Mapping[_Series, float]]
    """Those that are known, by the series' label values."""
    omitted: Mapping[Shown, int]
    """Series beyond MOST_SERIES."""
    seconds: float | None
    """The time since the look that rates are made with; None where they are means since the exporter's start."""
    names: Mapping[Shown, Mapping[_Series, str]] = field(default_factory=dict)
    """Names that the device has for series, where it has any."""

    def total(self, shown: Shown) -> float | None:
        """The sum over all series; None where none is known, or one is left out."""
        values = self.values.get(shown)
        return sum(values.values()) if values and shown.adds and shown not in self.omitted else None


@dataclass(frozen=True)
class _Look:
    at: float
    counts: Mapping[Shown, Mapping[_Series, Count]]


class Overview:
    """Reads an exporter as a scrape does, and remembers the counters of earlier looks. Thread-safe."""

    def __init__(self, exporter: Served, clock: Callable[[], float] = time.monotonic) -> None:
        self._exporter = exporter
        self._clock = clock
        self._looks: dict[str, list[_Look]] = {}
        self._lock = threading.Lock()

    def targets(self) -> Iterator[tuple[Condition, Numbers]]:
        """Each target, or the only one, which is on `/metrics`."""
        for name in sorted(self._exporter.targets) or [""]:
            try:
                yield self.target(name)
            except KeyError:
                continue  # it has left the configuration just now

    def target(self, name: str) -> tuple[Condition, Numbers]:
        """One target. Raises KeyError."""
        numbers = self.numbers(name)
        return self._exporter.condition(name), numbers

    def numbers(self, name: str = "") -> Numbers:
        """The numbers of a target, or of `/metrics`. Raises KeyError."""
        families = self._exporter.probe(name) if name else self._exporter.collect()
        families = list(families)
        counts, omitted = _counts(families, self._exporter.shown)
        with self._lock:
            now = self._clock()
            before = self._before(name, now)
            counters = {shown: by_series for shown, by_series in counts.items() if shown.metric.kind == "counter"}
            if counters:
                self._remember(name, before, _Look(now, counters))
        values = {
            shown: {
                series: value
                for series, count in by_series.items()
                if (value := _value(shown, series, count, before, now)) is not None
            }
            for shown, by_series in counts.items()
        }
        names = {shown: _names(families, shown) for shown in values if shown.names is not None}
        return Numbers(values, omitted, None if before is None else now - before.at, names)

    def _before(self, name: str, now: float) -> _Look | None:
        """The latest look that is neither too recent nor too old, or else the oldest recent one."""
        looks = [look for look in self._looks.get(name, []) if now - look.at <= MOST_SECONDS]
        settled = [look for look in looks if now - look.at >= LEAST_SECONDS]
        return settled[-1] if settled else looks[0] if looks else None

    def _remember(self, name: str, before: _Look | None, look: _Look) -> None:
        """Two looks are enough: one to make rates with, and the one that follows it."""
        following = [one for one in self._looks.get(name, []) if before is not None and one.at > before.at]
        kept = [] if before is None else [before]
        self._looks[name] = [*kept, *(following or [look])]


def _value(shown: Shown, series: _Series, count: Count, before: _Look | None, now: float) -> float | None:
    if shown.metric.kind != "counter":
        return count.value
    if before is None:  # the counters of an exporter begin with it, and so do those of its measured seconds
        return count.value / count.seconds if count.seconds else None
    earlier = before.counts.get(shown, {}).get(series)
    if earlier is None:
        return None
    seconds = now - before.at if shown.seconds is None else (count.seconds or 0.0) - (earlier.seconds or 0.0)
    added = count.value - earlier.value
    return added / seconds if seconds > 0 and added >= 0 else None


def _counts(
    families: Iterable[AnyFamily], shown: Sequence[Shown]
) -> tuple[Mapping[Shown, Mapping[_Series, Count]], Mapping[Shown, int]]:
    """The samples of what is shown, and the number of those left out."""
    metrics = {each.metric.name: each.metric for each in shown}
    metrics |= {each.seconds.name: each.seconds for each in shown if each.seconds is not None}
    samples: dict[Metric, dict[_Series, float]] = {}
    omitted: dict[Metric, int] = {}
    for family in families if metrics else ():
        for sample in family.samples:
            metric = metrics.get(sample.name)
            if metric is None:
                continue
            rows = samples.setdefault(metric, {})
            if len(rows) >= MOST_SERIES:
                omitted[metric] = omitted.get(metric, 0) + 1
            else:
                rows[tuple(sample.labels.get(label, "") for label in metric.labels)] = sample.value
    return (
        {
            each: {
                series: Count(value, _seconds(each, series, samples)) for series, value in samples[each.metric].items()
            }
            for each in shown
            if each.metric in samples
        },
        {each: omitted[each.metric] for each in shown if each.metric in omitted},
    )


def _names(families: Iterable[AnyFamily], shown: Shown) -> Mapping[_Series, str]:
    return {
        tuple(sample.labels.get(label, "") for label in shown.metric.labels): sample.labels.get("name", "")
        for family in families
        for sample in family.samples
        if shown.names is not None and sample.name == shown.names.name
    }


def _seconds(shown: Shown, series: _Series, samples: Mapping[Metric, Mapping[_Series, float]]) -> float | None:
    if shown.seconds is None:
        return None
    labels = dict(zip(shown.metric.labels, series, strict=True))
    return samples.get(shown.seconds, {}).get(tuple(labels[label] for label in shown.seconds.labels))
