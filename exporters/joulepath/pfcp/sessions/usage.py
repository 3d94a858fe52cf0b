# SPDX-License-Identifier: Apache-2.0
"""Counts usage reports, each once, and of several URRs that measure the same packets one."""

from collections.abc import Sequence

from joulepath.pfcp.sessions.counts import Counts
from joulepath.pfcp.sessions.groups import Groups
from joulepath.pfcp.sessions.register import Register
from joulepath.pfcp.sessions.sequence import Arrival
from joulepath.pfcp.sessions.session import UNDIRECTED, Place, Session, directed
from joulepath.pfcp.wire.content import Report


class Usages:
    """Adds reports to the counts."""

    def __init__(self, counts: Counts, register: Register, groups: Groups) -> None:
        self.groups = groups
        self._counts = counts
        self._register = register

    def count(  # noqa: PLR0917  # of one message
        self, session: Session | None, place: Place, upf: bytes, reports: Sequence[Report], moment: float, most: int
    ) -> None:
        """Counts the reports of one message about the session at `place`, which came at `moment` [s].

        `most` rules may all sessions have; a URR that no message has made is one.
        """
        for report in reports:
            if session is None:
                self._count_unknown(place, upf, report, moment)
                continue
            rules = session.rules()
            measured, counts = session.measured(report.urr, room=self._counts.rules < most)
            self._counts.rules += session.rules() - rules
            before = measured.numbers.missing
            if measured.numbers.arrive(report.sequence) is Arrival.DUPLICATE:
                self._counts.events["duplicate_reports"] += 1
                continue
            self._counts.events["missing_reports"] += measured.numbers.missing - before
            usage = session.usage(report)
            if usage and not counts:
                self._counts.events["overlapping_reports"] += 1
            elif usage:
                label = session.labels.get(report.urr)
                if label is None:
                    label = self.groups.label(session, session.qfis(report.urr))
                    session.labels[report.urr] = label
                for direction, (octets, packets) in usage.items():
                    self._counts.add(label, direction, octets, packets)
                self._counts.interval(label.group, report.end - report.start, moment)

    def _count_unknown(self, place: Place, upf: bytes, report: Report, moment: float) -> None:
        """Which packets the URRs have in common is not known: in each direction the first that reports counts."""
        stranger = self._register.stranger(place)
        numbers = stranger.number(report.urr)
        before = numbers.missing
        if numbers.arrive(report.sequence) is Arrival.DUPLICATE:
            self._counts.events["duplicate_reports"] += 1
            return
        self._counts.events["missing_reports"] += numbers.missing - before
        label = self.groups.unknown(upf)
        for direction, (octets, packets) in directed(report, UNDIRECTED).items():
            if octets and stranger.counted.setdefault(direction, report.urr) != report.urr:
                self._counts.events["overlapping_reports"] += 1
                continue
            self._counts.add(label, direction, octets, packets)
        self._counts.interval(label.group, report.end - report.start, moment)
