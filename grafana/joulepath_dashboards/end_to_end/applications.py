# SPDX-License-Identifier: Apache-2.0
"""The applications beside each other: power, CO2, the network's share, and what a unit of their work costs."""

from collections.abc import Iterator

from grafana_foundation_sdk.builders import timeseries
from grafana_foundation_sdk.builders.dashboard import Row
from grafana_foundation_sdk.models import units

from joulepath_dashboards.common import GRAMS_PER_HOUR, SELECTED, by_hour, closed_hour, lines, over_time, stacked


def row() -> Row:
    """The row's heading."""
    return Row("Applications")


def panels() -> Iterator[timeseries.Panel]:
    """The row's panels, from left to right."""
    yield stacked(
        "Power by application",
        "Watts of each application over its whole path, stacked; a gap means that a component on its path is not "
        "measured, and the stack is then lower by that application, not its power.",
        units.Watt,
    ).with_target(over_time(f"sum by (application) (application:power_watts{{{SELECTED}}})", "{{application}}"))

    yield stacked(
        "CO2 by application",
        "Grams of CO2 per hour of each application, by the average grid intensity where its hosts stand "
        "(location-based); a gap means a gap in its power or a site without a grid intensity.",
        GRAMS_PER_HOUR,
    ).with_target(
        over_time(
            f'3600 * sum by (application) (application:co2_grams_per_second{{{SELECTED},basis="location"}})',
            "{{application}}",
        )
    )

    yield (
        lines(
            "Network share",
            "The network's part of each application's power and of its CO2; a gap means a gap in that figure, or an "
            "application that draws nothing.",
            units.PercentUnit,
        )
        .max(1)
        .span(8)
        .with_target(over_time(f"application:network_power:ratio{{{SELECTED}}}", "{{application}} power", "A"))
        .with_target(over_time(f"application:network_co2:ratio{{{SELECTED}}}", "{{application}} CO2", "B"))
    )

    yield (
        lines(
            "Energy per megabit",
            "Joules that the network segment spends for a megabit of an application; a gap means a gap in its power, "
            "or that no bit flowed.",
            units.Joule,
        )
        .span(8)
        .with_target(over_time(f"1e6 * application:joules_per_bit{{{SELECTED}}}", "{{application}}"))
    )

    yield (
        lines(
            "Energy per inference",
            "Joules that the whole path, network and model together, spends for an inference; a gap means a gap in "
            "the power, or that nothing was inferred.",
            units.Joule,
        )
        .span(8)
        .with_target(over_time(f"application:joules_per_inference{{{SELECTED}}}", "{{application}}"))
    )

    yield by_hour(
        "Energy by hour",
        "Watt hours of each application in each of the last 24 closed UTC hours, stacked; a gap means that less than "
        "half of the hour is known. While an application is not known, `unattributed` has its watts, too.",
        units.WattHour,
    ).with_target(
        over_time(
            f"sum by (application) ({closed_hour('application:energy_joules:1h', SELECTED)}) / 3600", "{{application}}"
        )
    )

    carbon = closed_hour("application:co2_grams:1h", f'{SELECTED},basis="location"')
    yield by_hour(
        "CO2 by hour",
        "Grams of CO2 (location-based) of each application in each of the last 24 closed UTC hours, stacked; a gap "
        "means that less than half of the hour is known.",
        units.Gram,
    ).with_target(over_time(f"sum by (application) ({carbon})", "{{application}}"))
