# SPDX-License-Identifier: Apache-2.0
"""Which of several sources of one chassis' power counts: the best that works, and that one as long as it works."""

from collections.abc import Mapping

QUALITY = (
    "environment_metrics",  # Redfish: the chassis' total by definition of the schema
    "sensor",  # Redfish: a sensor of the whole chassis
    "power_control",  # Redfish: the same of the older Power resource
    "dcmi",  # IPMI: the platform's power by definition of DCMI, in whole watts
    "psu_input",  # the inputs of all supplies, summed
    "regulator_input",  # Redfish: a blade without supplies, at its own regulator
    "sdr",  # IPMI, or Redfish after it: a power sensor of the whole system, of 256 steps
    "power_control_average",  # Redfish: mean over minutes; right over hours, late by that much
    "volts_amperes",  # IPMI: apparent power of the supplies, an estimate that is too high
    "oem",  # a vendor's own property, where nothing else exists
)
"""All sources, the best first."""

MEANS = {"power_control_average"}
"""Sources that tell of the past: watts in them do not contradict 0 W now."""

PATIENCE = 3
"""So many polls in a row a source may fail before another takes its place: a change of source is a step in watts."""


class Choice:
    """The source of one chassis' power from poll to poll."""

    def __init__(self) -> None:
        self.current: str | None = None
        self._failures = 0
        self._zero = False

    def choose(self, readings: Mapping[str, float]) -> str | None:
        """The source to be believed among those that gave a reading in this poll; None for no reading at all."""
        watts = None if self.current is None else readings.get(self.current)
        if watts or (watts is not None and self._nothing_flows(readings)):
            self._failures, self._zero = 0, watts == 0
            return self.current
        self._failures += 1
        if readings and (self.current is None or self._failures >= PATIENCE):
            self.current = min(readings, key=lambda source: (readings[source] == 0, QUALITY.index(source)))
            self._failures, self._zero = 0, readings[self.current] == 0
            return self.current
        return None

    def _nothing_flows(self, readings: Mapping[str, float]) -> bool:
        """A BMC that answers consumes something: 0 W is believed only where all were asked and every source says so."""
        return self.failing and not any(readings[source] for source in readings.keys() - MEANS)

    @property
    def failing(self) -> bool:
        """Whether the others are to be asked too."""
        return self.current is None or self._failures > 0 or self._zero
