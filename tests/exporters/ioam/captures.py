# SPDX-License-Identifier: Apache-2.0
"""Writes pcap and pcapng octet by octet."""

import itertools
import struct
from collections.abc import Iterable


def classic(
    order: str,
    link_type: int,
    packets: Iterable[bytes],
    times: Iterable[tuple[int, int]] = itertools.repeat((1, 2)),
    *,
    nanoseconds: bool = False,
) -> bytes:
    magic = 0xA1B23C4D if nanoseconds else 0xA1B2C3D4
    text = struct.pack(order + "IHHiIII", magic, 2, 4, 0, 0, 65535, link_type)
    heads = (struct.pack(order + "II", *at) for at in times)
    return text + b"".join(
        head + struct.pack(order + "II", len(item), len(item)) + item
        for head, item in zip(heads, packets, strict=False)
    )


def block(order: str, kind: int, body: bytes) -> bytes:
    size = 12 + len(body)
    return struct.pack(order + "II", kind, size) + body + struct.pack(order + "I", size)


def options(order: str, *items: tuple[int, bytes]) -> bytes:
    text = b"".join(struct.pack(order + "HH", code, len(value)) + padded(value) for code, value in items)
    return text + struct.pack(order + "HH", 0, 0)


def padded(octets: bytes) -> bytes:
    return octets + bytes(-len(octets) % 4)


def section(order: str) -> bytes:
    return block(order, 0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1))


def interface(order: str, link_type: int, name: str = "", snap: int = 0, *more: tuple[int, bytes]) -> bytes:
    description = [*([(2, name.encode())] if name else []), *more]
    return block(
        order,
        1,
        struct.pack(order + "HHI", link_type, 0, snap) + (options(order, *description) if description else b""),
    )


def enhanced(order: str, number: int, packet: bytes, flags: int | None = None, at: int = 0) -> bytes:
    direction = b"" if flags is None else options(order, (4, bytes(8)), (2, struct.pack(order + "I", flags)))
    head = struct.pack(order + "IIIII", number, at >> 32, at & 0xFFFFFFFF, len(packet), len(packet))
    return block(order, 6, head + padded(packet) + direction)


def cooked(packet: bytes, packet_type: int, *, version: int) -> bytes:
    if version == 1:
        return struct.pack("!HHH8sH", packet_type, 1, 6, bytes(8), 0x86DD) + packet
    return struct.pack("!HHIHBB8s", 0x86DD, 0, 3, 1, packet_type, 6, bytes(8)) + packet
