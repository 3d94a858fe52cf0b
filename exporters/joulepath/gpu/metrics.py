# SPDX-License-Identifier: Apache-2.0
"""The metrics of `joulepath gpu`.

Sources: nvml.h, amdsmi.h and zes_api.h, the headers of the vendors' libraries.
"""

from joulepath.metrics import Shown, counter, gauge

INFO = gauge(
    "gpu_info",
    "A GPU; always 1. `gpu` counts them by PCI bus when they are first seen.",
    "gpu",
    "uuid",
    "name",
    "vendor",
)
UP = gauge("gpu_up", "Whether the GPU answered at the last reading; 0 for one that fell off the bus.", "gpu")
POWER = gauge("gpu_power_watts", "Power of the GPU and its memory, as the driver says; a mean over 1 s on some.", "gpu")
MEMORY = gauge("gpu_memory_bytes", "Memory of the GPU in use, as the driver says.", "gpu")
ENERGY = counter(
    "gpu_energy_joules_total",
    "Energy of the GPU since the exporter's start: the steps of its own counter, or its power integrated.",
    "gpu",
)
MEASURED = counter(
    "gpu_measured_seconds_total",
    "Time that gpu_energy_joules_total covers; the mean power is rate(energy) / rate(this).",
    "gpu",
)
SOURCE_INFO = gauge(
    "gpu_energy_source_info",
    "Where the energy comes from: counter (of the hardware) or power (integrated over readings); always 1.",
    "gpu",
    "source",
)
ACTIVITY = counter(
    "gpu_activity_seconds_total",
    "Activity of a workload's processes: the share of the multiprocessors that they kept busy, integrated over time.",
    "gpu",
    "workload",
)
ACTIVITY_MEASURED = counter(
    "gpu_activity_measured_seconds_total",
    "Time that gpu_activity_seconds_total covers; the activities of all workloads never exceed it.",
    "gpu",
)
INSTANCE_INFO = gauge("gpu_instance_info", "A MIG instance; always 1.", "gpu", "gpu_instance", "uuid", "profile")
INSTANCE_SLICES = gauge(
    "gpu_instance_slices",
    "Compute slices of a MIG instance; a whole A100 or H100 has 7, an A30 has 4.",
    "gpu",
    "gpu_instance",
)
INSTANCE_ACTIVITY = counter(
    "gpu_instance_activity_seconds_total",
    "Activity of a MIG instance: the share of its own multiprocessors that was busy, integrated over time.",
    "gpu",
    "gpu_instance",
)
INSTANCE_MEASURED = counter(
    "gpu_instance_measured_seconds_total",
    "Time that gpu_instance_activity_seconds_total covers.",
    "gpu",
    "gpu_instance",
)
REJECTED = counter(
    "gpu_readings_rejected_total",
    "Values that gave no sample, by reason: above_limit, impossible_utilization.",
    "reason",
)

METRICS = (
    INFO,
    UP,
    POWER,
    MEMORY,
    ENERGY,
    MEASURED,
    SOURCE_INFO,
    ACTIVITY,
    ACTIVITY_MEASURED,
    INSTANCE_INFO,
    INSTANCE_SLICES,
    INSTANCE_ACTIVITY,
    INSTANCE_MEASURED,
    REJECTED,
)

SHOWN = (
    Shown("GPU", "W", POWER),
    Shown("activity of workloads", "of a GPU", ACTIVITY, ACTIVITY_MEASURED),
    Shown("activity of instances", "of an instance", INSTANCE_ACTIVITY, INSTANCE_MEASURED, adds=False),
)
