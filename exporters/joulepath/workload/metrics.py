# SPDX-License-Identifier: Apache-2.0
"""The metrics of `joulepath workload`.

Sources: `/proc/stat`; `cpu.stat`, `memory.current` and `io.stat` of cgroups (Documentation/admin-guide/cgroup-v2.rst)
and their like in version 1; `/proc/PID/stat`; perf_event_open(2). Of a power model: `/proc/stat`, `/proc/meminfo`,
`/proc/diskstats`.
"""

from joulepath.metrics import Shown, counter, gauge

CPU = counter(
    "workload_cpu_seconds_total",
    "CPU time of a workload since the exporter's start. other: the rest. All but steal add up to the host's busy time.",
    "workload",
)
HOST_CPU = counter(
    "workload_host_cpu_seconds_total",
    "CPU time of the host by mode since the exporter's start, from /proc/stat; user and nice include guests.",
    "mode",
)
MEASURED = counter(
    "workload_measured_seconds_total", "Time that the CPU times cover: an interval that cannot be known is in none."
)
MEMORY = gauge(
    "workload_memory_bytes",
    "Memory charged to a workload's cgroups, page cache included; absent for others.",
    "workload",
)
IO = counter(
    "workload_io_bytes_total",
    "Bytes that a workload's cgroups read from and wrote to disks since the exporter's start.",
    "workload",
    "direction",
)
INSTRUCTIONS = counter(
    "workload_instructions_total",
    "Instructions that a workload's cgroups ran since the exporter's start. other: the rest of the host's.",
    "workload",
)
CACHE_MISSES = counter(
    "workload_cache_misses_total",
    "Misses of the last cache by a workload's cgroups since the exporter's start. other: the rest of the host's.",
    "workload",
)
CYCLES = counter(
    "workload_cpu_cycles_total",
    "CPU cycles of a workload's cgroups since the exporter's start. other: the rest of the host's.",
    "workload",
)
HARDWARE_MEASURED = counter(
    "workload_hardware_measured_seconds_total",
    "Time that instructions, cache misses and cycles cover.",
)

MODELLED_ENERGY = counter(
    "modelled_host_energy_joules_total",
    "Energy of this host since the exporter's start, by a power model: no meter read it.",
)
MODELLED_MEASURED = counter(
    "modelled_host_measured_seconds_total", "Time that the energy covers: in it the load was read and the model held."
)
MODELLED_INFO = gauge("modelled_host_info", "The power model in use; always 1.", "power_model")

METRICS = (
    CPU, HOST_CPU, MEASURED, MEMORY, IO, INSTRUCTIONS, CACHE_MISSES, CYCLES, HARDWARE_MEASURED, MODELLED_ENERGY,
    MODELLED_MEASURED, MODELLED_INFO,
)  # fmt: skip

SHOWN = (
    Shown("host, modelled", "W", MODELLED_ENERGY, MODELLED_MEASURED),
    Shown("CPU", "CPUs", CPU, MEASURED),
)
