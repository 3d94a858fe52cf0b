# SPDX-License-Identifier: Apache-2.0
"""Turns a snapshot of all GPUs into the families of `metrics.py`."""

from collections.abc import Iterable

from joulepath.gpu import metrics
from joulepath.gpu.gpus import Gpu, Snapshot
from joulepath.metrics import Family, Metric
from joulepath.reading.bounds import label


def collect(snapshot: Snapshot) -> Iterable[Family]:
    """The samples of each GPU; of a lost one `gpu_up` and `gpu_info` alone."""
    families = {metric: metric.family() for metric in metrics.METRICS}
    for gpu in snapshot.gpus:
        identity = gpu.identity
        values = [gpu.label, label(identity.uuid), label(identity.name), identity.vendor]
        families[metrics.INFO].add_metric(values, 1)
        families[metrics.UP].add_metric([gpu.label], gpu.up)
        if gpu.up:
            _energy(gpu, families)
            _activity(gpu, families)
    for reason, count in sorted(snapshot.rejected.items()):
        families[metrics.REJECTED].add_metric([reason], count)
    return families.values()


def _energy(gpu: Gpu, families: dict[Metric, Family]) -> None:
    if gpu.watts is not None:
        families[metrics.POWER].add_metric([gpu.label], gpu.watts)
    if gpu.memory is not None:
        families[metrics.MEMORY].add_metric([gpu.label], gpu.memory)
    if gpu.source:
        families[metrics.SOURCE_INFO].add_metric([gpu.label, gpu.source], 1)
        families[metrics.ENERGY].add_metric([gpu.label], gpu.energy.joules)
        families[metrics.MEASURED].add_metric([gpu.label], gpu.energy.measured_seconds)


def _activity(gpu: Gpu, families: dict[Metric, Family]) -> None:
    for workload, seconds in gpu.activity.items():
        families[metrics.ACTIVITY].add_metric([gpu.label, label(workload)], seconds)
    if gpu.activity:
        families[metrics.ACTIVITY_MEASURED].add_metric([gpu.label], gpu.activity_seconds)
    for identity, activity in gpu.instances.items():
        instance, place = activity.instance, [gpu.label, identity]
        families[metrics.INSTANCE_INFO].add_metric([*place, label(instance.uuid), label(instance.profile)], 1)
        families[metrics.INSTANCE_SLICES].add_metric(place, instance.slices)
        if activity.seconds:
            families[metrics.INSTANCE_ACTIVITY].add_metric(place, activity.active)
            families[metrics.INSTANCE_MEASURED].add_metric(place, activity.seconds)
