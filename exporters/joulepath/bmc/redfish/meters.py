# SPDX-License-Identifier: Apache-2.0
"""The energy registers of one BMC as counters: those of a part that was swapped add nothing."""

from collections import Counter
from collections.abc import Callable, Collection, Hashable, Mapping
from typing import TypeVar, cast

from joulepath.bmc.reading import Row, name_row
from joulepath.reading.register import Register, Registers

AWAY = 3
"""Polls after which a register that was away is counted again once the serial numbers have been read again."""
WRAPS_AT = 2**32
"""The energy after which a register of 32 bits wraps [J]."""

K = TypeVar("K", bound=Hashable)


def rows_of(registers: Registers) -> Collection[Row]:
    """The rows that have registers."""
    return {_row(place) for place in registers}


def _row(place: Hashable) -> Row:
    _, row = cast("tuple[str, Row]", place)
    return name_row(row)


class Meters:
    """Registers by the device that they measure. `registers` outlive their source."""

    def __init__(self, registers: Registers | None = None) -> None:
        self._registers: Registers = {} if registers is None else registers
        self._away: Counter[Hashable] = Counter()
        self.doubtful = False
        """Whether a register has returned that may be of another part."""

    def note_serials(self) -> None:
        """Takes the present serial numbers."""
        self._away.clear()
        self.doubtful = False

    def note_missed_poll(self) -> None:
        """Notes that a poll failed."""
        self._away.update(self._registers.keys())

    def keep(self, rows: Collection[Row]) -> None:
        """Forgets the registers of all other rows."""
        for place in [place for place in self._registers if _row(place) not in rows]:
            del self._registers[place]
            self._away.pop(place, None)

    def count(
        self, level: str, joules: Mapping[K, float], serial: Callable[[K], str], read_at: float
    ) -> dict[K, float]:
        """Counters [J] of the registers of one level at monotonic `read_at` seconds, without doubtful ones."""
        counters: dict[K, float] = {}
        here = {(level, key) for key in joules}
        self._away.update(
            key for key in self._registers if isinstance(key, tuple) and key[0] == level and key not in here
        )
        for key, shown in joules.items():
            place = (level, key)
            if self._away[place] >= AWAY:
                self.doubtful = True
                continue
            self._away.pop(place, None)
            register = self._registers.setdefault(place, Register(shown, read_at, serial(key)))
            counters[key] = register.add(shown, read_at, serial(key), step=1.0, wraps_at=WRAPS_AT)
        return counters
