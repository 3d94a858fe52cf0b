# SPDX-License-Identifier: Apache-2.0
"""A difference between files, and the traces of a topology as both sides write them."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from joulepath_topology import Topology
from joulepath_topology.applications import Trace


@dataclass(frozen=True)
class Difference:
    """One difference: the file and key, and the cure. With a warning, figures are right or merely incomplete."""

    file: Path
    place: str
    message: str
    severity: Literal["error", "warning"] = "error"

    def __str__(self) -> str:
        text = f"{self.file}: {self.place}: {self.message}"
        return text if self.severity == "error" else f"warning: {text}"


@dataclass(frozen=True)
class Traced:
    """A trace of an application, and its place in the topology."""

    application: str
    number: int
    trace: Trace

    @property
    def place(self) -> str:
        """Its key."""
        return f"applications.{self.application}.traces[{self.number}]"

    def __str__(self) -> str:
        return f"trace {self.trace.id} of application {self.application!r}"


def traces(topology: Topology) -> Iterator[Traced]:
    """All traces."""
    for name, application in topology.applications.items():
        for number, trace in enumerate(application.traces):
            yield Traced(name, number, trace)
