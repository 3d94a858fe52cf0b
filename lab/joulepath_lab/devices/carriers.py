# SPDX-License-Identifier: Apache-2.0
"""Carriers of users' packets from node to node: devices of the kernel, and tunnels in UDP.

`opaque`: ciphered, so that no node on the way can read it (and no protection of anything: the key is known); `gtpu`:
GTP-U with a PDU session container (3GPP TS 29.281, TS 38.415); `user`: the node's own kernel, by a TUN device for IP,
and by a TAP device for the frames of an Ethernet session.
"""

import hashlib
import os
import socket
import struct
from collections.abc import Callable, Sequence
from ipaddress import ip_address
from itertools import count
from typing import Protocol

from joulepath_lab.network.tun import LAN, TUN, open_tap, open_tun
from joulepath_lab.scenarios.scenario import End
from joulepath_lab.scenarios.sessions import Session

_OPAQUE_PORT, _GTPU_PORT = 7000, 2152
_KEY = b"joulepath laboratory"
_NONCE = struct.Struct("!Q")
# Version 1, GTP, extension header; T-PDU; length; TEID; sequence and N-PDU number, unused; PDU session container.
_GTPU = struct.Struct("!BBHIHBB4s")
_T_PDU, _SESSION_CONTAINER = 255, 0x85
_DOWNLINK, _UPLINK = 0x00, 0x10  # the PDU type of the container
_MAX_OCTETS = 2048

Carried = tuple[Session, bytes]
"""A user's packet, or frame, and its session."""


class Source(Protocol):
    """Where packets come from."""

    def fileno(self) -> int:
        """For selectors."""

    def receive(self) -> Carried | None:
        """The next packet; None where it is of no session."""


class Side(Protocol):
    """One side of a relay."""

    @property
    def sources(self) -> Sequence[Source]:
        """Where what comes from there is received."""

    def send(self, session: Session, packet: bytes) -> None:
        """Passes a packet on."""


class Device:
    """Packets or frames as the node's kernel sends and takes them."""

    def __init__(self, descriptor: int, session_of: Callable[[bytes], Session | None]) -> None:
        self._descriptor = descriptor
        self._session_of = session_of

    def fileno(self) -> int:
        """See `Source.fileno`."""
        return self._descriptor

    def receive(self) -> Carried | None:
        """See `Source.receive`."""
        packet = os.read(self._descriptor, _MAX_OCTETS)
        session = self._session_of(packet)
        return (session, packet) if session else None

    def send(self, packet: bytes) -> None:
        """Hands one to the kernel."""
        os.write(self._descriptor, packet)


class Users:
    """The node's own kernel: it has the users' ends of the sessions, or the way to their servers."""

    def __init__(self, sessions: Sequence[Session]) -> None:
        addresses = {ip_address(each.address).packed: each for each in sessions if each.kind != "ethernet"}
        self._tun = Device(open_tun(TUN), lambda packet: by_address(packet, addresses))
        self._lan = {
            each: Device(open_tap(LAN), lambda _, each=each: each)  # type: ignore[misc]  # bound at once
            for each in sessions
            if each.kind == "ethernet"
        }

    @property
    def sources(self) -> Sequence[Source]:
        """See `Side.sources`."""
        return self._tun, *self._lan.values()

    def send(self, session: Session, packet: bytes) -> None:
        """See `Side.send`."""
        self._lan.get(session, self._tun).send(packet)


class Tunnel:
    """Users' packets inside UDP."""

    def __init__(
        self, end: End, port: int, wrap: Callable[[Session, bytes], bytes], unwrap: Callable[[bytes], Carried | None]
    ) -> None:
        self._socket = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        self._socket.bind((end.own, port))
        self._socket.connect((end.peer, port))
        self._wrap, self._unwrap = wrap, unwrap

    @property
    def sources(self) -> Sequence[Source]:
        """See `Side.sources`."""
        return (self,)

    def fileno(self) -> int:
        """See `Source.fileno`."""
        return self._socket.fileno()

    def receive(self) -> Carried | None:
        """See `Source.receive`."""
        return self._unwrap(self._socket.recv(_MAX_OCTETS, socket.MSG_DONTWAIT))

    def send(self, session: Session, packet: bytes) -> None:
        """See `Side.send`."""
        self._socket.send(self._wrap(session, packet))


def open_side(end: End, sessions: Sequence[Session], *, uplink: bool) -> Side:
    """One end of a relay; what is sent there goes up or down."""
    if end.carrier == "user":
        return Users(sessions)
    if end.carrier == "gtpu":
        by_teid = {teid: each for each in sessions for teid in (each.uplink_teid, each.downlink_teid)}
        return Tunnel(
            end,
            _GTPU_PORT,
            lambda session, packet: encapsulate(session, packet, uplink=uplink),
            lambda data: decapsulate(data, by_teid),
        )
    by_number = {each.number: each for each in sessions}
    return Tunnel(end, _OPAQUE_PORT, cipher, lambda data: decipher(data, by_number))


def by_address(packet: bytes, sessions: dict[bytes, Session]) -> Session | None:
    """The session with the source or the destination of an IP packet."""
    version = packet[0] >> 4 if packet else 0
    if version == 6:
        source, destination = packet[8:24], packet[24:40]
    elif version == 4:
        source, destination = packet[12:16], packet[16:20]
    else:
        return None
    return sessions.get(source) or sessions.get(destination)


_nonces = count()


def cipher(session: Session, packet: bytes) -> bytes:
    """The number of its session and the packet, ciphered."""
    nonce = _NONCE.pack(next(_nonces))
    return nonce + _mix(bytes([session.number]) + packet, nonce)


def decipher(data: bytes, by_number: dict[int, Session]) -> Carried | None:
    """The packet, deciphered."""
    plain = _mix(data[_NONCE.size :], data[: _NONCE.size])
    session = by_number.get(plain[0]) if plain else None
    return (session, plain[1:]) if session else None


def _mix(data: bytes, nonce: bytes) -> bytes:
    stream = hashlib.shake_128(_KEY + nonce).digest(len(data))
    return (int.from_bytes(data, "big") ^ int.from_bytes(stream, "big")).to_bytes(len(data), "big")


def encapsulate(session: Session, packet: bytes, *, uplink: bool) -> bytes:
    """The packet with a GTP-U header before it."""
    length = _GTPU.size - 8 + len(packet)
    teid = session.uplink_teid if uplink else session.downlink_teid
    # Four octets: PDU session information, QFI, nothing follows.
    container = bytes([1, _UPLINK if uplink else _DOWNLINK, session.qfi, 0])
    return _GTPU.pack(0x34, _T_PDU, length, teid, 0, 0, _SESSION_CONTAINER, container) + packet


def decapsulate(data: bytes, by_teid: dict[int, Session]) -> Carried | None:
    """The packet without its GTP-U header."""
    if len(data) < _GTPU.size:
        return None
    session = by_teid.get(_GTPU.unpack_from(data)[3])
    return (session, data[_GTPU.size :]) if session else None
