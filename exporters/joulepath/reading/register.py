# SPDX-License-Identifier: Apache-2.0
"""A device's own energy register as a counter that never falls: wraps go on; resets and jumps add nothing."""

from collections.abc import Hashable
from dataclasses import dataclass, field

from joulepath.reading.energy import MAX_WATTS

RENEWED_SECONDS = 3600.0
"""Devices renew a register at least so often while power flows."""

WATCHED_SECONDS = 60.0
"""Over a longer time without watts, more may have flowed than they tell."""


@dataclass
class _Flow:
    """The most that may have flowed [W] since the register last changed, by the watts beside it."""

    highest: float = 0.0
    _last: float | None = None
    _hole: bool = False
    _contradicts: bool = False

    def seen(self, most: float | None, at: float) -> None:
        """The most watts that flowed at monotonic `at` seconds; None if watts were not read."""
        if self._last is not None and at - self._last > WATCHED_SECONDS:
            self._hole = True
        if most is not None:
            self.highest, self._last = max(self.highest, most), at

    def changed(self) -> None:
        """The register was renewed: it includes the energy that flowed in a hole."""
        self._hole = False

    def contradicts(self) -> None:
        """The register counts on at a rate that the watts do not admit: they are in another unit."""
        self._contradicts = True

    @property
    def most(self) -> float:
        """In watts."""
        return MAX_WATTS if self._last is None or self._hole or self._contradicts else min(self.highest, MAX_WATTS)


@dataclass
class Register:
    """One register, seen first with `raw` joules at monotonic `changed` seconds on the `device`.

    A register that falls has wrapped if what it counted through its end could have flowed since it was last seen.
    Any other fall, a rise by more than could have flowed, and the register of another device add nothing, and the
    counter goes on from where it was: Prometheus takes each fall of a counter for a reset to 0.
    """

    raw: float
    changed: float
    device: Hashable
    _offset: float = 0.0
    """The counter minus the register [J]: 0 until a wrap, a reset or a jump."""
    _counted: float = 0.0
    """The counter so far [J]: no rounding of a sum may let it fall."""
    _seen: float | None = None
    """When the register was last read [s]."""
    _doubtful: tuple[float, float] | None = None
    """A register that cannot follow `raw`, and when it was read: a glitch, unless the next one goes on from it."""
    _flow: _Flow = field(default_factory=_Flow)

    def __post_init__(self) -> None:
        self._counted = self.raw

    @property
    def joules(self) -> float:
        """The counter."""
        return self._counted

    @property
    def doubted(self) -> bool:
        """Whether the last reading was not counted, for it may be a glitch."""
        return self._doubtful is not None

    def add(
        self, raw: float, at: float, device: Hashable, *, step: float, wraps_at: int, most: float | None = None
    ) -> float:
        """The counter [J] after the register showed `raw` joules, in steps of `step`, at monotonic `at` seconds.

        `most` is how many watts at most flow through it now; None where that is not known.
        """
        if device != self.device:
            self._goes_on_from(raw, at)
            self.device, self._flow = device, _Flow()
        self._flow.seen(most, at)
        possible = self._flow.most * self._elapsed(at) + step
        if (added := _added(self.raw, raw, possible, step, wraps_at)) is not None:
            self._count(raw, added, at)
        elif self._doubtful is not None:
            self._again(self._doubtful, raw, at, step, wraps_at)
        else:
            self._doubtful = (raw, at)
        return self.joules

    def _again(self, doubtful: tuple[float, float], raw: float, at: float, step: float, wraps_at: int) -> None:
        """Takes a second reading that does not go on from the last counted one."""
        first, then = doubtful
        added = _added(first, raw, self._flow.most * (at - then) + step, step, wraps_at)
        if added is not None:  # it goes on from there: it was set back, or it is another device's
            self._goes_on_from(first, then)
            self._count(raw, added, at)
        elif self.raw < first < raw <= self.raw + MAX_WATTS * self._elapsed(at) and raw <= first + MAX_WATTS * (
            at - then
        ):
            self._flow.contradicts()
            self._count(raw, raw - self.raw, at)
        else:
            self._doubtful = (raw, at)

    def _elapsed(self, at: float) -> float:
        """The time [s] in which energy may have flowed that the register has not shown."""
        seen = self.changed if self._seen is None else self._seen
        return min(at - self.changed, at - seen + RENEWED_SECONDS)

    def _goes_on_from(self, raw: float, at: float) -> None:
        self._offset = self.joules - raw
        self.raw, self.changed = raw, at
        self._seen, self._doubtful = at, None

    def _count(self, raw: float, added: float, at: float) -> None:
        if raw < self.raw:  # a wrap
            self._offset += self.raw + added - raw
        self._counted = max(self._counted, raw + self._offset)
        if raw != self.raw:
            self.raw, self.changed = raw, at
            self._flow.changed()
        self._seen, self._doubtful = at, None


def _added(before: float, raw: float, possible: float, step: float, wraps_at: int) -> float | None:
    """The energy counted from `before` to `raw` [J]; None if it is more than `possible`."""
    for added in (raw - before, raw + wraps_at * step - before):
        if 0 <= added <= possible:
            return added
    return None


Registers = dict[Hashable, Register]
"""The registers of one target, by level and label. They outlive layouts and sources: a swapped device adds nothing."""
