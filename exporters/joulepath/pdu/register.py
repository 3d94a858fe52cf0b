# SPDX-License-Identifier: Apache-2.0
"""A device's own energy register as a counter: wraps go on, resets begin anew, other jumps add nothing."""

from collections.abc import Hashable
from dataclasses import dataclass

MAX_WATTS = 1e6
"""More than any outlet, branch or rack carries: a register that says so was not counting."""


@dataclass
class Register:
    """One register, seen first with `raw` joules at monotonic `changed` seconds on the `device`.

    A register that falls has wrapped if what it counted through its end is energy that could have flowed since its
    last change; else it was set back, and the counter falls with it, as Prometheus expects of a counter that begins
    anew. A register that rises by more than could have flowed, or is that of another device, adds nothing.
    """

    raw: float
    changed: float
    device: Hashable
    _offset: float = 0.0
    """What the counter is more than the register [J]: 0 until a wrap or a jump."""

    @property
    def joules(self) -> float:
        """The counter."""
        return self.raw + self._offset

    def add(self, raw: float, at: float, device: Hashable, *, step: float, wraps_at: int) -> float:
        """The counter [J] after the register showed `raw` joules, in steps of `step`, at monotonic `at` seconds."""
        if device != self.device:
            # Where the other register is lower, the counter falls to it; where it is higher, it goes on from here.
            self._offset = min(0.0, self.joules - raw)
        elif raw != self.raw:
            possible = MAX_WATTS * (at - self.changed) + step
            wrapped = raw + wraps_at * step - self.raw
            if raw > self.raw:
                if raw - self.raw > possible:
                    self._offset = self.joules - raw
            elif 0 <= wrapped <= possible:
                self._offset += wraps_at * step
            else:
                self._offset = min(0.0, self.joules - raw)
        if raw != self.raw or device != self.device:
            self.changed = at
        self.raw, self.device = raw, device
        return self.joules


Registers = dict[Hashable, Register]
"""Those of one target, by level and label. They outlive layouts and sources, so that what was swapped adds nothing."""
