# SPDX-License-Identifier: Apache-2.0
"""Puts the readings of one host together, by the names of outlets, BMCs, exporters and Kepler's nodes."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from joulepath_init.asking import Questions
from joulepath_init.document import DECIDE, GUESS, flow
from joulepath_init.found import Found, Gpu, Node, Reading, Whole
from joulepath_init.naming import host_name, is_address, keys, outlet_host, slug
from joulepath_topology import promql
from joulepath_topology.kepler import Kepler
from joulepath_topology.meters import METERS
from joulepath_topology.promql import quote

SAME_WATTS = 0.1
"""A BMC and an outlet of one server differ by the loss of its supplies, and by the moments at which they are read."""
LEAST_WATTS = 20.0
"""Below this, equal watts are chance."""


@dataclass
class Box:
    """A host of the topology."""

    name: str
    readings: list[Reading] = field(default_factory=list)
    whole: Whole | None = None
    node: Node | None = None
    gpus: list[Gpu] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    named: bool = True
    """Whether its name is more than the number of an outlet."""

    def of(self, kind: str) -> list[Reading]:
        """Its readings by one kind of meter."""
        return [one for one in self.readings if one.kind == kind]

    @property
    def tiers(self) -> list[list[Reading]]:
        """Its readings by kind of meter, the best kind first."""
        return [readings for kind in METERS if (readings := self.of(kind))]

    @property
    def gpus_alone(self) -> bool:
        """Whether only its GPUs are measured: they are then its power, and not parts of it."""
        return not self.readings and self.node is None and self.whole is None

    @property
    def watts(self) -> float | None:
        """Watts of its first tier, as far as they are known."""
        if not self.readings:
            return None if self.whole is None else self.whole.watts
        known = [one.watts for one in (self.tiers or [[]])[0] if one.watts is not None]
        return sum(known) if known else None

    @property
    def read_by(self) -> str:
        """The meters of its first tier."""
        if self.readings:
            return ", ".join(map(str, self.tiers[0]))
        if self.whole is not None:
            return f"pdu {self.whole.instance} {self.whole.level}"
        return "Kepler" if self.node is not None else f"{self.gpus[0].kind} {self.gpus[0].host}"


def boxes(found: Found, questions: Questions) -> list[Box]:
    """The hosts, each with all that reads it."""
    by_key: dict[str, Box] = {}
    readings = [one.instance for one in found.readings if one.kind != "pdu"]
    key = keys([*readings, *(node.name for node in found.nodes), *(gpu.host for gpu in found.gpus)])

    def box(name: str, *, named: bool = True) -> Box:
        own = key(name) if named else name
        if own not in by_key:
            taken = {one.name for one in by_key.values()}
            choices = [slug(host_name(name) if named else name), slug(name), f"host-{len(by_key) + 1}"]
            by_key[own] = Box(next(one for one in choices if one and one not in taken), named=named)
        return by_key[own]

    # The rules read workloads and pods by the host's name, so those that know it come first.
    for instance, _ in found.workloads:
        box(instance).name = slug(instance)
    for node in found.nodes:
        box(node.name).node = node
    several = {one.instance for one in found.readings if one.kind != "pdu" and one.part}
    for reading in found.readings:
        if reading.kind == "pdu":
            host = outlet_host(reading.name)
            name = host or f"{reading.instance}-outlet-{reading.part}"
            box(name, named=bool(host)).readings.append(reading)
        else:
            part = f"-{reading.part}" if reading.instance in several else ""
            box(f"{reading.instance}{part}").readings.append(reading)
    for gpu in found.gpus:
        place = box(gpu.host)
        if any(one.number == gpu.number for one in place.gpus):
            place.remarks.append(f"not used: GPU {gpu.number} of {gpu.kind} {gpu.host}, which another meter reads, too")
        else:
            place.gpus.append(gpu)
    if all(box.of("pdu") for box in by_key.values()):
        for whole in found.wholes:
            box(whole.instance).whole = whole
    made = [one for one in by_key.values() if not _idle(one)]
    _place(made, questions)
    _claim(made, questions)
    made = [one for one in made if one.readings or one.whole or one.node or one.gpus]
    _compare(made)
    return made


def _idle(box: Box) -> bool:
    """Whether it is nothing but outlets without load."""
    return bool(box.readings) and box.node is None and not box.gpus and all(one.watts == 0 for one in box.readings)


def _place(made: Sequence[Box], questions: Questions) -> None:
    """Asks which host a BMC measures that has the name of none: one that Kepler or a GPU exporter alone knows."""
    known = [one for one in made if (one.node is not None or one.gpus) and not one.readings]
    for one in made:
        choices = [other.name for other in known if not other.readings]
        if not choices or not one.of("bmc") or one.of("pdu") or one.node is not None or one.gpus:
            continue
        answer = questions.choice(f"Host that {one.name} measures", choices)
        if answer:
            place = next(other for other in known if other.name == answer)
            place.readings += one.readings
            one.readings.clear()
        else:
            one.remarks.append(
                f"{DECIDE} if it is {' or '.join(choices)}, write `power: {shown(one.of('bmc'))}` there, and delete "
                "this host: else its watts count twice"
            )


def _claim(made: Sequence[Box], questions: Questions) -> None:
    """Asks which outlets without a name feed the hosts that no plug is known of."""
    free = {f"{one.readings[0].instance}:{one.readings[0].part}": one for one in made if not one.named}
    for one in made:
        if not one.named or one.of("pdu") or not free:
            continue
        answers = questions.words(f"Outlets that feed {one.name}, out of {' '.join(free)}")
        for answer in answers:
            if (taken := free.pop(answer, None)) is not None:
                one.readings += taken.readings
                taken.readings.clear()


def _compare(made: Sequence[Box]) -> None:
    """Remarks on hosts that draw about the same by different meters: they may be one, which would count twice."""
    plugs = [one for one in made if one.of("pdu")]
    for one in made:
        if one.of("pdu") or not one.of("bmc") or one.watts is None or one.watts < LEAST_WATTS:
            continue
        for plug in plugs:
            if plug.watts is not None and abs(plug.watts - one.watts) <= SAME_WATTS * plug.watts and not plug.of("bmc"):
                same = f"draw about the same ({plug.watts:.0f} W and {one.watts:.0f} W)"
                reading = shown(one.of("bmc"))
                one.remarks.append(
                    f"{DECIDE} {plug.name} and {one.name} {same}: if they are one server, keep the outlets as `power`, "
                    f"add `fallback: {reading}`, and delete the other host"
                )


def shown(readings: Iterable[Reading]) -> str:
    """Readings as they stand in the file."""
    return flow(sources(list(readings)))


def sources(readings: Sequence[Reading]) -> list[dict[str, Any]]:
    """The entries of `power`: the parts of one instance in one entry, where the kind takes several."""
    entries: dict[tuple[str, str], dict[str, Any]] = {}
    for number, reading in enumerate(readings):
        part = METERS[reading.kind].part
        many = part is not None and part.many
        entry = entries.setdefault((reading.instance, "" if many else str(number)), {reading.kind: reading.instance})
        if part is not None and reading.part:
            if many:
                entry.setdefault(part.key, []).append(reading.part)
            else:
                entry[part.key] = reading.part
    return list(entries.values())


def value(box: Box, site: str, pool: str | None, capacity: Mapping[str, float]) -> dict[str, Any]:
    """The host's entry. Adds remarks to the box."""
    entry: dict[str, Any] = {"site": site}
    if pool is not None:
        entry["pool"] = pool
    if box.node is not None and box.node.name in capacity:
        entry["capacity"] = capacity[box.node.name]
    entry["power"] = _power(box)
    fallback = [readings for readings in box.tiers[1:] if METERS[readings[0].kind].reads_gpus]
    if fallback:
        entry["fallback"] = [one for readings in fallback for one in sources(readings)]
    for readings in box.tiers[1:]:
        if not METERS[readings[0].kind].reads_gpus:
            box.remarks.append(
                f"not used: {shown(readings)} reads less than the plug; as a fallback it needs `scale` and "
                "`offset_watts`"
            )
    if box.gpus and not box.gpus_alone:
        entry["gpus"] = {gpu.number: {gpu.kind: gpu.host} for gpu in box.gpus}
        box.remarks.append(f"{GUESS} `power` measures the GPUs, too: else add `in_plug: false` to each")
    if is_address(host_name(box.name)):
        box.remarks.append(
            f"{DECIDE} its name; if it is one of the other hosts, move the reading there and delete this"
        )
    entry |= _kepler(box)
    return entry


def _power(box: Box) -> list[dict[str, Any]]:
    """The first tier."""
    if box.tiers:
        first = box.tiers[0]
        box.remarks.insert(0, _told(first))
        if not METERS[first[0].kind].reads_gpus:
            box.remarks.append(
                f"{DECIDE} {first[0].kind} reads processor and memory alone: add the plug or BMC if it has one"
            )
        if len(first) > 1 and first[0].kind != "pdu":
            box.remarks.append(f"{DECIDE} the readings are added: delete those that measure the same")
        return sources(first)
    if box.whole is not None:
        told = f"{box.whole.instance} measures no outlet, but its {box.whole.level}"
        box.remarks.append(f"{DECIDE} {told}: all that it feeds is one host, until each has a meter of its own")
        return [dict(one) for one in box.whole.sources]
    if box.node is not None:
        box.remarks.append(f"{DECIDE} Kepler reads processor and memory alone: replace it by the plug or BMC")
        return [{"joules": counter} for counter in _joules(box.node)]
    box.remarks.append(f"{DECIDE} only its GPUs are measured: replace them by the plug or BMC")
    if box.gpus[0].kind == "gpu":
        return sources([Reading("gpu", gpu.host, gpu.number) for gpu in box.gpus if gpu.kind == "gpu"])
    labels = "|".join(sorted({promql.literal(gpu.host) for gpu in box.gpus}))
    either = " or ".join(f"DCGM_FI_DEV_POWER_USAGE{{{label}=~{quote(labels)}}}" for label in ("Hostname", "hostname"))
    return [{"watts": f"sum({either})"}]


def _told(readings: Sequence[Reading]) -> str:
    told = ", ".join(map(str, readings))
    known = [one.watts for one in readings if one.watts is not None]
    return f"{told}: {sum(known):.0f} W" if known else told


def _joules(node: Node) -> list[str]:
    if node.dialect == "0.9":
        return [f"kepler_node_{zone}_joules_total{{instance={quote(node.name)}}}" for zone in node.chosen]
    return [f"kepler_node_cpu_joules_total{{node_name={quote(node.name)},zone={quote(zone)}}}" for zone in node.chosen]


def _kepler(box: Box) -> dict[str, Any]:
    """The key `kepler`, where the host is not what the topology takes it for by default."""
    if box.node is None:
        return {}
    usual = Kepler()
    entry: dict[str, Any] = {}
    if box.node.name != box.name:
        entry["node_name"] = box.node.name
    if box.node.chosen != usual.zones:
        entry["zones"] = list(box.node.chosen)
    if box.node.dialect != usual.dialect:
        entry["dialect"] = box.node.dialect
    return {"kepler": entry} if entry else {}
