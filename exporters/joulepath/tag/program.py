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
_FLOW = struct.Struct(f"=16s16s16s16sBB2s2sH{_MAX_HEADER}s")
_FLOWS = struct.Struct("=I")
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

    def __init__(self, flows: Sequence[Flow], node_id: int, nodes: int) -> None:
        """Loads it. Raises UnavailableError, BpfError."""
        self._flows = tuple(flows)
        self._node_id = node_id
        self._nodes = nodes
        self._object = Object(files(__package__).joinpath("bpf", "tag.bpf.o").read_bytes(), "tag.bpf.o")
        try:
            self._object.load()
        except BaseException:
            self._object.close()
            raise
        self._active = 0

    def fd(self, *, ethernet: bool) -> int:
        """The program for links with an Ethernet header, or for those of bare IP."""
        return self._object.program("tag_ethernet" if ethernet else "tag_ip")

    def apply(self, states: Mapping[str, State]) -> None:
        """Goes over to new ids and cgroups at once, all flows together."""
        cgroups = self._object.map("cgroups")
        places = []
        for number, flow in enumerate(self._flows):
            key, cgroup = struct.pack("=I", number), states[flow.name].cgroup
            try:
                descriptor = os.open(cgroup, os.O_RDONLY | os.O_DIRECTORY) if cgroup else -1
            except FileNotFoundError:
                descriptor = -1
            if descriptor < 0:
                cgroups.delete(key)
            else:
                try:
                    cgroups.update(key, struct.pack("=i", descriptor))
                finally:
                    os.close(descriptor)
            places.append(self._place(flow, states[flow.name].trace_id))
        table = b"".join([_FLOWS.pack(len(places)), *places])
        table = table.ljust(_FLOWS.size + MAX_FLOWS * _FLOW.size, b"\0")
        self._active ^= 1
        self._object.map("tables").update(struct.pack("=I", self._active), table)
        self._object.map("active").update(bytes(4), struct.pack("=I", self._active))

    def counts(self) -> dict[str, Count]:
        """Every flow's counts, all CPUs together."""
        counts = self._object.map("counts")
        found = {}
        for number, flow in enumerate(self._flows):
            values = counts.lookup(struct.pack("=I", number)) or b""
            per_cpu = [_COUNTS.unpack_from(values, cpu * counts.stride) for cpu in range(possible_cpus())]
            packets, octets, *untagged = (sum(column) for column in zip(*per_cpu, strict=True))
            found[flow.name] = Count(packets, octets, dict(zip(REASONS, untagged, strict=True)))
        return found

    def close(self) -> None:
        """Lets the program go."""
        self._object.close()

    def _place(self, flow: Flow, trace_id: bytes | None) -> bytes:
        """`struct flow`."""
        header = b""
        if trace_id is not None:
            header = hop_by_hop(flow.namespace, trace_id, self._node_id, _INITIAL_HOP_LIMIT, self._nodes)
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
            header,
        )
