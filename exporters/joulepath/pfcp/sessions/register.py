# SPDX-License-Identifier: Apache-2.0
"""The sessions that there are, by the identifiers and the nodes that messages name."""

from collections import OrderedDict
from collections.abc import Iterable

from joulepath.pfcp.sessions.sequence import Numbers
from joulepath.pfcp.sessions.session import MOST_RULES, Place, Session

_MOST_NODES = 1000


class Stranger:
    """A session that was not seen to begin: its URRs, and which of them counts in each direction."""

    __slots__ = ("counted", "numbers")

    def __init__(self) -> None:
        self.numbers: dict[int, Numbers] = {}
        self.counted: dict[str, int] = {}

    def number(self, urr: int) -> Numbers:
        """The report numbers of a URR."""
        if len(self.numbers) >= MOST_RULES:
            return self.numbers.get(urr) or Numbers()
        return self.numbers.setdefault(urr, Numbers())


class Register:
    """Finds sessions."""

    def __init__(self, most_strangers: int) -> None:
        self.sessions: dict[int, Session] = {}
        """By their number: the latest last."""
        self.at_smf: dict[Place, Session] = {}
        self.at_upf: dict[Place, Session] = {}
        self._by_node: dict[bytes, dict[int, Session]] = {}
        self._recoveries: OrderedDict[bytes, int] = OrderedDict()
        self._strangers: OrderedDict[Place, Stranger] = OrderedDict()
        self._most_strangers = most_strangers

    def add(self, session: Session) -> None:
        """A session that began, with its places."""
        self.sessions[session.number] = session
        for node in (session.smf, session.upf):
            self._by_node.setdefault(node, {})[session.number] = session
        self.place(session)

    def place(self, session: Session) -> None:
        """Notes the session's places."""
        for place in session.cp_places:
            self.at_smf[place] = session
            self._strangers.pop(place, None)
        for place in session.up_places:
            self.at_upf[place] = session

    def remove(self, session: Session) -> None:
        """A session that ended."""
        self.sessions.pop(session.number, None)
        for node in (session.smf, session.upf):
            if (there := self._by_node.get(node)) is not None:
                there.pop(session.number, None)
                if not there:
                    del self._by_node[node]
        for places, known in ((session.cp_places, self.at_smf), (session.up_places, self.at_upf)):
            for place in places:
                if known.get(place) is session:
                    del known[place]

    def of(self, *nodes: bytes) -> Iterable[Session]:
        """The sessions that all these nodes have."""
        first, *others = (self._by_node.get(node, {}) for node in nodes)
        return [session for number, session in first.items() if all(number in other for other in others)]

    def recovery(self, node: bytes) -> int:
        """When a node started, as it said [s, Unix time]; 0 where it has not."""
        return self._recoveries.get(node, 0)

    @property
    def recoveries(self) -> dict[bytes, int]:
        """When each node started, as it said [s, Unix time]."""
        return dict(self._recoveries)

    def restarted(self, node: bytes, recovery: int) -> bool:
        """Notes when a node started. True where that is later than what it said before."""
        before = self._recoveries.get(node, 0)
        if recovery > before:
            self._recoveries[node] = recovery
            if len(self._recoveries) > _MOST_NODES:
                self._recoveries.popitem(last=False)
        return 0 < before < recovery

    def stranger(self, place: Place) -> Stranger:
        """The record of a session that was not seen to begin."""
        if (known := self._strangers.get(place)) is None:
            known = self._strangers[place] = Stranger()
            if len(self._strangers) > self._most_strangers:
                self._strangers.popitem(last=False)
        self._strangers.move_to_end(place)
        return known

    def forget(self, place: Place) -> None:
        """The session there has ended."""
        self._strangers.pop(place, None)

    @property
    def strangers(self) -> int:
        """Sessions that report and were not seen to begin."""
        return len(self._strangers)
