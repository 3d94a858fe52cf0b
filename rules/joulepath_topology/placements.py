# SPDX-License-Identifier: Apache-2.0
"""Where components draw power: on hosts, on the GPUs of hosts, and inside virtual machines of hosts.

A GPU is a metered box of its own, called `HOST/gpu-N`. One inside the host's plug is fed by the host: the host's own
watts are those of the plug, less those of its GPUs. A component in a virtual machine draws power on the machine's host.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from joulepath_topology.components import Component
from joulepath_topology.hosts import Gpu, Host
from joulepath_topology.shares import Share


@dataclass(frozen=True)
class Placement:
    """One metered box, host or GPU, on which a component draws power."""

    host: str
    shares: tuple[Share, ...] = ()
    """The component's work there; empty where all of the box is its own."""
    gpu: str | None = None
    """The GPU, where the box is one."""
    vm: str | None = None
    """The virtual machine that the component is in; `shares` are then parts of its work."""


def gpu_box(host: str, gpu: str) -> str:
    """The name that a GPU has as a metered box."""
    return f"{host}/gpu-{gpu}"


def boxes(hosts: Mapping[str, Host]) -> dict[str, Host]:
    """All metered boxes: the hosts, and each GPU as a host that its server feeds if it is in the server's plug."""
    found: dict[str, Host] = {}
    for name, host in hosts.items():
        inside = [number for number, gpu in host.gpus.items() if gpu.in_plug]
        feeds = (*host.feeds, *(gpu_box(name, number) for number in inside))
        found[name] = host.model_copy(update={"feeds": feeds, **_idle(host)})
        for number, gpu in host.gpus.items():
            found[gpu_box(name, number)] = _box(host, number, gpu)
    return found


def idle_gpus(host: Host) -> float:
    """Idle watts of the GPUs in the host's plug, as far as they are known."""
    return sum(gpu.static_watts or 0.0 for gpu in host.gpus.values() if gpu.in_plug)


def _idle(host: Host) -> dict[str, Any]:
    """Idle watts of the board alone: of each tier that reads the GPUs, too, less theirs."""
    idle = idle_gpus(host)

    def board(watts: float | None, tier: int) -> float | None:
        return max(watts - idle, 0.0) if watts is not None and host.reads_gpus(tier) else watts

    fallback = tuple(
        source.model_copy(update={"static_watts": board(source.static_watts, tier)})
        for tier, source in enumerate(host.fallback, 2)
    )
    return {"static_watts": board(host.static_watts, 1), "fallback": fallback}


def _box(host: Host, number: str, gpu: Gpu) -> Host:
    return Host(site=host.site, power=(gpu.source(number),), static_watts=gpu.static_watts, active=gpu.active)


def gpu_of(hosts: Mapping[str, Host], placement: Placement) -> tuple[str, str, Gpu]:
    """The server, the number and the entry of the GPU that a placement is on. Raises KeyError for a host."""
    number = placement.gpu or ""
    host = placement.host.removesuffix(gpu_box("", number))
    return host, number, hosts[host].gpus[number]


def own_shares(component: Component) -> tuple[Share, ...]:
    """The shares of hosts, without those of GPUs."""
    return tuple(share for share in component.share if share.gpu is None)


def gpu_shares(component: Component) -> dict[str, tuple[Share, ...]]:
    """The shares of GPUs by GPU; a share that names only the GPU claims all of it."""
    found: dict[str, tuple[Share, ...]] = {}
    for share in component.share:
        if share.gpu is not None:
            found[share.gpu] = (*found.get(share.gpu, ()), *((share,) if share.measured else ()))
    return found
