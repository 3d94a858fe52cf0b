# SPDX-License-Identifier: Apache-2.0
"""Components of which the work does not follow their traffic, such as user planes that poll their interfaces."""

from collections.abc import Iterator

from joulepath_doctor.catalogue import found
from joulepath_doctor.context import Context
from joulepath_doctor.finding import Finding
from joulepath_doctor.questions import length, own

STEPS = 60
FEWEST = 6
"""Steps at which both must be known."""
VARIES = 2.0
"""By which factor traffic must vary between its lowest and its highest quarter."""
FLAT = 0.05
"""The part by which work may then vary, and count as the same."""


def check(context: Context) -> Iterator[Finding]:
    """Notes about components with a measured share and traffic of their own."""
    topology = context.topology
    for name in topology.components:
        boxes = topology.placements(name)
        if topology.counted_at(name) != name or all(topology.whole(box) for box in boxes):
            continue
        points = _points(context, name)
        if len(points) < FEWEST:
            continue
        quarter = len(points) // 4
        low, high = points[:quarter], points[-quarter:]
        (calm, work), (busy, more) = (_mean(each) for each in (low, high))
        if calm > 0 and work > 0 and busy >= VARIES * calm and abs(more - work) <= FLAT * work:
            yield found(
                "traffic/cpu-does-not-follow", ("components", name, "share"),
                f"traffic varied from {calm:.3g}/s to {busy:.3g}/s in {length(context.since)}, its work by "
                f"{(more - work) / work:+.0%}: its dynamic watts are those of a program that always runs, divided by "
                "traffic all the same",
            )  # fmt: skip


def _points(context: Context, component: str) -> list[tuple[float, float]]:
    """Traffic and work at the same times, in the order of traffic."""
    step = max(context.since / STEPS, context.topology.interval)
    work = _series(context, _work(context, component), step)
    for by in ("count", "volume"):
        traffic = _series(context, own(context, "component:counted:rate", component=component, by=by), step)
        if traffic and work:
            # A rate has seen all of its window only so long after its counter began.
            whole = min(work) + context.topology.window
            return sorted((traffic[at], work[at]) for at in traffic if at in work and at >= whole)
    return []


def _work(context: Context, component: str) -> str:
    part, whole = own(context, "adapter:active:ratio", component=component), own(context, "adapter:host_active:rate")
    return f"{part} * on (host, unit) group_left () {whole}"


def _series(context: Context, selector: str, step: float) -> dict[float, float]:
    """The sum over all hosts and units, by time."""
    found_series = context.server.query_range(f"sum({selector})", step)
    return {point.at: point.value for one in found_series for point in one.points}


def _mean(points: list[tuple[float, float]]) -> tuple[float, float]:
    return sum(traffic for traffic, _ in points) / len(points), sum(work for _, work in points) / len(points)
