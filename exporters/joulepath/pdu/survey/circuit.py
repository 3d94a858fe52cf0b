# SPDX-License-Identifier: Apache-2.0
"""Checks watts against volts times amperes of the same circuit, to find a wrong unit, a sentinel or a glitch.

The limits are wide. Power may be that of three phases (three times the product of one), volts may be between lines,
amperes coarse, and the power factor of an idle load low. Errors of units are factors of 10 and more.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from joulepath.pdu.profiles.quantity import LevelName
from joulepath.pdu.survey.reading import MeterReading, PollReadings, ReadingKey

PHASES = 3.9
"""Watts of three phases over volts times amperes of one, and 30 % of inaccuracy."""

SLACK_WATTS = 50.0
"""Below this a meter's inaccuracy is a large part of what it reads."""

CHECKED_VOLTAMPERES = 150.0
"""Below this the current may be that of a supply's filter alone, with next to no watts."""

IDLE_FACTOR = 0.02
"""A load above CHECKED_VOLTAMPERES never has a power factor as low as this."""

STATED_FACTOR = 0.15
"""The least ratio of watts to volts times amperes times a stated power factor."""

TENTH = 0.105
"""Watts read at a tenth of their value are at most this part of volts times amperes: a power factor is at most 1."""

TENTH_VOLTAMPERES = 300.0
"""The load from which TENTH tells anything of a whole device."""

SAME = (0.7, 1.3)
"""Apparent power is volts times amperes if its ratio to them is between these."""

ANY_VOLTS = (10.0, 480.0)
"""Where no voltage is known, only watts beyond the highest are doubted."""

MAINS = (90.0, 480.0)
"""Mains anywhere, between a line and neutral or between lines."""

MOST_WATTS = 5e4
"""No single outlet carries more [W]."""

MOST_FED_WATTS = 3e5
"""Most inlets, phases and branches carry less [W]."""

FEWEST_ROWS = 2
"""The unit of a column shows in this many of its rows."""


class Product(NamedTuple):
    """Volts times amperes of a circuit [VA], at least and at most."""

    low: float
    high: float
    known: bool
    """Whether the voltage is measured somewhere on the device."""
    said: str


@dataclass(frozen=True)
class _Row:
    power: MeterReading
    product: Product
    factor: float
    """The power factor as stated; 0 where it is not."""
    apparent: float
    """Apparent power as stated [VA]; 0 where it is not."""

    @property
    def least(self) -> float:
        """The product, times the stated power factor."""
        return self.product.low * (self.factor or 1.0)

    @property
    def telling(self) -> bool:
        """Whether so much flows that a row's watts tell their unit."""
        return self.least >= CHECKED_VOLTAMPERES

    @property
    def tenth(self) -> bool:
        """Whether watts may be in steps of a tenth of the right one.

        Where the device states as much apparent power as flows, the load has a low power factor, as many supplies on
        standby have.
        """
        stated = SAME[0] * self.product.low <= self.apparent <= SAME[1] * self.product.high
        return abs(self.power.value) + self.power.step <= TENTH * self.least and not stated

    @property
    def high(self) -> bool:
        return abs(self.power.value) > PHASES * self.product.high + SLACK_WATTS + self.power.step

    @property
    def low(self) -> bool:
        limit = STATED_FACTOR if self.factor > IDLE_FACTOR else IDLE_FACTOR
        return self.product.known and self.telling and abs(self.power.value) + self.power.step < limit * self.least


def check(poll: PollReadings) -> None:
    """Rejects readings that contradict each other, and confirms power that agrees."""
    rows = list(_rows(poll))
    rows = [row for row in rows if not _of_delta(row, rows)]
    wrong = [row for row in rows if row.high or row.low]
    poll.in_unit |= {
        row.power.key for row in rows if row.telling and row not in wrong and not row.tenth and row.product.known
    }
    for column in _in_another_unit(poll, [row for row in rows if _culprit(poll, row) == row.power.key]):
        same = [key for key, one in poll.readings.items() if one.column == column[0].power.column]
        poll.reject(same, f"its column contradicts volts x amperes (another unit?): {_describe(column[0])}")
    for row in wrong:
        if row.power.key in poll.readings:
            poll.reject([_culprit(poll, row)], f"contradicts: {_describe(row)}")
    for row in rows:
        if row.power.key in poll.readings and row not in wrong and row.product.known and row.product.low > 0:
            poll.confirmed.add(row.power.key)
    _apparent(poll)


def _rows(poll: PollReadings) -> Iterable[_Row]:
    for key, power in poll.readings.items():
        if key.quantity == "power" and not power.derived and (product := product_of(poll, key.level, key.label)):
            factor = poll.of(key.level, key.label, "power_factor")
            apparent = poll.of(key.level, key.label, "apparent_power")
            stated = 0.0 if factor is None else min(1.0, abs(factor.value))
            yield _Row(power, product, stated, 0.0 if apparent is None else apparent.value)


def product_of(poll: PollReadings, level: LevelName, label: str) -> Product | None:
    """Volts times amperes of a row, with the device's other voltages where it has none of its own."""
    amperes, volts = poll.of(level, label, "current"), poll.of(level, label, "voltage")
    if amperes is None or amperes.column not in poll.counting:
        return None
    known = True
    if volts is not None and volts.value > 0:
        low = high = volts.value
    elif elsewhere := poll.volts or poll.mains:
        low, high = min(elsewhere), max(elsewhere)
    else:
        low, high = ANY_VOLTS
        known = False
    between = f"{low:g} V" if low == high else f"{low:g} to {high:g} V"
    current = abs(amperes.value)
    least, most = low * max(0.0, current - amperes.step), high * (current + amperes.step)
    if level == "inlet":  # its current may be that of one phase
        lines = [key.label for key in poll.readings if key.level == "phase" and key.quantity == "current"]
        phases = [product_of(poll, "phase", label) for label in lines]
        most = max(most, sum(each.high for each in phases if each is not None))
    return Product(least, most, known, f"{between} x {current:g} A")


def mains_volts(number: float) -> float | None:
    """A voltage of mains [V] that an agent states in tenths, hundredths or thousandths of a volt; None for others."""
    scaled = (number / scale for scale in (10, 100, 1000))
    return next((volts for volts in scaled if MAINS[0] <= volts <= MAINS[1]), None)


def _of_delta(row: _Row, rows: Sequence[_Row]) -> bool:
    """Whether a phase has fewer watts than its line's current suggests, and all phases together have not.

    In a delta, a line carries the currents of two phases.
    """
    phases = [each for each in rows if each.power.key.level == "phase"]
    watts, least = sum(abs(each.power.value) for each in phases), sum(each.least for each in phases)
    return row.low and row in phases and watts >= STATED_FACTOR * least


def _in_another_unit(poll: PollReadings, rows: Sequence[_Row]) -> Iterable[Sequence[_Row]]:
    """Rows of columns of which most are wrong in the same way."""
    columns: dict[int, list[_Row]] = defaultdict(list)
    for row in rows:
        if row.product.known:
            columns[row.power.column].append(row)
    for column in columns.values():
        drawing = [row for row in column if abs(row.power.value) > SLACK_WATTS]
        telling = [row for row in column if row.telling]
        for wrong, of in (
            ([row for row in drawing if row.high], drawing),
            ([row for row in telling if row.low], telling),
        ):
            if len(wrong) >= FEWEST_ROWS and 2 * len(wrong) > len(of):
                yield wrong
        enough = sum(row.least for row in telling) >= TENTH_VOLTAMPERES
        if enough and all(row.tenth and row.power.key not in poll.in_unit for row in telling):
            yield telling


def _culprit(poll: PollReadings, row: _Row) -> ReadingKey:
    """The reading of a circuit that is most likely wrong: the one that leapt, else watts."""
    key = row.power.key
    amperes, volts = ReadingKey(key.level, key.label, "current"), ReadingKey(key.level, key.label, "voltage")
    leapt = poll.leapt(key, SLACK_WATTS)
    if leapt is False and poll.leapt(amperes, 0.5):
        return amperes
    if leapt is False and poll.leapt(volts, 20.0):
        return volts
    most = MOST_WATTS if key.level == "outlet" else MOST_FED_WATTS
    absurd = row.product.low > most >= abs(row.power.value)
    return amperes if absurd and not leapt else key


def _describe(row: _Row) -> str:
    factor = f" x {row.factor:g}" if row.factor else ""
    return f"{row.power.value:g} W at {row.product.said}{factor}"


def _apparent(poll: PollReadings) -> None:
    """Checks apparent power against volts times amperes, and watts against apparent power."""
    for key, apparent in list(poll.readings.items()):
        if key.quantity != "apparent_power" or apparent.value <= 0:
            continue
        product, power = product_of(poll, key.level, key.label), poll.of(key.level, key.label, "power")
        slack = SLACK_WATTS + apparent.step
        if product is not None and product.known:
            high = apparent.value > PHASES * product.high + slack
            low = product.low >= CHECKED_VOLTAMPERES and apparent.value + apparent.step < STATED_FACTOR * product.low
            if high or low:
                poll.reject([key], f"{apparent.value:g} VA contradict {product.said}")
                continue
        if power is None or power.key in poll.confirmed:
            continue
        watts, why = abs(power.value), f"{power.value:g} W and {apparent.value:g} VA contradict each other"
        if watts > PHASES * apparent.value + slack + power.step:
            leapt = {each: poll.leapt(each, SLACK_WATTS) for each in (key, power.key)}
            wrong = [each for each, far in leapt.items() if far] if len({*leapt.values()} - {None}) > 1 else [*leapt]
            poll.reject([power.key] if product is not None else wrong, why)
        elif apparent.value >= CHECKED_VOLTAMPERES and watts + power.step < IDLE_FACTOR * apparent.value:
            poll.reject([power.key], why)
