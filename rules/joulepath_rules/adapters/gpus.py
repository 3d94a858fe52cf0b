# SPDX-License-Identifier: Apache-2.0
"""The active work of a GPU and of the components that use it, by the kinds of shares."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from joulepath_rules.adapters import kepler
from joulepath_rules.adapters.guards import Amount, queried, total
from joulepath_rules.rule import selector
from joulepath_topology import Topology
from joulepath_topology.hosts import Gpu
from joulepath_topology.placements import Placement, gpu_of
from joulepath_topology.promql import quote
from joulepath_topology.shares import KEPLER_KINDS, Share

# Compute slices that a MIG profile can have: the number with which its name begins.
_SLICES = (1, 2, 3, 4, 7)


@dataclass(frozen=True)
class GpuWork:
    """How one kind of share is read, as PromQL: of a share of this GPU, and of the whole GPU."""

    share: Callable[[Topology, Placement, Share], Amount]
    whole: Callable[[Topology, Placement], Amount]


def _workload(topology: Topology, placement: Placement, share: Share) -> Amount:
    _, number, gpu = gpu_of(topology.hosts, placement)
    labels = selector(instance=gpu.gpu or "", gpu=number, workload=share.workload or "")
    return total(f"rate(gpu_activity_seconds_total{labels}[$window])")


def _workloads(topology: Topology, placement: Placement) -> Amount:
    _, number, gpu = gpu_of(topology.hosts, placement)
    return total(f"rate(gpu_activity_seconds_total{selector(instance=gpu.gpu or '', gpu=number)}[$window])")


def _slice(topology: Topology, placement: Placement, share: Share) -> Amount:
    _, number, gpu = gpu_of(topology.hosts, placement)
    return _slices(gpu, number, share.gpu_instance)


def _all_slices(topology: Topology, placement: Placement) -> Amount:
    _, number, gpu = gpu_of(topology.hosts, placement)
    return _slices(gpu, number, None)


def _slices(gpu: Gpu, number: str, instance: str | None) -> Amount:
    """Activity of one MIG slice, or of all, each times its size: exporters give it as a part of the slice."""
    if gpu.gpu is not None:
        labels = selector(instance=gpu.gpu, gpu=number, **({} if instance is None else {"gpu_instance": instance}))
        return total(
            f"rate(gpu_instance_activity_seconds_total{labels}[$window])\n"
            f"  / (rate(gpu_instance_measured_seconds_total{labels}[$window]) > 0.5)\n"
            f"  * on (gpu, gpu_instance) group_left () max by (gpu, gpu_instance) (gpu_instance_slices{labels})"
        )
    one = "" if instance is None else f",GPU_I_ID={quote(instance)}"
    rows = (
        f"{size} * max by (GPU_I_ID) (avg_over_time(DCGM_FI_PROF_GR_ENGINE_ACTIVE{{{label}={quote(gpu.dcgm or '')},"
        f'gpu={quote(number)},GPU_I_PROFILE=~"{size}g[.].*"{one}}}[$window]))'
        for label in ("Hostname", "hostname")
        for size in _SLICES
    )
    return total("\n  or ".join(rows))


def _query(topology: Topology, placement: Placement, share: Share) -> Amount:
    host, _, _ = gpu_of(topology.hosts, placement)
    return queried(share.query_on(host))


def _active(topology: Topology, placement: Placement) -> Amount:
    active = topology.active(placement.host)
    return queried(active.query if active is not None else "")


def _kepler(topology: Topology, placement: Placement, share: Share) -> Amount:
    host, _, _ = gpu_of(topology.hosts, placement)
    return kepler.gpu_part(topology, host, share)


def _all_kepler(topology: Topology, placement: Placement) -> Amount:
    host, _, _ = gpu_of(topology.hosts, placement)
    return kepler.gpu_whole(topology, host)


GPU_WORK: Mapping[str, GpuWork] = {
    **dict.fromkeys(KEPLER_KINDS, GpuWork(_kepler, _all_kepler)),
    "workload": GpuWork(_workload, _workloads),
    "gpu_instance": GpuWork(_slice, _all_slices),
    "query": GpuWork(_query, _active),
}
