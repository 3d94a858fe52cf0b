# SPDX-License-Identifier: Apache-2.0
"""A server as its software shows it: Kepler's joules, the kernel's files of host and guest, the GPU's library.

All of it follows the watts of the law. Kepler measures less than the plug, and divides it by CPU time: the machine's
busy part is active, so idle joules fall as load rises.
"""

from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from joulepath_lab.devices import gpu_library
from joulepath_lab.devices.host_files import HostFiles, machine_group, pod_group, unit_group
from joulepath_lab.devices.kepler import Gpu, Node
from joulepath_lab.scenarios.server import Server
from joulepath_lab.truth.law import Power

MUTATIONS = ("workload", "gpu")
"""The kernel counts the UPF's pod twice; the GPU's meter leaves out its static watts."""
GPU_STATE = "gpu.state"
_KEPLER_PART = 0.8
"""Of the machine's watts; fans and supplies take the rest."""
_SAMPLE_SECONDS = 1.0
"""Between two of the GPU driver's samples, of which it keeps some."""
_SAMPLES = 20
_FIRST_PID = 4001
_KERNEL_PART = 0.3
"""Of the CPU time of no pod and no machine: interrupts that were put off."""
_STEAL = 0.1
"""CPU time that the guest waits for its host, for each second that it gets."""


@dataclass
class Software:
    """Publishes below `folder`: HOST and GUEST with the files of both, and GPU_STATE; `kepler` is for its endpoint."""

    server: Server
    folder: Path
    mutation: str | None
    clock: Callable[[], float]
    kepler: Node = field(init=False)
    _cpu: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))
    """CPU seconds on the host since the start, of pods, units, and what is in neither."""
    _modes: dict[str, defaultdict[str, float]] = field(default_factory=lambda: defaultdict(lambda: defaultdict(float)))
    """CPU seconds by mode, of host and guest."""

    def __post_init__(self) -> None:
        server = self.server
        self.kepler = Node(server.machine, gpu=Gpu(server.gpu.uuid, server.gpu.name))
        self._host = HostFiles(self.folder / server.machine, server.cpus)
        self._guest = HostFiles(self.folder / server.guest.name, server.guest.cpus)
        self._gpu = _GpuLibrary(self)
        for name in (*server.pods.values(), server.gpu.other_pod):
            self._host.add_pod(name)
        for pid, name in enumerate(self._gpu.pods, _FIRST_PID):
            self._host.add_process(pid, pod_group(name))

    def advance(self, board: Power, gpu: Power, seconds: float) -> None:
        """Adds `seconds` at these watts, and publishes everything."""
        server = self.server
        per_watt = seconds / server.joules_per_cpu_second
        pods = {name: per_watt * board.dynamic[component] for component, name in server.pods.items()}
        units = {name: per_watt * board.dynamic[component] for component, name in server.guest.units.items()}
        kernel = per_watt * server.guest.kernel_watts
        machine = sum(units.values()) + kernel
        other = per_watt * board.housekeeping - kernel
        self._count_kepler(board, pods, machine, machine + sum(pods.values()) + other, seconds)
        self._gpu.advance(gpu, seconds)
        for name, busy in {**pods, **units, server.guest.name: machine}.items():
            self._cpu[name] += busy
        self._write_host(sum(pods.values()) + machine, other, seconds)
        self._write_guest(machine / server.guest.overhead, seconds)

    def _count_kepler(self, board: Power, pods: dict[str, float], machine: float, busy: float, seconds: float) -> None:
        node = self.kepler
        joules = _KEPLER_PART * board.total * seconds
        active = joules * busy / (self.server.cpus * seconds)
        node.active += active
        node.idle += joules - active
        for counted, parts in ((node.pods, pods), (node.vms, {self.server.guest.name: machine})):
            for name, used in parts.items():
                counted[name] = counted.get(name, 0.0) + active * used / busy

    def _write_host(self, tasks: float, other: float, seconds: float) -> None:
        server, modes = self.server, self._modes["host"]
        modes["user"] += tasks
        modes["softirq"] += other * _KERNEL_PART
        modes["system"] += other * (1 - _KERNEL_PART)
        modes["idle"] += server.cpus * seconds - tasks - other
        groups = {pod_group(name): self._cpu[name] for name in server.pods.values()}
        groups[machine_group(server.guest.name)] = self._cpu[server.guest.name]
        if self.mutation == "workload":
            groups[pod_group(server.pods["upf-1"])] *= 2
        self._host.write(groups, modes)

    def _write_guest(self, busy: float, seconds: float) -> None:
        guest, modes = self.server.guest, self._modes["guest"]
        modes["user"] += busy
        modes["steal"] += busy * _STEAL
        modes["idle"] += guest.cpus * seconds - busy * (1 + _STEAL)
        self._guest.write({unit_group(name): self._cpu[name] / guest.overhead for name in guest.units.values()}, modes)


class _GpuLibrary:
    """Answers of NVML for one GPU, on which the pod of a component and another pod work."""

    def __init__(self, software: Software) -> None:
        self._software = software
        self._joules = 0.0
        self._used: defaultdict[str, float] = defaultdict(float)
        """Dynamic joules since the last sample, by pod."""
        self._samples: deque[str] = deque(maxlen=2 * _SAMPLES)
        self._since = software.clock()
        gpu = software.server.gpu
        self.pods = (software.server.pods[gpu.component], gpu.other_pod)

    def advance(self, power: Power, seconds: float) -> None:
        """Adds `seconds` at these watts, and publishes the answers."""
        gpu, kepler = self._software.server.gpu, self._software.kepler.gpu
        watts = power.total - (power.static if self._software.mutation == "gpu" else 0.0)
        self._joules += watts * seconds
        for name, dynamic in zip(self.pods, (power.dynamic[gpu.component], power.housekeeping), strict=True):
            self._used[name] += dynamic * seconds
            if kepler:
                kepler.active += dynamic * seconds
                kepler.pods[name] = kepler.pods.get(name, 0.0) + dynamic * seconds
        self._sample()
        answers = {"uuid": gpu.uuid, "name": gpu.name, "bus": 0x3B, "mig": 0}
        counters = {"energy": round(self._joules * 1e3), "power": round(watts * 1e3)}
        published = {f"gpu.0.{key}": [value] for key, value in {**answers, **counters}.items()}
        gpu_library.publish(
            self._software.folder / GPU_STATE, {"gpus": [1], **published, "gpu.0.sample": list(self._samples)}
        )

    def _sample(self) -> None:
        """Makes the driver's sample: whole percents of each process. The next one has what rounding leaves."""
        now = self._software.clock()
        seconds = now - self._since
        if seconds < _SAMPLE_SECONDS:
            return
        self._since = now
        for pid, name in enumerate(self.pods, _FIRST_PID):
            percent_joules = self._software.server.gpu.busy_watts * seconds / 100
            percent = round(self._used[name] / percent_joules)
            self._used[name] -= percent * percent_joules
            self._samples.append(f"{round(now * 1e6)} {pid} {percent}")
