# SPDX-License-Identifier: Apache-2.0
"""The counting programs of all points and the maps they share.

All maps have two halves, written and read in turn, so that a reading is complete: when a half is emptied no program
writes to it any more, and the packets in the totals are the packets in the traces.
"""

import importlib.resources
import struct
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

from joulepath.bpf.libbpf import Map, Object
from joulepath.bpf.senders import Senders
from joulepath.ioam.bpf import flow_tables, layout
from joulepath.ioam.settings import Flow, Settings

OBJECT = "count.bpf.o"
_ENTRIES = 16384
"""Traces with their paths that one reading may bring, besides one for each configured trace."""
_MAX_UNLISTED = 8192
"""How many of them may be of traces that are not configured."""
_LONG_ENTRIES = 512
_INDEX = struct.Struct("=I")
_TURN = struct.Struct("=II")
_ZERO = _INDEX.pack(0)
_HALVES = ("traces_0", "traces_1", "long_traces_0", "long_traces_1")
_SHARED = (
    ".bss",
    "points",
    "trace_cache",
    "header_cache",
    *_HALVES,
    "reserved_traces",
    "unlisted_entries",
    "configured_traces",
    *flow_tables.MAPS,
    "namespaces",
    "prefixes",
    "ports",
    "barrier_map",
)


class TracePackets(NamedTuple):
    """Packets of one trace on one path."""

    key: layout.Key
    packets: int
    octets: int


class NewCounts(NamedTuple):
    """The counts since the last reading."""

    points: list[layout.PointCounts]
    traces: Iterable[TracePackets]
    flows: list[dict[str, tuple[int, int]]]
    """By point, packets and octets of each flow that had any."""


def image() -> bytes:
    """The object file."""
    return importlib.resources.files(__package__).joinpath(OBJECT).read_bytes()


class Kernel:
    """The programs, one per point and kind of link, and their counts."""

    def __init__(
        self,
        settings: Settings,
        *,
        entries: int = _ENTRIES,
        max_unlisted: int = _MAX_UNLISTED,
        find_cgroup: Callable[[str], int | None] | None = None,
    ) -> None:
        """Makes the maps. Raises BpfError; UnavailableError where BPF cannot be used here."""
        self._settings = settings
        self._max_unlisted = max_unlisted
        self._epoch = 0
        self._objects: dict[tuple[int, int], Object] = {}
        self._reserved = [
            layout.reserved_key(point, number, key)
            for point in range(len(settings.points))
            for number, key in [
                (-1, b""),
                *((number, b"") for number in settings.namespaces),
                *((number, key) for number, namespace in settings.namespaces.items() for key in namespace.ids if key),
            ]
        ]
        bounds = settings.bounds.max_traces if settings.bounds else 0
        self._sizes = {
            "points": 2 * len(settings.points),
            **dict.fromkeys(_HALVES[:2], entries + len(self._reserved)),
            **dict.fromkeys(_HALVES[2:], min(_LONG_ENTRIES, entries)),
            "reserved_traces": len(self._reserved) + len(settings.points) * bounds,
            "prefixes": max(1, len(settings.other.prefixes)),
            "configured_traces": max(1, len(self._reserved)),
            **flow_tables.sizes(len(settings.points) if settings.counts_flows else 0),
        }
        self._maps: dict[str, Map] = {}
        self._kept: dict[bytes, tuple[int, int]] = {}
        self._find_cgroup = find_cgroup or Senders().find_id
        self._flows: flow_tables.FlowTables | None = None
        self._flow_half = 0
        self.program(0, 14)

    def close(self) -> None:
        """Lets everything go that is not attached."""
        for one in self._objects.values():
            one.close()
        self._objects.clear()

    def program(self, point: int, link_octets: int) -> int:
        """The descriptor of the program for a point on a link with a header of so many octets. Raises BpfError."""
        one = self._objects.get((point, link_octets))
        if one is None:
            one = self._objects[point, link_octets] = self._load(point, link_octets)
        return one.program("count")

    def reserve(self, namespace: int, trace_id: bytes) -> None:
        """Reserves entries for a trace at each point, as the configured ones have."""
        value = bytes(self._maps["reserved_traces"].value_size)
        for point in range(len(self._settings.points)):
            self._maps["reserved_traces"].update(layout.reserved_key(point, namespace, trace_id), value)

    def follow(self, flows: Sequence[Flow]) -> None:
        """Counts by these flows from now on; to be called after `read`. Raises JoulepathError and changes nothing."""
        if self._flows is None:
            raise ValueError("the programs were loaded without flows")
        self._flow_half = self._flows.write(flows)
        self._turn()

    @property
    def cgroups_moved(self) -> bool:
        """Whether `follow` has to be called, since a cgroup has come, gone or been made anew."""
        return self._flows is not None and self._flows.moved

    def read(self) -> NewCounts:
        """The counts since the last reading. Raises BpfError."""
        maps, old = self._maps, self._epoch
        self._epoch = 1 - old
        maps["unlisted_entries"].update(_INDEX.pack(self._epoch), bytes(8))
        self._turn()
        points, flows = [], []
        for point in range(len(self._settings.points)):
            index = _INDEX.pack(2 * point + old)
            value = maps["points"].lookup(index) or bytes(maps["points"].value_size)  # an array has all its entries
            maps["points"].update(index, bytes(len(value)))
            points.append(layout.point_counts(value))
            flows.append(self._flow_counts(index))
        if self._flows is not None:
            self._flows.settle()
        traces = list(self._traces(old))
        if any(point.folded for point in points):
            traces += self._without_path(old)
        return NewCounts(points, traces, flows)

    def _turn(self) -> None:
        """Has the programs use the other halves. They do when this returns."""
        maps = self._maps
        maps[".bss"].update(_ZERO, _TURN.pack(self._epoch, self._flow_half))
        # The kernel answers when no program runs any more that has seen the old map of maps: nor the old half.
        maps["barrier_map"].update(_ZERO, _INDEX.pack(maps["unlisted_entries"].fd))

    def _flow_counts(self, index: bytes) -> dict[str, tuple[int, int]]:
        """The counts of one point's flows in one half, which are 0 then."""
        if self._flows is None:
            return {}
        counts = self._maps["flow_counts"]
        value = counts.lookup(index) or b""  # an array has all its entries
        found = self._flows.counts(value, counts.stride)
        if found:
            counts.update(index, bytes(len(value)))
        return found

    def _traces(self, old: int) -> Iterator[TracePackets]:
        index = _INDEX.pack(old)
        cache = self._maps["trace_cache"].lookup(index) or b""
        self._maps["trace_cache"].update(index, bytes(len(cache)))
        self._maps["header_cache"].update(index, bytes(self._maps["header_cache"].value_size))
        yield from (TracePackets(*trace) for trace in layout.trace_cache(cache, self._maps["trace_cache"].stride))
        for wide, name in ((False, _HALVES[old]), (True, _HALVES[2 + old])):
            for keys, values in self._maps[name].entries(delete=True):
                entries = zip(layout.traces(keys, wide=wide), layout.sums(values, 2), strict=True)
                yield from (TracePackets(key, packets, octets) for key, (packets, octets) in entries)

    def _without_path(self, old: int) -> Iterator[TracePackets]:
        """The packets counted without their path since the last reading; reserved entries are never deleted."""
        reserved = self._maps["reserved_traces"]
        for keys, values in reserved.entries():
            rows = zip(_parts(keys, reserved.key_size), layout.reserved_keys(keys), layout.sums(values, 4), strict=True)
            for raw, key, halves in rows:
                now = halves[2 * old], halves[2 * old + 1]
                before = self._kept.get(raw + bytes([old]), (0, 0))
                if now != before:
                    self._kept[raw + bytes([old])] = now
                    yield TracePackets(key, now[0] - before[0], now[1] - before[1])

    def _load(self, point: int, link_octets: int) -> Object:
        settings = self._settings
        one = Object(image(), OBJECT)
        try:
            one.map(".rodata").initial(layout.settings(point, settings, link_octets, self._max_unlisted))
            for name, size in self._sizes.items():
                one.map(name).max_entries = size
            for name, shared in self._maps.items():
                one.map(name).share(shared)
            one.load()
            if not self._maps:
                self._maps = {name: one.map(name) for name in _SHARED}
                self._fill()
        except BaseException:
            one.close()
            raise
        return one

    def _fill(self) -> None:
        maps, settings = self._maps, self._settings
        maps["namespaces"].update(_ZERO, layout.namespaces(settings.namespaces))
        maps["ports"].update(_ZERO, layout.ports(settings.other.ports))
        for prefix in layout.prefixes(settings.other):
            maps["prefixes"].update(prefix, b"\1")
        for number, namespace in settings.namespaces.items():
            for trace_id in namespace.ids:
                maps["configured_traces"].update(layout.reserved_key(0, number, trace_id), b"\1")
        if settings.counts_flows:
            self._flows = flow_tables.FlowTables(maps, self._find_cgroup)
            self._flow_half = self._flows.write(settings.flows)
        maps["reserved_traces"].update_many(
            b"".join(self._reserved), bytes(maps["reserved_traces"].value_size * len(self._reserved))
        )


def _parts(octets: bytes, size: int) -> Iterator[bytes]:
    return (octets[start : start + size] for start in range(0, len(octets), size))
