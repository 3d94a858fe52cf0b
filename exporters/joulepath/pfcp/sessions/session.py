# SPDX-License-Identifier: Apache-2.0
"""One PFCP session: its rules as they are now, from requests that the UPF accepted."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import NamedTuple, TypeVar

from joulepath.pfcp.sessions.choice import choose
from joulepath.pfcp.sessions.sequence import Numbers
from joulepath.pfcp.wire.content import ACCESS, Content, Far, Pdr, Report, Ue, Urr
from joulepath.pfcp.wire.decode import MOST_PARTS

MOST_RULES = 256
"""PDRs, and each other kind of rule, of one session; what is beyond is not followed."""
_MOST_RETIRED = 8
UPLINK, DOWNLINK, UNDIRECTED = "uplink", "downlink", "unknown"
T = TypeVar("T")
Place = tuple[bytes, int]
"""A packed address, and the session's identifier there."""


@dataclass(slots=True)
class Measured:
    """A URR of a session."""

    urr: Urr
    numbers: Numbers = field(default_factory=Numbers)
    pdrs: frozenset[int] = frozenset()


Usage = dict[str, tuple[int, int | None]]
"""Octets and packets by direction; None where packets are not reported."""


class Label(NamedTuple):
    """The labels of usage, beside its direction."""

    group: str
    dnn: str
    s_nssai: str
    upf: str


class Tally(NamedTuple):
    """The part of a session in the sums over all sessions."""

    label: Label
    periods: tuple[tuple[str, int], ...]
    """Group and Measurement Period [s] of its URRs."""
    rules: int


class Session:
    """The rules of one session."""

    __slots__ = (
        "counted", "cp_places", "dnn", "endpoints", "fars", "labels", "number", "pdrs", "qers", "retired", "s_nssai",
        "smf", "subscriber", "tallied", "up_places", "upf", "urrs",
    )  # fmt: skip

    def __init__(self, number: int, smf: bytes, upf: bytes) -> None:
        """`number` counts sessions: the latest has the highest. Addresses are packed."""
        self.number = number
        self.smf, self.upf = smf, upf
        self.cp_places: list[Place] = []
        self.up_places: list[Place] = []
        self.dnn = self.s_nssai = self.subscriber = ""
        self.pdrs: dict[int, Pdr] = {}
        self.endpoints: dict[int, Pdr] = {}
        self.urrs: dict[int, Measured] = {}
        self.qers: dict[int, int | None] = {}
        self.fars: dict[int, int | None] = {}
        self.counted: list[int] = []
        """The URRs that count."""
        self.retired: dict[int, Measured] = {}
        """URRs that counted and were removed: their last reports may be on the way."""
        self.labels: dict[int, Label] = {}
        """By URR, the labels of what it measures, as far as they were needed."""
        self.tallied: Tally | None = None
        """Its part of the sums over all sessions."""

    def apply(self, asked: Content, answer: Content) -> None:
        """Changes the rules as a request asked and its response confirmed."""
        self._describe(asked)
        self._remove(asked)
        for known, made, updated in (
            (self.pdrs, asked.pdrs, asked.updated_pdrs),
            (self.endpoints, asked.endpoints, asked.updated_endpoints),
        ):
            _keep(known, ((pdr.number, pdr) for pdr in made))
            for update in updated:
                if (old := known.get(update.number)) is not None:
                    known[update.number] = _updated(old, update)
        for known, made in ((self.pdrs, answer.created_pdrs), (self.endpoints, answer.created_endpoints)):
            for addition in made:
                if (pdr := known.get(addition.number)) is not None:
                    pdr.teids = tuple(dict.fromkeys((*pdr.teids, *addition.teids)))[-MOST_PARTS:]
                    pdr.users = tuple(dict.fromkeys((*pdr.users, *addition.users)))[-MOST_PARTS:]
        for urr in asked.urrs:
            self.retired.pop(urr.number, None)
        _keep(self.urrs, ((urr.number, Measured(urr)) for urr in asked.urrs))
        for urr in asked.updated_urrs:
            if (measured := self.urrs.get(urr.number)) is not None:
                before = measured.urr
                measured.urr = replace(
                    before,
                    volume=before.volume if urr.volume is None else urr.volume,
                    period=before.period if urr.period is None else urr.period,
                )
        _keep(self.qers, ((qer.number, qer.qfi) for qer in (*asked.qers, *asked.updated_qers) if qer.qfi is not None))
        _keep(self.fars, _tunnels((*asked.fars, *asked.updated_fars)))
        self.labels.clear()
        self._choose()

    def resume(self, counted: list[int]) -> None:
        """Goes on with the rules that were set, and the URRs that counted."""
        self.counted = counted
        self._choose()

    def measured(self, urr: int, *, room: bool = True) -> tuple[Measured, bool]:
        """A URR that reports, and whether it counts. One that was not seen to be made counts where no other does.

        Without `room` it is not remembered.
        """
        found = self.urrs.get(urr)
        if found is not None:
            return found, urr in self.counted
        if (found := self.retired.get(urr)) is not None:
            return found, True
        found = Measured(Urr(urr))
        if room and len(self.urrs) < MOST_RULES:
            self.urrs[urr] = found
            self._choose()
            if self.tallied is not None:
                self.tallied = self.tallied._replace(rules=self.rules())
        return found, urr in self.counted

    def rules(self) -> int:
        """The number of its rules of all kinds."""
        return len(self.pdrs) + len(self.endpoints) + len(self.urrs) + len(self.qers) + len(self.fars)

    def usage(self, report: Report) -> Usage:
        """The usage in a report, by direction. Where only the total is there, the URR's PDRs say the direction."""
        return directed(report, self._direction(report.urr))

    def qfis(self, urr: int) -> frozenset[int]:
        """The QFIs of the packets that a URR measures, as far as PDRs and QERs say them."""
        measured = self.urrs.get(urr)
        return frozenset().union(*(self._qfis(self.pdrs[pdr]) for pdr in (measured.pdrs if measured else ())))

    def users(self) -> Iterable[Ue]:
        """The user's addresses, each once."""
        return dict.fromkeys(ue for pdr in (*self.pdrs.values(), *self.endpoints.values()) for ue in pdr.users)

    def teids(self) -> Iterable[int]:
        """The tunnels of the session in both directions, each once."""
        own = (teid for pdr in (*self.pdrs.values(), *self.endpoints.values()) for teid in pdr.teids)
        return dict.fromkeys((*own, *(teid for teid in self.fars.values() if teid is not None)))

    def networks(self) -> Iterable[str]:
        """Network Instances, those of the data network's side first."""
        pdrs = sorted(self.pdrs.values(), key=lambda pdr: self._source(pdr) == ACCESS)
        return (pdr.network for pdr in pdrs if pdr.network)

    def _describe(self, asked: Content) -> None:
        self.dnn = asked.dnn or self.dnn
        self.s_nssai = asked.s_nssai or self.s_nssai
        self.subscriber = asked.subscriber or self.subscriber

    def _remove(self, asked: Content) -> None:
        for number in asked.removed_urrs:
            if number in self.counted and (measured := self.urrs.get(number)) is not None:
                self.retired[number] = measured
                if len(self.retired) > _MOST_RETIRED:
                    del self.retired[next(iter(self.retired))]
        for known, numbers in (
            (self.pdrs, asked.removed_pdrs),
            (self.endpoints, asked.removed_endpoints),
            (self.urrs, asked.removed_urrs),
            (self.qers, asked.removed_qers),
            (self.fars, asked.removed_fars),
        ):
            for number in numbers:
                known.pop(number, None)

    def _choose(self) -> None:
        covers: dict[int, set[int]] = {}
        for number, measured in self.urrs.items():
            if measured.urr.volume is not False:
                covers[number] = set()
        for pdr in self.pdrs.values():
            for number in pdr.urrs or ():
                if number in covers:
                    covers[number].add(pdr.number)
        for number, measured in self.urrs.items():
            measured.pdrs = frozenset(covers.get(number, ()))
        self.counted = list(covers) if len(covers) == 1 else choose(covers, self.counted)

    def _source(self, pdr: Pdr) -> int | None:
        if pdr.source is None and pdr.endpoint is not None and (endpoint := self.endpoints.get(pdr.endpoint)):
            return endpoint.source
        return pdr.source

    def _qfis(self, pdr: Pdr) -> Iterable[int]:
        if pdr.qfis:
            return pdr.qfis
        return [qfi for qer in pdr.qers or () if (qfi := self.qers.get(qer)) is not None]

    def _direction(self, urr: int) -> str:
        measured = self.urrs.get(urr)
        sources = {self._source(self.pdrs[pdr]) for pdr in (measured.pdrs if measured else ())}
        if sources == {ACCESS}:
            return UPLINK
        return UNDIRECTED if not sources or sources & {ACCESS, None} else DOWNLINK


def directed(report: Report, otherwise: str) -> Usage:
    octets, packets = _both(*report.octets), _both(*report.packets)
    found: Usage = {}
    for direction, index in ((UPLINK, 1), (DOWNLINK, 2)):
        if octets[index] is not None:
            found[direction] = octets[index] or 0, packets[index]
    if not found and octets[0] is not None:
        found[otherwise] = octets[0], packets[0]
    return found


def _both(total: int | None, up: int | None, down: int | None) -> tuple[int | None, int | None, int | None]:
    """With the direction that the total gives away."""
    if total is not None and up is not None and down is None:
        down = max(0, total - up)
    elif total is not None and down is not None and up is None:
        up = max(0, total - down)
    return total, up, down


def _updated(old: Pdr, new: Pdr) -> Pdr:
    changes: dict[str, object] = {"urrs": old.urrs if new.urrs is None else new.urrs}
    changes["qers"] = old.qers if new.qers is None else new.qers
    if new.detects:
        for name in ("source", "teids", "network", "users", "qfis", "endpoint"):
            changes[name] = getattr(new, name) or getattr(old, name)
        changes["source"] = old.source if new.source is None else new.source
    return replace(old, **changes)  # type: ignore[arg-type]  # names of its own fields


def _keep(known: dict[int, T], made: Iterable[tuple[int, T]]) -> None:
    for number, rule in made:
        if number in known or len(known) < MOST_RULES:
            known[number] = rule


def _tunnels(fars: Iterable[Far]) -> Iterable[tuple[int, int | None]]:
    return ((far.number, far.teid) for far in fars if far.teid is not None)
