# SPDX-License-Identifier: Apache-2.0
"""A server as its software shows it: pods, a virtual machine with units inside, and a GPU in the same plug.

CPU time is what Kepler and `joulepath workload` see. It is proportional to the dynamic watts of the law.
"""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Guest:
    """A virtual machine. `units` are its components; the watts of its own kernel are a part of the machine's
    housekeeping."""

    name: str
    cpus: int
    units: Mapping[str, str]
    """Component -> systemd unit inside."""
    kernel_watts: float
    overhead: float
    """CPU seconds of the host for one of the guest."""


@dataclass(frozen=True)
class Graphics:
    """The GPU, a machine of its own: `HOST/gpu-0`. Its housekeeping is the work of a pod of no component."""

    machine: str
    uuid: str
    name: str
    busy_watts: float
    """Dynamic watts at which all of its multiprocessors are busy."""
    component: str
    """The one that works on it, and ..."""
    other_pod: str
    """... the pod that does its other work."""


@dataclass(frozen=True)
class Server:
    """The machine of this name."""

    machine: str
    cpus: int
    joules_per_cpu_second: float
    """Dynamic joules for one second of one processor."""
    pods: Mapping[str, str]
    """Component -> NAMESPACE/POD."""
    guest: Guest
    gpu: Graphics
