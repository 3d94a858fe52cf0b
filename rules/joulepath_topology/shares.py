# SPDX-License-Identifier: Apache-2.0
"""Shares: how the active work of a component, or of a virtual machine, is measured."""

from typing import Annotated

from pydantic import Field, model_validator

from joulepath_topology.common import Choice, Name, Number, Text
from joulepath_topology.query import Pattern, Pods, Query

KEPLER_KINDS = ("kepler_pod", "kepler_container", "kepler_process", "kepler_vm")


HOST = "$host"
"""In a share's query, within a label's value, the name of the host."""


class Share(Choice):
    """A part of a host's active work: the pods of Kepler, a workload's CPU time, or any PromQL; or a part of a GPU."""

    kinds = (*KEPLER_KINDS, "workload", "query", "gpu_instance")

    gpu: Name | None = None
    """GPU of the host. Alone, it claims all of the GPU; with another key, that part of its active work."""
    host: Name | None = None
    """Host of that GPU, for a component with several hosts; without it each of them has such a GPU."""
    gpu_instance: Text | None = None
    """Slice (MIG) of that GPU."""
    reservation: Annotated[Number, Field(gt=0, le=1)] | None = None
    """Part of that GPU which is held, 0 to 1; without it those that use the GPU hold equal parts."""
    kepler_pod: Pods | None = None
    """Joules of Kepler's pods: regular expressions `NAMESPACE/POD`."""
    kepler_container: Pattern | None = None
    """Joules of Kepler's containers: a regular expression of their name."""
    kepler_process: Pattern | None = None
    """Joules of Kepler's processes: a regular expression of their command (`comm`)."""
    kepler_vm: Pattern | None = None
    """Joules of Kepler's virtual machines: a regular expression of their name (with `dialect: "0.9"`, of their id)."""
    workload: Text | None = None
    """CPU seconds of a workload: `workload_cpu_seconds_total` with this label; at a GPU, its seconds there."""
    query: Query | None = None
    """Query for the component's work, in the unit of the host's `active` query; `"$host"` in it is the host's name."""

    @model_validator(mode="after")
    def _of_a_gpu(self) -> "Share":
        if self.gpu is None and (self.gpu_instance is not None or self.reservation is not None):
            raise ValueError("gpu_instance and reservation belong to gpu: which GPU of the host")
        if self.gpu is None and self.host is not None:
            raise ValueError("host belongs to gpu: on which host the component uses that GPU")
        return self

    @property
    def choices(self) -> tuple[str, ...]:
        """The kinds that a share of a host may have."""
        return self.kinds if self.gpu is not None else tuple(kind for kind in self.kinds if kind != "gpu_instance")

    @property
    def optional(self) -> bool:
        """Whether the share may claim all of a GPU."""
        return self.gpu is not None

    def on(self, host: str) -> bool:
        """Whether it counts on this host of its component."""
        return self.host is None or self.host == host

    @property
    def measured(self) -> bool:
        """Whether it says how the work is measured."""
        return any(getattr(self, kind) is not None for kind in self.kinds)

    @property
    def unit(self) -> str:
        """The unit of its work: Kepler's joules are one, whatever they are of."""
        return "kepler" if self.kind.startswith("kepler_") else self.kind

    def query_on(self, host: str) -> str:
        """Its query on a host, or in a virtual machine."""
        return (self.query or "").replace(HOST, host)

    @property
    def pattern(self) -> str:
        """The text behind its kind."""
        return str(getattr(self, self.kind))
