# SPDX-License-Identifier: Apache-2.0
"""The last answers of all zones as metric families; a value that is too old for its source is left out."""

from collections.abc import Iterable

from joulepath.carbon.metrics import INFO, INTENSITY, LAST_READ, UP, UPDATED
from joulepath.carbon.settings import Point, Question
from joulepath.carbon.source import CarbonReading
from joulepath.metrics import Family, filled
from joulepath.reading.poller import Snapshot

Answer = tuple[Question, Snapshot[CarbonReading]]


def collect(answers: Iterable[Answer], now: float) -> Iterable[Family]:
    """The families at `now` [s since the epoch]."""
    intensity = {kind: metric.family() for kind, metric in INTENSITY.items()}
    updated, info, up, last_read = UPDATED.family(), INFO.family(), UP.family(), LAST_READ.family()
    for question, snapshot in answers:
        provider, labels = question.provider, question.labels
        if snapshot.up is not None:
            up.add_metric(labels, snapshot.up)
        if snapshot.read_timestamp is not None:
            last_read.add_metric(labels, snapshot.read_timestamp)
        current = [] if snapshot.reading is None else current_points(question, snapshot.reading, now)
        for point in current:
            intensity[provider.kind].add_metric([*labels, point.state], point.grams)
            if question.known is None:
                end = min(point.end, snapshot.read_timestamp or now)
                updated.add_metric([*labels, point.state, provider.kind], end)
        if current:
            info.add_metric([*labels, provider.kind, question.year, provider.licence, provider.attribution], 1)
    yield from filled([*intensity.values(), updated, info, up, last_read])


def current_points(question: Question, reading: CarbonReading, now: float) -> list[Point]:
    """The points that still stand for the present."""
    limit = question.provider.age_limit_seconds
    return [point for point in reading.points.values() if not limit or now - point.end <= limit]
