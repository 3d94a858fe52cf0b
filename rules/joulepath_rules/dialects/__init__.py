# SPDX-License-Identifier: Apache-2.0
"""The forms in which the rules of a topology are written, by the program that takes them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from joulepath_rules import prometheus
from joulepath_rules.dialects import operator, vmalert
from joulepath_rules.rule import Group
from joulepath_topology import Topology


@dataclass(frozen=True)
class Options:
    """The arguments for Kubernetes' objects."""

    namespace: str | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    name: str | None = None
    """How the objects' names begin; None for the topology's name."""


@dataclass(frozen=True)
class Dialect:
    """A form: how the file's name ends after the topology's, and its text."""

    ending: str
    write: Callable[[Topology, Sequence[Group], Options], str]
    """Raises JoulepathError where the program could not take the rules."""


def _prometheus(topology: Topology, groups: Sequence[Group], _: Options) -> str:
    return prometheus.write(groups, topology.hash)


def _operator(topology: Topology, groups: Sequence[Group], options: Options) -> str:
    return operator.write(groups, options.name or topology.name, topology.hash, options.namespace, options.labels)


def _vmalert(topology: Topology, groups: Sequence[Group], _: Options) -> str:
    return prometheus.write(vmalert.lagging(groups), topology.hash)


DIALECTS = {
    "prometheus": Dialect(".rules.yaml", _prometheus),
    "operator": Dialect(".prometheusrules.yaml", _operator),
    "vmalert": Dialect(".rules.yaml", _vmalert),
}
