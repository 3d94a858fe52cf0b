# SPDX-License-Identifier: Apache-2.0
"""One PDU over SNMP: its value columns at every poll, all else seldom. A poll is of one piece or it is rejected."""

import asyncio
import logging
import math
import time
from collections import Counter
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass

from joulepath.errors import JoulepathError
from joulepath.pdu.judge import Judge
from joulepath.pdu.layout import SYS_UP_TIME, Cell, Layout, Unit, detect, reading_of, survey
from joulepath.pdu.reading import Key
from joulepath.pdu.register import Register, Registers
from joulepath.pdu.schema import Evidence, LevelName, Method, Profile, QuantityName
from joulepath.pdu.snmp import Client, Oid, SnmpError, Value
from joulepath.pdu.value import RejectedError

logger = logging.getLogger(__name__)

LAYOUT_SECONDS = 600.0
"""Names and numbers of rows are read again after so long; at once after a reboot or another device's answer."""

POLL_SECONDS = 20.0
"""A poll that takes longer is given up."""

OBJECTS_PER_REQUEST = 50
"""Their answer fits a datagram of 1,400 bytes with objects of 20 numbers."""

SURVEY_SECONDS = 60.0
"""The same with a survey before it."""

SURVEYS_AT_ONCE = 4
"""A hundred devices that are surveyed together would keep each other waiting beyond their time."""

REBOOT_SECONDS = 60.0
"""So much more than the time that passed may sysUpTime have advanced; a reboot looks like a leap of up to 497 days."""


@dataclass(frozen=True)
class PduReading:
    """One poll of one PDU."""

    values: Mapping[LevelName, Mapping[QuantityName, Mapping[str, float]]]
    """What was measured, by the row's label, in W, VA, A, V, a ratio or J."""
    names: Mapping[str, str]
    """Names of outlets by their label."""
    vendor: str
    profile: str
    units: tuple[Unit, ...]
    rejected: Mapping[str, int]
    evidence: Evidence = "documentation"
    """The weakest that a published object's meaning rests on."""
    method: Method = "measured"
    """`derived` where any power is volts times amperes."""
    accuracy: str = ""
    """What the vendor states; empty where that is not known."""

    @property
    def watts(self) -> Mapping[Hashable, float]:
        """Active power [W] by (level, label)."""
        return {
            (level, label): watts
            for level, quantities in self.values.items()
            for label, watts in quantities.get("power", {}).items()
        }


@dataclass(frozen=True)
class _Mark:
    """sysUpTime [0.01 s] at monotonic `at` [s]; None where the agent has none."""

    ticks: int | None
    at: float


class PduSource:
    """One device, under its configured `name`, with a profile or with all profiles to find its own among."""

    def __init__(
        self,
        name: str,
        client: Client,
        profiles: Mapping[str, Profile],
        profile: str | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        surveys: asyncio.Semaphore | None = None,
        registers: Registers | None = None,
    ) -> None:
        """`surveys` is shared by devices, so that not all are surveyed at once; `registers` by sources of one name."""
        self._name = name
        self._client = client
        self._profiles = profiles
        self._profile = profile
        self._clock = clock
        self._surveys = surveys or asyncio.Semaphore()
        self._layout: Layout | None = None
        self._surveyed: float = 0.0
        self._mark: _Mark | None = None
        self._registers: Registers = {} if registers is None else registers
        self._device: Hashable = None
        self._judge = Judge()
        self._doubted: frozenset[Key] = frozenset()
        self._told: dict[Key, float] = {}
        self._agrees = True

    async def read(self) -> PduReading:
        """All readings of one poll. Raises JoulepathError that begins with the device's name."""
        limit = POLL_SECONDS
        try:
            if self._layout is None or self._clock() - self._surveyed >= LAYOUT_SECONDS:
                async with self._surveys, asyncio.timeout(SURVEY_SECONDS):
                    limit = SURVEY_SECONDS
                    return await self._read()
            async with asyncio.timeout(POLL_SECONDS):
                return await self._read()
        except TimeoutError:
            raise JoulepathError(f"{self._name}: the poll took longer than {limit:g} s") from None
        except JoulepathError as error:
            raise JoulepathError(f"{self._name}: {error}") from error

    async def close(self) -> None:
        """Releases the client."""
        await self._client.close()

    async def _read(self) -> PduReading:
        layout, poll = await self._polled()
        if _rebooted(poll.began, poll.ended):
            self._layout = None
            raise SnmpError("rebooted during the poll: its readings are discarded, the next poll begins anew")
        numbers: dict[Key, tuple[Cell, float]] = {}
        rejected: Counter[str] = Counter()
        for oid in poll.found:
            if oid not in layout.cells:
                rejected["unknown_row"] += 1
                self._layout = None  # a unit was linked or the table rearranged
            for cell in layout.cells.get(oid, ()):
                try:
                    number = cell.reading(poll.found)
                except RejectedError as reason:
                    rejected[str(reason)] += 1
                    continue
                if number is not None:
                    numbers[Key(cell.level, cell.label, cell.quantity_name)] = cell, number
        self._mark = poll.ended
        values = self._believed(layout, numbers, rejected, poll.ended.at)
        if not values:
            reasons = ", ".join(f"{count} {reason}" for reason, count in sorted(rejected.items())) or "no values"
            raise JoulepathError(f"answers but measures nothing ({reasons}): does this model have a meter?")
        return PduReading(
            values=values,
            names=layout.names,
            vendor=layout.profile.vendor,
            profile=layout.profile_name,
            units=layout.units,
            rejected=rejected,
            evidence=layout.evidence,
            method=layout.method,
            accuracy=str(layout.profile.accuracy or ""),
        )

    def _believed(
        self, layout: Layout, numbers: Mapping[Key, tuple[Cell, float]], rejected: Counter[str], at: float
    ) -> Mapping[LevelName, Mapping[QuantityName, Mapping[str, float]]]:
        """What contradicts nothing, registers as counters; counts the others."""
        device = tuple(sorted(layout.identity.items(), key=lambda item: item[0]))
        if device != self._device:
            self._device, self._judge = device, Judge()
        doubted = dict(self._judge.rejected([reading_of(cell, number) for cell, number in numbers.values()], at))
        values: dict[LevelName, dict[QuantityName, dict[str, float]]] = {}
        for key, (cell, number) in numbers.items():
            if key in doubted:
                continue
            shown = number
            if key.quantity == "meter_energy":
                register = self._registers.setdefault((key.level, key.label), Register(number, at, device))
                shown = register.add(number, at, device, step=float(cell.scale), wraps_at=cell.quantity.wraps_at)
                if register.doubted:
                    doubted[key] = f"goes from {register.raw:g} J to {number:g} J: set back, or a glitch"
                    continue
            values.setdefault(key.level, {}).setdefault(key.quantity, {})[key.label] = shown
        if doubted:
            rejected["contradicted"] = len(doubted)
        self._tell(doubted, at)
        return values

    def _tell(self, doubted: Mapping[Key, str], at: float) -> None:
        """One line where readings begin to be left out, and one where the last of them is back."""
        new = {key: why for key, why in doubted.items() if at - self._told.get(key, -math.inf) >= LAYOUT_SECONDS}
        if new:
            (key, why), more = next(iter(new.items())), len(new) - 1
            others = f" (and {more} more)" if more else ""
            logger.warning("%s: %s is left out%s: %s", self._name, key, others, why, extra={"target": self._name})
            self._agrees = False
        elif not doubted and not self._agrees:
            logger.info("%s: no reading is left out any more", self._name, extra={"target": self._name})
            self._agrees = True
        # As long as one is left out it is not told again, and neither is one that comes and goes.
        self._told |= dict.fromkeys({*new, *(key for key in doubted if key in self._doubted)}, at)
        self._doubted = frozenset(doubted)

    async def _polled(self) -> tuple[Layout, "_Poll"]:
        """The device's layout, read again where it may have changed, and what it holds."""
        for _ in range(2):
            layout = await self._surveyed_layout()
            first, *others = _requests(layout)
            begun = await self._client.get(first)
            began = _mark(begun, self._clock())
            same = all(begun.get(oid) == value for oid, value in layout.identity.items())
            if same and not (self._mark is not None and _rebooted(self._mark, began)):
                found = await walked(self._client, layout)
                last = begun
                for request in others:
                    last = await self._client.get(request)
                    found |= last
                found |= begun
                for oid in (SYS_UP_TIME, *layout.identity):
                    found.pop(oid, None)
                return layout, _Poll(began, found, _mark(last, self._clock()))
            self._layout = self._mark = None
        raise SnmpError("is another device at every request: are there two at this address?")

    async def _surveyed_layout(self) -> Layout:
        now = self._clock()
        if self._layout is None or now - self._surveyed >= LAYOUT_SECONDS:
            self._layout = None
            name = self._profile or await detect(self._client, self._profiles)
            self._layout = await survey(self._client, name, self._profiles[name])
            self._surveyed = now
        return self._layout


@dataclass(frozen=True)
class _Poll:
    """One poll: sysUpTime before and after, and the values of the layout's cells and of rows that it does not know."""

    began: _Mark
    found: Mapping[Oid, Value]
    ended: _Mark


def _requests(layout: Layout) -> list[list[Oid]]:
    """What to fetch: sysUpTime and identity come with the first objects, sysUpTime again with the last."""
    size = min(OBJECTS_PER_REQUEST, 2 * layout.profile.max_repetitions)
    objects = [*layout.identity, *layout.objects]
    requests = [[SYS_UP_TIME, *objects[at : at + size]] for at in range(0, max(len(objects), 1), size)]
    return requests if len(requests) > 1 or not layout.columns else [*requests, [SYS_UP_TIME]]


async def raw_values(client: Client, layout: Layout) -> Mapping[Oid, Value]:
    """What the device holds now in the objects of its cells, and in rows that were not there at the survey.

    Raises SnmpError.
    """
    found = await walked(client, layout)
    for start in range(0, len(layout.objects), OBJECTS_PER_REQUEST):
        found |= await client.get(layout.objects[start : start + OBJECTS_PER_REQUEST])
    return found


async def walked(client: Client, layout: Layout) -> dict[Oid, Value]:
    """The values of the layout's columns. Raises SnmpError."""
    found: dict[Oid, Value] = {}
    for column in layout.columns:
        # One row more than there are shows the end of the column in the same answer.
        rows = await client.walk(column.oid, min(len(column.rows) + 1, layout.profile.max_repetitions))
        found |= {column.oid + index: value for index, value in rows.items()}
    return found


def _mark(found: Mapping[Oid, Value], at: float) -> _Mark:
    ticks = found.get(SYS_UP_TIME)
    return _Mark(ticks if isinstance(ticks, int) else None, at)


def _rebooted(before: _Mark, after: _Mark) -> bool:
    """Whether sysUpTime began anew in between; its wrap after 497 days is none."""
    if before.ticks is None or after.ticks is None:
        return False
    advanced = (after.ticks - before.ticks) % 2**32 / 100
    return advanced > after.at - before.at + REBOOT_SECONDS
