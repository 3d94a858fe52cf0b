# SPDX-License-Identifier: Apache-2.0
"""Follows all PFCP sessions from the datagrams between their nodes, and counts usage reports."""

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, NamedTuple, TypeAlias

from joulepath.pfcp.sessions.counts import Counts
from joulepath.pfcp.sessions.groups import Groups
from joulepath.pfcp.sessions.record import of_session, read_session
from joulepath.pfcp.sessions.register import Register
from joulepath.pfcp.sessions.session import Place, Session, Tally
from joulepath.pfcp.sessions.transactions import Key, Transactions
from joulepath.pfcp.sessions.usage import Usages
from joulepath.pfcp.settings import Settings
from joulepath.pfcp.wire import message as m
from joulepath.pfcp.wire.content import Content
from joulepath.pfcp.wire.decode import content
from joulepath.pfcp.wire.message import OTHER_TYPE, TYPES, Message, messages
from joulepath.pfcp.wire.reasons import Malformed

_NOT_FOUND = 65
"""Cause (TS 29.244, 8.2.1): session context not found."""
_RULES_PER_SESSION = 16


class Datagram(NamedTuple):
    """A UDP datagram. Addresses are packed."""

    source: bytes
    source_port: int
    target: bytes
    target_port: int
    octets: bytes


class Tracker:
    """The sessions and the sums."""

    def __init__(self, settings: Settings) -> None:
        self.lock = threading.Lock()
        self.counts = Counts()
        self.changes = 0
        """How often sessions came, changed or went."""
        self._bounds = settings.bounds
        self._register = Register(max(100, settings.bounds.sessions // 10))
        self._transactions = Transactions(settings.bounds.transactions)
        self._usage = Usages(self.counts, self._register, Groups(settings))
        self._begun = self._folded = 0

    def apply(self, settings: Settings) -> None:
        """Goes on with other groups and bounds; sessions and counters stay."""
        with self.lock:
            self._bounds = settings.bounds
            self._transactions.most = settings.bounds.transactions
            self._folded = self.folded
            self._usage.groups = Groups(settings)
            self.changes += 1
            for session in self._register.sessions.values():
                session.labels.clear()
                self._tally(session)

    @property
    def groups(self) -> Groups:
        """The groups as configured."""
        return self._usage.groups

    @property
    def folded(self) -> int:
        """Labels that were asked for beyond the bound."""
        return self._folded + self.groups.folded

    @property
    def sessions(self) -> Sequence[Session]:
        """All of them, the latest last."""
        return list(self._register.sessions.values())

    @property
    def strangers(self) -> int:
        """Sessions that report and were not seen to begin."""
        return self._register.strangers

    @property
    def most_sessions(self) -> int:
        """The configured bound."""
        return self._bounds.sessions

    def record(self) -> tuple[list[Any], dict[str, int]]:
        """All sessions, and when each node started, for `restore`; identities only if a group asks for them."""
        with self.lock:
            sessions = self._register.sessions.values()
            records = [of_session(session, identities=self.groups.by_identity) for session in sessions]
            return records, {node.hex(): moment for node, moment in self._register.recoveries.items()}

    def restore(self, records: Sequence[Any], nodes: Mapping[str, int]) -> None:
        """Takes up recorded sessions, before the first datagram. Raises as `read_session` does; then takes none."""
        sessions = [read_session(number, one) for number, one in enumerate(records)]
        starts = {bytes.fromhex(node): int(moment) for node, moment in nodes.items()}
        with self.lock:
            for node, moment in starts.items():
                self._register.restarted(node, moment)
            for session in sessions:
                self._add(session)

    def feed(self, datagram: Datagram, moment: float) -> None:
        """Takes a datagram that came at `moment` [s, any clock]. Never raises for what is in it."""
        with self.lock:
            try:
                for message in messages(datagram.octets):
                    self._take(datagram, message, moment)
            except Malformed as malformed:
                self.counts.errors[malformed.reason] += 1

    def fail(self, reason: str) -> None:
        """Counts a datagram that could not be read, for one of REASONS."""
        with self.lock:
            self.counts.errors[reason] += 1

    def _take(self, datagram: Datagram, message: Message, moment: float) -> None:
        self.counts.messages[TYPES.get(message.kind, OTHER_TYPE)] += 1
        try:
            if (request := self._requests.get(message.kind)) is not None:
                self._take_request(request, datagram, message, moment)
            elif (response := self._responses.get(message.kind)) is not None:
                key = Key(datagram.target, datagram.target_port, datagram.source, message.sequence, message.kind - 1)
                first, asked = self._transactions.end(key)
                if first:
                    response(self, datagram, message, asked, content(datagram.octets, message), moment)
                else:
                    self.counts.events["retransmissions"] += 1
        except Malformed as malformed:
            self.counts.errors[malformed.reason] += 1

    def _take_request(
        self,
        request: "_Request",
        datagram: Datagram,
        message: Message,
        moment: float,
    ) -> None:
        key = Key(datagram.source, datagram.source_port, datagram.target, message.sequence, message.kind)
        # A node that has restarted numbers its messages anew: they may be the same as before.
        starts = self._register.recovery(datagram.source), self._register.recovery(datagram.target)
        digest = hash((message.seid, datagram.octets[message.start : message.end], starts))
        transaction = self._transactions.begin(key, digest, moment, message.end - message.start)
        if transaction is None:
            self.counts.events["retransmissions"] += 1
            return
        transaction.content = found = content(datagram.octets, message)
        request(self, datagram, message, found, moment)

    def _note_recovery(self, datagram: Datagram, message: Message, found: Content, moment: float) -> None:
        del message, moment
        if self._register.restarted(datagram.source, found.recovery):
            self.counts.events["restarts"] += 1
            for session in self._register.of(datagram.source):
                self._end(session)

    def _beat(self, datagram: Datagram, message: Message, asked: Content | None, found: Content, moment: float) -> None:
        del asked
        self._note_recovery(datagram, message, found, moment)

    def _associate(
        self, datagram: Datagram, message: Message, asked: Content | None, found: Content, moment: float
    ) -> None:
        """A new association ends the sessions of an earlier one (TS 29.244, 6.2.6), unless they are to be retained."""
        self._note_recovery(datagram, message, found, moment)
        if found.accepted and not (asked is not None and asked.retained):
            self._part(datagram)

    def _release(
        self, datagram: Datagram, message: Message, asked: Content | None, found: Content, moment: float
    ) -> None:
        del message, asked, moment
        if found.accepted:
            self._part(datagram)

    def _part(self, datagram: Datagram) -> None:
        for session in self._register.of(datagram.source, datagram.target):
            self._end(session)

    def _establish(
        self, datagram: Datagram, message: Message, asked: Content | None, found: Content, moment: float
    ) -> None:
        del message, moment
        if not found.accepted:
            self.counts.events["rejected_sessions"] += 1
        if asked is None or not found.accepted or asked.seid is None or found.seid is None:
            return
        session = Session(self._begun, datagram.target, datagram.source)
        session.cp_places = _places(asked.seid.number, (*asked.seid.addresses, datagram.target))
        session.up_places = _places(found.seid.number, (*found.seid.addresses, datagram.source))
        session.apply(asked, found)
        for places, known in (
            (session.cp_places, self._register.at_smf),
            (session.up_places, self._register.at_upf),
        ):
            for place in places:
                if (old := known.get(place)) is not None:  # its end was not seen
                    self._end(old)
        self._add(session)

    def _add(self, session: Session) -> None:
        if len(self._register.sessions) >= self._bounds.sessions or self._full(session):
            self.counts.events["refused_sessions"] += 1
            return
        self._begun = session.number + 1
        self._register.add(session)
        self._tally(session)
        self.changes += 1

    def _modify(
        self, datagram: Datagram, message: Message, asked: Content | None, found: Content, moment: float
    ) -> None:
        place = datagram.target, message.seid
        session = self._register.at_smf.get(place)
        self._usage.count(session, place, datagram.source, found.reports, moment, self._most_rules)
        if session is None or asked is None or not found.accepted or self._full(session, asked):
            return
        if asked.seid is not None:  # another SMF of the set takes over
            session.cp_places = [*session.cp_places, *_places(asked.seid.number, asked.seid.addresses)][-8:]
            self._register.remove(session)
            self._register.add(session)
        session.apply(asked, found)
        self._tally(session)
        self.changes += 1

    def _delete(
        self, datagram: Datagram, message: Message, asked: Content | None, found: Content, moment: float
    ) -> None:
        del asked
        place = datagram.target, message.seid
        session = self._register.at_smf.get(place)
        self._usage.count(session, place, datagram.source, found.reports, moment, self._most_rules)
        if found.accepted or found.cause == _NOT_FOUND:
            self._register.forget(place)
            if session is not None:
                self._end(session)

    def _report(self, datagram: Datagram, message: Message, found: Content, moment: float) -> None:
        place = datagram.target, message.seid
        session = self._register.at_smf.get(place)
        self._usage.count(session, place, datagram.source, found.reports, moment, self._most_rules)
        if found.deleted and session is not None:
            self._end(session)

    @property
    def _most_rules(self) -> int:
        """Of all sessions."""
        return self._bounds.sessions * _RULES_PER_SESSION

    def _full(self, session: Session, asked: Content | None = None) -> bool:
        more = session.rules() if asked is None else _made(asked)
        return self.counts.rules + more > self._most_rules

    def _tally(self, session: Session) -> None:
        """Brings the sums over all sessions up to date."""
        label = self._usage.groups.label(session)
        periods = []
        for urr in session.counted:
            qfis = session.qfis(urr)
            session.labels[urr] = part = self._usage.groups.label(session, qfis) if qfis else label
            self.counts.begin(part)
            if (period := session.urrs[urr].urr.period) is not None:
                periods.append((part.group, period))
        if session.tallied is not None:
            self.counts.tally(session.tallied, -1)
        session.tallied = Tally(label, tuple(periods), session.rules())
        self.counts.tally(session.tallied, 1)

    def _end(self, session: Session) -> None:
        self._register.remove(session)
        if session.tallied is not None:
            self.counts.tally(session.tallied, -1)
            session.tallied = None
        self.changes += 1

    def _nothing(self, datagram: Datagram, message: Message, found: Content, moment: float) -> None:
        """A request that means nothing until it is answered."""

    def _ignore(
        self, datagram: Datagram, message: Message, asked: Content | None, found: Content, moment: float
    ) -> None:
        """A response that changes nothing."""

    # By kind of message; of the class, as methods of an object would hold it in a circle.
    _requests: ClassVar[Mapping[int, "_Request"]] = {
        m.HEARTBEAT_REQUEST: _note_recovery,
        m.ASSOCIATION_SETUP_REQUEST: _note_recovery,
        m.ASSOCIATION_RELEASE_REQUEST: _nothing,
        m.ESTABLISHMENT_REQUEST: _nothing,
        m.MODIFICATION_REQUEST: _nothing,
        m.DELETION_REQUEST: _nothing,
        m.REPORT_REQUEST: _report,
    }
    _responses: ClassVar[Mapping[int, "_Response"]] = {
        m.HEARTBEAT_RESPONSE: _beat,
        m.ASSOCIATION_SETUP_RESPONSE: _associate,
        m.ASSOCIATION_RELEASE_RESPONSE: _release,
        m.ESTABLISHMENT_RESPONSE: _establish,
        m.MODIFICATION_RESPONSE: _modify,
        m.DELETION_RESPONSE: _delete,
        m.REPORT_RESPONSE: _ignore,
    }


_Request: TypeAlias = Callable[[Tracker, Datagram, Message, Content, float], None]
_Response: TypeAlias = Callable[[Tracker, Datagram, Message, Content | None, Content, float], None]


def _places(seid: int, addresses: Sequence[bytes]) -> list[Place]:
    return [(address, seid) for address in dict.fromkeys(addresses)]


def _made(asked: Content) -> int:
    return len(asked.pdrs) + len(asked.endpoints) + len(asked.urrs) + len(asked.qers) + len(asked.fars)
