# SPDX-License-Identifier: Apache-2.0
"""Parts against their whole, and two readings of one power against each other.

All of it over the time that the doctor looks back. Means are joules by measured seconds.
A comparison is made where both were measured for the same part of the time.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from itertools import combinations

from joulepath_doctor.catalogue import found, not_checked
from joulepath_doctor.checks.meters import Rows
from joulepath_doctor.context import Context
from joulepath_doctor.finding import Finding
from joulepath_doctor.named import Reading, of_source, readings
from joulepath_doctor.questions import length, own, rows, since, window
from joulepath_rules.rule import selector
from joulepath_topology import Topology
from joulepath_topology.kepler import Kepler
from joulepath_topology.meters import METERS
from joulepath_topology.problem import Place
from joulepath_topology.promql import quote
from joulepath_topology.queries import sources
from joulepath_topology.shares import KEPLER_KINDS

GRANTED = 0.05
"""The part by which parts may exceed their whole: the errors of two meters."""
BETWEEN = 0.15
"""The part by which two meters of one power may differ: a BMC's class, and the losses of a supply."""
WATTS = 5.0
"""Watts that are granted beside it."""
SAME_TIME = 0.1
"""The part by which the measured times of both may differ."""
STEPS = 4
"""Steps that a register must have made; one of them is granted at each end."""
LONG = 86400.0
"""From this time on [s] it is told which registers made fewer: 0.1 kWh at 30 W take more than three hours."""


@dataclass(frozen=True)
class Whole:
    """The level of a device that holds its parts, beside the meter's own counters."""

    level: str
    label: str


WHOLES = {"pdu": Whole("pdu_inlet", "inlet"), "bmc": Whole("bmc_enclosure", "chassis")}
"""By kind of meter. Outlets come from the inlets, chassis from their enclosure."""


@dataclass(frozen=True)
class Mean:
    """Watts over the measured time, in seconds."""

    watts: float
    seconds: float


def check(context: Context) -> Iterator[Finding]:
    """Findings about sums."""
    wrong = set[str]()
    for device, finding in (*_wholes(context), *_registers(context)):
        if device not in wrong:
            yield finding
        wrong.add(device)
    yield from _parts_of_plugs(context)
    yield from _tiers(context, wrong)


def _increase(context: Context, metric: str) -> str:
    return f"increase({metric}[{since(context)}])"


def _means(context: Context, level: str, *labels: str) -> dict[tuple[str, ...], Mean]:
    """Mean watts of each reading of a level, by its labels: of all exporters that show it, the longest measured."""
    joules = rows(
        context, f"max by ({', '.join(labels)}) ({_increase(context, f'{level}_energy_joules_total')})", *labels
    )
    seconds = rows(
        context, f"max by ({', '.join(labels)}) ({_increase(context, f'{level}_measured_seconds_total')})", *labels
    )
    return {key: Mean(joules[key] / seconds[key], seconds[key]) for key in joules if seconds.get(key)}


def _comparable(*means: Mean) -> bool:
    times = [mean.seconds for mean in means]
    return min(times) >= (1 - SAME_TIME) * max(times)


def _wholes(context: Context) -> Iterator[tuple[str, Finding]]:
    """The parts of a device that the topology names, with their siblings, against what the device takes in."""
    first: dict[tuple[str, str], Place] = {}
    for reading in readings(context.topology):
        first.setdefault((reading.kind, reading.labels["instance"]), reading.place)
    for kind, whole in WHOLES.items():
        meter = METERS[kind]
        if meter.part is None or not any(each == kind for each, _ in first):
            continue
        parts = _means(context, meter.joules.removesuffix("_energy_joules_total"), "instance", meter.part.label)
        wholes = _means(context, whole.level, "instance", whole.label)
        for (each, instance), place in first.items():
            own_parts = [mean for key, mean in parts.items() if key[0] == instance]
            own_wholes = [mean for key, mean in wholes.items() if key[0] == instance]
            if each != kind or not own_parts or not own_wholes or not _comparable(*own_parts, *own_wholes):
                continue
            watts, most = sum(mean.watts for mean in own_parts), sum(mean.watts for mean in own_wholes)
            if watts > most * (1 + GRANTED) + WATTS:
                yield f"{kind} {instance}", found(
                    "sum/outlets-inlet", place,
                    f"{len(own_parts)} {meter.part.key} of {instance} come to {watts:.4g} W, its {whole.label} to "
                    f"{most:.4g} W ({GRANTED:.0%} and {WATTS:g} W are granted): check the scale of the profile, and "
                    f"that each {meter.part.label} is measured once",
                )  # fmt: skip


def _parts_of_plugs(context: Context) -> Iterator[Finding]:
    """The watts of Kepler and RAPL inside a host against the host's power."""
    topology = context.topology
    power = rows(context, f"avg_over_time({own(context, 'host:power_watts')}[{since(context)}])", "host")
    tiers = rows(context, own(context, "host:power_source:info"), "host", "tier")
    meters = Rows(context)
    for host in topology.hosts:
        if (host,) not in power:
            continue
        whole = power[host,]
        for place, source in sources(topology, host):
            if METERS[source.kind].reads_gpus if source.kind in METERS else True:
                continue
            if METERS[source.kind].modelled or (host, str(_tier(place))) in tiers:
                continue
            watts = sum(_watts(context, meters, each) or 0.0 for each in of_source(place, source))
            if watts > whole * (1 + GRANTED) + WATTS:
                yield _too_much(
                    "sum/rapl-plug", place, f"{source.kind} of {getattr(source, source.kind)}", watts, whole
                )
        watts = _kepler(context, topology, host)
        if watts > whole * (1 + GRANTED) + WATTS:
            yield _too_much("sum/kepler-plug", ("hosts", host, "power"), "Kepler's node", watts, whole)


def _too_much(kind: str, place: Place, part: str, watts: float, whole: float) -> Finding:
    return found(
        kind, place,
        f"{part} comes to {watts:.4g} W, more than the {whole:.4g} W of its host ({GRANTED:.0%} and {WATTS:g} W are "
        "granted): one of the two is of another machine, or a plug is missing under `power`",
    )  # fmt: skip


def _tier(place: Place) -> int:
    return 1 if place[2] == "power" else int(place[3]) + 2


def _watts(context: Context, meters: Rows, reading: Reading) -> float | None:
    joules = meters.largest(reading, _increase(context, reading.meter.joules))
    seconds = meters.largest(reading, _increase(context, reading.meter.seconds))
    return joules / seconds if seconds and meters.of(reading, _now(context, reading)) else None


def _now(context: Context, reading: Reading) -> str:
    """Asks whether its energy is counted: without it, a reading is a gap and not 0 W."""
    return f"present_over_time({reading.meter.joules}[{window(context)}])"


def _kepler(context: Context, topology: Topology, host: str) -> float:
    """Watts of the node's processor and memory, idle ones included; 0 where the topology does not read Kepler."""
    shares = [
        share
        for name in topology.members.get(host, ())
        for placement in topology.placements(name)
        if placement.host == host and placement.vm is None and placement.gpu is None
        for share in placement.shares
    ]
    if not any(share.kind in KEPLER_KINDS for share in shares):
        return 0.0
    total = 0.0
    for counter in _node_counters(topology.named_in_kepler(host)):
        exporters = rows(context, f"sum by (instance, job) (deriv({counter}[{since(context)}]))", "instance", "job")
        total += max(exporters.values(), default=0.0)
    return total


def _node_counters(kepler: Kepler) -> list[str]:
    """All joules of a node's zones, active or idle."""
    if kepler.dialect == "0.10":
        zones = quote("|".join(kepler.zones))
        return [f"kepler_node_cpu_joules_total{{node_name={quote(kepler.node_name or '')},zone=~{zones}}}"]
    return [f"kepler_node_{zone}_joules_total{selector(instance=kepler.node_name or '')}" for zone in kepler.zones]


def _tiers(context: Context, wrong: Collection[str]) -> Iterator[Finding]:
    """Two meters of all of one host: its plugs and its BMC, for instance, without devices that are wrong already."""
    meters = Rows(context)
    for host, entry in context.topology.hosts.items():
        means: list[tuple[Place, float]] = []
        if entry.feeds:
            continue
        for number, tier in enumerate(entry.tiers, 1):
            place: Place = ("hosts", host, "power") if number == 1 else ("hosts", host, "fallback", number - 2)
            if any(
                each.kind not in METERS or not METERS[each.kind].reads_gpus or not METERS[each.kind].whole_server
                for each in tier
            ):
                continue
            read = [(reading, source.scale) for source in tier for reading in of_source(place, source)]
            if any(reading.device in wrong for reading, _ in read):
                continue
            watts = [(_watts(context, meters, reading), scale) for reading, scale in read]
            if all(each is not None for each, _ in watts):
                total = sum((each or 0.0) * scale for each, scale in watts) + sum(
                    source.offset_watts for source in tier
                )
                means.append((place, total))
        for (_, one), (place, other) in combinations(means, 2):
            if abs(one - other) > BETWEEN * max(one, other) + WATTS:
                yield found(
                    "sum/bmc-plug", place,
                    f"{other:.4g} W over {length(context.since)}, where another meter of this host says {one:.4g} W "
                    f"({BETWEEN:.0%} and {WATTS:g} W are granted): one of them is of another machine, or "
                    "measures a part",
                )  # fmt: skip


def _registers(context: Context) -> Iterator[tuple[str, Finding]]:
    """The device's own register against the integral of its power, where the register made enough steps."""
    meters = Rows(context)
    few: dict[str, int] = {}
    for reading in readings(context.topology):
        register = reading.meter.joules.replace("_energy_", "_meter_energy_")
        if register == reading.meter.joules or not meters.of(reading, register):
            continue
        if not meters.of(reading, _now(context, reading)):
            continue
        steps = meters.largest(reading, f"changes({register}[{since(context)}])")
        if steps < STEPS or meters.largest(reading, f"resets({register}[{since(context)}])"):
            few[reading.kind] = few.get(reading.kind, 0) + 1
            continue
        counted, joules, measured = (
            meters.largest(reading, f"deriv({counter}[{since(context)}])")
            for counter in (register, reading.meter.joules, reading.meter.seconds)
        )
        watts = joules / measured if measured >= 1 - SAME_TIME else counted
        if abs(counted - watts) > (BETWEEN + 2 / steps) * max(counted, watts):
            yield reading.device, found(
                "sum/register-integral", reading.place,
                f"its register counts {counted:.4g} W, its power is {watts:.4g} W ({BETWEEN:.0%} and two steps are "
                "granted): check the unit of the register in the profile",
            )  # fmt: skip
    for kind, number in few.items() if context.since >= LONG else ():
        yield kind, not_checked(
            "sum/register-integral", ("hosts",),
            f"{number} registers ({kind}) made fewer than {STEPS} steps in {length(context.since)}, or began "
            "anew: look back further with --since",
        )  # fmt: skip
