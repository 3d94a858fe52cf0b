# SPDX-License-Identifier: Apache-2.0
"""Turns the numbers of a poll into published values: leaves out contradictions, and turns registers into counters.

It keeps state for each row, hence for no more rows than `joulepath.reading.bounds` admits.
"""

import logging
import math
from collections.abc import Collection, Hashable, Iterable, Mapping

from joulepath.pdu.profiles.quantity import LevelName, QuantityName
from joulepath.pdu.survey.judge import Judge, most_watts
from joulepath.pdu.survey.layout import Cell, readings_of
from joulepath.pdu.survey.reading import ReadingKey
from joulepath.reading.bounds import MAX_ROWS, Rows, Teller
from joulepath.reading.register import Register, Registers

logger = logging.getLogger(__name__)

TELL_AGAIN_SECONDS = 600.0
"""The log names a reading that comes and goes at most once in this time."""

PublishedRow = tuple[LevelName, str]
"""A level and a label."""

Values = Mapping[LevelName, Mapping[QuantityName, Mapping[str, float]]]
"""By the row's label, in W, VA, A, V, a ratio or J."""


class Belief:
    """One target, under its configured `name`."""

    def __init__(self, name: str, registers: Registers, max_rows: int = MAX_ROWS) -> None:
        self._name = name
        self._rows: Rows[Hashable] = Rows(max_rows, registers)
        self._teller = Teller(name, max_rows)
        self._registers = registers
        self._device: Hashable = None
        self._judge = Judge()
        self._doubted: frozenset[ReadingKey] = frozenset()
        self._told: dict[ReadingKey, float] = {}
        self._agrees = True

    def find_excess(self, rows: Iterable[PublishedRow], read_at: float) -> Collection[Hashable]:
        """The rows of a poll beyond the limit, at monotonic `read_at` seconds. Forgets the state of rows long gone."""
        beyond = self._rows.take(rows, read_at)
        self._teller.tell(beyond, read_at)
        if gone := self._rows.forgotten:
            self._judge.forget(gone)
            self._told = {key: told for key, told in self._told.items() if key[:2] not in gone}
            for row in gone & self._registers.keys():
                del self._registers[row]
        return beyond

    def accept(
        self,
        device: Hashable,
        numbers: Mapping[ReadingKey, tuple[Cell, float]],
        read_at: float,
        implausible_volts: Iterable[float] = (),
    ) -> tuple[Values, int]:
        """The values to publish of the `device` at monotonic `read_at` seconds, and the number of readings left out."""
        if device != self._device:
            self._device, self._judge = device, Judge()
        doubted: dict[ReadingKey, str] = {}
        if not self._judge.is_settled(numbers, read_at):
            doubted |= self._judge.find_contradicted(readings_of(numbers), read_at, implausible_volts)
        watts = {key: number for key, (_, number) in numbers.items() if key.quantity == "power" and key not in doubted}
        most = {key[:2]: most_watts(key.level, number) for key, number in watts.items()}
        values: dict[LevelName, dict[QuantityName, dict[str, float]]] = {}
        for key, (cell, number) in numbers.items():
            if key in doubted:
                continue
            shown = number
            if key.quantity == "meter_energy":
                register = self._registers.setdefault((key.level, key.label), Register(number, read_at, device))
                shown = register.add(
                    number,
                    read_at,
                    device,
                    step=float(cell.scale),
                    wraps_at=cell.quantity.wraps_at,
                    most=most.get(key[:2]),
                )
                if register.doubted:
                    doubted[key] = f"goes from {register.raw:g} J to {number:g} J: set back, or a glitch"
                    continue
            values.setdefault(key.level, {}).setdefault(key.quantity, {})[key.label] = shown
        self._tell(doubted, read_at)
        return values, len(doubted)

    def _tell(self, doubted: Mapping[ReadingKey, str], now: float) -> None:
        """Logs one line when readings begin to be left out, and one when the last of them is back."""
        new = {key: why for key, why in doubted.items() if now - self._told.get(key, -math.inf) >= TELL_AGAIN_SECONDS}
        if new:
            (key, why), more = next(iter(new.items())), len(new) - 1
            others = f" (and {more} more)" if more else ""
            logger.warning("%s: %s is left out%s: %s", self._name, key, others, why, extra={"target": self._name})
            self._agrees = False
        elif not doubted and not self._agrees:
            logger.info("%s: no reading is left out any more", self._name, extra={"target": self._name})
            self._agrees = True
        # A reading is not logged again while it is left out, nor while it comes and goes.
        self._told |= dict.fromkeys({*new, *(key for key in doubted if key in self._doubted)}, now)
        self._doubted = frozenset(doubted)
