# SPDX-License-Identifier: Apache-2.0
"""The active work of metered boxes and of the components on them, by the kinds of shares.

A new kind is one more entry of WORK, or of GPU_WORK for GPUs. A box is a host or a GPU.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from joulepath_rules.adapters import kepler, moving
from joulepath_rules.adapters.gpus import GPU_WORK
from joulepath_rules.adapters.guards import SENSIBLE, Amount, counted, queried, total
from joulepath_rules.rule import Rule, selector
from joulepath_topology import Topology
from joulepath_topology.components import Component
from joulepath_topology.placements import Placement
from joulepath_topology.promql import quote
from joulepath_topology.shares import KEPLER_KINDS, Share

# Of node_exporter's and /proc/stat's modes: idle does no work, steal is another's, guest is in user already.
BUSY = 'mode!~"idle|iowait|steal|guest|guest_nice"'


@dataclass(frozen=True)
class Work:
    """How one kind of share is read, as PromQL: of a share on this host, and of the whole host."""

    share: Callable[[Topology, str, Share], Amount]
    whole: Callable[[Topology, str], Amount]


def work(topology: Topology) -> Iterator[Rule]:
    """A rule for each component that has a part of a box, and one for the whole of each box and unit.

    The whole is in joules/s (Kepler), CPU seconds/s, seconds/s of a GPU, or the query's unit.
    """
    wholes: set[tuple[str, str]] = set()
    for name, component in topology.components.items():
        for placement in topology.placements(name):
            shares = placement.shares if placement.vm is None else topology.vms[placement.vm].share
            if topology.whole(placement) or not shares:
                continue
            box, unit = placement.host, shares[0].unit
            whole = whole_work(topology, placement, shares)
            if component.moves:
                amounts = share_work(topology, placement, shares)
                part = moving.part(amounts, whole)
                if topology.boxes[box].divided or _counted_elsewhere(component):
                    steps = moving.working(amounts, whole)
                    yield Rule("adapter:working:ratio", steps, {"component": name, "host": box})
            else:
                part = _part(topology, placement, shares)
            yield Rule("adapter:active:ratio", quotient(part, whole), {"component": name, "host": box, "unit": unit})
            if (box, unit) not in wholes:
                wholes.add((box, unit))
                yield Rule("adapter:host_active:rate", whole.believed, {"host": box, "unit": unit})


def quotient(part: str, whole: Amount) -> str:
    """A part of the whole. One rule reads both: a scrape may be stored between two rules."""
    return f"({part})\n/ clamp_min({whole.plain} {SENSIBLE}, 1e-9)"


def _counted_elsewhere(component: Component) -> bool:
    """Whether its counters end with it: they are then believed for the time in which it was there."""
    return component.requests is not None or (component.traffic is not None and component.traffic.query is not None)


def _part(topology: Topology, placement: Placement, shares: Sequence[Share]) -> str:
    """The work of a component; in a virtual machine, the machine's work times the component's part of it."""
    if placement.vm is None or not placement.shares:
        return _sum(topology, placement, shares)
    inside = Placement(placement.vm, placement.shares)
    part, whole = _sum(topology, inside, inside.shares), whole_work(topology, inside, inside.shares).believed
    return f"({_sum(topology, placement, shares)})\n* clamp_max(({part}) / clamp_min({whole}, 1e-9), 1)"


def _sum(topology: Topology, placement: Placement, shares: Sequence[Share]) -> str:
    return " + ".join(amount.believed for amount in share_work(topology, placement, shares))


def share_work(topology: Topology, placement: Placement, shares: Sequence[Share]) -> list[Amount]:
    """The work of each share on a box."""
    if placement.gpu is not None:
        return [GPU_WORK[share.kind].share(topology, placement, share) for share in shares]
    return [WORK[share.kind].share(topology, placement.host, share) for share in shares]


def whole_work(topology: Topology, placement: Placement, shares: Sequence[Share]) -> Amount:
    """All work of a box, in the unit of these shares."""
    if placement.gpu is not None:
        return GPU_WORK[shares[0].kind].whole(topology, placement)
    return WORK[shares[0].kind].whole(topology, placement.host)


def _workload(_: Topology, host: str, share: Share) -> Amount:
    labels = selector(instance=host, workload=share.workload or "")
    return total(f"rate(workload_cpu_seconds_total{labels}[$window])")


def _processor(_: Topology, host: str) -> Amount:
    counter = f"workload_host_cpu_seconds_total{{instance={quote(host)},{BUSY}}}"
    return counted(f"sum(rate({counter}[$window]))", counter)


def _active(topology: Topology, host: str) -> Amount:
    active = topology.active(host)
    return queried(active.query if active is not None else "")


WORK: Mapping[str, Work] = {
    **dict.fromkeys(KEPLER_KINDS, Work(kepler.part, kepler.whole)),
    "workload": Work(_workload, _processor),
    "query": Work(lambda _, host, share: queried(share.query_on(host)), _active),
}
