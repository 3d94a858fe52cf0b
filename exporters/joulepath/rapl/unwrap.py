# SPDX-License-Identifier: Apache-2.0
"""Counters that wrap into counters that do not, each with the time it covers, and their sum for the host."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from joulepath.rapl.source import RaplReading, Zone, ZoneCount
from joulepath.reading.energy import Energy

PLAUSIBLE_WATTS = 1000.0
"""No processor draws more; where this could have filled a counter between two reads, a wrap may have been missed."""
PLATFORM_WATTS = 5000.0
"""The same for a platform (psys) with its accelerators."""
SLACK = 1.01
"""Counter and clock are not read in one instant."""

FROZEN_SECONDS = 60.0
"""A processor that runs this program draws power: a counter that stands still for this time is not updated."""

REFUSED_STEPS = 3
"""So many impossibly large steps in a row are not a reset."""

STILL_JOULES = 1000.0
"""After this energy of the packages, memory that has counted nothing is not measured."""

HOLLOW_JOULES = 10.0
"""After this energy of the packages it is known whether psys holds it: on many boards it is not wired and stays."""


@dataclass
class ZoneRegister:
    """One counter and what it has come to; at most `most_watts` are believed."""

    at: float
    count: ZoneCount
    most_watts: float = math.inf
    energy: Energy = field(default_factory=Energy)
    still_seconds: float = 0.0
    """The time since it last moved."""
    refused: int = 0
    """Steps in a row of more than there can be."""

    def advance(self, at: float, count: ZoneCount, frozen_seconds: float = math.inf) -> float | None:
        """Adds the step since the last read [J], which it returns, unless the step cannot be known.

        That is so, too, where it has not moved for `frozen_seconds`.
        """
        seconds, joules = at - self.at, count.joules - self.count.joules
        self.still_seconds = self.still_seconds + seconds if joules == 0 and count.origin == self.count.origin else 0.0
        if joules < 0 and count.wraps_at is not None:
            joules += count.wraps_at
        # Unmeasured stay: a drop without a known range, a silence in which the counter could have gone round, and more
        # than can have been consumed, which was a reset and no wrap.
        known = (
            joules >= 0
            and self.still_seconds < frozen_seconds
            and count.origin == self.count.origin
            and (count.wraps_at is None or seconds * self.most_watts < count.wraps_at)
            and joules <= seconds * self.most_watts * SLACK
        )
        self.refused = self.refused + 1 if joules > seconds * self.most_watts * SLACK else 0
        if known:
            self.energy = Energy(self.energy.joules + joules, self.energy.measured_seconds + seconds)
        self.at, self.count = at, count
        return joules if known else None


@dataclass(frozen=True)
class RaplSnapshot:
    """Energy since the start of the zones read just now, and of the host when it was read completely."""

    zones: Mapping[Zone, Energy]
    host: Energy | None
    read_errors: int
    unread: Sequence[str] = ()
    """A line for each zone that is there and could not be read."""
    doubts: Sequence[str] = ()
    """A line for each counter that cannot be right."""


@dataclass
class Unwrapper:
    """Turns readings into a snapshot. `add` must be called more often than the counters wrap."""

    _zones: dict[Zone, ZoneRegister] = field(default_factory=dict)
    _host: Energy = field(default_factory=Energy)
    _host_parts: dict[Zone, Energy] = field(default_factory=dict)
    _known: set[Zone] = field(default_factory=set)
    _compared: tuple[float, float] = (0.0, 0.0)
    """The energy of psys and of the packages in the steps that all of them measured [J]."""
    _read_errors: int = 0

    def add(self, at: float, reading: RaplReading) -> RaplSnapshot:
        """Takes the reading of monotonic instant `at` [s]."""
        steps: dict[Zone, float | None] = {}
        for zone, count in reading.counts.items():
            if zone in self._zones:
                frozen = FROZEN_SECONDS if zone.kind == "package" else math.inf
                steps[zone] = self._zones[zone].advance(at, count, frozen)
            else:
                most = PLATFORM_WATTS if zone.kind == "psys" else PLAUSIBLE_WATTS
                self._zones[zone] = ZoneRegister(at, count, most)
        self._known |= reading.counts.keys() | reading.unreadable.keys()
        self._compare(steps)
        self._read_errors += len(reading.unreadable)
        wrong = {zone for zone in reading.counts if self._frozen(zone) or self._refused(zone)}
        zones = {zone: self._zones[zone].energy for zone in reading.counts if zone not in wrong}
        return RaplSnapshot(
            zones,
            self._add_host(zones, reading),
            self._read_errors,
            [*reading.unreadable.values(), *filter(None, [reading.masked])],
            list(self._doubts(reading)),
        )

    def _frozen(self, zone: Zone) -> bool:
        return zone.kind == "package" and self._zones[zone].still_seconds >= FROZEN_SECONDS

    def _refused(self, zone: Zone) -> bool:
        return zone in self._zones and self._zones[zone].refused >= REFUSED_STEPS

    def _doubts(self, reading: RaplReading) -> Iterable[str]:
        packages = self._joules({zone for zone in self._known if zone.kind == "package"})
        psys = {zone for zone in self._known if zone.kind == "psys"}
        for zone, count in reading.counts.items():
            register, where = self._zones[zone], f"{count.origin}: {zone.kind} {zone.package}"
            if self._frozen(zone):
                yield f"{where} stands still while the processor works; it is left out until it moves"
            elif self._refused(zone):
                yield f"{where} counts more than {register.most_watts:.0f} W, which cannot be; it is left out"
            elif zone.kind == "psys" and self._hollow(psys):
                yield f"{where} counts less than the packages it should hold; the host is packages and memory"
            elif zone.kind == "dram" and packages > STILL_JOULES and not register.energy.joules:
                yield f"{where} stands still; the host's energy lacks its memory"

    def _add_host(self, zones: Mapping[Zone, Energy], reading: RaplReading) -> Energy | None:
        """The host's energy: psys, else packages and dram; None when a part of it was not read or has gone."""
        parts = self._parts({*reading.counts, *reading.unreadable})
        if reading.masked or not parts or not parts <= zones.keys():
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

    def _parts(self, present: set[Zone]) -> set[Zone]:
        """The zones that are the host: every psys that there ever was, else every package and dram."""
        psys = {zone for zone in self._known if zone.kind == "psys"}
        if psys and psys <= present and not self._hollow(psys) and not any(self._refused(zone) for zone in psys):
            return psys
        return {zone for zone in self._known if zone.kind in {"package", "dram"}}

    def _hollow(self, psys: set[Zone]) -> bool:
        """Whether psys has counted less than the packages that it should hold."""
        platform, packages = self._compared
        return bool(psys) and packages > HOLLOW_JOULES and platform < packages / SLACK

    def _compare(self, steps: Mapping[Zone, float | None]) -> None:
        """Adds a step to the comparison: a hole that only one of them can bridge says nothing of the other."""
        counted = [[steps.get(zone) for zone in self._known if zone.kind == kind] for kind in ("psys", "package")]
        if not any(None in joules for joules in counted):
            platform, packages = (sum(joule or 0.0 for joule in joules) for joules in counted)
            self._compared = (self._compared[0] + platform, self._compared[1] + packages)

    def _joules(self, zones: set[Zone]) -> float:
        return sum(self._zones[zone].energy.joules for zone in zones if zone in self._zones)
