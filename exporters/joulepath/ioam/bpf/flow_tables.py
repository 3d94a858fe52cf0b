# SPDX-License-Identifier: Apache-2.0
"""The tables of flows in the kernel. Each has two halves: programs read one, and the other is written meanwhile."""

import itertools
import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from ipaddress import IPv4Address, summarize_address_range

from joulepath.bpf.libbpf import Map
from joulepath.errors import UsageError
from joulepath.ioam.settings import Flow
from joulepath.ioam.table.vectors import FIELDS, MAX_CLASSES, MAX_ENTRIES, Intervals, Vectors

MAX_PLACES = 1024
_MAX_CGROUPS = 1024
_SLOTS = 1 << 12
_WORDS = 8
_TEID_PREFIX = 1
_INDEX = struct.Struct("=II8H512H256H64H64H4096H65536H")
_PREFIX = struct.Struct("=II16s")
_CGROUP = struct.Struct("=QQ")
_NUMBER = struct.Struct("=I")
_VECTOR = struct.Struct(f"={_WORDS}Q")
_ALL_ONES = (1 << 64) - 1
PREFIXES = ("flow_prefixes_0", "flow_prefixes_1")
MAPS = ("flow_classes", "flow_indices", *PREFIXES, "flow_cgroups", "flow_cache", "flow_counts")


def sizes(points: int) -> Mapping[str, int]:
    """Entries of the maps, for so many points that count flows; 0 for none."""
    if not points:
        return {}
    return {
        "flow_classes": 2 * MAX_CLASSES,
        "flow_indices": 2,
        **dict.fromkeys(PREFIXES, MAX_ENTRIES),
        "flow_cgroups": 2 * _MAX_CGROUPS,
        "flow_cache": _SLOTS,
        "flow_counts": 2 * points,
    }


class FlowTables:
    """Writes the tables, and knows the place of each flow's counts."""

    def __init__(self, maps: Mapping[str, Map], find_cgroup: Callable[[str], int | None]) -> None:
        """`find_cgroup` gives the id of a cgroup v2 folder, None while there is no such folder."""
        self._maps = maps
        self._find_cgroup = find_cgroup
        self._generations = itertools.count(1)
        self._half = 1
        self._places: dict[str, int] = {}
        self._left: dict[str, int] = {}
        """Flows that are out of the tables, with counts that are not yet read."""
        self._prefixes: list[dict[bytes, bytes]] = [{}, {}]
        self._cgroups: list[dict[bytes, bytes]] = [{}, {}]
        self._ids: dict[str, int | None] = {}

    def write(self, flows: Sequence[Flow]) -> int:
        """Writes the half that is not in use, and returns its number. Raises JoulepathError: what is in use stays."""
        ids = {name: self._find_cgroup(name) for flow in flows for name in _senders(flow)}
        half, vectors = 1 - self._half, Vectors(_with_one_name(flows, ids))
        if len(vectors.classes.pairs) > MAX_CLASSES:
            classes = len(vectors.classes.pairs)
            raise UsageError(f"flows: prefixes and ranges overlap in {classes} ways; at most {MAX_CLASSES}")
        free = iter(sorted(set(range(MAX_PLACES)) - {*self._places.values(), *self._left.values()}))
        before = {**self._left, **self._places}
        places = {flow.name: before[flow.name] if flow.name in before else next(free) for flow in flows}
        numbers = range(half * MAX_CLASSES, half * MAX_CLASSES + len(vectors.classes.pairs))
        self._maps["flow_classes"].update_many(
            b"".join(map(_NUMBER.pack, numbers)),
            b"".join(_vector(vector) for pair in vectors.classes.pairs for vector in pair),
        )
        _replace(self._maps[PREFIXES[half]], self._prefixes[half], dict(_prefixes(vectors)))
        _replace(self._maps["flow_cgroups"], self._cgroups[half], dict(_cgroups(vectors, ids, half)))
        index = _index(vectors, next(self._generations), [places[flows[number].name] for number in vectors.flows])
        self._maps["flow_indices"].update(_NUMBER.pack(half), index)
        self._left = {name: place for name, place in before.items() if name not in places}
        self._places, self._half, self._ids = places, half, ids
        return half

    @property
    def moved(self) -> bool:
        """Whether a cgroup has come, gone or been made anew since the tables were written."""
        return any(self._find_cgroup(name) != known for name, known in self._ids.items())

    def counts(self, value: bytes, stride: int) -> dict[str, tuple[int, int]]:
        """Packets and octets by flow, of the value of all CPUs."""
        found: dict[str, tuple[int, int]] = {}
        if value.count(0) == len(value):
            return found
        columns = [struct.unpack_from(f"={2 * MAX_PLACES}Q", value, start) for start in range(0, len(value), stride)]
        for name, place in (*self._places.items(), *self._left.items()):
            packets = sum(column[2 * place] for column in columns)
            if packets:
                found[name] = packets, sum(column[2 * place + 1] for column in columns)
        return found

    def settle(self) -> None:
        """Says that all counts are read that flows had when they left: others may take their places."""
        self._left = {}


def _replace(into: Map, old: dict[bytes, bytes], new: Mapping[bytes, bytes]) -> None:
    """Brings a map from the old entries, which are kept up to date, to the new ones."""
    for key in old.keys() - new.keys():
        into.delete(key)
        del old[key]
    for key, value in new.items():
        if old.get(key) != value:
            into.update(key, value)
            old[key] = value


def _senders(flow: Flow) -> list[str]:
    return [match.cgroup for match in flow.matches if match.cgroup]


def _with_one_name(flows: Sequence[Flow], ids: Mapping[str, int | None]) -> list[Flow]:
    """The flows, with one name for each cgroup: a folder, a unit and a pod may be the same."""
    first: dict[int, str] = {}
    names = {name: name if found is None else first.setdefault(found, name) for name, found in ids.items()}
    return [
        replace(flow, matches=tuple(replace(match, cgroup=names.get(match.cgroup, "")) for match in flow.matches))
        for flow in flows
    ]


def _vector(matches: int) -> bytes:
    return _VECTOR.pack(*(matches >> 64 * word & _ALL_ONES for word in range(_WORDS)))


def _prefixes(vectors: Vectors) -> Iterator[tuple[bytes, bytes]]:
    """Keys and classes of addresses and TEIDs."""
    for network, number in vectors.addresses.items():
        key = _PREFIX.pack(32 + network.prefixlen, network.version, network.network_address.packed)
        yield key, _NUMBER.pack(number)
    for start, stop, number in vectors.teids():
        for teids in summarize_address_range(IPv4Address(start), IPv4Address(stop - 1)):
            key = _PREFIX.pack(32 + teids.prefixlen, _TEID_PREFIX, teids.network_address.packed)
            yield key, _NUMBER.pack(number)


def _cgroups(vectors: Vectors, ids: Mapping[str, int | None], half: int) -> Iterator[tuple[bytes, bytes]]:
    for name, number in vectors.cgroups.items():
        found = ids[name]
        if found is not None:
            yield _CGROUP.pack(found, half), _NUMBER.pack(number)


def _index(vectors: Vectors, generation: int, places: Sequence[int]) -> bytes:
    """`struct flow_index`."""
    fields = sum(1 << bit for bit, name in enumerate(FIELDS) if name in vectors.used)
    return _INDEX.pack(
        1 + generation % ((1 << 32) - 1),
        fields,
        vectors.no_address,
        *(field.none for field in (vectors.port, vectors.protocol, vectors.vlan, vectors.teid, vectors.qfi)),
        vectors.no_cgroup,
        len(places),
        *places,
        *bytes(512 - len(places)),
        *_classes(vectors.protocol, 256),
        *_classes(vectors.dscp, 64),
        *_classes(vectors.qfi, 64),
        *_classes(vectors.vlan, 4096),
        *_classes(vectors.port, 65536),
    )


def _classes(field: Intervals, size: int) -> Iterator[int]:
    """The class of each value."""
    for start, stop, number in zip(field.starts, [*field.starts[1:], size], field.classes, strict=True):
        yield from itertools.repeat(number, max(0, min(stop, size) - start))
