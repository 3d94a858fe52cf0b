# SPDX-License-Identifier: Apache-2.0
"""Writes the PFCP messages (3GPP TS 29.244) of the lab's SMF and UPF. It shares nothing with the exporter's decoder."""

import ipaddress
import struct
from collections.abc import Sequence
from dataclasses import dataclass

PORT = 8805
ACCESS, CORE = 0, 1
ACCEPTED, REJECTED = 1, 64
_NTP_EPOCH = 2_208_988_800

HEARTBEAT, ASSOCIATION, RELEASE, ESTABLISH, MODIFY, DELETE, REPORT = 1, 5, 9, 50, 52, 54, 56
"""Requests (7.3); the response has the next number."""
PERIODIC, TERMINATION = 0x010000, 0x000800
"""Usage Report Trigger (8.2.41): PERIO and TERMR."""


@dataclass(frozen=True)
class Rule:
    """A PDR: its number, its side, its URRs, and what it detects."""

    number: int
    source: int
    urrs: tuple[int, ...] = ()
    ue: str = ""
    teid: int | None = None
    """The tunnel at the UPF; 0 lets the UPF choose."""
    qfi: int | None = None
    network: str = ""


@dataclass(frozen=True)
class Usage:
    """A usage report."""

    urr: int
    sequence: int
    uplink: int = 0
    downlink: int = 0
    packets: tuple[int, int] | None = None
    trigger: int = PERIODIC
    start: int = 0
    end: int = 0


def message(kind: int, sequence: int, *elements: bytes, seid: int | None = None) -> bytes:
    """A message (7.2.2); node messages have no `seid`."""
    head = b"" if seid is None else struct.pack(">Q", seid)
    body = head + sequence.to_bytes(3, "big") + b"\0" + b"".join(elements)
    return struct.pack(">BBH", 0x20 | (seid is not None), kind, len(body)) + body


def element(kind: int, *values: bytes) -> bytes:
    """An information element, or a group of them (8.1.1)."""
    value = b"".join(values)
    return struct.pack(">HH", kind, len(value)) + value


def cause(number: int = ACCEPTED) -> bytes:
    """Cause (8.2.1)."""
    return element(19, bytes([number]))


def node(address: str) -> bytes:
    """Node ID (8.2.38)."""
    packed = ipaddress.ip_address(address).packed
    return element(60, bytes([0 if len(packed) == 4 else 1]), packed)


def recovery(moment: int) -> bytes:
    """Recovery Time Stamp (8.2.65) of a Unix time."""
    return element(96, _time(moment))


def seid(number: int, address: str) -> bytes:
    """F-SEID (8.2.37)."""
    packed = ipaddress.ip_address(address).packed
    return element(57, bytes([2 if len(packed) == 4 else 1]), struct.pack(">Q", number), packed)


def dnn(name: str) -> bytes:
    """APN/DNN (8.2.117)."""
    return element(159, *(bytes([len(label)]) + label.encode() for label in name.split(".")))


def s_nssai(sst: int, sd: int = 0xFFFFFF) -> bytes:
    """S-NSSAI (8.2.176)."""
    return element(257, bytes([sst]), sd.to_bytes(3, "big"))


def imsi(digits: str) -> bytes:
    """User ID (8.2.101) with an IMSI."""
    padded = digits + "f" * (len(digits) % 2)
    packed = bytes(int(padded[place + 1] + padded[place], 16) for place in range(0, len(padded), 2))
    return element(141, b"\1", bytes([len(packed)]), packed)


def pdr(rule: Rule) -> bytes:
    """Create PDR (7.5.2.2)."""
    detected = [element(20, bytes([rule.source]))]
    if rule.teid is not None:
        detected.append(element(21, b"\5") if rule.teid == 0 else f_teid(rule.teid, "192.0.2.1"))
    if rule.network:
        detected.append(element(22, rule.network.encode()))
    if rule.ue:
        detected.append(ue(rule.ue, destination=rule.source != ACCESS))
    if rule.qfi is not None:
        detected.append(element(124, bytes([rule.qfi])))
    urrs = [element(81, struct.pack(">I", number)) for number in rule.urrs]
    return element(1, _pdr(rule.number), element(2, *detected), *urrs)


def removed_pdr(number: int) -> bytes:
    """Remove PDR (7.5.4.6)."""
    return element(15, _pdr(number))


def created_pdr(number: int, teid: int, address: str) -> bytes:
    """Created PDR (7.5.3.2)."""
    return element(8, _pdr(number), f_teid(teid, address))


def f_teid(teid: int, address: str) -> bytes:
    """F-TEID (8.2.3)."""
    packed = ipaddress.ip_address(address).packed
    return element(21, bytes([1 if len(packed) == 4 else 2]), struct.pack(">I", teid), packed)


def ue(address: str, *, destination: bool) -> bytes:
    """UE IP Address (8.2.62); of IPv6 the first 64 bits are the user's."""
    packed = ipaddress.ip_address(address).packed
    return element(93, bytes([(2 if len(packed) == 4 else 1) | 4 * destination]), packed)


def far(number: int, teid: int, address: str) -> bytes:
    """Create FAR (7.5.2.3) towards the base station's tunnel."""
    outer = element(84, b"\1\0", struct.pack(">I", teid), ipaddress.ip_address(address).packed)
    forwarding = element(4, element(42, b"\0"), outer)
    return element(3, element(108, struct.pack(">I", number)), element(44, b"\2"), forwarding)


def urr(number: int, period: int = 10) -> bytes:
    """Create URR (7.5.2.4) that measures volume and reports in periods [s]."""
    return element(6, _urr(number), element(62, b"\2"), element(37, b"\1\0"), element(64, struct.pack(">I", period)))


def removed_urr(number: int) -> bytes:
    """Remove URR (7.5.4.8)."""
    return element(17, _urr(number))


def usage(group: int, report: Usage) -> bytes:
    """A Usage Report: `group` 78 in a modification, 79 in a deletion, 80 in a report (7.5.5.2, 7.5.7.2, 7.5.8.3)."""
    volumes: Sequence[int] = (report.uplink + report.downlink, report.uplink, report.downlink)
    flags = 7
    if report.packets is not None:
        volumes, flags = (*volumes, sum(report.packets), *report.packets), 63
    return element(
        group,
        _urr(report.urr),
        element(104, struct.pack(">I", report.sequence)),
        element(63, report.trigger.to_bytes(3, "big")),
        element(75, _time(report.start)),
        element(76, _time(report.end)),
        element(66, bytes([flags]), *(struct.pack(">Q", volume) for volume in volumes)),
    )


def _pdr(number: int) -> bytes:
    return element(56, struct.pack(">H", number))


def _urr(number: int) -> bytes:
    return element(81, struct.pack(">I", number))


def _time(moment: int) -> bytes:
    return struct.pack(">I", (moment + _NTP_EPOCH) % (1 << 32))
