# SPDX-License-Identifier: Apache-2.0
"""Divides the rules of a topology between leaves and a global server (docs/guides/leaves-recorded.md).

A leaf records the hosts of its site and the components on them, and sends few series of these, under names that begin
with `leaf:`. The global server records them as its own in one evaluation, each leaf's from one of its senders, and goes
on with the rules of the undivided chain. So every later rule reads one evaluation of a leaf, as in the undivided chain.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from joulepath_rules.constants import Constant
from joulepath_rules.rule import Alert, Rule
from joulepath_rules.series import SERIES
from joulepath_topology import Topology

WIRE = "leaf:"
"""How the names of series begin while they are sent."""

SENDER = f"{WIRE}sender:info"
"""Which of a leaf's senders counts: the one that knows most plugs and components. The other one may just begin."""

SENT = (
    "adapter:overhead:ratio",
    "adapter:supply:watts",
    "adapter:working:ratio",
    "component:power_watts",
    "component:unmeasured:info",
    "host:power_part_watts",
    "host:power_source:info",
    "host:power_watts",
    "source:power_watts",
    "vm:power_watts",
)
"""The series that a leaf sends, for the rules of the global server and for its users."""

_KEPT = (
    "adapter:active:ratio",
    "adapter:host_active:rate",
    "adapter:requested:amount",
    "adapter:vm_active:ratio",
    "component:active:ratio",
    "component:active_unit:ratio",
    "component:reserved:ratio",
    "host_tier:power_watts",
    "vm:active:ratio",
)
RECORDED = frozenset({*SENT, *_KEPT})
"""The series that a leaf records, beside the heartbeat."""

HEARTBEAT = "attribution:heartbeat"


@dataclass(frozen=True)
class Leaf:
    """The part of one site."""

    site: str


@dataclass(frozen=True)
class Global:
    """The part of the server that leaves send to."""


Part = Leaf | Global


def divided(part: Part, rules: Sequence[Rule], topology: Topology) -> list[Rule]:
    """The rules of the chain's group `attribution` that a part evaluates; constants are not among them."""
    below = [rule for rule in rules if rule.record in RECORDED]
    if isinstance(part, Leaf):
        here = {None, *hosts_at(topology, part.site)}  # a rule without a host reads those that are there
        beat = [rule for rule in rules if rule.record == HEARTBEAT]
        return [
            *beat,
            *(
                rule
                for rule in below
                if rule.labels.get("host") in here and rule.labels.get("site") in {None, part.site}
            ),
        ]
    above = (rule for rule in rules if rule.record not in RECORDED)
    return [*_received({rule.record for rule in below}), *above]


def hosts_at(topology: Topology, site: str) -> list[str]:
    """The hosts of a site, and their GPUs."""
    return [name for name, box in topology.boxes.items() if box.site == site]


def local(topology: Topology, site: str, constants: Iterable[Constant]) -> list[Constant]:
    """The constants of a site's hosts."""
    hosts = hosts_at(topology, site)
    return [constant for constant in constants if constant.labels.get("host") in hosts]


def read_by(rules: Iterable[Rule | Alert], constants: Iterable[Constant]) -> list[Constant]:
    """The constants that one of the rules reads."""
    names = {name for rule in rules for name in re.findall(r"[a-zA-Z_:][\w:]*", rule.expr)}
    return [constant for constant in constants if constant.name in names]


def _received(recorded: Iterable[str]) -> Iterator[Rule]:
    """The series that leaves sent, as the global server's own."""
    rows = f"({WIRE}component:power_watts or {WIRE}source:power_watts)"
    yield Rule(SENDER, f"topk by (leaf) (1, count by (leaf, sender) {rows})")
    for name in SENT:
        if name in recorded:
            labels, sent = ", ".join(SERIES[name].labels), f"{WIRE}{name}"
            # vmalert still reads the sender of the evaluation before: where that one has ended, the other one counts.
            yield Rule(
                name,
                f"sum by ({labels}) (\n"
                f"  {sent} and on (leaf, sender) {SENDER}\n"
                f"  or {sent} and on (leaf) {SENDER} unless on (leaf) ({rows} and on (leaf, sender) {SENDER}))",
            )
