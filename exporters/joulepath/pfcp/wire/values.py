# SPDX-License-Identifier: Apache-2.0
"""Reads the values of single information elements (TS 29.244, 8.2). Each raises Malformed where the value is short.

A value may be longer than its form here: later versions append to it (8.1.1, "extendable").
"""

import ipaddress
import re
import struct
from functools import lru_cache

from joulepath.pfcp.wire.content import Report, Seid, Ue
from joulepath.pfcp.wire.reasons import ELEMENT_VALUE, VOLUME, Malformed

_NTP_EPOCH = 2_208_988_800  # Unix time 0 in seconds since 1900 (RFC 5905)
_ERA = 1 << 32
_SIX = tuple(struct.Struct(f">{count}Q") for count in range(7))
_SWAPPED = bytes(octet >> 4 | (octet & 15) << 4 for octet in range(256))
_UNPRINTABLE = re.compile("[^!-~]")
_REMEMBERED = 1024
"""Texts: nearly all sessions have one of a few DNNs and Network Instances."""
MOST_VOLUME = 1 << 50
"""Octets of one report: 1 PiB, at 1 Tbit/s more than two hours."""
_MOST_TEXT = 100
"""A DNN has at most 100 octets (TS 23.003, 9.1); longer texts are cut."""


def number(octets: bytes, start: int, end: int, width: int) -> int:
    """An unsigned number in the first `width` octets."""
    if end - start < width:
        raise Malformed(ELEMENT_VALUE)
    return int.from_bytes(octets[start : start + width], "big")


def moment(octets: bytes, start: int, end: int) -> int:
    """A time stamp [s, Unix time]: NTP seconds; their second era begins in 2036."""
    seconds = number(octets, start, end, 4)
    return seconds - _NTP_EPOCH if seconds >= _NTP_EPOCH else seconds + _ERA - _NTP_EPOCH


def seid(octets: bytes, start: int, end: int) -> Seid:
    """F-SEID (8.2.37)."""
    flags = number(octets, start, end, 1)
    identifier = number(octets, start + 1, end, 8)
    return Seid(identifier, _addresses(octets, start + 9, end, v4=flags & 2, v6=flags & 1))


def teid(octets: bytes, start: int, end: int) -> int | None:
    """F-TEID (8.2.3); None where the UPF is to choose it."""
    flags = number(octets, start, end, 1)
    if flags & 4:
        return None
    tunnel = number(octets, start + 1, end, 4)
    _addresses(octets, start + 5, end, v4=flags & 1, v6=flags & 2)
    return tunnel


def outer_teid(octets: bytes, start: int, end: int) -> int | None:
    """Outer Header Creation (8.2.56); None where that is another header than GTP-U's."""
    description = number(octets, start, end, 2)
    return number(octets, start + 2, end, 4) if description & 0x0300 else None


def users(octets: bytes, start: int, end: int) -> list[Ue]:
    """UE IP Address (8.2.62): none where the UPF is to choose it."""
    flags = number(octets, start, end, 1)
    found, position = [], start + 1
    if flags & 2:
        found.append(Ue(_exactly(octets, position, end, 4), 32))
        position += 4
    if flags & 1:
        address = _exactly(octets, position, end, 16)
        position += 16
        bits = 64
        if flags & 8:  # IPv6D: so many more bits for the user than 64
            bits = 64 - number(octets, position, end, 1)
            position += 1
        elif flags & 64:  # IP6PL: the length itself
            bits = number(octets, position, end, 1)
        found.append(Ue(address, min(max(bits, 1), 128)))
    return found


def text(octets: bytes, start: int, end: int) -> str:
    """Network Instance (8.2.4) or APN/DNN (8.2.117): labels with their length before them, or plain text.

    The result has printable ASCII alone.
    """
    return _text(octets[start : min(end, start + 256)])


@lru_cache(maxsize=_REMEMBERED)
def _text(value: bytes) -> str:
    value = value.removesuffix(b"\0")
    labels, position = [], 0
    while position < len(value):
        behind = position + 1 + value[position]
        if not value[position] or behind > len(value):
            labels = [value]
            break
        labels.append(value[position + 1 : behind])
        position = behind
    joined = b".".join(labels).decode("ascii", "replace")[:_MOST_TEXT]
    return _UNPRINTABLE.sub("?", joined)


def s_nssai(octets: bytes, start: int, end: int) -> str:
    """S-NSSAI (8.2.176): `1` or `1-010203`; an SD of all ones means none (TS 23.003, 28.4)."""
    sst, sd = number(octets, start, end, 1), octets[start + 1 : min(end, start + 4)]
    return f"{sst}-{sd.hex()}" if len(sd) == 3 and sd != b"\xff\xff\xff" else str(sst)


def node(octets: bytes, start: int, end: int) -> str:
    """Node ID (8.2.38)."""
    kind = number(octets, start, end, 1) & 0x0F
    if kind == 2:
        return text(octets, start + 1, end)
    width = 4 if kind == 0 else 16
    return str(ipaddress.ip_address(_exactly(octets, start + 1, end, width)))


def subscriber(octets: bytes, start: int, end: int) -> str:
    """User ID (8.2.101): the best of the identities in it, with its kind before it."""
    flags, position = number(octets, start, end, 1), start + 1
    found: dict[str, str] = {}
    for bit, kind in enumerate(("imsi", "imei", "msisdn", "nai", "supi", "gpsi", "pei")):
        if flags & 1 << bit:
            length = number(octets, position, end, 1)
            value = _exactly(octets, position + 1, end, length)
            position += 1 + length
            if kind in ("imsi", "msisdn"):
                value = _digits(value).encode()
            found[kind] = value.decode("utf-8", "replace")
    return next((f"{kind}-{found[kind]}" for kind in ("supi", "imsi", "gpsi", "msisdn", "nai") if kind in found), "")


def volume(octets: bytes, start: int, end: int, report: Report) -> None:
    """Volume Measurement (8.2.44): octets, then packets; of each total, uplink and downlink where its flag is set."""
    flags = number(octets, start, end, 1) & 0x3F
    form = _SIX[flags.bit_count()]
    if end - start < 1 + form.size:
        raise Malformed(ELEMENT_VALUE)
    values = iter(form.unpack_from(octets, start + 1))
    total, up, down, packets, packets_up, packets_down = (
        next(values) if flags & 1 << bit else None for bit in range(6)
    )
    if any(value is not None and value > MOST_VOLUME for value in (total, up, down, packets, packets_up, packets_down)):
        raise Malformed(VOLUME)
    report.octets = total, up, down
    report.packets = packets, packets_up, packets_down


def _addresses(octets: bytes, start: int, end: int, *, v4: int, v6: int) -> tuple[bytes, ...]:
    found = []
    if v4:
        found.append(_exactly(octets, start, end, 4))
        start += 4
    if v6:
        found.append(_exactly(octets, start, end, 16))
    return tuple(found)


def _digits(value: bytes) -> str:
    """Telephony BCD (TS 29.274, 8.3): the low half of each octet first, and 0xF behind the last digit."""
    return value.translate(_SWAPPED).hex().rstrip("f")


def _exactly(octets: bytes, start: int, end: int, count: int) -> bytes:
    if end - start < count:
        raise Malformed(ELEMENT_VALUE)
    return octets[start : start + count]
