# SPDX-License-Identifier: Apache-2.0
"""Chooses one of the sources of a chassis' power: the best one, and keeps it through a bad minute."""

import math
from collections.abc import Collection, Iterable, Mapping

from joulepath.bmc.choice.supplies import ABOVE_TOTAL

QUALITY = (
    "environment_metrics",  # Redfish: the chassis' total, as the schema defines it
    "sensor",  # Redfish: a sensor of the whole chassis
    "power_control",  # Redfish: the same in the older Power resource
    "dcmi",  # IPMI: the platform's power as DCMI defines it, in whole watts
    "psu_input",  # the inputs of all supplies, summed
    "regulator_input",  # Redfish: a blade without supplies, at its own regulator
    "environment_sensor",  # Redfish: EnvironmentMetrics where it repeats a sensor, beside an exact source
    "sdr",  # IPMI, or Redfish after it: a power sensor of the whole system, of 256 steps
    "dcmi_inactive",  # IPMI: DCMI's numbers where it says that it does not measure
    "power_control_average",  # Redfish: mean over minutes; right over hours, late by that much
    "volts_amperes",  # IPMI: apparent power of the supplies, an estimate that is too high
    "oem",  # a vendor's own property, where nothing else exists
)
"""All sources, the best first."""

MEANS = {"power_control_average"}
"""Sources that average over the past: they do not contradict a present reading."""

PATIENCE_SECONDS = 600.0
"""The wait for a better source before a worse one takes its place, since a change of source is a step in
watts: a BMC's restart takes 2 to 5 minutes, an update of its firmware up to 10."""
GONE_SECONDS = 86400.0
"""A better source that is absent for this time is gone: a source that measures something else may replace it."""
RETURN_POLLS = 3
"""A better source is used again after this many readings in a row."""
RETRY_SECONDS = 60.0
"""Seconds between attempts to read the better sources while a worse one is in use."""
COMPARE_SECONDS = 600.0
"""Seconds between polls that read every source, to learn which could replace the current one."""
APART = 1.25
"""A source that differs from a better one by more than this factor measures something else, such as the supplies of
several nodes. Losses and steps explain less."""


class Choice:
    """The source of one chassis' power from poll to poll. Times are monotonic seconds."""

    def __init__(self) -> None:
        self.current: str | None = None
        self._zero = False
        self._absent_since: float | None = None
        self._returning: dict[str, int] = {}
        self._better_asked = self._all_asked = -math.inf
        self._apart: dict[str, bool] = {}
        """Sources that measure something else than a better one, and whether they read more."""

    def asks(self, source: str, now: float) -> bool:
        """Whether the poll at `now` reads the source."""
        if self.asks_all or source == self.current or source in self._returning:
            return True
        if now - self._all_asked >= COMPARE_SECONDS:
            return True
        return self._better(source) and now - self._better_asked >= RETRY_SECONDS

    @property
    def asks_all(self) -> bool:
        """Whether the next poll reads every source: before the first choice, without a reading, and at 0 W."""
        return self.current is None or self._absent_since is not None or self._zero

    def choose(self, readings: Mapping[str, float], now: float, busy: Collection[str] = ()) -> str | None:
        """Chooses a source among those that gave a reading in this poll; None without one.

        `busy` are sources that exist but could not be read now.
        """
        if self.asks_all or now - self._all_asked >= COMPARE_SECONDS:
            self._all_asked = now
        self._compare(readings)
        self._count_returning(readings, now)
        watts = None if self.current is None else readings.get(self.current)
        if watts or (watts is not None and self._nothing_flows(readings)):
            self._absent_since, self._zero = None, watts == 0
            returned = self._find_returned(readings)
            return self._take(returned, readings) if returned else self.current
        if self._absent_since is None:
            self._absent_since = now
        absent = now - self._absent_since
        if absent >= GONE_SECONDS:
            self._apart.clear()
        usable = self._find_returned(readings)
        if absent >= PATIENCE_SECONDS or (self.current is None and self._is_best(readings, busy)):
            usable = usable or [source for source in readings if source not in self._apart]
        return self._take(usable, readings) if usable else None

    def _take(self, sources: Collection[str], readings: Mapping[str, float]) -> str:
        self.current = min(sources, key=lambda source: (readings[source] == 0, _rank(source)))
        self._absent_since, self._zero = None, readings[self.current] == 0
        self._returning.clear()
        return self.current

    def _compare(self, readings: Mapping[str, float]) -> None:
        """Notes which sources measure something else than the best one of this poll."""
        present = sorted((source for source, watts in readings.items() if watts and source not in MEANS), key=_rank)
        best = next((source for source in present if source not in self._apart), None)
        if best == "psu_input" and readings[best] > ABOVE_TOTAL * readings.get("sdr", math.inf) > 0:
            best = "sdr"  # coarse, but the system's own: the supplies are those of several nodes
        if best is None:
            return
        for source in present:
            low, high = sorted((readings[source], readings[best]))
            if high <= APART * low:
                self._apart.pop(source, None)
            elif _rank(source) > _rank(best) or best == "sdr":
                self._apart[source] = high == readings[source]

    def _count_returning(self, readings: Mapping[str, float], now: float) -> None:
        if now - self._better_asked >= RETRY_SECONDS:
            self._better_asked = now
        here = {source for source, watts in readings.items() if watts and self._better(source)}
        self._returning = {source: self._returning.get(source, 0) + 1 for source in here}

    def _find_returned(self, readings: Mapping[str, float]) -> Collection[str]:
        """The better sources that have given readings for RETURN_POLLS polls."""
        return [s for s in readings if self._returning.get(s, 0) >= RETURN_POLLS and s not in self._apart]

    def _is_best(self, readings: Mapping[str, float], busy: Collection[str]) -> bool:
        """Whether the best of the readings is better than the busy sources, or is the chassis' own by definition."""
        return _best(readings) <= max(_best(busy), _rank("power_control"))

    def _better(self, source: str) -> bool:
        return self.current is not None and _rank(source) < _rank(self.current)

    def _nothing_flows(self, readings: Mapping[str, float]) -> bool:
        """A BMC that answers consumes power: 0 W counts only if every source was read and every one says 0 W."""
        elsewhere = {source for source, more in self._apart.items() if more}
        others = readings.keys() - MEANS - elsewhere
        return self.asks_all and not any(readings[source] for source in others)


_rank = QUALITY.index


def _best(sources: Iterable[str]) -> int:
    return min(map(_rank, sources), default=len(QUALITY))
