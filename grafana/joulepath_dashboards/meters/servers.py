# SPDX-License-Identifier: Apache-2.0
"""The servers of `joulepath bmc`."""

from collections.abc import Iterator

from grafana_foundation_sdk.builders import table, timeseries
from grafana_foundation_sdk.builders.dashboard import Row
from grafana_foundation_sdk.models import units

from joulepath_dashboards.common import lines, over_time
from joulepath_dashboards.tables import Column, merged

CHASSIS = "sum by (instance, chassis)"


def row() -> Row:
    """The row's heading."""
    return Row("Servers")


def panels() -> Iterator[table.Panel | timeseries.Panel]:
    """The row's panels, from left to right."""
    yield (
        lines(
            "Power of servers",
            "Watts of each chassis, as its BMC says; a gap means that the BMC was not read.",
            units.Watt,
        )
        .span(8)
        .with_target(over_time(f"{CHASSIS} (bmc_chassis_power_watts)", "{{instance}} {{chassis}}"))
    )

    yield (
        lines(
            "Efficiency of supplies",
            "Output over input of each supply that measures both; a gap means that one of the two was not read, or "
            "that the supply takes nothing.",
            units.PercentUnit,
        )
        .max(1)
        .span(8)
        .with_target(
            over_time(
                "sum by (instance, chassis, psu) (bmc_psu_output_power_watts) / on (instance, chassis, psu)"
                " (sum by (instance, chassis, psu) (bmc_psu_input_power_watts) > 0)",
                "{{instance}} {{chassis}} {{psu}}",
            )
        )
    )

    yield merged(
        "Servers: registers against integrals",
        "Power of each chassis now, and its energy over the chosen time range: as the exporter integrates the power, "
        "and as the BMC's own register counts. An empty cell means that the BMC was not read, or has no register.",
        {"instance": "Server", "chassis": "Chassis"},
        [
            Column("Power", units.Watt, f"{CHASSIS} (bmc_chassis_power_watts)"),
            Column("Integral", units.WattHour, _energy("bmc_chassis_energy_joules_total")),
            Column("Register", units.WattHour, _energy("bmc_chassis_meter_energy_joules_total")),
        ],
    ).span(8)


def _energy(name: str) -> str:
    return f"{CHASSIS} (increase({name}[$__range])) / 3600"
