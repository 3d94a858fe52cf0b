# SPDX-License-Identifier: Apache-2.0
"""Reads one PDU over SNMP: its values at every poll, all else seldom. A poll that spans a reboot is rejected."""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Callable, Collection, Hashable, Iterable, Mapping
from dataclasses import dataclass

from joulepath.errors import JoulepathError
from joulepath.pdu.profiles.quantity import Evidence, Method
from joulepath.pdu.profiles.schema import Profile, asked_for
from joulepath.pdu.snmp.client import Missing, Oid, RefusedError, SnmpClient, SnmpError, Value, format_oid
from joulepath.pdu.survey.belief import Belief, PublishedRow, Values
from joulepath.pdu.survey.layout import SYS_UP_TIME, Cell, PduLayout, Unit
from joulepath.pdu.survey.reading import ReadingKey
from joulepath.pdu.survey.surveyor import LAYOUT_SECONDS, SURVEY_SECONDS, SURVEYS_AT_ONCE, Surveyor
from joulepath.reading.bounds import BEYOND, MAX_ROWS, Quota
from joulepath.reading.register import Registers
from joulepath.reading.rejected import NotMeasuredError

__all__ = ["LAYOUT_SECONDS", "SURVEYS_AT_ONCE", "PduReading", "PduSource"]

logger = logging.getLogger(__name__)

POLL_SECONDS, MAX_POLL_SECONDS = 300.0, 3600.0
"""A poll that takes longer is given up, and the next may take twice as long. No request waits long by itself."""

OBJECTS_PER_REQUEST = 50
"""So many fit into an answer of 1,400 bytes if each object identifier has 20 numbers."""

REBOOT_SECONDS = 60.0
"""sysUpTime may advance by this much more than the time that passed; a reboot looks like a leap of up to 497 days."""


@dataclass(frozen=True)
class PduReading:
    """One poll of one PDU."""

    values: Values
    """The measured values that nothing contradicts."""
    names: Mapping[str, str]
    """Names of outlets by their label."""
    vendor: str
    profile: str
    units: tuple[Unit, ...]
    rejected: Mapping[str, int]
    evidence: Evidence = "documentation"
    """The weakest evidence for a published object."""
    method: Method = "measured"
    """`derived` where any power is volts times amperes."""
    accuracy: str = ""
    """The accuracy that the vendor states; empty if unknown."""

    @property
    def watts(self) -> Mapping[Hashable, float]:
        """Active power [W] by (level, label)."""
        return {
            (level, label): watts
            for level, quantities in self.values.items()
            for label, watts in quantities.get("power", {}).items()
        }

    @property
    def rows(self) -> Collection[Hashable]:
        """All rows by (level, label), with and without power."""
        measured = {
            (level, label)
            for level, quantities in self.values.items()
            for by_label in quantities.values()
            for label in by_label
        }
        return {*measured, *(("outlet", label) for label in self.names)}


def rows_of(numbers: Iterable[ReadingKey], names: Iterable[str]) -> Collection[PublishedRow]:
    """The rows of a poll's numbers, and those of named outlets, in the order of the poll."""
    named: Iterable[PublishedRow] = (("outlet", label) for label in names)
    return dict.fromkeys([*(key[:2] for key in numbers), *named])


def names_within(names: Mapping[str, str], beyond: Collection[Hashable]) -> Mapping[str, str]:
    """Names of outlets, without those of rows beyond the limit."""
    return {label: name for label, name in names.items() if ("outlet", label) not in beyond} if beyond else names


@dataclass(frozen=True)
class _Mark:
    """sysUpTime [0.01 s] at monotonic `read_at` [s]; None where the agent lacks it."""

    ticks: int | None
    read_at: float


class PduSource:
    """One device, under its configured `name`, with a profile or with all profiles to find its own among."""

    def __init__(
        self,
        name: str,
        client: SnmpClient,
        profiles: Mapping[str, Profile],
        profile: str | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        surveys: asyncio.Semaphore | None = None,
        registers: Registers | None = None,
        max_repetitions: int | None = None,
        survey_seconds: float = SURVEY_SECONDS,
        max_rows: int = MAX_ROWS,
    ) -> None:
        """`surveys` is shared by devices, so that not all are surveyed at once; `registers` by sources of one name.

        `max_repetitions` goes before the profile's. A first survey that takes longer than `survey_seconds` goes on at
        the next poll. No more than `max_rows` rows are published.
        """
        self._name = name
        self._client = client
        self._clock = clock
        if max_repetitions is not None:
            profiles = {key: asked_for(each, max_repetitions) for key, each in profiles.items()}
        self._surveyor = Surveyor(name, client, profiles, profile, clock=clock, surveys=surveys, seconds=survey_seconds)
        self._missing: set[Oid] = set()
        self._quota = Quota(name, clock)
        self._limit = POLL_SECONDS
        self._mark: _Mark | None = None
        self._lives = 0
        self._belief = Belief(name, {} if registers is None else registers, max_rows)

    async def read(self) -> PduReading:
        """All readings of one poll. Raises JoulepathError that begins with the device's name."""
        try:
            return await self._read()
        except TimeoutError:
            limit, self._limit = self._limit, min(2 * self._limit, MAX_POLL_SECONDS)
            raise JoulepathError(f"{self._name}: the poll took longer than {limit:g} s") from None
        except JoulepathError as error:
            raise JoulepathError(f"{self._name}: {error}") from error

    async def close(self) -> None:
        """Releases the client."""
        await self._client.close()

    async def _read(self) -> PduReading:
        layout, poll = await self._survey_and_poll()
        if _has_rebooted(poll.began, poll.ended):
            self._surveyor.forget()
            raise SnmpError("rebooted during the poll: its readings are discarded, the next poll begins anew")
        numbers: dict[ReadingKey, tuple[Cell, float]] = {}
        rejected: Counter[str] = Counter()
        implausible: list[float] = []
        for oid, value in poll.values.items():
            refused = isinstance(value, Missing) and value.refused
            if oid not in layout.cells and not refused:
                rejected["unknown_row"] += 1
                self._surveyor.expire()  # a unit was linked or the table rearranged
            if refused:
                rejected["refused"] += len(layout.cells.get(oid, ()))
            for cell in layout.cells.get(oid, ()):
                try:
                    number = cell.reading(poll.values)
                except NotMeasuredError as reason:
                    rejected[str(reason)] += 1
                    if reason.number is not None and cell.quantity_name == "voltage":
                        implausible.append(reason.number)
                    continue
                if number is not None:
                    numbers[cell.key] = cell, number
        self._mark = poll.ended
        if layout.left_out:
            rejected["refused"] += len(layout.left_out)
        self._name_missing(layout, poll.values)
        self._surveyor.note_poll(anything=bool(numbers))
        # Without a serial number, a reboot may have been a swap.
        life = 0 if any(unit.serial for unit in layout.units) else self._lives
        device = (life, *sorted(layout.identity.items(), key=lambda item: item[0]))
        beyond = self._belief.find_excess(rows_of(numbers, layout.names), poll.ended.read_at)
        if beyond:
            numbers = {key: cell for key, cell in numbers.items() if key[:2] not in beyond}
            rejected[BEYOND] = len(beyond)
        values, contradicted = self._belief.accept(device, numbers, poll.ended.read_at, implausible)
        if contradicted:
            rejected["contradicted"] = contradicted
        if not values and not contradicted:
            reasons = ", ".join(f"{count} {reason}" for reason, count in sorted(rejected.items())) or "no values"
            tried = f" (tried {', '.join([layout.profile_name, *layout.tried])})" if layout.tried else ""
            raise JoulepathError(f"answers but measures nothing ({reasons}): does this model have a meter?{tried}")
        return PduReading(
            values=values,
            names=names_within(layout.names, beyond),
            vendor=layout.profile.vendor,
            profile=layout.profile_name,
            units=layout.units,
            rejected=rejected,
            evidence=layout.evidence,
            method=layout.method,
            accuracy=str(layout.profile.accuracy or ""),
        )

    async def _survey_and_poll(self) -> tuple[PduLayout, "_Poll"]:
        """The device's layout, read again where it may have changed, and what it holds."""
        for _ in range(2):
            layout = await self._surveyor.layout()
            async with asyncio.timeout(self._limit):
                poll = await self._poll(layout)
            if poll is not None:
                return layout, poll
            self._surveyor.forget()
            self._mark = None
            self._lives += 1
        raise SnmpError("is another device at every request: are there two at this address?")

    async def _poll(self, layout: PduLayout) -> "_Poll | None":
        """Reads the device; None if it is another one or has restarted. Raises SnmpError."""
        first, *others = _requests(layout)
        begun = await self._client.get(first)
        began = _mark(begun, self._clock())
        if _differs(begun, layout) or (self._mark is not None and _has_rebooted(self._mark, began)):
            return None
        values = await walk_columns(self._client, layout)
        last = begun
        for request in others:
            last = await self._client.get(request)
            values |= last
        values |= begun
        identity = {oid: values.pop(oid, Missing.UNANSWERED) for oid in layout.identity}
        values.pop(SYS_UP_TIME, None)
        # Of a device that starts all objects are missing; one with values and without its number is another one.
        lacks = _lacks(identity, layout) and not all(isinstance(value, Missing) for value in values.values())
        if lacks or _differs(identity, layout):
            return None
        return _Poll(began, values, _mark(last, self._clock()))

    def _name_missing(self, layout: PduLayout, values: Mapping[Oid, Value]) -> None:
        """Logs one line for each object when the agent begins to refuse it."""
        missing = {oid: value for oid, value in values.items() if isinstance(value, Missing) and value.refused}
        for oid in layout.cells.keys() & missing.keys() - self._missing:
            what = ", ".join(f"{cell.level} {cell.label} {cell.quantity_name}" for cell in layout.cells.get(oid, ()))
            why = missing[oid].value
            if not self._quota.admits():
                break
            logger.warning("%s: %s is missing: the agent answers %s with %s", self._name, what, format_oid(oid), why)
        self._missing = set(missing)


@dataclass(frozen=True)
class _Poll:
    """One poll: sysUpTime before and after, and the values of the layout's cells and of rows that it does not know."""

    began: _Mark
    values: Mapping[Oid, Value]
    ended: _Mark


def _requests(layout: PduLayout) -> list[list[Oid]]:
    """The objects of each request: sysUpTime and identity come with the first ones, sysUpTime again with the last."""
    size = min(OBJECTS_PER_REQUEST, 2 * layout.profile.max_repetitions)
    objects = [*layout.identity, *layout.objects]
    requests = [[SYS_UP_TIME, *objects[at : at + size]] for at in range(0, max(len(objects), 1), size)]
    return requests if len(requests) > 1 or not layout.columns else [*requests, [SYS_UP_TIME]]


async def raw_values(client: SnmpClient, layout: PduLayout) -> Mapping[Oid, Value]:
    """The present values of the objects of its cells, and of rows that have appeared since the survey.

    Raises SnmpError.
    """
    values = await walk_columns(client, layout)
    for start in range(0, len(layout.objects), OBJECTS_PER_REQUEST):
        values |= await client.get(layout.objects[start : start + OBJECTS_PER_REQUEST])
    return values


async def walk_columns(client: SnmpClient, layout: PduLayout) -> dict[Oid, Value]:
    """The values of the layout's columns. Raises SnmpError."""
    values: dict[Oid, Value] = {}
    for column in layout.columns:
        # One row more than there are shows the end of the column in the same answer.
        try:
            rows = await client.walk(column.oid, min(len(column.rows) + 1, layout.profile.max_repetitions))
        except RefusedError:
            values |= await client.get(sorted(column.rows))
        else:
            values |= {column.oid + index: value for index, value in rows.items()}
    return values


def _differs(values: Mapping[Oid, Value], layout: PduLayout) -> bool:
    """Whether an object that tells devices apart has changed."""
    return any(
        values.get(oid, before) != before and not isinstance(values[oid], Missing)
        for oid, before in layout.identity.items()
    )


def _lacks(values: Mapping[Oid, Value], layout: PduLayout) -> bool:
    """Whether an object that tells devices apart has gone."""
    gone = [oid for oid, value in values.items() if isinstance(value, Missing) and not value.refused]
    return any(not isinstance(layout.identity[oid], Missing) for oid in gone)


def _mark(values: Mapping[Oid, Value], read_at: float) -> _Mark:
    ticks = values.get(SYS_UP_TIME)
    return _Mark(ticks if isinstance(ticks, int) else None, read_at)


def _has_rebooted(before: _Mark, after: _Mark) -> bool:
    """Whether sysUpTime restarted in between; its wrap after 497 days is not a reboot."""
    if before.ticks is None or after.ticks is None:
        return False
    advanced = (after.ticks - before.ticks) % 2**32 / 100
    return advanced > after.read_at - before.read_at + REBOOT_SECONDS
