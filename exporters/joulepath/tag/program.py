# SPDX-License-Identifier: Apache-2.0
"""The tagging program in the kernel: its maps in Python's terms. bpf/tag.bpf.c has the structures and their meaning."""

import os
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from joulepath.bpf.libbpf import Object, possible_cpus
from joulepath.ioam.encode import hop_by_hop
from joulepath.tag.settings import MAX_FLOWS, Flow

REASONS = {
    "no_id": "the flow's id file is missing or holds no id",
    "hop_by_hop": "the packet has a hop-by-hop header of its own, perhaps with a trace (or is larger than 64 KiB)",
    "hidden_ports": "the flow has ports, and these packets to its addresses are fragments, which show none",
    "too_long": "the packet would become longer than an IPv6 packet can say, 65535 octets",
    "mtu": "the packet would become larger than the interface's MTU",
    "refused": "the kernel had no room for the header",
}
"""Every value of the label `reason`, with what it says, in the order of the program."""

_PROTOCOLS = {None: 0, "tcp": 6, "udp": 17}
_MAX_HEADER = 256
_PLACES = 2 * MAX_FLOWS
_FLOW = struct.Struct(f"=16s16s16s16sBB2s2sHI{_MAX_HEADER}s")
_INDEX = struct.Struct("=I")
_COUNTS = struct.Struct(f"=QQ{len(REASONS)}Q")
_INITIAL_HOP_LIMIT = 0  # the program writes each packet's own


@dataclass(frozen=True)
class State:
    """What of a flow changes while it is tagged."""

    trace_id: bytes | None
    """None while there is none."""
    cgroup: Path | None
    """None while there is none, or where the flow asks for none."""
    inode: int = 0
    """Tells a cgroup from a later one of the same name."""


@dataclass(frozen=True)
class Count:
    """Packets of one flow since the start, and octets of the tagged ones."""

    packets: int
    bytes: int
    untagged: Mapping[str, int]


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
        self._places: dict[str, int] = {}

    def fd(self, *, ethernet: bool) -> int:
        """The program for links with an Ethernet header, or for those of bare IP."""
        return self._object.program("tag_ethernet" if ethernet else "tag_ip")

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
        table = [_INDEX.pack(len(flows))]
        for flow in flows:
            state, place = states[flow.name], places[flow.name]
            self._set_cgroup(place, state.cgroup)
            header = b""
            if state.trace_id is not None:
                header = hop_by_hop(flow.namespace, state.trace_id, node_id, _INITIAL_HOP_LIMIT, nodes)
            table.append(_flow(flow, place, header))
        self._active ^= 1
        whole = b"".join(table).ljust(_INDEX.size + MAX_FLOWS * _FLOW.size, b"\0")
        self._object.map("tables").update(_INDEX.pack(self._active), whole)
        self._object.map("active").update(bytes(4), _INDEX.pack(self._active))
        self._places = places

    def counts(self) -> dict[str, Count]:
        """Every flow's counts, all CPUs together."""
        counts = self._object.map("counts")
        found = {}
        for name, place in self._places.items():
            values = counts.lookup(_INDEX.pack(place)) or b""
            per_cpu = [_COUNTS.unpack_from(values, cpu * counts.stride) for cpu in range(possible_cpus())]
            packets, octets, *untagged = (sum(column) for column in zip(*per_cpu, strict=True))
            found[name] = Count(packets, octets, dict(zip(REASONS, untagged, strict=True)))
        return found

    def close(self) -> None:
        """Lets the program go."""
        self._object.close()

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
    return _FLOW.pack(
        flow.source.network_address.packed,
        flow.source.netmask.packed,
        flow.destination.network_address.packed,
        flow.destination.netmask.packed,
        _PROTOCOLS[flow.protocol],
        flow.sender is not None,
        flow.source_port.to_bytes(2, "big"),
        flow.destination_port.to_bytes(2, "big"),
        len(header),
        place,
        header,
    )
