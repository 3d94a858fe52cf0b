# SPDX-License-Identifier: Apache-2.0
"""A device's own energy register as a counter that never falls: wraps go on; resets and jumps add nothing."""

from collections.abc import Hashable
from dataclasses import dataclass

MAX_WATTS = 1e6
"""More than any outlet, branch or rack carries: a register that says so was not counting."""

RENEWED_SECONDS = 3600.0
"""Devices renew a register at least so often while power flows."""


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

    def add(self, raw: float, at: float, device: Hashable, *, step: float, wraps_at: int) -> float:
        """The counter [J] after the register showed `raw` joules, in steps of `step`, at monotonic `at` seconds."""
        if device != self.device:
            self._goes_on_from(raw, at)
            self.device = device
        elif (added := _added(self.raw, raw, self._elapsed(at), step, wraps_at)) is not None:
            self._count(raw, added, at)
        elif self._doubtful is not None:
            first, then = self._doubtful
            added = _added(first, raw, at - then, step, wraps_at)
            if added is None:
                self._doubtful = (raw, at)
            else:  # twice the same: it was set back, or it is another device's
                self._goes_on_from(first, then)
                self._count(raw, added, at)
        else:
            self._doubtful = (raw, at)
        return self.joules

    def _elapsed(self, at: float) -> float:
        """For how long [s] energy has flowed that the register may not have shown."""
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
        self._seen, self._doubtful = at, None


def _added(before: float, raw: float, seconds: float, step: float, wraps_at: int) -> float | None:
    """The energy counted from `before` to `raw` [J]; None where so much cannot have flowed in `seconds`."""
    possible = MAX_WATTS * seconds + step
    for added in (raw - before, raw + wraps_at * step - before):
        if 0 <= added <= possible:
            return added
    return None


Registers = dict[Hashable, Register]
"""Those of one target, by level and label. They outlive layouts and sources, so that what was swapped adds nothing."""
