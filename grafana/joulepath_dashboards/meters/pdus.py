# SPDX-License-Identifier: Apache-2.0
"""The PDUs of `joulepath pdu`."""

from collections.abc import Iterator

from grafana_foundation_sdk.builders import stat, table, timeseries
from grafana_foundation_sdk.builders.dashboard import Row
from grafana_foundation_sdk.models import units

from joulepath_dashboards.common import DASHED, figure, limits, lines, now, over_time, stacked
from joulepath_dashboards.tables import Column, merged

DEVICE = 'instance=~"$device"'
IN_RANGE = f"{{{DEVICE}}}[$__range]"


def row() -> Row:
    """The row's heading."""
    return Row("PDUs")


def panels() -> Iterator[stat.Panel | table.Panel | timeseries.Panel]:
    """The row's panels, from left to right."""
    yield (
        figure(
            "PDUs that do not answer",
            "How many of the selected PDUs failed at their last poll; a gap means that none is scraped.",
            units.Short,
        )
        .thresholds(limits(warning=1))
        .span(8)
        .with_target(now(f"count(pdu_up{{{DEVICE}}} == 0) or 0 * count(pdu_up{{{DEVICE}}})", "PDUs"))
    )

    yield (
        figure(
            "Oldest reading",
            "Seconds since that PDU was read successfully which was not read for the longest time; a gap means that "
            "none ever was.",
            units.Seconds,
        )
        .thresholds(limits(warning=60, critical=300))
        .span(8)
        .with_target(now(f"max(time() - pdu_last_read_timestamp_seconds{{{DEVICE}}})", "age"))
    )

    yield (
        figure(
            "Outlets",
            "Watts of all outlets of the selected PDUs that measure each outlet; a gap means that none does.",
            units.Watt,
        )
        .span(8)
        .with_target(now(f"sum(pdu_outlet_power_watts{{{DEVICE}}})", "outlets"))
    )

    yield stacked(
        "Power by outlet",
        "Watts of each outlet, stacked; a gap means that the PDU was not read, or does not measure its outlets.",
        units.Watt,
    ).with_target(
        over_time(f"sum by (instance, outlet) (pdu_outlet_power_watts{{{DEVICE}}})", "{{instance}} outlet {{outlet}}")
    )

    yield (
        lines(
            "Inlets against outlets",
            "Watts at the inlets of each PDU, and the sum over its outlets: they differ by what the PDU itself draws "
            "and by what the meters are off. A gap means that the PDU was not read, or does not measure there.",
            units.Watt,
        )
        .with_target(over_time(f"sum by (instance) (pdu_outlet_power_watts{{{DEVICE}}})", "{{instance}} outlets", "A"))
        .with_target(over_time(f"sum by (instance) (pdu_inlet_power_watts{{{DEVICE}}})", "{{instance}} inlets", "B"))
        .override_by_query("A", DASHED)
    )

    yield merged(
        "Outlets: registers against integrals",
        "Power of each outlet now, and its energy over the chosen time range: as the exporter integrates the power, "
        "and as the PDU's own register counts. A register with coarse steps needs a range of a day or more. An empty "
        "cell means that the outlet was not read, or has no register.",
        {"instance": "PDU", "outlet": "Outlet"},
        [
            Column("Power", units.Watt, f"sum by (instance, outlet) (pdu_outlet_power_watts{{{DEVICE}}})"),
            Column("Integral", units.WattHour, _energy("pdu_outlet_energy_joules_total")),
            Column("Register", units.WattHour, _energy("pdu_outlet_meter_energy_joules_total")),
            Column(
                "Measured time",
                units.Seconds,
                f"sum by (instance, outlet) (increase(pdu_outlet_measured_seconds_total{IN_RANGE}))",
            ),
        ],
    )


def _energy(name: str) -> str:
    return f"sum by (instance, outlet) (increase({name}{IN_RANGE})) / 3600"
