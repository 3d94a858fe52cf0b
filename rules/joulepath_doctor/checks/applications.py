# SPDX-License-Identifier: Apache-2.0
"""Gaps that no earlier finding explains: hosts without power, components without a share, incomplete applications."""

from collections.abc import Iterator

from joulepath_doctor import places
from joulepath_doctor.catalogue import found, not_checked
from joulepath_doctor.context import Context
from joulepath_doctor.finding import Finding
from joulepath_doctor.named import of_source
from joulepath_doctor.questions import own, rows, since, targets, value, window
from joulepath_topology import Topology
from joulepath_topology.problem import Place

LOST = 1e-6
"""Watts by which a sum may differ (alerts.yaml, `EnergyNotConserved`)."""


def check(context: Context) -> Iterator[Finding]:
    """Findings from the series that the rules record about themselves."""
    beats = value(context, f"count_over_time({own(context, 'attribution:heartbeat')}[{window(context)}])") or 0.0
    if (beats + 1) * context.topology.interval < context.topology.window:
        yield not_checked(
            "application/missing", ("applications",),
            f"the rules were not evaluated in all of the last {window(context)}: ask again after that time",
        )  # fmt: skip
        return
    yield from _hosts(context)
    yield from _components(context)
    yield from _applications(context)
    yield from _conserved(context)


def _hosts(context: Context) -> Iterator[Finding]:
    topology = context.topology
    powered = rows(context, own(context, "host:power_watts"), "host")
    for box, host in topology.boxes.items():
        if (box,) not in powered:
            at = places.box(topology, box)
            missing = rows(context, own(context, "host:missing:info", host=box), "tier", "source")
            which = ", ".join(f"{tier}/{source}" for tier, source in sorted(missing))
            yield found(
                "host/missing", at,
                f"no power is recorded, though its sources are there (missing, as tier/source: {which or 'nothing'}): "
                "compare `source:power_watts` with the topology",
                (
                    places.RULES,
                    *_box(topology, box),
                    *(each for fed in host.feeds for each in _box(topology, fed)),
                    *_meters(context, box),
                ),
            )  # fmt: skip


def _components(context: Context) -> Iterator[Finding]:
    for component, box in rows(context, own(context, "component:unmeasured:info"), "component", "host"):
        if component in context.topology.components:
            yield found(
                "component/unmeasured", ("components", component),
                f"its share of {box} is not known, though its work is there: its watts are in the host's rest",
                (places.RULES, *_rests_on(context.topology, component, traffic=False)),
            )  # fmt: skip


def _applications(context: Context) -> Iterator[Finding]:
    topology = context.topology
    missing: dict[tuple[str, str], list[str]] = {}
    for application, component, box in rows(
        context, own(context, "application:missing:info"), "application", "component", "host"
    ):
        if application in topology.applications and component in topology.components:
            missing.setdefault((application, component), []).append(box)
    for (application, component), boxes in missing.items():
        supported = topology.components[component].supports
        because = [each for name in (component, *supported) for each in _rests_on(topology, name, traffic=True)]
        yield found(
            "application/missing", ("applications", application),
            f"its watts at {component} on {', '.join(boxes)} are not known, so its total is absent: see "
            "`application:missing:info` and the traffic of this component",
            (places.RULES, *(("applications", application, key) for key in ("traces", "flows")), *because),
            topology.counted_at(component),
        )  # fmt: skip


def _rests_on(topology: Topology, component: str, *, traffic: bool) -> Iterator[Place]:
    """Where the watts of a component, and the shares of its applications, come from."""
    yield ("components", component)
    for placement in topology.placements(component):
        yield from _box(topology, placement.host)
        if placement.vm is not None:
            yield ("vms", placement.vm)
    counted = topology.counted_at(component)
    if traffic and counted != component:
        yield ("components", counted, "traffic")
        yield ("components", counted, "requests")


def _box(topology: Topology, box: str) -> Iterator[Place]:
    """The keys of a host or GPU without which it has no watts or no shares; a fallback is not one of them."""
    at = places.box(topology, box)
    if box in topology.hosts:
        yield from ((*at, key) for key in ("power", "gpus", "feeds", "active", "kepler"))
    else:
        yield at


def _meters(context: Context, box: str) -> Iterator[Place]:
    """The targets of the meters of a box, which may be read now and then."""
    for number, source in enumerate(context.topology.boxes[box].power):
        for reading in of_source((*places.box(context.topology, box), "power", number), source):
            yield from targets(context.server.query(f"present_over_time({reading.joules}[{since(context)}])"))


def _conserved(context: Context) -> Iterator[Finding]:
    if not context.server.build_info().get("goVersion"):
        reason = "the server is not a Prometheus, and rules of vmalert read the evaluation before"
        yield not_checked("sum/conservation", ("hosts",), reason)
        return
    for level, labels in (("host", ("host",)), ("component", ("component", "host"))):
        for names, watts in rows(context, own(context, f"{level}:conservation_error_watts"), *labels).items():
            if abs(watts) > LOST:
                yield found(
                    "sum/conservation", (f"{level}s", names[0]),
                    f"its applications come to {watts:+.3g} W beside it: please report this with the topology",
                )  # fmt: skip
