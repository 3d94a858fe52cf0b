# SPDX-License-Identifier: Apache-2.0
"""The metrics of `joulepath rapl`.

Source of rapl_*: `energy_uj` of the kernel's powercap zones (Documentation/power/powercap/powercap.rst); of hwmon_*:
`power*`, `energy*`, `in*` and `curr*` of hwmon (Documentation/hwmon/sysfs-interface.rst).
"""

from joulepath.metrics import Shown, counter, gauge

_SOURCE = "unwrapped from powercap energy_uj, counted from the exporter's start"

ZONE_ENERGY = {
    kind: counter(f"rapl_{kind}_energy_joules_total", f"Energy of {meaning}, {_SOURCE}.", "package", "die")
    for kind, meaning in {
        "package": "a processor package",
        "core": "a package's cores, part of its package",
        "uncore": "a package's uncore or graphics, part of its package",
        "dram": "the memory of a package, beside its package",
    }.items()
}
PSYS_ENERGY = counter(
    "rapl_psys_energy_joules_total", f"Energy of the platform, packages and memory included, {_SOURCE}."
)
HOST_ENERGY = counter(
    "rapl_host_energy_joules_total",
    "Energy of the host as far as RAPL sees it: psys where it exists, else packages and dram; absent unless complete.",
)
HOST_MEASURED = counter(
    "rapl_host_measured_seconds_total", "Time that rapl_host_energy_joules_total covers; their rates' ratio is watts."
)
ZONES_UNREADABLE = counter(
    "rapl_zone_read_errors_total", "Zones that could not be read at a scrape or guard read, summed over reads."
)

# Sensors of boards overlap: rails with their sum, a processor's with RAPL. None of them is part of rapl_host_*.
_SENSOR = ("chip", "sensor", "label")
BOARD_POWER = gauge(
    "hwmon_power_watts",
    "Power of a board's sensor, the mean over the chip's interval where it has one; sensor curr*: volts times amperes.",
    *_SENSOR,
)
BOARD_ENERGY = counter(
    "hwmon_energy_joules_total",
    "Energy of a board's sensor since the exporter's start: its register's steps, or its power integrated.",
    *_SENSOR,
)
BOARD_MEASURED = counter(
    "hwmon_measured_seconds_total",
    "Time that hwmon_energy_joules_total covers; the mean power is rate(energy) / rate(this).",
    *_SENSOR,
)

BOARD_REJECTED = counter(
    "hwmon_readings_rejected_total",
    "Readings of board sensors that gave no sample; reason beyond_limit: more sensors within an hour than have series.",
    "reason",
)

METRICS = (
    *ZONE_ENERGY.values(),
    PSYS_ENERGY,
    HOST_ENERGY,
    HOST_MEASURED,
    ZONES_UNREADABLE,
    BOARD_POWER,
    BOARD_ENERGY,
    BOARD_MEASURED,
    BOARD_REJECTED,
)

SHOWN = (
    Shown("host", "W", HOST_ENERGY, HOST_MEASURED),
    *(Shown(kind, "W", metric) for kind, metric in ZONE_ENERGY.items()),
    Shown("board sensors", "W", BOARD_POWER, adds=False),
)
