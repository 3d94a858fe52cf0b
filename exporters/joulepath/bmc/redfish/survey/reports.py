# SPDX-License-Identifier: Apache-2.0
"""Metric reports (DSP0268, MetricReport): one request instead of one for each sensor, with the age of every value."""

import asyncio
import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from joulepath.bmc.redfish.service.items import Item, Pointer, Resource, value
from joulepath.bmc.redfish.service.tree import Tree, entries, link, look_up
from joulepath.reading.rejected import NotMeasuredError

STALE_SECONDS = 30.0
"""A value this much older than its report, or this long without a new time, is not a present one."""
RENEWED_SECONDS = 10.0
"""A report that is renewed more seldom is not used: its resources tell more."""
FEWEST = 2
"""A report is used only if it replaces at least this many resources: it is longer than any of them."""
PATIENCE = 3
"""Polls after which a value that stands still is read at its resource, until the next survey."""
APART = 10.0
"""A report and a resource that differ by such a factor are not of the same unit, or not of the same meter."""

_DURATION = re.compile(r"P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?")
_INDEX = re.compile(r"[0-9]{1,4}")

Place = tuple[str, Pointer]
"""URI of a resource, and where in it the value stands."""


@dataclass(frozen=True)
class ReportEntry:
    """One value of a report."""

    number: float
    time: float
    """Seconds since the epoch of the BMC's clock, which may be years off."""
    stale: bool
    """Whether the BMC itself says that the value is old (NVIDIA)."""


def places(item: Item) -> Sequence[Place]:
    """Where a report may have the item from: its own place, or the sensor that its excerpt repeats."""
    own = (item.uri.rstrip("/"), item.pointer)
    return (own, (item.sensor.rstrip("/"), ("Reading",))) if item.sensor else (own,)


def values(report: Resource) -> Mapping[Place, ReportEntry]:
    """A report's values: of several for one property the newest, without those that have no time."""
    newest: dict[Place, ReportEntry] = {}
    for _, entry in entries(report, "MetricValues"):
        place, number = _place(entry.get("MetricProperty")), _number(entry.get("MetricValue"))
        time = _time(entry.get("Timestamp"))
        time = _time(report.get("Timestamp")) if time is None else time
        if place is None or number is None or time is None:
            continue
        if place not in newest or newest[place].time < time:
            newest[place] = ReportEntry(number, time, look_up(entry, "Oem", "Nvidia", "MetricValueStale") is True)
    return newest


@dataclass(frozen=True)
class ReportedValues:
    """The values from the reports of one poll."""

    values: Mapping[Item, float | None] = field(default_factory=dict)
    """In W or J, None for a value that is rejected. An item that is not in it is to be read at its resource."""
    rejected: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Reports:
    """The reports that are worth reading."""

    by_place: Mapping[Place, str] = field(default_factory=dict)
    """URIs of the reports by the values that they hold."""
    stale: frozenset[Place] = frozenset()
    """Values that were already old when the BMC was surveyed."""


async def survey(tree: Tree, root: Resource, readings: Mapping[Item, float]) -> Reports:
    """The reports that hold enough of `readings`."""
    service = await tree.read(link(root, "TelemetryService"))
    if service.get("ServiceEnabled") is False:
        return Reports()
    wanted = {place: (item, number) for item, number in readings.items() for place in places(item)}
    uri_of_place: dict[Place, str] = {}
    stale: set[Place] = set()
    for uri, report in (await tree.members(link(service, "MetricReports"))).items():
        entries_by_place = values(report)
        held = {
            place: uri
            for place, one in entries_by_place.items()
            if place in wanted and place not in uri_of_place and _agrees(one, *wanted[place])
        }
        spared = {wanted[place][0].uri for place in held}
        if len(spared) >= FEWEST and await _is_renewed(tree, report):
            uri_of_place |= held
            stale |= {place for place in held if _lags(entries_by_place, place)}
    return Reports(uri_of_place, frozenset(stale))


def _lags(report: Mapping[Place, ReportEntry], place: Place) -> bool:
    """Whether a value is old by the BMC's own word, or beside the newest of its report."""
    newest = max(one.time for one in report.values())
    return report[place].stale or newest - report[place].time >= STALE_SECONDS


async def _is_renewed(tree: Tree, report: Resource) -> bool:
    """Whether the report shows the present: its definition, if any, has neither means nor long intervals."""
    definition = await tree.read(link(report, "MetricReportDefinition"))
    if definition.get("MetricReportDefinitionEnabled") is False:
        return False
    spans = [look_up(definition, "Schedule", "RecurrenceInterval")]
    for _, metric in entries(definition, "Metrics"):
        if metric.get("CollectionFunction"):
            return False
        spans.append(metric.get("CollectionDuration"))
    return all(_seconds(span) <= RENEWED_SECONDS for span in spans)


def _agrees(entry: ReportEntry, item: Item, own: float) -> bool:
    try:
        low, high = sorted((own, measure(item, entry)))
    except NotMeasuredError:
        return False
    return high <= max(1.0, low) * APART


def measure(item: Item, entry: ReportEntry) -> float:
    """A reported value as one of the item's resource. Raises NotMeasuredError."""
    plain = Item(item.quantity, item.chassis, item.uri, ("Reading",), scale=item.scale, capacities=item.capacities)
    return value(plain, {"Reading": entry.number})


class ReportReader:
    """Reads the reports of one BMC at each poll. Tells stale values by their times, whatever the BMC's clock says."""

    def __init__(self) -> None:
        self._since: dict[Place, tuple[float, float]] = {}
        self._stale: Counter[Place] = Counter()
        self._begun = False

    def begin(self, reports: Reports) -> None:
        """After a survey that found `reports`.

        The next poll reads the resources themselves, and then all reports are tried again.
        """
        self._since = {place: since for place, since in self._since.items() if place in reports.by_place}
        self._stale.clear()
        self._begun = False

    async def read(self, tree: Tree, items: Sequence[Item], reports: Reports, now: float) -> ReportedValues:
        """The values of `items` in the reports at monotonic `now` seconds.

        Items that a report lacks are left out, and so are those that have stood still in it.
        """
        known = {place: uri for place, uri in reports.by_place.items() if self._stale[place] < PATIENCE}
        wanted = _cover(items, known)
        if not self._begun:
            self._begun = True
            old = [item for item, place in wanted.items() if place in reports.stale]
            return ReportedValues(dict.fromkeys(old), Counter("stale" for _ in old))
        uris = sorted({known[place] for place in wanted.values()})
        contents = {
            uri: values(one) for uri, one in zip(uris, await asyncio.gather(*map(tree.read, uris)), strict=True)
        }
        numbers: dict[Item, float | None] = {}
        rejected: Counter[str] = Counter()
        for item, place in wanted.items():
            report = contents[known[place]]
            if place not in report:
                continue
            numbers[item] = None
            fresh = self._is_fresh(report, place, now)
            # A value marked stale is stale at its resource too; a value without a new time may only be unchanged.
            self._stale[place] = 0 if fresh or report[place].stale else self._stale[place] + 1
            if not fresh:
                rejected["stale"] += 1
                continue
            try:
                numbers[item] = measure(item, report[place])
            except NotMeasuredError as reason:
                rejected[str(reason)] += 1
        return ReportedValues(numbers, rejected)

    def _is_fresh(self, report: Mapping[Place, ReportEntry], place: Place, now: float) -> bool:
        entry = report[place]
        time, since = self._since.get(place, (math.nan, now))
        if time != entry.time:
            since = now
        self._since[place] = (entry.time, since)
        return now - since < STALE_SECONDS and not _lags(report, place)


def _cover(items: Sequence[Item], known: Mapping[Place, str]) -> Mapping[Item, Place]:
    """The items to take from reports: all of a resource, or none."""
    place_of = {item: place for item in items for place in places(item) if place in known}
    left = {item.uri for item in items if item not in place_of}
    return {item: place for item, place in place_of.items() if item.uri not in left}


def _place(stated: object) -> Place | None:
    """`URI#/Property`, or the URI of a sensor or of its property Reading."""
    if not isinstance(stated, str):
        return None
    uri, mark, pointer = stated.partition("#")
    if mark:
        steps = [step for step in pointer.split("/") if step]
        return (
            (uri.rstrip("/"), tuple(int(step) if _INDEX.fullmatch(step) else step for step in steps)) if steps else None
        )
    return uri.removesuffix("/Reading").rstrip("/"), ("Reading",)


def _number(stated: object) -> float | None:
    """A value, which the schema has as text; NVIDIA writes nan for a missing one."""
    if isinstance(stated, bool) or not isinstance(stated, str | int | float):
        return None
    try:
        number = float(stated)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def _time(stated: object) -> float | None:
    if not isinstance(stated, str):
        return None
    try:
        return datetime.fromisoformat(stated).timestamp()
    except (ValueError, OverflowError):
        return None


def _seconds(stated: object) -> float:
    """An ISO 8601 duration in seconds; 0 without one."""
    matched = _DURATION.fullmatch(stated) if isinstance(stated, str) else None
    if matched is None:
        return 0.0
    days, hours, minutes, seconds = (float(part or 0) for part in matched.groups())
    return ((days * 24 + hours) * 60 + minutes) * 60 + seconds
