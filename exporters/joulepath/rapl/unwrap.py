# SPDX-License-Identifier: Apache-2.0
"""Counters that wrap into counters that do not, each with the time it covers, and their sum for the host."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from joulepath.energy import Energy
from joulepath.rapl.source import Count, Reading, Zone

PLAUSIBLE_WATTS = 1000.0
"""No zone draws more; where this could have filled a counter between two reads, a wrap may have been missed."""


@dataclass
class Register:
    """One counter and what it has come to."""

    at: float
    count: Count
    energy: Energy = field(default_factory=Energy)

    def advance(self, at: float, count: Count) -> None:
        """Adds the step since the last read, unless what happened in it cannot be known."""
        seconds, joules = at - self.at, count.joules - self.count.joules
        if joules < 0 and count.wraps_at is not None:
            joules += count.wraps_at
        # A drop without a known range, or a silence in which the counter could have gone round, stays unmeasured.
        if joules >= 0 and (count.wraps_at is None or seconds * PLAUSIBLE_WATTS < count.wraps_at):
            self.energy = Energy(self.energy.joules + joules, self.energy.measured_seconds + seconds)
        self.at, self.count = at, count


@dataclass(frozen=True)
class Snapshot:
    """Energy since the start of the zones read just now, and of the host when it was read completely."""

    zones: Mapping[Zone, Energy]
    host: Energy | None
    read_errors: int


@dataclass
class Unwrapper:
    """Turns readings into a snapshot. `add` must be called more often than the counters wrap."""

    _zones: dict[Zone, Register] = field(default_factory=dict)
    _host: Energy = field(default_factory=Energy)
    _host_parts: dict[Zone, Energy] = field(default_factory=dict)
    _read_errors: int = 0

    def add(self, at: float, reading: Reading) -> Snapshot:
        """Takes the reading of monotonic instant `at` [s]."""
        for zone, count in reading.counts.items():
            if zone in self._zones:
                self._zones[zone].advance(at, count)
            else:
                self._zones[zone] = Register(at, count)
        self._read_errors += len(reading.unreadable)
        zones = {zone: self._zones[zone].energy for zone in reading.counts}
        return Snapshot(zones, self._add_host(zones, reading), self._read_errors)

    def _add_host(self, zones: Mapping[Zone, Energy], reading: Reading) -> Energy | None:
        """The host's energy: psys, else packages and dram; None when a part of it was not read."""
        parts = _host_parts({*reading.counts, *reading.unreadable})
        if not parts or not parts <= zones.keys():
            return None
        now = {zone: zones[zone] for zone in parts}
        if now.keys() == self._host_parts.keys():
            steps = [
                (energy.joules - before.joules, energy.measured_seconds - before.measured_seconds)
                for energy, before in ((now[zone], self._host_parts[zone]) for zone in now)
            ]
            # The parts cover the same time or the step counts for none of them.
            if max(seconds for _, seconds in steps) - min(seconds for _, seconds in steps) < 1e-6:
                self._host = Energy(
                    self._host.joules + sum(joules for joules, _ in steps),
                    self._host.measured_seconds + steps[0][1],
                )
        self._host_parts = now
        return self._host


def _host_parts(zones: set[Zone]) -> set[Zone]:
    psys = {zone for zone in zones if zone.kind == "psys"}
    return psys or {zone for zone in zones if zone.kind in {"package", "dram"}}
