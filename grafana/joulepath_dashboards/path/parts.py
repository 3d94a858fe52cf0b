# SPDX-License-Identifier: Apache-2.0
"""The application's power in other divisions, and what a unit of its work costs."""

from collections.abc import Iterator

from grafana_foundation_sdk.builders import timeseries
from grafana_foundation_sdk.builders.dashboard import Row
from grafana_foundation_sdk.models import units

from joulepath_dashboards.common import CHOSEN, GRAMS_PER_HOUR, PER_HOUR, lines, over_time, stacked

SERIES = (
    ("A", "attributed", "power_watts"),
    ("B", "marginal", "power_marginal_watts"),
    ("C", "marginal, lower end", "power_marginal_low_watts"),
    ("D", "marginal, upper end", "power_marginal_high_watts"),
)
"""Of the panel with both: what the policy gives the application, and what its traffic adds."""


def row() -> Row:
    """The row's heading."""
    return Row("Divided otherwise, and by work")


def panels() -> Iterator[timeseries.Panel]:
    """The row's panels, from left to right."""
    yield (
        stacked(
            "Network against compute",
            "Watts by segment: network functions, models (compute), the device itself, and supporting functions; a gap "
            "means that a component on the path is not measured.",
            units.Watt,
        )
        .span(8)
        .with_target(over_time(f"sum by (segment) (application:power_watts{{{CHOSEN}}})", "{{segment}}"))
    )

    yield (
        stacked(
            "Static against dynamic",
            "Watts that are drawn at idle as well (static) and those that follow the work (dynamic), undivided where "
            "the topology does not say what a host draws at idle; a gap means that a component is not measured.",
            units.Watt,
        )
        .span(8)
        .with_target(over_time(f"sum by (part) (application:power_part_watts{{{CHOSEN}}})", "{{part}}"))
    )

    yield (
        lines(
            "Energy per megabit",
            "Joules that the network segment spends for a megabit of the application; a gap means a gap in its power, "
            "or that no bit flowed.",
            units.Joule,
        )
        .span(8)
        .with_target(
            over_time(f"1e6 * sum by (application) (application:joules_per_bit{{{CHOSEN}}})", "{{application}}")
        )
    )

    both = lines(
        "Attributed against marginal",
        "Watts of the application as the policy divides them, and what its traffic adds to the power of the hosts, "
        "with the 95 % interval where that is known. Without the application the meters would show that much less, "
        "and the rest would count for others. A gap means that a component is not measured, or for the marginal "
        "watts that the topology states none for a component.",
        units.Watt,
    )
    for ref_id, legend, series in SERIES:
        both.with_target(over_time(f"sum by (application) (application:{series}{{{CHOSEN}}})", legend, ref_id))
    yield both.span(8)

    yield (
        stacked(
            "CO2 by segment",
            "Grams of CO2 per hour of the application by segment (location-based), stacked. A gap means a gap in its "
            "power, or a site without a factor.",
            GRAMS_PER_HOUR,
        )
        .span(8)
        .with_target(
            over_time(
                f'3600 * sum by (segment) (application:co2_grams_per_second{{{CHOSEN},basis="location"}})',
                "{{segment}}",
            )
        )
    )

    yield (
        lines(
            "Cost by segment",
            "The cost of an hour of the application by segment, in each currency. A gap means a gap in its power, or a "
            "site without a price.",
            PER_HOUR,
        )
        .span(8)
        .with_target(
            over_time(
                f"sum by (segment, currency) (application:cost_per_hour{{{CHOSEN}}})", "{{segment}} ({{currency}})"
            )
        )
    )
