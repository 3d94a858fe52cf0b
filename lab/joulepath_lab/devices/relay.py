# SPDX-License-Identifier: Apache-2.0
"""A user plane in user space: passes packets between two carriers, both ways, until it is ended.

`python -m joulepath_lab.devices.relay --scenario gtpu --node cu`. Carriers: `opaque`, ciphered in UDP, so that no node
on the way can read it (and no protection of anything: the key is known); `gtpu`, GTP-U with a PDU session container
(3GPP TS 29.281, TS 38.415); `user`, a TUN device of the node's own kernel.
"""

import argparse
import hashlib
import os
import selectors
import socket
import struct
from collections.abc import Callable
from itertools import count

from joulepath_lab.network.tun import open_tun
from joulepath_lab.scenarios import scenario
from joulepath_lab.scenarios.scenario import End

_OPAQUE_PORT, _GTPU_PORT = 7000, 2152
_KEY = b"joulepath laboratory"
_NONCE = struct.Struct("!Q")
# Version 1, GTP, extension header; T-PDU; length; TEID; sequence and N-PDU number, unused; PDU session container.
_GTPU = struct.Struct("!BBHIHBB4s")
_T_PDU, _SESSION_CONTAINER, _TEID = 255, 0x85, 0x1001
_CONTAINER = bytes([1, 0x10, 9, 0])  # four octets: uplink PDU session information, QFI 9, nothing follows
_MAX_OCTETS = 2048


class Tun:
    """Users' packets as the node's kernel sends and takes them."""

    def __init__(self) -> None:
        self._device = open_tun()

    def fileno(self) -> int:
        """For selectors."""
        return self._device

    def receive(self) -> bytes:
        """The next packet."""
        return os.read(self._device, _MAX_OCTETS)

    def send(self, packet: bytes) -> None:
        """Hands one to the kernel."""
        os.write(self._device, packet)


class Tunnel:
    """Users' packets inside UDP."""

    def __init__(self, end: End, port: int, wrap: Callable[[bytes], bytes], unwrap: Callable[[bytes], bytes]) -> None:
        self._socket = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        self._socket.bind((end.own, port))
        self._socket.connect((end.peer, port))
        self._wrap, self._unwrap = wrap, unwrap

    def fileno(self) -> int:
        """For selectors."""
        return self._socket.fileno()

    def receive(self) -> bytes:
        """The next packet."""
        return self._unwrap(self._socket.recv(_MAX_OCTETS))

    def send(self, packet: bytes) -> None:
        """Carries one to the other side."""
        self._socket.send(self._wrap(packet))


_nonces = count()


def cipher(packet: bytes) -> bytes:
    """The packet, ciphered."""
    nonce = _NONCE.pack(next(_nonces))
    return nonce + _mix(packet, nonce)


def decipher(data: bytes) -> bytes:
    """The packet, deciphered."""
    return _mix(data[_NONCE.size :], data[: _NONCE.size])


def _mix(data: bytes, nonce: bytes) -> bytes:
    stream = hashlib.shake_128(_KEY + nonce).digest(len(data))
    return (int.from_bytes(data, "big") ^ int.from_bytes(stream, "big")).to_bytes(len(data), "big")


def encapsulate(packet: bytes) -> bytes:
    """The packet with a GTP-U header before it."""
    length = _GTPU.size - 8 + len(packet)
    return _GTPU.pack(0x34, _T_PDU, length, _TEID, 0, 0, _SESSION_CONTAINER, _CONTAINER) + packet


def decapsulate(data: bytes) -> bytes:
    """The packet without its GTP-U header."""
    return data[_GTPU.size :]


def _open(end: End) -> Tun | Tunnel:
    if end.carrier == "user":
        return Tun()
    if end.carrier == "gtpu":
        return Tunnel(end, _GTPU_PORT, encapsulate, decapsulate)
    return Tunnel(end, _OPAQUE_PORT, cipher, decipher)


def main() -> None:
    """Relays until it is ended."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scenario", choices=scenario.NAMES, required=True)
    parser.add_argument("--node", required=True)
    args = parser.parse_args()
    one, other = map(_open, scenario.load(args.scenario).relays[args.node])
    selector = selectors.DefaultSelector()
    selector.register(one, selectors.EVENT_READ, (one, other))
    selector.register(other, selectors.EVENT_READ, (other, one))
    while True:
        for key, _ in selector.select():
            source, target = key.data
            try:
                packet = source.receive()
                if packet[:1] and packet[0] >> 4 == 6:
                    target.send(packet)
            except ConnectionRefusedError:
                continue  # the other side is not there yet


if __name__ == "__main__":
    main()
