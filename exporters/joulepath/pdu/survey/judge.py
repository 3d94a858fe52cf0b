# SPDX-License-Identifier: Apache-2.0
"""Leaves out readings of a poll that contradict others, although each alone is a plausible number."""

import math
from collections import Counter
from collections.abc import Collection, Hashable, Iterable, Mapping

from joulepath.pdu.profiles.quantity import LevelName, QuantityName
from joulepath.pdu.survey import circuit, sums
from joulepath.pdu.survey.reading import LEAP, MeterReading, PollReadings, ReadingKey

ONES = frozenset({2**31 - 1, 2**31, 2**32 - 1, 2**63 - 1, 2**63, 2**64 - 1})
"""All bits set, signed and unsigned: agents and the meters behind them write it for "not measured"."""

SHORT_ONES = frozenset({2**15 - 1, 2**15, 2**16 - 1})
"""The same for meters with 16 bits; an agent may have scaled it. A true reading passes through it within a poll."""

NINES = frozenset({10**digits - 1 for digits in range(4, 11)})
"""The same for meters that count in decimal digits."""

LEAST_FACTOR, MOST_FACTOR = 0.3, 1.1
"""Power over volts times amperes of a load, with the inaccuracy of meters."""

HOLD_SECONDS = 60.0
"""The time that an unconfirmed leap of a reading must stay before it is believed."""

BUS_LEAP = 1.5
"""A bus of direct current changes by less than this factor between two polls, unless it fails."""

LEAPS: Mapping[tuple[QuantityName, LevelName], float] = {
    ("power", "outlet"): 4e3,
    ("power", "branch"): 8e3,
    ("power", "phase"): 8e3,
    ("power", "inlet"): 12e3,
    ("power", "rectifier"): 12e3,
    ("power", "battery"): 12e3,
    ("current", "outlet"): 40,
    ("current", "branch"): 80,
    ("current", "phase"): 80,
    ("current", "inlet"): 80,
    ("current", "rectifier"): 250,
    ("current", "battery"): 250,
}
"""The rise beyond fourfold that a reading [W, A] may show in a poll: loads are switched on, whole racks too."""


LOOK_SECONDS = 60.0
"""Readings that stay near those of a poll without a contradiction are looked at as a whole no more often."""

NEAR: Mapping[QuantityName, float] = {
    "power": 30,
    "apparent_power": 30,
    "current": 0.15,
    "voltage": 10,
    "power_factor": 0.1,
    "meter_energy": 5e6,
}
"""A reading [W, VA, A, V, 1, J] is near another within this, or within a quarter of it; wrong units are not."""


def most_watts(level: LevelName, watts: float) -> float:
    """The highest unconfirmed power that is accepted after a reading of `watts`."""
    return LEAP * abs(watts) + LEAPS["power", level]


class Judge:
    """Judges the readings of one device. If two contradict, the one that leapt since it was last accepted is wrong."""

    def __init__(self) -> None:
        self._last: dict[ReadingKey, float] = {}
        self._held: dict[ReadingKey, tuple[float, float]] = {}
        self._in_unit: set[ReadingKey] = set()
        self._near: Mapping[ReadingKey, tuple[float, float]] = {}
        self._looked = -math.inf

    def is_settled(self, numbers: Mapping[ReadingKey, tuple[object, float]], read_at: float) -> bool:
        """Whether a poll at monotonic `read_at` seconds is so near one without a contradiction that it needs no check.

        It saves most of the checks' cost: a device is polled every few seconds and seldom changes.
        """
        near = self._near
        if len(numbers) != len(near) or read_at - self._looked >= LOOK_SECONDS:
            return False
        for key, (_, number) in numbers.items():
            bounds = near.get(key)
            if bounds is None or not bounds[0] <= number <= bounds[1]:
                return False
        return True

    def find_contradicted(
        self, readings: Iterable[MeterReading], read_at: float, implausible_volts: Iterable[float] = ()
    ) -> Mapping[ReadingKey, str]:
        """The readings of a poll at monotonic `read_at` seconds that are left out, and why."""
        mains = [volts for each in implausible_volts if (volts := circuit.mains_volts(each)) is not None]
        poll = PollReadings({reading.key: reading for reading in readings}, self._last, self._in_unit, mains)
        _hollow(poll)
        circuit.check(poll)
        sums.check(poll)
        self._buses(poll, read_at)
        self._leaps(poll, read_at)
        self._last |= {key: reading.value for key, reading in poll.readings.items()}
        self._looked = read_at
        self._near = {} if poll.rejected else {key: _near(key, one.value) for key, one in poll.readings.items()}
        return poll.rejected

    def forget(self, rows: Collection[Hashable]) -> None:
        """Forgets the accepted readings of rows, each a level and a label."""
        self._last = {key: value for key, value in self._last.items() if key[:2] not in rows}
        self._held = {key: value for key, value in self._held.items() if key[:2] not in rows}

    def _leaps(self, poll: PollReadings, read_at: float) -> None:
        for key, reading in sorted(poll.readings.items(), key=lambda item: item[0].level == "inlet"):
            if key in poll.confirmed or not self._suspicious(poll, reading) or sums.agree(poll, key):
                self._held.pop(key, None)
                continue
            if key.level == "outlet" and key.quantity == "power" and abs(reading.value) > circuit.MOST_WATTS:
                poll.reject([key], f"{reading.value:g} W are more than an outlet carries, and no current confirms them")
                continue
            if not self._stays(reading, read_at):
                before = self._last.get(key)
                leap = f"leaps from {before:g} to" if before is not None else "begins with"
                poll.reject([key], f"{leap} {reading.value:g}, and nothing confirms it")

    def _stays(self, reading: MeterReading, read_at: float) -> bool:
        """Whether a reading has been about the same for long enough to be believed."""
        value, since = self._held.get(reading.key, (reading.value, read_at))
        if not value / LEAP <= reading.value <= value * LEAP:
            value, since = reading.value, read_at
        self._held[reading.key] = value, since
        if read_at - since < HOLD_SECONDS:
            return False
        del self._held[reading.key]
        return True

    def _buses(self, poll: PollReadings, read_at: float) -> None:
        """Leaves out the voltage of a bus that leaps, and derived power with it: a battery holds the bus."""
        for key, power in list(poll.readings.items()):
            if power.bus is None:
                continue
            volts, before = poll.readings.get(power.bus), self._last.get(power.bus)
            if volts is not None and before and volts.value:
                if 1 / BUS_LEAP <= volts.value / before <= BUS_LEAP:
                    self._held.pop(power.bus, None)
                elif not self._stays(volts, read_at):
                    poll.reject([power.bus], f"leaps from {before:g} to {volts.value:g} V, and a battery holds the bus")
            if power.bus in poll.rejected:
                poll.reject([key], f"its voltage is left out: {power.bus} {poll.rejected[power.bus]}")

    def _suspicious(self, poll: PollReadings, reading: MeterReading) -> bool:
        key, value, before = reading.key, abs(reading.value), self._last.get(reading.key)
        leap = LEAPS.get((key.quantity, key.level))
        if leap is None:
            return False
        if key.quantity == "power" and not reading.bounded and not reading.derived:
            most = circuit.MOST_WATTS if key.level == "outlet" else circuit.MOST_FED_WATTS
            if value > most and (before is None or key.level == "outlet"):
                return True
        return before is not None and value > LEAP * abs(before) + leap and not self._of_power(poll, key)

    @staticmethod
    def _of_power(poll: PollReadings, key: ReadingKey) -> bool:
        """Whether it is a current that goes with confirmed power."""
        return key.quantity == "current" and ReadingKey(key.level, key.label, "power") in poll.confirmed


def _near(key: ReadingKey, value: float) -> tuple[float, float]:
    """The least and the greatest value near another; a register does not fall."""
    if key.quantity == "meter_energy":
        return value, value + NEAR[key.quantity]
    reach = max(NEAR[key.quantity], abs(value) / 4)
    return value - reach, value + reach


def hollow(quantity: QuantityName, steps: float) -> bool:
    """Whether an object holds "not measured" in place of a number."""
    number = abs(round(steps))
    if not math.isclose(abs(steps), number, abs_tol=1e-6):
        return False
    if number in ONES:
        return True
    scaled = {number // scale for scale in (1, 10, 100) if number % scale == 0}
    return quantity not in ("meter_energy", "power_factor") and (number in NINES or not scaled.isdisjoint(SHORT_ONES))


def _passes_through(poll: PollReadings, reading: MeterReading) -> bool:
    """Whether a short number of ones or nines is a measurement: power is volts times amperes of its row."""
    level, label, quantity = reading.key
    watts = poll.of(level, label, "apparent_power" if quantity == "apparent_power" else "power")
    volts, amperes = poll.of(level, label, "voltage"), poll.of(level, label, "current")
    if watts is None or volts is None or amperes is None or abs(round(reading.steps)) in ONES:
        return False
    product = abs(volts.value * amperes.value)
    return LEAST_FACTOR * product <= abs(watts.value) <= MOST_FACTOR * product > 0


def _hollow(poll: PollReadings) -> None:
    """Rejects all bits set; of a register in 16 bits, which counts through it, only where several hold the same."""
    empty = [
        (key, reading)
        for key, reading in poll.readings.items()
        if not reading.derived and hollow(key.quantity, reading.steps) and not _passes_through(poll, reading)
    ]
    for key, reading in empty:
        poll.reject([key], f"holds {reading.steps:.0f}, which meters write for a value that they do not measure")
    registers = {key: round(one.steps) for key, one in poll.readings.items() if key.quantity == "meter_energy"}
    times = Counter(registers.values())
    same = [key for key, number in registers.items() if number in SHORT_ONES and times[number] > 1]
    poll.reject(same, "holds the same as another register, all bits set: not measured")
