# SPDX-License-Identifier: Apache-2.0
"""The kernel's filter for a socket that captures N4: classic BPF (include/uapi/linux/filter.h).

Offsets count from the network header, so that one program fits every kind of link. Frames with a second VLAN tag are
passed on whole, and looked into afterwards.
"""

import ctypes
import socket
import struct

from joulepath.ioam.wire.protocols import FRAGMENT, UDP
from joulepath.pfcp.wire.message import PORT

_SO_ATTACH_FILTER = 26  # include/uapi/asm-generic/socket.h
_WORD, _HALF, _OCTET, _HALF_BEHIND, _HEADER_LENGTH = 0x20, 0x28, 0x30, 0x48, 0xB1
_EQUAL, _ANY_BIT, _RETURN = 0x15, 0x45, 0x06
_PROTOCOL, _PACKET_TYPE, _NETWORK = 0xFFFFF000, 0xFFFFF004, 0xFFF00000
_OUTGOING = 4  # PACKET_OUTGOING, include/uapi/linux/if_packet.h
_Line = tuple[int, int, str, str]
"""Code, operand, and where to go on where a comparison is true and where it is false; "" is the next line."""
_PORTS_6: list[_Line] = [
    (_HALF, _NETWORK + 40, "", ""),
    (_EQUAL, PORT, "whole", ""),
    (_HALF, _NETWORK + 42, "", ""),
    (_EQUAL, PORT, "whole", "nothing"),
]
_FIRST_FRAGMENT_6: list[_Line] = [
    (_OCTET, _NETWORK + 40, "", ""),
    (_EQUAL, UDP, "", "nothing"),
    (_HALF, _NETWORK + 48, "", ""),
    (_EQUAL, PORT, "whole", ""),
    (_HALF, _NETWORK + 50, "", ""),
    (_EQUAL, PORT, "whole", "nothing"),
]


def attach(sock: socket.socket, *, received_only: bool) -> None:
    """Lets a packet socket have N4 alone; with `received_only` what comes in, as loopback shows each packet twice."""
    parts: dict[str, list[_Line]] = {
        "begin": [(_WORD, _PACKET_TYPE, "", ""), (_EQUAL, _OUTGOING, "nothing", "")] if received_only else [],
        "protocol": [
            (_WORD, _PROTOCOL, "", ""),
            (_EQUAL, 0x0800, "v4", ""),
            (_EQUAL, 0x86DD, "v6", ""),
            (_EQUAL, 0x8100, "whole", ""),
            (_EQUAL, 0x88A8, "whole", "nothing"),
        ],
        "v4": [
            (_OCTET, _NETWORK + 9, "", ""),
            (_EQUAL, UDP, "", "nothing"),
            (_HALF, _NETWORK + 6, "", ""),
            (_ANY_BIT, 0x1FFF, "nothing", ""),
            (_HEADER_LENGTH, _NETWORK, "", ""),
            (_HALF_BEHIND, _NETWORK, "", ""),
            (_EQUAL, PORT, "whole", ""),
            (_HALF_BEHIND, _NETWORK + 2, "", ""),
            (_EQUAL, PORT, "whole", "nothing"),
        ],
        "v6": [(_OCTET, _NETWORK + 6, "", ""), (_EQUAL, UDP, "", "v6_others"), *_PORTS_6],
        "v6_others": [(_EQUAL, FRAGMENT, "", "nothing"), *_FIRST_FRAGMENT_6],
        "whole": [(_RETURN, 0xFFFFFFFF, "", "")],
        "nothing": [(_RETURN, 0, "", "")],
    }
    program = _assembled(parts)
    lines = ctypes.create_string_buffer(program, len(program))
    pointer = struct.pack("HL", len(program) // 8, ctypes.addressof(lines))
    sock.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, pointer)


def _assembled(parts: dict[str, list[_Line]]) -> bytes:
    starts, number = {}, 0
    for name, lines in parts.items():
        starts[name] = number
        number += len(lines)
    program = b""
    for place, (code, operand, true, false) in enumerate(line for lines in parts.values() for line in lines):
        jumps = [starts[name] - place - 1 if name else 0 for name in (true, false)]
        program += struct.pack("=HBBI", code, *jumps, operand)
    return program
