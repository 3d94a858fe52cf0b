# SPDX-License-Identifier: Apache-2.0
"""From the numbers of a poll to what is published of them: contradictions are left out, registers are counters."""

import logging
import math
from collections.abc import Hashable, Mapping

from joulepath.pdu.judge import Judge
from joulepath.pdu.layout import Cell, reading_of
from joulepath.pdu.reading import Key
from joulepath.pdu.schema import LevelName, QuantityName
from joulepath.register import Register, Registers

logger = logging.getLogger(__name__)

TELL_AGAIN_SECONDS = 600.0
"""A reading that comes and goes is told no more often."""

Values = Mapping[LevelName, Mapping[QuantityName, Mapping[str, float]]]
"""By the row's label, in W, VA, A, V, a ratio or J."""


class Belief:
    """One target, under its configured `name`."""

    def __init__(self, name: str, registers: Registers) -> None:
        self._name = name
        self._registers = registers
        self._device: Hashable = None
        self._judge = Judge()
        self._doubted: frozenset[Key] = frozenset()
        self._told: dict[Key, float] = {}
        self._agrees = True

    def believed(self, device: Hashable, numbers: Mapping[Key, tuple[Cell, float]], at: float) -> tuple[Values, int]:
        """The values to publish of the `device` at monotonic `at` seconds, and the number of readings left out."""
        if device != self._device:
            self._device, self._judge = device, Judge()
        doubted: dict[Key, str] = {}
        if not self._judge.is_settled(numbers, at):
            doubted |= self._judge.rejected([reading_of(cell, number) for cell, number in numbers.values()], at)
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
        self._tell(doubted, at)
        return values, len(doubted)

    def _tell(self, doubted: Mapping[Key, str], at: float) -> None:
        """One line where readings begin to be left out, and one where the last of them is back."""
        new = {key: why for key, why in doubted.items() if at - self._told.get(key, -math.inf) >= TELL_AGAIN_SECONDS}
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
