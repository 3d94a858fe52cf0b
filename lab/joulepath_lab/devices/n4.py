# SPDX-License-Identifier: Apache-2.0
"""A small SMF and a small UPF that speak PFCP over UDP, and the truth about what the UPF's users sent.

    with Upf("127.0.0.2") as upf, Smf("127.0.0.1", upf.address) as smf:
        seid = smf.establish("10.45.0.2", dnn="internet", sst=1)
        upf.carry(seid, uplink=1000, downlink=5000)
        upf.report()
        smf.release(seid)

They know no more of the standard than the lab needs: one URR for each session, unless `rules` says otherwise.
"""

import socket
import struct
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from queue import Empty, Queue
from types import TracebackType
from typing import Self

from joulepath_lab.devices import pfcp

ANSWER_SECONDS = 2.0
_TIMES = 3
"""How often a request is sent before its sender gives up: N1 (TS 29.244, 6.4)."""


@dataclass(kw_only=True)
class Carried:
    """Traffic of users [octets, packets]."""

    uplink: int = 0
    downlink: int = 0
    packets_up: int = 0
    packets_down: int = 0

    def add(self, uplink: int, downlink: int, packets: tuple[int, int]) -> None:
        """More of it."""
        self.uplink += uplink
        self.downlink += downlink
        self.packets_up += packets[0]
        self.packets_down += packets[1]


@dataclass(kw_only=True)
class Truth(Carried):
    """A session, by the UPF's own count."""

    dnn: str
    ue: str


@dataclass(kw_only=True)
class _Meter(Carried):
    """One URR since its last report."""

    sequence: int = 0
    since: int


@dataclass
class _Session:
    seid: int
    """At the UPF; at the SMF it is `smf_seid`."""
    smf_seid: int
    carried: Truth
    meters: dict[int, _Meter] = field(default_factory=dict)


class _Node(ABC):
    """One end: a socket, and a thread that hands requests to `answer`."""

    def __init__(self, address: str, *, port: int = pfcp.PORT) -> None:
        self.address = address
        self.started = int(time.time())
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self._socket = socket.socket(family, socket.SOCK_DGRAM)
        self._socket.bind((address, port))
        self._port = port
        self._sequence = 0
        self._answers: Queue[bytes] = Queue()
        self._ending = False
        self._thread = threading.Thread(target=self._run, name=f"pfcp {address}", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ending = True
        with socket.socket(self._socket.family, socket.SOCK_DGRAM) as waker:
            waker.sendto(b"", (self.address, self._port))
        self._thread.join()
        self._socket.close()

    def ask(self, peer: str, kind: int, *elements: bytes, seid: int | None = None, times: int = 1) -> bytes:
        """A request and its answer. With `times` it is sent so often at once. Raises TimeoutError."""
        self._sequence += 1
        octets = pfcp.message(kind, self._sequence, *elements, seid=seid)
        for _ in range(_TIMES):
            for _ in range(times):
                self._socket.sendto(octets, (peer, self._port))
            try:
                while True:
                    answer = self._answers.get(timeout=ANSWER_SECONDS)
                    if sequence(answer) == self._sequence:
                        return answer
            except Empty:
                continue
        raise TimeoutError(f"{self.address}: {peer} does not answer message {kind}")

    @abstractmethod
    def answer(self, kind: int, octets: bytes) -> Sequence[bytes | int | None]:
        """The SEID and the elements of the response to a request; without any, there is no response."""

    def _run(self) -> None:
        known: dict[tuple[object, int], bytes] = {}
        while True:
            octets, peer = self._socket.recvfrom(1 << 16)
            if self._ending:
                return
            kind = octets[1]
            if kind in _RESPONSES:
                self._answers.put(octets)
                continue
            key = peer, sequence(octets)
            if key not in known:  # else the request was sent again, and gets the same answer
                seid, *elements = self.answer(kind, octets)
                known[key] = pfcp.message(kind + 1, sequence(octets), *elements, seid=seid)  # type: ignore[arg-type]  # the first is the SEID
            self._socket.sendto(known[key], peer)


class Upf(_Node):
    """Accepts sessions, counts what `carry` says, and reports it."""

    def __init__(self, address: str, *, port: int = pfcp.PORT, seids: int = 1000, teids: int = 0x1000) -> None:
        """SEIDs and TEIDs of the UPF begin with these numbers."""
        super().__init__(address, port=port)
        self.truth: dict[int, Truth] = {}
        """By the SMF's SEID: every session that there was."""
        self.rejects: Callable[[bytes], bool] = lambda _: False
        """Whether an establishment is rejected."""
        self._sessions: dict[int, _Session] = {}
        self._by_seid: dict[int, _Session] = {}
        self._next_seid, self._next_teid = seids, teids
        self._smf = ""
        self._lock = threading.Lock()

    def carry(
        self,
        seid: int,
        *,
        uplink: int = 0,
        downlink: int = 0,
        packets: tuple[int, int] = (0, 0),
        urrs: Sequence[int] = (),
    ) -> None:
        """Users of the session with this SEID at the SMF sent and got so many octets; `urrs` measure it, else all."""
        with self._lock:
            session = self._sessions[seid]
            for count in (session.carried, *(session.meters[number] for number in (urrs or session.meters))):
                count.add(uplink, downlink, packets)

    def report(self, *, times: int = 1) -> None:
        """A Session Report Request for each session that has something to report."""
        with self._lock:
            usages = [(session.smf_seid, self._usages(session, 80)) for session in self._sessions.values()]
        for smf_seid, reports in usages:
            if reports:
                self.ask(self._smf, pfcp.REPORT, *reports, seid=smf_seid, times=times)

    def answer(self, kind: int, octets: bytes) -> Sequence[bytes | int | None]:
        """Of the SMF's requests."""
        with self._lock:
            if kind == pfcp.ESTABLISH:
                return self._establish(octets)
            if kind == pfcp.DELETE:
                session = self._by_seid.pop(seid(octets))
                del self._sessions[session.smf_seid]
                return session.smf_seid, pfcp.cause(), *self._usages(session, 79, trigger=pfcp.TERMINATION)
            if kind == pfcp.MODIFY:
                session = self._by_seid[seid(octets)]
                return session.smf_seid, pfcp.cause()
        return None, pfcp.cause(), pfcp.node(self.address), pfcp.recovery(self.started)

    def _establish(self, octets: bytes) -> Sequence[bytes | int]:
        found = dict(elements(octets))
        _, smf_seid, address = struct.unpack_from(">BQ4s", found[57])
        if self.rejects(octets):
            return smf_seid, pfcp.node(self.address), pfcp.cause(pfcp.REJECTED)
        self._smf = socket.inet_ntoa(address)
        self._next_seid += 1
        urrs = [struct.unpack_from(">I", dict(_within(value))[81])[0] for kind, value in elements(octets) if kind == 6]
        pdrs = [dict(_within(value)) for kind, value in elements(octets) if kind == 1]
        detected = [dict(_within(pdr[2])) for pdr in pdrs]
        ue = next((socket.inet_ntoa(pdi[93][1:5]) for pdi in detected if 93 in pdi and pdi[93][0] & 2), "")
        name = found.get(159, b"\0")[1:].decode()
        now = int(time.time())
        session = _Session(self._next_seid, smf_seid, Truth(dnn=name, ue=ue), {urr: _Meter(since=now) for urr in urrs})
        self._sessions[smf_seid] = self._by_seid[session.seid] = session
        self.truth[smf_seid] = session.carried
        created = []
        for pdr, pdi in zip(pdrs, detected, strict=True):
            if pdi.get(21, b"\0")[0] & 4:  # the UPF chooses
                self._next_teid += 1
                created.append(pfcp.created_pdr(struct.unpack(">H", pdr[56])[0], self._next_teid, self.address))
        return smf_seid, pfcp.node(self.address), pfcp.cause(), pfcp.seid(session.seid, self.address), *created

    def _usages(self, session: _Session, group: int, trigger: int = pfcp.PERIODIC) -> list[bytes]:
        found, now = [], int(time.time())
        for number, meter in session.meters.items():
            if meter.uplink or meter.downlink or group == 79:
                usage = pfcp.Usage(
                    number, meter.sequence, meter.uplink, meter.downlink, (meter.packets_up, meter.packets_down),
                    trigger, meter.since, now,
                )  # fmt: skip
                found.append(pfcp.usage(group, usage))
                session.meters[number] = _Meter(sequence=meter.sequence + 1, since=now)
        return found


class Smf(_Node):
    """Makes sessions at one UPF."""

    def __init__(self, address: str, upf: str, *, port: int = pfcp.PORT, period: int = 10) -> None:
        """It asks for reports each `period` [s]."""
        super().__init__(address, port=port)
        self._upf = upf
        self._period = period
        self._seid = 0
        self._at_upf: dict[int, int] = {}

    def associate(self) -> None:
        """PFCP Association Setup."""
        self.ask(self._upf, pfcp.ASSOCIATION, pfcp.node(self.address), pfcp.recovery(self.started))

    def heartbeat(self) -> None:
        """Heartbeat."""
        self.ask(self._upf, pfcp.HEARTBEAT, pfcp.recovery(self.started))

    def establish(
        self,
        ue: str,
        *,
        dnn: str,
        sst: int = 1,
        sd: int = 0xFFFFFF,
        gnb_teid: int = 0,
        qfi: int | None = None,
        imsi: str = "",
        rules: Sequence[pfcp.Rule] = (),
        times: int = 1,
    ) -> int:
        """A session; returns its SEID here. Without `rules`, one URR measures both directions."""
        self._seid += 1
        rules = rules or (
            pfcp.Rule(1, pfcp.ACCESS, (1,), ue, 0, qfi, dnn),
            pfcp.Rule(2, pfcp.CORE, (1,), ue, None, qfi, dnn),
        )
        urrs = sorted({urr for rule in rules for urr in rule.urrs})
        described = [pfcp.dnn(dnn), pfcp.s_nssai(sst, sd)]
        if imsi:
            described.append(pfcp.imsi(imsi))
        if gnb_teid:
            described.append(pfcp.far(1, gnb_teid, "192.0.2.200"))
        answer = self.ask(
            self._upf, pfcp.ESTABLISH, pfcp.node(self.address), pfcp.seid(self._seid, self.address),
            *map(pfcp.pdr, rules), *(pfcp.urr(urr, self._period) for urr in urrs), *described, seid=0, times=times,
        )  # fmt: skip
        found = dict(elements(answer))
        if found[19] == bytes([pfcp.ACCEPTED]):
            self._at_upf[self._seid] = struct.unpack_from(">xQ", found[57])[0]
        return self._seid

    def release(self, seid: int, *, times: int = 1) -> None:
        """Session Deletion."""
        self.ask(self._upf, pfcp.DELETE, seid=self._at_upf.pop(seid), times=times)

    def answer(self, kind: int, octets: bytes) -> Sequence[bytes | int | None]:
        """Of the UPF's requests."""
        if kind == pfcp.REPORT:
            return self._at_upf.get(seid(octets), 0), pfcp.cause()
        return None, pfcp.recovery(self.started)


_RESPONSES = frozenset({2, 6, 8, 10, 11, 51, 53, 55, 57})


def sequence(octets: bytes) -> int:
    """The sequence number of a message."""
    start = 12 if octets[0] & 1 else 4
    return int.from_bytes(octets[start : start + 3], "big")


def seid(octets: bytes) -> int:
    """The SEID of a session message."""
    return int.from_bytes(octets[4:12], "big")


def elements(octets: bytes) -> list[tuple[int, bytes]]:
    """The elements of a message."""
    return _within(octets[16 if octets[0] & 1 else 8 :])


def _within(octets: bytes) -> list[tuple[int, bytes]]:
    found, position = [], 0
    while position < len(octets):
        kind, length = struct.unpack_from(">HH", octets, position)
        found.append((kind, octets[position + 4 : position + 4 + length]))
        position += 4 + length
    return found
