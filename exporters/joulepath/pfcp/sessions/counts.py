# SPDX-License-Identifier: Apache-2.0
"""The sums over all sessions: usage, sessions, periods, and messages."""

from collections import Counter
from dataclasses import dataclass, field

from joulepath.pfcp.sessions.session import DOWNLINK, UPLINK, Label, Tally
from joulepath.pfcp.wire.message import OTHER_TYPE, TYPES
from joulepath.pfcp.wire.reasons import REASONS

SHOWN_SECONDS = 3600.0
"""How long an interval between two reports is remembered, at least."""
_LONGEST = 7 * 86400

EVENTS = (
    "duplicate_reports", "missing_reports", "overlapping_reports", "retransmissions", "rejected_sessions",
    "refused_sessions", "restarts",
)  # fmt: skip
"""Counts of what happened; metrics.py explains them."""


@dataclass
class Counts:
    """Plain numbers. Whoever uses them holds the tracker's lock."""

    octets: dict[tuple[Label, str], int] = field(default_factory=dict)
    packets: dict[tuple[Label, str], int] = field(default_factory=dict)
    sessions: Counter[Label] = field(default_factory=Counter)
    periods: Counter[tuple[str, int]] = field(default_factory=Counter)
    """How many URRs of a group have this Measurement Period [s]."""
    messages: dict[str, int] = field(default_factory=lambda: dict.fromkeys((*TYPES.values(), OTHER_TYPE), 0))
    errors: dict[str, int] = field(default_factory=lambda: dict.fromkeys(REASONS, 0))
    events: dict[str, int] = field(default_factory=lambda: dict.fromkeys(EVENTS, 0))
    rules: int = 0
    """Of all sessions."""
    _intervals: dict[str, tuple[float, int, int]] = field(default_factory=dict)
    """By group: when the present time of SHOWN_SECONDS began, the longest interval in it, and in that before."""

    def add(self, label: Label, direction: str, octets: int, packets: int | None) -> None:
        """Adds usage."""
        key = label, direction
        self.octets[key] = self.octets.get(key, 0) + octets
        if packets is not None:
            self.packets[key] = self.packets.get(key, 0) + packets

    def begin(self, label: Label) -> None:
        """Makes the series of usage, so that a scrape sees them at 0 before the first report."""
        for direction in (UPLINK, DOWNLINK):
            self.octets.setdefault((label, direction), 0)

    def tally(self, tally: Tally, sign: int) -> None:
        """Adds what a session has, or takes it away."""
        self.sessions[tally.label] += sign
        self.rules += sign * tally.rules
        for period in tally.periods:
            self.periods[period] += sign
            if not self.periods[period]:
                del self.periods[period]

    def interval(self, group: str, seconds: int, moment: float) -> None:
        """Notes the time that a report covers."""
        if not 0 < seconds <= _LONGEST:
            return
        began, longest, before = self._intervals.get(group, (moment, 0, 0))
        if moment - began >= SHOWN_SECONDS:
            began, longest, before = moment, 0, longest
        self._intervals[group] = began, max(longest, seconds), before

    def intervals(self) -> dict[str, int]:
        """The longest time that a report of a group covered lately [s]."""
        return {group: max(longest, before) for group, (_, longest, before) in self._intervals.items()}

    def longest_periods(self) -> dict[str, int]:
        """By group, the longest Measurement Period of its URRs now [s]."""
        found: dict[str, int] = {}
        for group, period in self.periods:
            found[group] = max(found.get(group, 0), period)
        return found
