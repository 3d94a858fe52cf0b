# SPDX-License-Identifier: Apache-2.0
"""The last answer of a zone as metric families; a value that is too old for its source is left out."""

from collections.abc import Iterable

from joulepath.carbon.metrics import INFO, INTENSITY, LAST_READ, UP, UPDATED
from joulepath.carbon.settings import Point, Question
from joulepath.carbon.source import CarbonReading
from joulepath.metrics import Family
from joulepath.reading.poller import Snapshot


def collect(question: Question, snapshot: Snapshot[CarbonReading], now: float) -> Iterable[Family]:
    """The families of a zone at `now` [s since the epoch]."""
    provider, labels = question.provider, question.labels
    up, last_read = UP.family(), LAST_READ.family()
    if snapshot.up is not None:
        up.add_metric(labels, snapshot.up)
    if snapshot.read_timestamp is not None:
        last_read.add_metric(labels, snapshot.read_timestamp)
    intensity, updated, info = INTENSITY[provider.kind].family(), UPDATED.family(), INFO.family()
    for point in [] if snapshot.reading is None else current_points(question, snapshot.reading, now):
        intensity.add_metric([*labels, point.state], point.grams)
        if question.known is None:
            end = min(point.end, snapshot.read_timestamp or now)
            updated.add_metric([*labels, point.state, provider.kind], end)
    if intensity.samples:
        info.add_metric([*labels, provider.kind, question.year, provider.licence, provider.attribution], 1)
    yield from (intensity, updated, info, up, last_read)


def current_points(question: Question, reading: CarbonReading, now: float) -> list[Point]:
    """The points that still stand for the present."""
    limit = question.provider.age_limit_seconds
    return [point for point in reading.points.values() if not limit or now - point.end <= limit]
