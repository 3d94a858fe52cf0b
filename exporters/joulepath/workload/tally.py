# SPDX-License-Identifier: Apache-2.0
"""Adds up what workloads counted of the processor's events: together what the host counted."""

from collections.abc import Iterable, Mapping, Sequence

from joulepath.workload.counting import Counts, Hardware
from joulepath.workload.perf import Event
from joulepath.workload.settings import OTHER


class Tally:
    """Counts by workload since the start; `other` has the rest of the host's.

    Counters are read one after the other, so the rest, or a cgroup less those inside, may seem to fall: it waits then.
    """

    def __init__(self, events: Sequence[Event]) -> None:
        self._events = events
        self._sums: dict[str, list[float]] = {}
        self._highest: dict[str, list[float]] = {}

    def add(self, reading: Hardware, admitted: Iterable[str]) -> None:
        """Takes a reading. Workloads that are not `admitted`, now or before, count as `other`."""
        for workload in (OTHER, *admitted):
            self._sums.setdefault(workload, [0.0] * len(self._events))
            self._highest.setdefault(workload, [0.0] * len(self._events))
        self._add(OTHER, reading.host, 1)
        for step in reading.steps:
            self._add(step.workload, step.counts, 1)
            self._add(step.within, step.counts, -1)
        for workload, highest in self._highest.items():
            highest[:] = map(max, highest, self._sums[workload])

    def forget(self, workloads: Iterable[str]) -> None:
        """Drops the counts of workloads that were not seen for long."""
        for workload in workloads:
            self._sums.pop(workload, None)
            self._highest.pop(workload, None)

    def counts(self) -> Mapping[Event, Mapping[str, float]]:
        """By event and workload. They never fall."""
        return {
            event: {workload: highest[place] for workload, highest in self._highest.items()}
            for place, event in enumerate(self._events)
        }

    def _add(self, workload: str | None, counts: Counts, sign: int) -> None:
        sums = self._sums.get(workload or OTHER) or self._sums[OTHER]
        for place, count in enumerate(counts):
            sums[place] += sign * count
