# SPDX-License-Identifier: Apache-2.0
"""The structures of state.h as octets: settings that go in, keys and counts that come out."""

import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from joulepath.bpf.libbpf import possible_cpus
from joulepath.ioam.settings import Namespace, Other, Settings
from joulepath.ioam.wire.reasons import IP_HEADER, REASONS, SKIPPED

IGMP = 2
_CONFIGURED, _CROSS_LAYER = 0x80, 0x40
_SETTINGS = struct.Struct("=IBBBBQ4QBB6x")
_TRACE = struct.Struct("=HHBBBB16s")
_SHORT = struct.Struct("=HHBBBB16s40s")
_LONG = struct.Struct("=HHBBBB16s488s")
_SLOT = struct.Struct("=64sQQ")
_SLOTS = 256
_PREFIX = struct.Struct("=II16s")
_UNLISTED = 1
_COUNTS = 9
_FAULTS = 16
_SKIPPED = 8


class Key(NamedTuple):
    """The key of a count in the kernel."""

    point: int
    namespace: int
    """-1 for all namespaces that are not configured."""
    trace_id: bytes | None
    nodes: tuple[int, ...]


class PointCounts(NamedTuple):
    """The packets that one point saw in one epoch."""

    user: tuple[int, int]
    """Packets and octets."""
    other: tuple[int, int]
    overflow_packets: int
    option_octets: int
    fragments: int
    jumbograms: int
    folded: int
    """Packets counted without their path, as the maps of traces were full."""
    faults: Mapping[str, int]
    """By reason, those that came."""
    skipped: Mapping[str, int]
    """By reason, those that came."""

    @property
    def packets(self) -> int:
        """All that the program has seen, as packets on the wire."""
        return self.user[0] + self.other[0] + self.faults.get(IP_HEADER, 0) + sum(self.skipped.values())


def settings(point: int, of: Settings, link_octets: int, max_unlisted: int) -> bytes:
    """`struct settings` of the point with this number."""
    own, other = of.points[point], of.other
    protocols = sum(1 << number for number in other.protocols | {IGMP})
    words = [protocols >> shift & (1 << 64) - 1 for shift in (0, 64, 128, 192)]
    known = bool(other.prefixes), bool(other.ports)
    return _SETTINGS.pack(
        point, link_octets, own.path, *known, max_unlisted, *words, of.counts_flows, own.way == "sent"
    )


def namespaces(configured: Mapping[int, Namespace]) -> bytes:
    """`struct namespaces`."""
    table = bytearray(1 << 16)
    for number, namespace in configured.items():
        table[number] = _CONFIGURED | namespace.octets | (_CROSS_LAYER if namespace.clt else 0)
    return bytes(table)


def ports(numbers: Iterable[int]) -> bytes:
    """`struct ports`."""
    return sum(1 << number for number in numbers).to_bytes(1 << 13, "little")


def prefixes(other: Other) -> Iterator[bytes]:
    """`struct prefix` of each network."""
    for network in other.prefixes:
        yield _PREFIX.pack(32 + network.prefixlen, network.version, network.network_address.packed)


def reserved_key(point: int, namespace: int, trace_id: bytes) -> bytes:
    """The key of the entry reserved for a trace; an empty id: the rest of its namespace; -1: all other namespaces."""
    unlisted = namespace < 0
    return _TRACE.pack(point, 0 if unlisted else namespace, len(trace_id), 0, unlisted, 0, trace_id)


def reserved_keys(keys: bytes) -> Iterator[Key]:
    """The keys that `reserved_key` packed."""
    for point, namespace, octets, _, unlisted, _, trace_id in _TRACE.iter_unpack(keys):
        yield Key(point, -1 if unlisted == _UNLISTED else namespace, trace_id[:octets] or None, ())


def traces(keys: bytes, *, wide: bool) -> Iterator[Key]:
    """`struct short_trace`, or `struct long_trace`, one behind another."""
    layout, form = (_LONG, "=61Q") if wide else (_SHORT, "=10I")
    for point, namespace, octets, count, _, _, trace_id, nodes in layout.iter_unpack(keys):
        yield Key(point, namespace, trace_id[:octets] or None, struct.unpack(form, nodes)[:count] if count else ())


def trace_cache(value: bytes, stride: int) -> Iterator[tuple[Key, int, int]]:
    """The traces in `struct trace_cache` of all CPUs, with their packets and octets. Each CPU has its own traces."""
    counts: dict[bytes, tuple[int, int]] = {}
    for start in range(0, len(value), stride):
        for key, packets, octets in _SLOT.iter_unpack(value[start : start + _SLOTS * _SLOT.size]):
            if packets:
                before = counts.get(key, (0, 0))
                counts[key] = before[0] + packets, before[1] + octets
    for key, (packets, octets) in counts.items():
        (trace,) = traces(key, wide=False)
        yield trace, packets, octets


def sums(values: bytes, words: int) -> Iterator[tuple[int, ...]]:
    """Per entry of a per-CPU map the sums over all CPUs of its `words` 64-bit words."""
    each = struct.iter_unpack(f"={words * possible_cpus()}Q", values)
    yield from (tuple(sum(entry[word::words]) for word in range(words)) for entry in each)


def point_counts(value: bytes) -> PointCounts:
    """`struct counts` of all CPUs."""
    (words,) = sums(value, _COUNTS + _FAULTS + _SKIPPED)
    user, user_octets, other, other_octets, overflow, option_octets, fragments, jumbograms, folded = words[:_COUNTS]
    faults = _reasons(REASONS, words[_COUNTS : _COUNTS + _FAULTS])
    skipped = _reasons(SKIPPED, words[_COUNTS + _FAULTS :])
    pairs = (user, user_octets), (other, other_octets)
    return PointCounts(*pairs, overflow, option_octets, fragments, jumbograms, folded, faults, skipped)


def _reasons(names: Iterable[str], numbers: Sequence[int]) -> dict[str, int]:
    """By reason, in the order of the C program, which begins at 1."""
    return {reason: number for reason, number in zip(names, numbers[1:], strict=False) if number}
