# SPDX-License-Identifier: Apache-2.0
"""Which of several sources of one chassis' power counts: the best one, also through a bad minute of it."""

from collections.abc import Collection, Mapping

QUALITY = (
    "environment_metrics",  # Redfish: the chassis' total by definition of the schema
    "sensor",  # Redfish: a sensor of the whole chassis
    "power_control",  # Redfish: the same of the older Power resource
    "dcmi",  # IPMI: the platform's power by definition of DCMI, in whole watts
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
"""Sources that tell of the past: they do not contradict what is measured now."""

PATIENCE_SECONDS = 600.0
"""A better source is waited for so long before a worse one takes its place, since a change of source is a step in
watts: a BMC's restart takes 2 to 5 minutes, an update of its firmware up to 10."""
RETURN_POLLS = 3
"""A better source is taken again after so many readings in a row."""
RETRY_SECONDS = 60.0
"""While a worse source is in use the better ones are asked so often."""
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
        self._better_asked: float | None = None
        self._apart: set[str] = set()

    def asks(self, source: str, now: float) -> bool:
        """Whether the poll at `now` reads the source."""
        if self.current is None or source == self.current or self.asks_all or source in self._returning:
            return True
        due = self._better_asked is None or now - self._better_asked >= RETRY_SECONDS
        return due and self._better(source)

    @property
    def asks_all(self) -> bool:
        """Whether the next poll reads every source: before the first choice, without a reading, and at 0 W."""
        return self.current is None or self._absent_since is not None or self._zero

    def choose(self, readings: Mapping[str, float], now: float, busy: Collection[str] = ()) -> str | None:
        """The source to be believed among those that gave a reading in this poll; None for none.

        `busy` are sources that exist but could not be read now.
        """
        self._compare(readings)
        self._count_returning(readings, now)
        watts = None if self.current is None else readings.get(self.current)
        if watts or (watts is not None and self._nothing_flows(readings)):
            self._absent_since, self._zero = None, watts == 0
            returned = [source for source, polls in self._returning.items() if polls >= RETURN_POLLS]
            return self._take(returned, readings) if returned else self.current
        if self._absent_since is None:
            self._absent_since = now
        usable = [source for source in readings if source not in self._apart]
        waited = now - self._absent_since >= PATIENCE_SECONDS
        if not usable or (self.current is not None and not waited and not self._returned(usable)):
            return None
        if self.current is None and not waited and _rank(min(busy, key=_rank, default="oem")) < min(map(_rank, usable)):
            return None
        return self._take(usable, readings)

    def _take(self, sources: Collection[str], readings: Mapping[str, float]) -> str:
        self.current = min(sources, key=lambda source: (readings[source] == 0, _rank(source)))
        self._absent_since, self._zero = None, readings[self.current] == 0
        self._returning.clear()
        return self.current

    def _compare(self, readings: Mapping[str, float]) -> None:
        """Notes which sources measure something else than the best one of this poll."""
        present = sorted((source for source, watts in readings.items() if watts and source not in MEANS), key=_rank)
        for source in present[1:]:
            low, high = sorted((readings[present[0]], readings[source]))
            if high > APART * low:
                self._apart.add(source)
            else:
                self._apart.discard(source)
        self._apart.difference_update(present[:1])

    def _count_returning(self, readings: Mapping[str, float], now: float) -> None:
        if self.current is None:
            return
        if any(self._better(source) and self.asks(source, now) for source in QUALITY):
            self._better_asked = now
        here = {source for source, watts in readings.items() if watts and self._better(source)}
        self._returning = {source: self._returning.get(source, 0) + 1 for source in here}

    def _returned(self, usable: Collection[str]) -> bool:
        return any(self._returning.get(source, 0) >= RETURN_POLLS for source in usable)

    def _better(self, source: str) -> bool:
        return self.current is not None and _rank(source) < _rank(self.current)

    def _nothing_flows(self, readings: Mapping[str, float]) -> bool:
        """A BMC that answers consumes something: 0 W is believed only where all were asked and every source says so."""
        others = readings.keys() - MEANS - self._apart
        return self.asks_all and not any(readings[source] for source in others)


_rank = QUALITY.index
