# SPDX-License-Identifier: Apache-2.0
"""The interface of all backends: a source counts packets, and a reading is what a scrape gets of it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from joulepath.errors import UsageError
from joulepath.ioam.settings import Flow
from joulepath.ioam.table.counts import Counts


@dataclass(frozen=True)
class TrafficReading:
    """The counts that a scrape shows."""

    counts: Counts
    drops: int
    """Packets that the capture lost."""
    captures: tuple[tuple[str, str], ...]
    """Interface and backend of each capture that is running."""
    limits: tuple[tuple[str, str], ...] = ()
    """Backend and what it cannot see of these packets."""
    unseen: Mapping[str, int] = field(default_factory=dict)
    """By interface, packets that it has counted itself and that were not counted here."""


Opened = Callable[[str], None]
"""Called with the name of the backend that has opened all that needs a right, before its first thread starts."""


def ignore_backend(_: str) -> None:
    """For callers that keep all rights."""


def refuse_cgroups(flows: Sequence[Flow]) -> None:
    """Raises UsageError where a flow needs to know which process sent a packet: a captured packet does not say."""
    for flow in flows:
        if any(match.cgroup for match in flow.matches):
            raise UsageError(f"flows.{flow.name}: `cgroup` is known to the ebpf backend only, for packets sent here")


class TrafficSource(Protocol):
    """A backend: counts packets into the table."""

    @property
    def name(self) -> str:
        """The label `backend`."""

    def start(self) -> None:
        """Begins to count. Raises JoulepathError."""

    def stop(self) -> None:
        """Counts what has arrived and ends."""

    def finish(self, seconds: float) -> None:
        """Returns when a reading is worth printing: after `seconds`, or at the end of what there is to count."""

    def follow(self, flows: Sequence[Flow]) -> None:
        """Counts by these flows from now on, without a gap.

        Raises JoulepathError and changes nothing where it cannot.
        """

    def reading(self) -> TrafficReading:
        """The counts so far."""
