# SPDX-License-Identifier: Apache-2.0
"""The exporters of a server that the plant simulates: they read its files and its GPU's library in place of theirs."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from joulepath_lab.devices import gpu_library
from joulepath_lab.devices.server import GPU_STATE
from joulepath_lab.network import nodes
from joulepath_lab.run.monitoring import GPU_PORT, GUEST_PORT, WORKLOAD_PORT
from joulepath_lab.scenarios.server import Server


@dataclass(frozen=True)
class Command:
    """An exporter's name in the lab, the words before its command, and its arguments."""

    name: str
    before: tuple[str, ...]
    arguments: tuple[str, ...]


def exporters(server: Server, folder: Path) -> Iterator[Command]:
    """`workload` on the server and in its virtual machine, and `gpu`. Raises LookupError without a C compiler."""
    for name, port in ((server.machine, WORKLOAD_PORT), (server.guest.name, GUEST_PORT)):
        yield Command(f"workload-{name}", (), ("workload", *_places(folder / name), *_listen(port)))
    library = gpu_library.build("nvml.c", "libnvidia-ml.so.1", folder)
    arguments = ("gpu", "--vendor", "nvidia", "--path.nvml", str(library), *_places(folder / server.machine))
    yield Command("gpu", ("env", f"{gpu_library.STATE}={folder / GPU_STATE}"), (*arguments, *_listen(GPU_PORT)))


def _places(root: Path) -> tuple[str, ...]:
    return tuple(f"--path.{name}={root / name}" for name in ("procfs", "cgroup", "sysfs", "rootfs"))


def _listen(port: int) -> tuple[str, ...]:
    return ("--web.listen-address", f"{nodes.MGMT_CALLER}:{port}")
