# SPDX-License-Identifier: Apache-2.0
"""Reads the packets of a pcap or pcapng stream, of either byte order and any resolution of time.

Written here because no kept, permissively licensed library gives a packet's length on the wire, its interface, its
way and the capture's drops: dpkt 1.9 knows one interface and drops the length, python-pcapng reads no pcap.
Formats: draft-ietf-opsawg-pcap, draft-ietf-opsawg-pcapng.
"""

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

from joulepath.errors import UsageError

STANDARD_INPUT = "-"

_MAGIC = {
    b"\xa1\xb2\xc3\xd4": (">", 1e-6),
    b"\xa1\xb2\x3c\x4d": (">", 1e-9),
    b"\xd4\xc3\xb2\xa1": ("<", 1e-6),
    b"\x4d\x3c\xb2\xa1": ("<", 1e-9),
}
"""By a pcap file's first octets: its byte order, and what a timestamp's fraction counts [s]."""
_SECTION, _INTERFACE, _OLD_PACKET, _SIMPLE_PACKET, _STATISTICS, _PACKET = b"\n\r\r\n", 1, 2, 3, 5, 6
_BYTE_ORDER = {b"\x1a\x2b\x3c\x4d": ">", b"\x4d\x3c\x2b\x1a": "<"}
_IF_NAME, _IF_RESOLUTION, _IF_OFFSET, _EPB_FLAGS, _IF_DROP, _OS_DROP = 2, 9, 14, 2, 5, 7
_MAX_OCTETS = 1 << 26  # of a packet or block; more is damage


class Frame(NamedTuple):
    """One captured packet."""

    link_type: int
    """LINKTYPE_* (tcpdump.org/linktypes.html)."""
    octets: bytes
    length: int
    """On the wire; the capture may have kept fewer octets."""
    interface: str | None
    """The interface's name, where the file says it."""
    sent: bool | None
    """Whether the capturing host sent it; None where the file does not say."""


class _Interface(NamedTuple):
    link_type: int
    snap_octets: int
    name: str | None
    unit: float
    """The unit that a timestamp counts [s]."""
    offset: int
    """The Unix time of a timestamp of 0 [s]."""


def open_capture(path: str) -> BinaryIO:
    """The stream of a file, or of standard input. Raises UsageError."""
    try:
        if path == STANDARD_INPUT:
            # Not sys.stdin.buffer: the interpreter ends by closing that, and aborts while a thread waits at it.
            return open(0, "rb", closefd=False)
        return Path(path).open("rb")
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from None


class PcapFile:
    """The packets of one stream, in their order."""

    def __init__(self, stream: BinaryIO, name: str) -> None:
        self.drops = 0
        """Packets that the capture lost, as far as the stream has said so."""
        self.latest: float | None = None
        """When the latest packet was captured [s, Unix time], as far as the stream has said so."""
        self.cut_off = False
        """Whether the stream ended within a packet."""
        self._stream = stream
        self._name = name

    def frames(self) -> Iterator[Frame]:
        """Every packet. Raises UsageError if the stream is not a capture."""
        magic = self._stream.read(4)
        if magic == _SECTION:
            yield from self._pcapng()
        elif magic in _MAGIC:
            yield from self._pcap(*_MAGIC[magic])
        else:
            raise UsageError(f"{self._name}: not a pcap or pcapng file")

    def _pcap(self, order: str, fraction: float) -> Iterator[Frame]:
        head = self._take(20)
        if head is None:
            return
        link_type = struct.unpack(order + "I", head[16:])[0] & 0xFFFF  # above it: the length of a frame check sequence
        record = struct.Struct(order + "4I")
        while (head := self._take(record.size, start=True)) is not None:
            seconds, parts, kept, length = record.unpack(head)
            octets = self._take(kept)
            if octets is None:
                return
            self.latest = seconds + parts * fraction
            yield Frame(link_type, octets, length, None, None)

    def _pcapng(self) -> Iterator[Frame]:
        links: list[_Interface] = []
        drops: dict[int, int] = {}
        order, earlier = "<", 0
        head: bytes | None = _SECTION
        while head is not None:
            if head == _SECTION:
                links, earlier, drops = [], self.drops, {}
                start = self._take(8)
                if start is None:
                    return
                if start[4:] not in _BYTE_ORDER:
                    raise UsageError(f"{self._name}: a section of unknown byte order")
                order = _BYTE_ORDER[start[4:]]
                taken = 12
            else:
                start = self._take(4)
                taken = 8
            if start is None:
                return
            size = struct.unpack(order + "I", start[:4])[0]
            body = self._take(size - taken)
            if body is None:
                return
            kind = 0 if head == _SECTION else struct.unpack(order + "I", head)[0]
            try:
                if kind == _INTERFACE:
                    links.append(_link(order, body))
                elif kind == _STATISTICS:
                    number, lost = _statistics(order, body)
                    drops[number] = lost
                    self.drops = earlier + sum(drops.values())
                elif kind in (_PACKET, _OLD_PACKET, _SIMPLE_PACKET):
                    if kind != _SIMPLE_PACKET:
                        self.latest = _time(order, kind, body, links)
                    yield _frame(order, kind, body, links)
            except (struct.error, IndexError):
                raise UsageError(f"{self._name}: a block contradicts itself or the interfaces before it") from None
            head = self._take(4, start=True)

    def _take(self, count: int, *, start: bool = False) -> bytes | None:
        """The next octets; None at the end of the stream, which is only at a `start` where it should be."""
        if not 0 <= count <= _MAX_OCTETS:
            raise UsageError(f"{self._name}: is damaged: a length of {count} octets")
        octets = self._stream.read(count)
        if len(octets) == count:
            return octets
        self.cut_off = bool(octets) or not start
        return None


def _frame(order: str, kind: int, body: bytes, links: list[_Interface]) -> Frame:
    """A packet block: enhanced, obsolete or simple."""
    if kind == _SIMPLE_PACKET:
        (length,) = struct.unpack_from(order + "I", body)
        link = links[0]
        kept = min(length, link.snap_octets or length)
        return Frame(link.link_type, _exactly(body, 4, kept), length, link.name, None)
    number, kept, length = struct.unpack_from(order + ("I8xII" if kind == _PACKET else "H10xII"), body)
    link = links[number]
    flags = _options(order, body[20 + kept + -kept % 4 : -4]).get(_EPB_FLAGS, b"") if kind == _PACKET else b""
    way = struct.unpack(order + "I", flags)[0] & 3 if len(flags) == 4 else 0
    return Frame(link.link_type, _exactly(body, 20, kept), length, link.name, {1: False, 2: True}.get(way))


def _time(order: str, kind: int, body: bytes, links: list[_Interface]) -> float:
    """When the packet of an enhanced or obsolete block was captured [s, Unix time]."""
    number, high, low = struct.unpack_from(order + ("3I" if kind == _PACKET else "H2x2I"), body)
    link = links[number]
    return float(link.offset + (high << 32 | low) * link.unit)


def _exactly(body: bytes, start: int, count: int) -> bytes:
    if start + count > len(body) - 4:
        raise IndexError(count)
    return body[start : start + count]


def _link(order: str, body: bytes) -> _Interface:
    link_type, snap_octets = struct.unpack_from(order + "H2xI", body)
    options = _options(order, body[8:-4])
    name = options.get(_IF_NAME)
    interface = name.decode("utf-8", "replace").rstrip("\0") if name else None
    (resolution, *_) = options.get(_IF_RESOLUTION) or b"\6"
    unit = 2.0 ** -(resolution & 0x7F) if resolution & 0x80 else 10.0**-resolution
    offset = options.get(_IF_OFFSET, b"")
    return _Interface(
        link_type, snap_octets, interface, unit, struct.unpack(order + "q", offset)[0] if len(offset) == 8 else 0
    )


def _statistics(order: str, body: bytes) -> tuple[int, int]:
    """The interface and what was lost there since the capture began."""
    options = _options(order, body[12:-4])
    lost = [
        struct.unpack(order + "Q", options[code])[0]
        for code in (_IF_DROP, _OS_DROP)
        if len(options.get(code, b"")) == 8
    ]
    return struct.unpack_from(order + "I", body)[0], sum(lost)


def _options(order: str, octets: bytes) -> dict[int, bytes]:
    options: dict[int, bytes] = {}
    position = 0
    while position + 4 <= len(octets):
        code, length = struct.unpack_from(order + "HH", octets, position)
        if code == 0:
            break
        options[code] = octets[position + 4 : position + 4 + length]
        position += 4 + length + -length % 4
    return options
