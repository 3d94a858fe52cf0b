# SPDX-License-Identifier: Apache-2.0
"""Metrics of `joulepath bmc`. The metering level is in the name, since a sum over all labels must mean something."""

from collections.abc import Mapping

from joulepath.bmc.reading import Level
from joulepath.metrics import Metric, Shown, counter, gauge

LEVELS: Mapping[Level, str] = {
    "chassis": "chassis (server, blade, node)",
    "enclosure": "enclosure of chassis that are measured themselves and are part of this",
}

POWER: Mapping[Level, Metric] = {
    level: gauge(f"bmc_{level}_power_watts", f"Power of each {words}, as its BMC says.", "chassis")
    for level, words in LEVELS.items()
}
ENERGY: Mapping[Level, Metric] = {
    level: counter(
        f"bmc_{level}_energy_joules_total",
        f"Energy of each {words} since the exporter's start: its power integrated over the polls.",
        "chassis",
    )
    for level, words in LEVELS.items()
}
MEASURED: Mapping[Level, Metric] = {
    level: counter(
        f"bmc_{level}_measured_seconds_total",
        f"Time that bmc_{level}_energy_joules_total covers; the mean power is rate(energy) / rate(this).",
        "chassis",
    )
    for level in LEVELS
}
METER_ENERGY: Mapping[Level, Metric] = {
    level: counter(
        f"bmc_{level}_meter_energy_joules_total",
        f"The BMC's own energy register of each {words}; some tick in 1 kWh = 3600000 J.",
        "chassis",
    )
    for level, words in LEVELS.items()
}
SOURCE_INFO: Mapping[Level, Metric] = {
    level: gauge(
        f"bmc_{level}_power_source_info",
        f"Where the power of each {words} is read from; always 1.",
        "chassis",
        "source",
    )
    for level, words in LEVELS.items()
}
BOX_UP: Mapping[Level, Metric] = {
    level: gauge(
        f"bmc_{level}_up",
        f"Whether the last successful poll gave the power of each {words}; absent where there never was any.",
        "chassis",
    )
    for level, words in LEVELS.items()
}

PSU_INPUT = gauge("bmc_psu_input_power_watts", "Power that a supply takes from its feed.", "chassis", "psu")
PSU_OUTPUT = gauge(
    "bmc_psu_output_power_watts", "Power that a supply delivers; its losses are not in it.", "chassis", "psu"
)
SUBSYSTEM = gauge(
    "bmc_subsystem_power_watts",
    "Power of processors, memory, accelerators and the like; part of their chassis, none part of another.",
    "chassis",
    "subsystem",
)
SUBSYSTEM_ENERGY = counter(
    "bmc_subsystem_energy_joules_total",
    "Energy of each subsystem since the exporter's start: its power integrated over the polls.",
    "chassis",
    "subsystem",
)
SUBSYSTEM_MEASURED = counter(
    "bmc_subsystem_measured_seconds_total",
    "Time that bmc_subsystem_energy_joules_total covers; the mean power is rate(energy) / rate(this).",
    "chassis",
    "subsystem",
)
SUBSYSTEM_METER_ENERGY = counter(
    "bmc_subsystem_meter_energy_joules_total",
    "The energy register of each subsystem, such as EnergyJoules of its EnvironmentMetrics.",
    "chassis",
    "subsystem",
)
COMPONENT = gauge(
    "bmc_component_power_watts",
    "Power of each device inside a subsystem, such as one accelerator of a baseboard; part of the subsystem.",
    "chassis",
    "subsystem",
    "component",
)
COMPONENT_ENERGY = counter(
    "bmc_component_energy_joules_total",
    "Energy of each component since the exporter's start: its power integrated over the polls.",
    "chassis",
    "subsystem",
    "component",
)
COMPONENT_MEASURED = counter(
    "bmc_component_measured_seconds_total",
    "Time that bmc_component_energy_joules_total covers; the mean power is rate(energy) / rate(this).",
    "chassis",
    "subsystem",
    "component",
)
COMPONENT_METER_ENERGY = counter(
    "bmc_component_meter_energy_joules_total",
    "The energy register of each component, such as EnergyJoules of its EnvironmentMetrics.",
    "chassis",
    "subsystem",
    "component",
)
UP = gauge("bmc_up", "Whether the last poll of the BMC succeeded.", "collector")
LAST_READ = gauge("bmc_last_read_timestamp_seconds", "When the BMC was last read successfully.")
REJECTED = counter(
    "bmc_readings_rejected_total",
    "Rejected values, which gave no sample, by reason; beyond_limit counts the rows over the limit at each poll.",
    "reason",
)

METRICS: tuple[Metric, ...] = (
    *POWER.values(),
    *ENERGY.values(),
    *MEASURED.values(),
    *METER_ENERGY.values(),
    *SOURCE_INFO.values(),
    *BOX_UP.values(),
    PSU_INPUT,
    PSU_OUTPUT,
    SUBSYSTEM,
    SUBSYSTEM_ENERGY,
    SUBSYSTEM_MEASURED,
    SUBSYSTEM_METER_ENERGY,
    COMPONENT,
    COMPONENT_ENERGY,
    COMPONENT_MEASURED,
    COMPONENT_METER_ENERGY,
    UP,
    LAST_READ,
    REJECTED,
)

SHOWN = (
    *(Shown(level, "W", metric) for level, metric in POWER.items()),
    Shown("supply input", "W", PSU_INPUT),
    Shown("supply output", "W", PSU_OUTPUT),
    Shown("subsystem", "W", SUBSYSTEM),
    Shown("component", "W", COMPONENT),
)
