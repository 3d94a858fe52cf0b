# SPDX-License-Identifier: Apache-2.0
"""PFCP messages of a small SMF and UPF (3GPP TS 29.244, release 17): an association, sessions, reports of usage.

Written from the tables of clauses 7 and 8 alone, so that the exporter's decoder is held against another hand's octets.
"""

import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import ip_address

from joulepath_lab.scenarios.sessions import Session

PORT = 8805
REPORT_SECONDS = 1
"""Between two reports of usage, the least that a measurement period can be."""
(
    HEARTBEAT, HEARTBEAT_ANSWER, SETUP, SETUP_ANSWER, ESTABLISH, ESTABLISH_ANSWER, REPORT, REPORT_ANSWER,
) = (1, 2, 5, 6, 50, 51, 56, 57)  # fmt: skip
ACCESS, CORE = 0, 1
_F_SEID, _URR_ID, _PDI, _F_TEID = 57, 81, 2, 21
_USAGE_REPORT, _VOLUME = 80, 66
_UPLINK_PDR, _DOWNLINK_PDR = 1, 2
_URR = 1
_ACCEPTED = 1
_NTP_EPOCH = 2_208_988_800  # Unix time 0 in seconds since 1900 (RFC 5905)
_VERSION, _HAS_SEID = 0x20, 0x01
_VOLUMES = struct.Struct("!B6Q")  # TOVOL, ULVOL, DLVOL, TONOP, ULNOP, DLNOP: octets and packets


@dataclass(frozen=True)
class Message:
    """One message without its elements; `seid` is None where the message is of the node."""

    kind: int
    sequence: int
    seid: int | None
    elements: bytes


@dataclass(frozen=True)
class Usage:
    """Octets and packets of a session since its last report, and when that time began and ended [s, Unix time]."""

    number: int
    uplink: tuple[int, int]
    downlink: tuple[int, int]
    start: float
    end: float


def message(kind: int, sequence: int, *elements: bytes, seid: int | None = None) -> bytes:
    """A message (clause 7.2.2)."""
    own = b"" if seid is None else struct.pack("!Q", seid)
    body = own + (sequence << 8).to_bytes(4, "big") + b"".join(elements)
    return struct.pack("!BBH", _VERSION | (0 if seid is None else _HAS_SEID), kind, len(body)) + body


def parse(octets: bytes) -> Message:
    """The parts of a message that the other side of the lab has sent."""
    flags, kind, length = struct.unpack_from("!BBH", octets)
    seid = struct.unpack_from("!Q", octets, 4)[0] if flags & _HAS_SEID else None
    position = 4 if seid is None else 12
    return Message(
        kind, int.from_bytes(octets[position : position + 3], "big"), seid, octets[position + 4 : 4 + length]
    )


def answer(to: Message, kind: int, own: str, *elements: bytes, seid: int | None = None) -> bytes:
    """The answer that accepts a request."""
    return message(kind, to.sequence, node_id(own), element(19, bytes([_ACCEPTED])), *elements, seid=seid)


def element(kind: int, value: bytes) -> bytes:
    """An information element (clause 8.1.1)."""
    return struct.pack("!HH", kind, len(value)) + value


def elements(octets: bytes) -> Iterator[tuple[int, bytes]]:
    """The elements of a message, or inside a group."""
    position = 0
    while position < len(octets):
        kind, length = struct.unpack_from("!HH", octets, position)
        yield kind, octets[position + 4 : position + 4 + length]
        position += 4 + length


def node_id(address: str) -> bytes:
    """Node ID: an IPv4 address."""
    return element(60, b"\0" + socket.inet_aton(address))


def recovery(started: float) -> bytes:
    """Recovery Time Stamp."""
    return element(96, _moment(started))


def f_seid(seid: int, address: str) -> bytes:
    """F-SEID with an IPv4 address."""
    return element(_F_SEID, struct.pack("!BQ", 2, seid) + socket.inet_aton(address))


def establishment(session: Session, *, gnb: str, upf: str) -> list[bytes]:
    """The rules of a session: up and down one PDR with its FAR, a QER with the QFI, and a URR where usage is reported.

    `gnb` and `upf` are the ends of the tunnel.
    """
    users = [] if session.kind == "ethernet" else [_ue_address(session.address)]
    instance = element(22, session.dnn.encode("ascii"))
    f_teid = element(_F_TEID, struct.pack("!BI", 2, session.uplink_teid) + ip_address(upf).packed)
    up = [element(20, bytes([ACCESS])), f_teid, instance, *users, element(124, bytes([session.qfi]))]
    down = [element(20, bytes([CORE])), instance, *users]
    header = element(84, struct.pack("!HI", 0x0200, session.downlink_teid) + ip_address(gnb).packed)
    rules = [_pdr(_UPLINK_PDR, up, session), _pdr(_DOWNLINK_PDR, down, session)]
    rules += [_far(_UPLINK_PDR, CORE), _far(_DOWNLINK_PDR, ACCESS, header)]
    if session.reported:
        rules.append(_urr())
    qer = [element(109, struct.pack("!I", 1)), element(25, b"\0"), element(124, bytes([session.qfi]))]
    rules.append(element(7, b"".join(qer)))
    kind = {"ipv4": 1, "ipv6": 2, "ethernet": 5}[session.kind]
    dnn = b"".join(bytes([len(label)]) + label.encode("ascii") for label in session.dnn.split("."))
    slice_id = bytes([session.sst]) + bytes.fromhex(session.sd)
    return [*rules, element(113, bytes([kind])), element(159, dnn), element(257, slice_id)]


def usage_report(sequence: int, usage: Usage, seid: int) -> bytes:
    """A Session Report Request with one periodic Usage Report."""
    (up, packets_up), (down, packets_down) = usage.uplink, usage.downlink
    counted = _VOLUMES.pack(0x3F, up + down, up, down, packets_up + packets_down, packets_up, packets_down)
    report = [
        element(_URR_ID, struct.pack("!I", _URR)),
        element(104, struct.pack("!I", usage.number)),
        element(63, bytes([0x01, 0, 0])),  # PERIO
        element(75, _moment(usage.start)),
        element(76, _moment(usage.end)),
        element(_VOLUME, counted),
    ]
    return message(REPORT, sequence, element(39, b"\x02"), element(_USAGE_REPORT, b"".join(report)), seid=seid)


def seid_in(octets: bytes) -> int:
    """The sender's own identifier in the elements of an establishment, or of its answer."""
    (value,) = (value for kind, value in elements(octets) if kind == _F_SEID)
    return int(struct.unpack_from("!Q", value, 1)[0])


def uplink_teid(octets: bytes) -> int:
    """The tunnel in the elements of an establishment."""
    for kind, rule in elements(octets):
        for inner, value in elements(rule) if kind == 1 else ():
            for inside, tunnel in elements(value) if inner == _PDI else ():
                if inside == _F_TEID:
                    return int(struct.unpack_from("!I", tunnel, 1)[0])
    raise ValueError("an establishment without a tunnel")


def _pdr(number: int, detected: list[bytes], session: Session) -> bytes:
    rule = [element(56, struct.pack("!H", number)), element(29, struct.pack("!I", 255))]
    rule.append(element(_PDI, b"".join(detected)))
    if number == _UPLINK_PDR:
        rule.append(element(95, b"\x06"))  # remove GTP-U/UDP/IP
    rule.append(element(108, struct.pack("!I", number)))
    if session.reported:
        rule.append(element(_URR_ID, struct.pack("!I", _URR)))
    rule.append(element(109, struct.pack("!I", 1)))
    return element(1, b"".join(rule))


def _far(number: int, towards: int, *more: bytes) -> bytes:
    parameters = element(4, b"".join((element(42, bytes([towards])), *more)))
    return element(3, element(108, struct.pack("!I", number)) + element(44, b"\x02\0") + parameters)  # FORW


def _urr() -> bytes:
    rule = [
        element(_URR_ID, struct.pack("!I", _URR)),
        element(62, b"\x02"),  # VOLUM
        element(37, b"\x01\0\0"),  # PERIO
        element(64, struct.pack("!I", REPORT_SECONDS)),
        element(100, b"\x10"),  # MNOP: packets, too
    ]
    return element(6, b"".join(rule))


def _ue_address(address: str) -> bytes:
    packed = ip_address(address).packed
    return element(93, bytes([2 if len(packed) == 4 else 1]) + packed)


def _moment(seconds: float) -> bytes:
    return struct.pack("!I", int(seconds + _NTP_EPOCH) & 0xFFFFFFFF)
