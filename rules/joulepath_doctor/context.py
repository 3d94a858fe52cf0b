# SPDX-License-Identifier: Apache-2.0
"""All that a check may read: the topology, its rules, the server, and the time."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

from joulepath_doctor.inputs import Input, inputs
from joulepath_doctor.server import Server
from joulepath_prometheus.client import Prometheus
from joulepath_prometheus.errors import PrometheusError
from joulepath_rules.generate import generate
from joulepath_rules.rule import Group
from joulepath_topology import Topology


@dataclass(frozen=True)
class Context:
    """The subject of a run of checks."""

    topology: Topology
    server: Server
    now: float
    """The server's clock [Unix s]: every query is about this instant, unless it names another."""
    since: float
    """How far checks look back [s]."""
    ahead: float = 0.0
    """The server's clock less this machine's [s]."""
    unsure: float = 0.0
    """The error of `ahead` [s]: half of the time that the server took to answer."""
    file: str = "TOPOLOGY"
    """The path of the topology, for commands in messages."""

    @cached_property
    def groups(self) -> Sequence[Group]:
        """The rules that this program generates from the topology."""
        return generate(self.topology)

    @cached_property
    def inputs(self) -> frozenset[Input]:
        """The selectors of exporters' series in these rules."""
        return inputs(self.groups)


def context(
    topology: Topology,
    prometheus: Prometheus,
    since: float,
    clock: Callable[[], float] = time.time,
    file: str = "TOPOLOGY",
) -> Context:
    """The context of a run that begins now, and looks back over a window at least.

    Raises PrometheusError for a server that does not answer.
    """
    since = max(since, topology.window)
    asked = clock()
    answer = prometheus.query("time()")
    answered = clock()
    if len(answer) != 1:
        raise PrometheusError(f"{prometheus.url}: does not tell its time: is it a Prometheus?")
    now = answer[0].value
    return Context(
        topology=topology,
        server=Server(prometheus, now - since, now),
        now=now,
        since=since,
        ahead=now - (asked + answered) / 2,
        unsure=(answered - asked) / 2,
        file=file,
    )
