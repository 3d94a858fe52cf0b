# SPDX-License-Identifier: Apache-2.0
"""Hosts and GPUs as the rules see them: the first tier counts, and the numbers of the topology fit the watts."""

from collections.abc import Iterator, Mapping

from joulepath_doctor import places
from joulepath_doctor.catalogue import found
from joulepath_doctor.context import Context
from joulepath_doctor.finding import Finding
from joulepath_doctor.questions import length, own, rows, since
from joulepath_topology import Topology

GRANTED = 0.05
"""The part of the watts that is granted: the error of a meter, a cooler room."""
GRANTED_WATTS = 1.0

Watts = Mapping[tuple[str, ...], float]


def check(context: Context) -> Iterator[Finding]:
    """Findings about each metered box."""
    topology = context.topology
    tiers = rows(context, own(context, "host:power_source:info"), "host", "tier")
    sums = rows(context, f"sum by (host, tier) ({own(context, 'source:power_watts')})", "host", "tier")
    power = own(context, "host:power_watts")
    means = rows(context, f"avg_over_time({power}[{since(context)}])", "host")
    most = rows(context, f"max_over_time({power}[{since(context)}])", "host")
    for name in topology.boxes:
        yield from _negative(topology, name, sums)
        counting = [int(tier) for host, tier in tiers if host == name]
        for tier in counting:
            yield from _fallback(topology, name, tier)
            if (name,) in means:
                yield from _idle(context, name, tier, means[name,])
        if (name,) in most:
            yield from _largest(topology, name, most[name,])


def _negative(topology: Topology, box: str, sums: Watts) -> Iterator[Finding]:
    for (host, tier), watts in sums.items():
        fed = topology.boxes[box].feeds
        if host == box and watts < 0:
            key = "feeds" if topology.hosts[box].feeds else "gpus"
            yield found(
                "host/negative", (*places.box(topology, box), key),
                f"tier {tier} comes to {watts:.4g} W once {', '.join(fed)} {'is' if len(fed) == 1 else 'are'} taken "
                "off: what it feeds draws power elsewhere, or a plug is missing under `power`",
            )  # fmt: skip


def _fallback(topology: Topology, box: str, tier: int) -> Iterator[Finding]:
    if tier > 1:
        at = places.box(topology, box)
        yield found(
            "host/fallback", (*at, "fallback", tier - 2),
            f"the watts come from this fallback, since `power` is not complete: see hosts.{box}.power",
            ((*at, "power"),),
        )  # fmt: skip


def _idle(context: Context, box: str, tier: int, mean: float) -> Iterator[Finding]:
    static = context.topology.boxes[box].static(tier)
    if static is not None and mean < static * (1 - GRANTED) - GRANTED_WATTS:
        yield found(
            "host/static-above-power", (*places.box(context.topology, box), "static_watts"),
            f"{static:g} W when idle, but {mean:.4g} W were measured on average for {length(context.since)}, so "
            "nothing is dynamic: measure it with `joulepath calibrate static`, or correct the plug or its `scale`",
        )  # fmt: skip


def _largest(topology: Topology, box: str, most: float) -> Iterator[Finding]:
    largest = topology.boxes[box].max_watts
    if largest is not None and most > largest * (1 + GRANTED) + GRANTED_WATTS:
        yield found(
            "host/power-above-max", (*places.box(topology, box), "max_watts"),
            f"at most {largest:g} W are declared, {most:.4g} W were measured: raise it, or correct the plug "
            "or its `scale`",
        )  # fmt: skip
