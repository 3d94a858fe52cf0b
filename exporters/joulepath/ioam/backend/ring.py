# SPDX-License-Identifier: Apache-2.0
"""Receives by memory that is shared with the kernel, without a call per packet: TPACKET_V3, packet(7).

The layouts are those of include/uapi/linux/if_packet.h.
"""

import mmap
import socket
import struct
from collections.abc import Iterator

from joulepath.ioam.backend.packet_socket import SOL_PACKET

_PACKET_RX_RING, _PACKET_VERSION = 5, 10
_TPACKET_V3 = 2
_REQUEST = struct.Struct("=7I")  # tpacket_req3
_BLOCK = struct.Struct("=8x3I")  # tpacket_block_desc: status, packets, offset of the first
_STATUS_OFFSET = 8
_PACKET = struct.Struct("=I8x3IH6xI")
"""tpacket3_hdr: next, octets captured and there were, status, offset of the link header, VLAN tag."""
_VLAN_VALID = 1 << 4
"""Of the status: the kernel has taken the outermost VLAN tag out of the frame."""
_TIME = struct.Struct("=4x2I")  # tpacket3_hdr: when it came, seconds and nanoseconds
_KERNELS, _READY = struct.pack("=I", 0), 1

BLOCK_OCTETS = 128 << 10
"""The largest packet has room; and a block's packets are soon counted, so that others have their turn."""
BLOCKS = 256
RETIRE_SECONDS = 0.02
"""How long a block that is not full keeps its packets back."""


class Ring:
    """The packets of one socket."""

    def __init__(self, sock: socket.socket) -> None:
        """Of a socket that is not yet bound. Raises OSError."""
        sock.setsockopt(SOL_PACKET, _PACKET_VERSION, struct.pack("=i", _TPACKET_V3))
        frame = mmap.PAGESIZE  # of no meaning in this version, but it has to fit
        frames = BLOCK_OCTETS * BLOCKS // frame
        request = _REQUEST.pack(BLOCK_OCTETS, BLOCKS, frame, frames, int(1000 * RETIRE_SECONDS), 0, 0)
        sock.setsockopt(SOL_PACKET, _PACKET_RX_RING, request)
        self.memory = mmap.mmap(sock.fileno(), BLOCK_OCTETS * BLOCKS, mmap.MAP_SHARED)
        """The memory that the offsets of packets point into."""
        self._block = 0

    def close(self) -> None:
        """Gives the memory back."""
        self.memory.close()

    def ready(self) -> bool:
        """Whether the kernel has handed over the next block."""
        return bool(_BLOCK.unpack_from(self.memory, self._block)[0] & _READY)

    def oldest(self) -> float:
        """When the first packet of the next block, which is ready, came [s, Unix time]."""
        _, _, first = _BLOCK.unpack_from(self.memory, self._block)
        seconds, nanoseconds = _TIME.unpack_from(self.memory, self._block + first)
        return float(seconds + nanoseconds / 1e9)

    def packets(self) -> Iterator[tuple[int, int, int, int]]:
        """Of the next block, which is ready: offsets of the link header and of the end, octets there were, VLAN ID.

        The VLAN is that of the tag which the kernel has taken out of the frame, 0 without one.

        The block is the kernel's again when the iteration ends.
        """
        memory, block = self.memory, self._block
        _, count, first = _BLOCK.unpack_from(memory, block)
        position = block + first
        try:
            for _ in range(count):
                following, captured, length, status, link, tag = _PACKET.unpack_from(memory, position)
                start = position + link
                yield start, start + captured, length, tag & 0xFFF if status & _VLAN_VALID else 0
                position += following
        finally:
            memory[block + _STATUS_OFFSET : block + _STATUS_OFFSET + len(_KERNELS)] = _KERNELS
            self._block = (block + BLOCK_OCTETS) % len(memory)
