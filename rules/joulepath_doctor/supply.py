# SPDX-License-Identifier: Apache-2.0
"""Which targets of the server supply the series that the rules of a topology read."""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import cached_property

from joulepath_doctor import places
from joulepath_doctor.context import Context
from joulepath_doctor.inputs import Input, named, parsed
from joulepath_doctor.named import SECONDS, nodes, readings
from joulepath_doctor.questions import since
from joulepath_doctor.reads import reads
from joulepath_prometheus.state import Target
from joulepath_rules.constants import constants
from joulepath_topology import promql
from joulepath_topology.meters import METERS
from joulepath_topology.problem import Place
from joulepath_topology.promql import quote

PORTS: Mapping[int, str] = {
    10471: "pdu", 10472: "bmc", 10473: "rapl", 10474: "ioam", 10475: "workload", 10479: "gpu", 10480: "pfcp",
    28282: "kepler", 9102: "kepler", 9400: "dcgm", 8000: "vllm", 9100: "node",
}  # fmt: skip
"""Ports on which exporters listen by default, and the first word of their metrics."""

MANY = 200
"""Selectors in one question."""

Labels = Mapping[str, str]


class Supply:
    """The series that the topology reads, and the targets that they come from."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._targets = context.server.targets()
        self._instances = _instances(context)
        self._series = list(_series(context, self._instances))
        self.jobs = frozenset(labels.get("job", "") for labels in self._series)
        """The jobs that supplied something within the time of the context."""
        self._pairs = {(labels.get("job", ""), labels.get("instance", "")) for labels in self._series}
        self._families = {_family(labels.get("__name__", "")) for labels in self._series}
        self._device_jobs = self._jobs_of_devices()

    def needs(self, target: Target) -> bool:
        """Whether the topology reads a target, or probably should.

        It names the target, or had series of it, or lacks all series of a kind that this target seems to have. A target
        that is down may be the one that shows a single series of that kind.
        """
        job, instance = target.labels.get("job", ""), target.labels.get("instance", "")
        if instance in self._instances or (job, instance) in self._pairs or job in self._device_jobs:
            return True
        wanted = {one.family for one in self._context.inputs} - self._families
        return bool(families(target) & (wanted if target.health != "down" else wanted | self._lacking))

    @cached_property
    def _lacking(self) -> frozenset[str]:
        """The families of selectors that matched nothing within the time, although others of their kind did."""
        topology = self._context.topology
        selectors = {
            *(reading.joules for reading in readings(topology)),
            *(node.select(SECONDS) for node in nodes(topology)),
            *(each for read in reads(topology) if not read.may_be_away for each in promql.selectors(read.expr)),
        }
        reach = since(self._context)
        # An exporter that is up and lacks a series explains it better than one that is down.
        up = {one.labels.get("instance") for one in self._targets if one.health == "up"}
        return frozenset(
            parsed(each).family
            for each in sorted(selectors)
            if parsed(each).instance not in up and not self._context.server.query(f"present_over_time({each}[{reach}])")
        )

    def supplied(self, jobs: Collection[str]) -> frozenset[tuple[str, str]]:
        """Name and instance of the series that these jobs supplied within the time of the context."""
        own = (labels for labels in self._series if labels.get("job", "") in jobs)
        return frozenset((labels.get("__name__", ""), labels.get("instance", "")) for labels in own)

    def needed(self) -> Sequence[Target]:
        """The targets that the topology reads, or probably should."""
        return [one for one in self._targets if self.needs(one)]

    def names(self) -> frozenset[tuple[str, str]]:
        """Job and instance of these targets."""
        return frozenset((one.labels.get("job", ""), one.labels.get("instance", "")) for one in self.needed())

    def place(self, target: Target) -> Place:
        """The place of a target: all of its job where the series of the job have the names of devices."""
        job, instance = target.labels.get("job", ""), target.labels.get("instance", "")
        return places.target(job) if job in self._device_jobs else places.target(job, instance)

    def _jobs_of_devices(self) -> frozenset[str]:
        """The jobs with one target, which gives its series instances of their own (honor_labels)."""
        own: dict[str, set[str]] = {}
        for one in self._targets:
            own.setdefault(one.labels.get("job", ""), set()).add(one.labels.get("instance", ""))
        supplied: dict[str, set[str]] = {}
        for job, instance in self._pairs:
            supplied.setdefault(job, set()).add(instance)
        return frozenset(
            job for job, names in own.items() if len(names) == 1 and job in supplied and not names & supplied[job]
        )


def absent_because(context: Context, selector: str) -> tuple[Place, ...]:
    """The places that may explain why a selector, which never matched within the time of the context, matches nothing.

    They are jobs of which Prometheus has renamed a label; else the targets with the instance that it names; else those
    that seem to have its metric, where no target supplied it at all, or where they are down.
    """
    wanted = parsed(selector)
    if jobs := renamed(context, wanted):
        return tuple(map(places.target, jobs))
    targets = context.server.targets()
    exact = [one for one in targets if wanted.instance and one.labels.get("instance") == wanted.instance]
    if not exact:
        supplied = wanted.name and context.server.label_values("job", named([wanted]))
        exact = [one for one in targets if wanted.family in families(one) and (not supplied or one.health == "down")]
    return tuple(places.target(one.labels.get("job", ""), one.labels.get("instance", "")) for one in exact)


def renamed(context: Context, one: Input) -> Mapping[str, str]:
    """The jobs, with a label, of a selector without series that has some if this label is called `exported_...`."""
    found: dict[str, str] = {}
    for label in sorted(one.labels):
        under = f"exported_{label}"
        if not one.name or not context.server.label_values(under, named([one])):
            continue
        if context.server.series(one.selector):
            break
        selector = re.sub(rf"([{{,]){label}(?=[=!])", rf"\1{under}", one.selector)
        for labels in context.server.series(selector):
            found.setdefault(labels.get("job", ""), label)
    return found


def families(target: Target) -> frozenset[str]:
    """The first words of metrics that a target probably has, by the words in the names of its job and by its port."""
    words = set(re.split("[^a-z]+", f"{target.scrape_pool} {target.labels.get('job', '')}".lower()))
    port = re.search(r":(\d+)(?:/|$)", target.scrape_url.partition("://")[2])
    if port and int(port[1]) in PORTS:
        words.add(PORTS[int(port[1])])
    return frozenset(words - {""})


def _family(name: str) -> str:
    return parsed(name).family if name else ""


def _instances(context: Context) -> frozenset[str]:
    """The instances that the topology names."""
    known = {constant.labels["instance"] for constant in constants(context.topology) if "instance" in constant.labels}
    return frozenset(known | {one.instance for one in context.inputs if one.instance})


def _series(context: Context, instances: frozenset[str]) -> Iterator[Labels]:
    """The series that the rules read within the time of the context: of meters and nodes those that it names."""
    nodes = {constant.labels["node_id"] for constant in constants(context.topology) if "node_id" in constant.labels}
    meters = {name for meter in METERS.values() for name in (meter.joules, meter.seconds)}
    selectors = set[str]()
    for one in context.inputs:
        if one.name in meters and "instance" not in one.labels:
            selectors.add(_narrowed(one, "instance", instances))
        elif one.name.startswith("ioam_") and "node_id" not in one.labels:
            selectors.add(_narrowed(one, "node_id", nodes))
        else:
            selectors.add(one.selector)
    ordered = sorted(selectors)
    for begin in range(0, len(ordered), MANY):
        yield from context.server.series(*ordered[begin : begin + MANY])


def _narrowed(one: Input, label: str, values: Iterable[str]) -> str:
    matcher = f"{label}=~{quote('|'.join(map(re.escape, sorted(values))))}"
    head, brace, rest = one.selector.partition("{")
    return f"{head}{{{matcher}{',' if brace else ''}{rest or '}'}"
