# SPDX-License-Identifier: Apache-2.0
"""Finds flows that can never count a packet, since an earlier flow fits all of theirs."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from ipaddress import IPv4Network, IPv6Network

from joulepath.ioam.settings import Flow, Match
from joulepath.ioam.table.flows import PORTS
from joulepath.ioam.table.prefixes import by_shift

_RANGES = ("protocol", "ports", "ue_ports", "dscp", "vlan", "teid", "qfi")


class _Known:
    """A match in a form that is quick to compare."""

    def __init__(self, flow: str, match: Match) -> None:
        self.flow = flow
        self.match = match
        self._prefixes = {name: _shifted(getattr(match, name)) for name in ("ue", "remote")}

    def holds(self, other: Match) -> bool:
        """Whether each packet that fits the other match fits this one."""
        mine = self.match
        if mine.cgroup and not _below(other.cgroup, mine.cgroup):
            return False
        return all(_all_within(getattr(other, name), getattr(mine, name)) for name in _RANGES) and all(
            self._holds_prefixes(name, getattr(other, name)) for name in self._prefixes
        )

    def _holds_prefixes(self, name: str, theirs: Sequence[IPv4Network | IPv6Network]) -> bool:
        own = self._prefixes[name]
        return not getattr(self.match, name) or (bool(theirs) and all(_within(network, own) for network in theirs))


def hidden(flows: Sequence[Flow]) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Flows that cannot count, each with the earlier flows that fit its packets first.

    Each of its matches lies within one match of an earlier flow. Matches that hold it only together are not sought.
    """
    earlier: list[_Known] = []
    for flow in flows:
        by = [next((one.flow for one in earlier if one.holds(match)), None) for match in flow.matches]
        names = tuple(dict.fromkeys(name for name in by if name is not None))
        if by and None not in by:
            yield flow.name, names
        earlier += [_Known(flow.name, match) for match in flow.matches]


def remarks(flows: Sequence[Flow], *, sent: bool = True) -> list[str]:
    """A line for each flow that cannot count, and for each match that fits no packet.

    `sent`: packets that are sent are counted, too.
    """
    return [
        f"flows.{flow.name}{f'[{number}]' if len(flow.matches) > 1 else ''}: fits no packet, since {why}"
        for flow in flows
        for number, match in enumerate(flow.matches)
        if (why := _contradiction(match, sent=sent))
    ] + [
        f"flows.{name}: never counts a packet, since {' and '.join(by[:3])} before it "
        f"{'fits' if len(by) == 1 else 'fit'} all of its packets: put it before, or leave it out"
        for name, by in hidden(flows)
    ]


def _contradiction(match: Match, *, sent: bool) -> str | None:
    """Why no packet can fit the match, where its keys exclude each other."""
    if match.cgroup and not sent:
        return "`cgroup` needs an interface with `sent`"
    versions = [{network.version for network in networks} for networks in (match.ue, match.remote) if networks]
    if len(versions) > 1 and not versions[0] & versions[1]:
        return "`ue` and `remote` have no IP version in common"
    protocols = match.protocol
    if (
        (match.ports or match.ue_ports)
        and protocols
        and not any(one in range_ for range_ in protocols for one in PORTS)
    ):
        return "only UDP, TCP and SCTP have ports"
    return None


def _all_within(ranges: Iterable[range], outer: tuple[range, ...]) -> bool:
    """Whether each of the ranges lies within one of the outer; no ranges are all numbers."""
    own = tuple(ranges)
    return not outer or (
        bool(own) and all(any(other.start <= one.start and one.stop <= other.stop for other in outer) for one in own)
    )


_Shifted = Mapping[int, Sequence[tuple[int, frozenset[int]]]]
"""By IP version, for each prefix length the bits to shift away and the numbers that are left."""


def _shifted(prefixes: Sequence[IPv4Network | IPv6Network]) -> _Shifted:
    return {version: by_shift(prefixes, version) for version in (4, 6)}


def _within(network: IPv4Network | IPv6Network, prefixes: _Shifted) -> bool:
    number, least = int(network.network_address), network.max_prefixlen - network.prefixlen
    return any(shift >= least and number >> shift in numbers for shift, numbers in prefixes[network.version])


def _below(folder: str, outer: str) -> bool:
    return bool(folder) and (folder.rstrip("/") + "/").startswith(outer.rstrip("/") + "/")
