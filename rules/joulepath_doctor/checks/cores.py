# SPDX-License-Identifier: Apache-2.0
"""Cores that count traffic: their counters move while their host does, know each key, and have one reader."""

from collections.abc import Iterator

from joulepath_doctor.catalogue import found
from joulepath_doctor.context import Context
from joulepath_doctor.finding import Finding
from joulepath_doctor.questions import length, rows, since, timed, value
from joulepath_doctor.selected import nearest, select
from joulepath_rules.adapters import cores
from joulepath_topology.components import Traffic
from joulepath_topology.cores.keys import InCore
from joulepath_topology.cores.schema import Amount, Core
from joulepath_topology.problem import Place

CARRIES = 1000.0
"""Bytes/s of a host from which on a core that counts nothing is a fault."""
ALONE = 0.7
"""The part of the bytes on its interfaces that a core's sessions come to at least; headers are the rest."""
INTERFACES = ("node_network_receive_bytes_total", "node_network_transmit_bytes_total")
"""Bytes of an interface as node_exporter counts them."""
NODES = "ioam_node_bytes_total"
"""Bytes of user packets as `joulepath ioam` counts them."""


def check(context: Context) -> Iterator[Finding]:
    """Findings about each component that a core counts for."""
    for name, component in context.topology.components.items():
        traffic = component.traffic
        core = traffic.of_core if traffic is not None else None
        if traffic is None or core is None:
            continue
        place: Place = ("components", name, "traffic", "core")
        for amount in core.amounts.values():
            if all(select(context, each).now for each in cores.totals(traffic, amount)):
                yield from _still(context, place, traffic, core, amount)
                yield from _shared(context, place, traffic, core, amount)
        if traffic.ioam is None:
            yield from _keys(context, name, traffic)


def _still(context: Context, place: Place, traffic: Traffic, core: Core, amount: Amount) -> Iterator[Finding]:
    """All of it is 0, over all of the time: of counters that are off, or since nothing passes."""
    if value(context, timed(context, cores.whole(context.topology, traffic, amount), since(context))) != 0:
        return
    what = "packets" if amount.unit == "packets" else "volume"
    told = f"the {what} of {core.title} is 0 for {length(context.since)}"
    if busy := _busiest(context, traffic, amount):
        at, speed = busy
        yield found(
            "core/silent", place, f"{told}, while {at} carries {_speed(speed)}: it needs {core.needs}", (place,)
        )
    else:
        yield found("core/still", place, f"{told}: if traffic passes, it needs {core.needs}", (place,))


def _busiest(context: Context, traffic: Traffic, amount: Amount) -> tuple[str, float] | None:
    """The interface or IOAM node of the core's hosts with the most bytes, and its bytes/s."""
    first = cores.totals(traffic, amount)[0]
    hosts = {_host(instance) for (instance,) in rows(context, f"group by (instance) ({first})", "instance")}
    carried: dict[str, float] = {}
    for metric, label in (*((each, "device") for each in INTERFACES), (NODES, "node_id")):
        grown = f"sum by (instance, {label}) (increase({metric}[{since(context)}])) / {context.since:g}"
        for (instance, part), speed in rows(context, grown, "instance", label).items():
            if _host(instance) in hosts and part != "lo":
                at = f"node {part} of {instance}" if label == "node_id" else f"{part} of {instance}"
                carried[at] = carried.get(at, 0.0) + speed
    most = max(carried.items(), key=lambda each: each[1], default=("", 0.0))
    return most if most[1] > CARRIES else None


def _host(instance: str) -> str:
    return instance.rpartition(":")[0] or instance


def _speed(speed: float) -> str:
    """Bytes/s as bit/s, in one unit."""
    bits = 8 * speed
    for unit, size in (("Gbit/s", 1e9), ("Mbit/s", 1e6), ("kbit/s", 1e3)):
        if bits >= size:
            return f"{bits / size:.3g} {unit}"
    return f"{bits:.3g} bit/s"


def _shared(context: Context, place: Place, traffic: Traffic, core: Core, amount: Amount) -> Iterator[Finding]:
    """The sessions come to much less than the interfaces count: something else reads and resets them, too."""
    if amount.kind != "since_read" or amount.unit != "bytes" or not core.beside:
        return
    read = value(context, timed(context, cores.whole(context.topology, traffic, amount)))
    passed = [
        value(context, timed(context, f"sum(rate({cores.selected(traffic, each)}[$window]))")) for each in core.beside
    ]
    total = sum(each for each in passed if each is not None)
    if read and None not in passed and read < ALONE * total:
        yield found(
            "core/shared-reads", place,
            f"its sessions come to {read / total:.0%} of the bytes that its interfaces count: something else reads the "
            "metrics of this core, too; let one server alone scrape it",
        )  # fmt: skip


def _keys(context: Context, name: str, traffic: Traffic) -> Iterator[Finding]:
    """Keys of applications of which the core has no series."""
    for application, entry in context.topology.applications.items():
        for one in context.topology.keys_in_core(application, name):
            place: Place = ("applications", application, "core", entry.core.index(one))
            yield from _key(context, place, traffic, one)


def _key(context: Context, place: Place, traffic: Traffic, one: InCore) -> Iterator[Finding]:
    core = traffic.of_core
    amounts = core.amounts.values() if core is not None else ()
    every = [cores.selected(traffic, series, one) for amount in amounts for series in amount.parts]
    whole = [cores.selected(traffic, series) for amount in amounts for series in amount.parts]
    if any(select(context, each).before for each in every) or not any(select(context, each).before for each in whole):
        return
    yield found(
        "core/key-absent", place,
        f"{nearest(context, every[0])}: correct the key, unless the application has not sent yet",
        tuple(target for each in whole for target in select(context, each).targets),
    )  # fmt: skip
