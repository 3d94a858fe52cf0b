# SPDX-License-Identifier: Apache-2.0
"""The tagging program in the kernel: its maps in Python's terms. bpf/tag.bpf.c has the structures and their meaning."""

import os
import struct
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from ipaddress import IPv6Address
from pathlib import Path

from joulepath.bpf.libbpf import Object, possible_cpus
from joulepath.ioam.wire.encode import hop_by_hop
from joulepath.ioam.wire.protocols import IPV4, TCP, UDP
from joulepath.tag.settings import EVERYWHERE, MAX_FLOWS, Flow

REASONS = {
    "no_id": "the flow's id file is missing, is not trusted or does not hold an id",
    "hop_by_hop": "the packet has a hop-by-hop header of its own, perhaps with a trace (or is larger than 64 KiB)",
    "hidden_ports": "the flow has ports, and these are fragments without their first one",
    "too_long": "the packet would become longer than an IPv6 packet can say, 65535 octets",
    "mtu": "the packet would become larger than the interface's MTU",
    "refused": "the kernel had no room for the header",
    "path_mtu": "the packet would become larger than a link further on carries",
    "ipv4": "IPv4 packets cannot carry a trace",
    "protocol": "only UDP, TCP and IPv4 in IPv6 are tagged",
}
"""Every value of the label `reason`, with what it says, in the order of the program."""

_PROTOCOLS = {None: 0, "tcp": TCP, "udp": UDP, "ipip6": IPV4}
_IN_CGROUP, _ANY_ADDRESS, _DROPS = 1, 2, 4
_MAX_HEADER = 256
_PLACES = 2 * MAX_FLOWS
_FLOW = struct.Struct(f"=16s16s16s16sBB2s2sHI{_MAX_HEADER}s")
_INDEX = struct.Struct("=I")
_TABLE = struct.Struct("=I")
_PATH = struct.Struct("=IIIIQ")
_SOCKET = struct.Struct("=QII")
_COUNTS = struct.Struct(f"=QQ{len(REASONS)}Q")
_INITIAL_HOP_LIMIT = 0  # the program writes each packet's own


@dataclass(frozen=True)
class State:
    """The part of a flow that changes while it is tagged."""

    trace_id: bytes | None
    """None while it is missing."""
    cgroup: Path | None
    """None while it is missing, or where the flow does not ask for one."""
    inode: int = 0
    """Tells a cgroup from a later one of the same name."""


@dataclass(frozen=True)
class FlowCount:
    """Packets of one flow since the start, and octets of the tagged ones."""

    packets: int
    bytes: int
    untagged: Mapping[str, int]


@dataclass(frozen=True)
class NarrowPath:
    """The MTU of a link on the way to a destination, if it is below that of the first link."""

    mtu: int
    """Octets of the largest packet."""
    from_router: bool
    """By a router's Packet Too Big; else by the loss of TCP's packets."""


@dataclass(frozen=True)
class SocketKey:
    """A socket, or the connections that a listening one accepts."""

    id: int
    """The socket's cookie; of a listening one, the id of its cgroup."""
    port: int = 0
    """0; of a listening one, its port."""


class Program:
    """The loaded program. It tags nothing before `apply`, and nothing any more after `close` and its links' end."""

    def __init__(self) -> None:
        """Loads it. Raises UnavailableError, BpfError."""
        self._object = Object(files(__package__).joinpath("bpf", "tag.bpf.o").read_bytes(), "tag.bpf.o")
        try:
            self._object.load()
        except BaseException:
            self._object.close()
            raise
        self._active = 0
        self._adopted: Mapping[SocketKey, frozenset[str]] = {}
        self._places: dict[str, int] = {}

    def fd(self, *, ethernet: bool) -> int:
        """The program for links with an Ethernet header, or for those of bare IP."""
        return self._object.program("tag_ethernet" if ethernet else "tag_ip")

    def learning(self, *, ethernet: bool) -> int:
        """The program that learns the MTU of paths, for what such a link receives."""
        return self._object.program("learn_ethernet" if ethernet else "learn_ip")

    def apply(self, flows: Sequence[Flow], states: Mapping[str, State], node_id: int, nodes: int) -> None:
        """Goes over to other flows, ids and cgroups at once, all together. Counts of a flow go on by its name."""
        # A place that becomes free is given away one change later: its packets may still be on their way.
        free = iter(sorted(set(range(_PLACES)) - set(self._places.values())))
        places = {flow.name: self._places.get(flow.name, -1) for flow in flows}
        counts = self._object.map("counts")
        for name, place in places.items():
            if place < 0:
                places[name] = next(free)
                counts.update(_INDEX.pack(places[name]), bytes(counts.value_size))
        table = [_TABLE.pack(len(flows))]
        for flow in flows:
            state, place = states[flow.name], places[flow.name]
            self._set_cgroup(place, state.cgroup)
            header = b""
            if state.trace_id is not None:
                header = hop_by_hop(flow.namespace, state.trace_id, node_id, _INITIAL_HOP_LIMIT, nodes)
            table.append(_flow(flow, place, header))
        self._active ^= 1
        whole = b"".join(table).ljust(_TABLE.size + MAX_FLOWS * _FLOW.size, b"\0")
        self._object.map("tables").update(_INDEX.pack(self._active), whole)
        self._object.map("active").update(bytes(4), _INDEX.pack(self._active))
        if places != self._places:
            self._places = places
            self.adopt(self._adopted)

    def adopt(self, sockets: Mapping[SocketKey, frozenset[str]]) -> None:
        """Takes sockets that were made elsewhere for those of the named flows' senders, and drops all others."""
        table = self._object.map("sockets")
        kept = dict(list(sockets.items())[: table.max_entries])
        for key in self._adopted.keys() - kept.keys():
            table.delete(_socket(key))
        for key, names in kept.items():
            table.update(_socket(key), self._bits(names))
        self._adopted = kept
        self._object.map("adopted").update(bytes(4), _INDEX.pack(len(kept)))

    def paths(self) -> dict[IPv6Address, NarrowPath]:
        """The destinations that are known to be behind a narrower link, at the moment."""
        now = time.clock_gettime_ns(time.CLOCK_MONOTONIC)
        narrow = {}
        for keys, values in self._object.map("paths").entries():
            for index, (mtu, length, _, _, expires) in enumerate(_PATH.iter_unpack(values)):
                if expires > now:
                    narrow[IPv6Address(keys[16 * index : 16 * index + 16])] = NarrowPath(mtu, from_router=length > 0)
        return narrow

    def counts(self) -> dict[str, FlowCount]:
        """Every flow's counts, all CPUs together."""
        counts = self._object.map("counts")
        by_flow = {}
        for name, place in self._places.items():
            values = counts.lookup(_INDEX.pack(place)) or b""
            per_cpu = [_COUNTS.unpack_from(values, cpu * counts.stride) for cpu in range(possible_cpus())]
            packets, octets, *untagged = (sum(column) for column in zip(*per_cpu, strict=True))
            by_flow[name] = FlowCount(packets, octets, dict(zip(REASONS, untagged, strict=True)))
        return by_flow

    def close(self) -> None:
        """Lets the program go."""
        self._object.close()

    def _bits(self, names: Iterable[str]) -> bytes:
        """`struct places`."""
        places = (self._places[name] for name in names if name in self._places)
        return sum(1 << place for place in places).to_bytes(_PLACES // 8, "little")

    def _set_cgroup(self, place: int, cgroup: Path | None) -> None:
        cgroups = self._object.map("cgroups")
        try:
            descriptor = os.open(cgroup, os.O_RDONLY | os.O_DIRECTORY) if cgroup else -1
        except FileNotFoundError:
            descriptor = -1  # went in between
        if descriptor < 0:
            cgroups.delete(_INDEX.pack(place))
            return
        try:
            cgroups.update(_INDEX.pack(place), struct.pack("=i", descriptor))
        finally:
            os.close(descriptor)


def _flow(flow: Flow, place: int, header: bytes) -> bytes:
    """`struct flow`."""
    flags = _IN_CGROUP if flow.sender is not None else 0
    if flow.source == flow.destination == EVERYWHERE:
        flags |= _ANY_ADDRESS
    if flow.too_large == "drop":
        flags |= _DROPS
    return _FLOW.pack(
        flow.source.network_address.packed,
        flow.source.netmask.packed,
        flow.destination.network_address.packed,
        flow.destination.netmask.packed,
        _PROTOCOLS[flow.protocol],
        flags,
        flow.source_port.to_bytes(2, "big"),
        flow.destination_port.to_bytes(2, "big"),
        len(header),
        place,
        header,
    )


def _socket(key: SocketKey) -> bytes:
    """`struct socket`: the port as in a packet, which the program reads as a number of this machine."""
    return _SOCKET.pack(key.id, int.from_bytes(key.port.to_bytes(2, "big"), sys.byteorder), 0)
