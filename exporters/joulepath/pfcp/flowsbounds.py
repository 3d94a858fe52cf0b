# SPDX-License-Identifier: Apache-2.0
"""Keeps the file of flows within what `joulepath ioam` accepts: a file beyond it would be refused as a whole."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from joulepath.ioam.table.flows import MAX_MATCHES, MAX_OCTETS, MAX_PREFIXES
from joulepath.pfcp.settings import FlowsFile


class Flow(NamedTuple):
    """One flow as it would be written."""

    text: str
    matches: int
    prefixes: int
    """Prefixes, and ranges of TEIDs."""


class Kept(NamedTuple):
    """The flows that are written, and the names of those that are left out."""

    flows: Mapping[str, Flow]
    left_out: Sequence[str]
    why: str
    """The bound that the first of these would pass; empty without one."""


def keep(flows: Mapping[str, Flow], file: FlowsFile, head: int) -> Kept:
    """The flows from the first on that fit together beside `head` octets.

    A flow is whole or is left out, so that no count is too low. With it go all that follow: an earlier flow has the
    packets of one QFI, for example, and a later one would count them as its own.
    """
    kept: dict[str, Flow] = {}
    bounds = (
        ("matches", min(file.matches, MAX_MATCHES)),
        ("prefixes and ranges of TEIDs", min(file.prefixes, MAX_PREFIXES)),
        ("octets", MAX_OCTETS),
    )
    sums = [0, 0, head]
    for name, flow in flows.items():
        sums = [sums[0] + flow.matches, sums[1] + flow.prefixes, sums[2] + len(flow.text.encode())]
        for amount, (what, most) in zip(sums, bounds, strict=True):
            if amount > most:
                return Kept(kept, [other for other in flows if other not in kept], f"{amount} {what}, at most {most}")
        kept[name] = flow
    return Kept(kept, (), "")
