# SPDX-License-Identifier: Apache-2.0
"""The application as a whole."""

from collections.abc import Iterator

from grafana_foundation_sdk.builders import stat
from grafana_foundation_sdk.builders.dashboard import Row
from grafana_foundation_sdk.models import units

from joulepath_dashboards.common import CHOSEN, GRAMS_PER_HOUR, PER_HOUR, figure, money, now

WIDTH = (
    f"(sum(application:power_marginal_high_watts{{{CHOSEN}}}) - sum(application:power_marginal_low_watts{{{CHOSEN}}}))"
    f" / (sum(application:power_marginal_watts{{{CHOSEN}}}) > 0)"
)


def row() -> Row:
    """The row's heading."""
    return Row("The application")


def panels() -> Iterator[stat.Panel]:
    """The row's panels, from left to right."""
    yield figure(
        "Power",
        "Watts of the application over its whole path; a gap means that a component on the path is not measured.",
        units.Watt,
    ).with_target(now(f"sum(application:power_watts{{{CHOSEN}}})", "power"))

    yield figure(
        "Known power",
        "Watts of the application at those components where its share is known: as much as Power while all are. A gap "
        "means that none is.",
        units.Watt,
    ).with_target(now(f"sum(application:power_covered_watts{{{CHOSEN}}})", "known power"))

    yield figure(
        "CO2",
        "Grams of CO2 per hour (location-based); a gap means a gap in its power or a site without a grid intensity.",
        GRAMS_PER_HOUR,
    ).with_target(now(f'3600 * sum(application:co2_grams_per_second{{{CHOSEN},basis="location"}})', "CO2"))

    yield figure(
        "Network share",
        "The network's part of its power; a gap means a gap in its power, or that it draws nothing.",
        units.PercentUnit,
    ).with_target(now(f"sum(application:network_power:ratio{{{CHOSEN}}})", "network"))

    yield figure(
        "Modelled share",
        "The part of its power at hosts that no meter reads: modelled or declared ones. A gap means a gap in its "
        "power, or that it draws nothing.",
        units.PercentUnit,
    ).with_target(now(f"sum(application:power_modelled:ratio{{{CHOSEN}}})", "modelled"))

    yield figure(
        "Traffic",
        "Bits per second in both directions, at the node that sees most of each trace or flow; a gap means that its "
        "traffic is not counted.",
        units.BitsPerSecondSI,
    ).with_target(now(f"sum(application:bits:rate{{{CHOSEN}}})", "traffic"))

    yield (
        money(
            "Cost",
            "The cost of an hour at its present power, by currency; currencies are never added. A gap means a gap in "
            "its power, or a site without a price.",
            PER_HOUR,
        )
        .span(8)
        .with_target(now(f"sum by (currency) (application:cost_per_hour{{{CHOSEN}}})", "{{currency}}"))
    )

    yield figure(
        "Marginal power",
        "Watts that its traffic adds at the meters; a gap means that its traffic is not counted, or that the topology "
        "states no marginal watts for a component on its path.",
        units.Watt,
    ).with_target(now(f"sum(application:power_marginal_watts{{{CHOSEN}}})", "marginal"))

    yield figure(
        "Embodied emissions",
        "Grams of CO2 per hour of making the hosts on its path, by its part of their power; a gap means a gap in its "
        "power, or a host without stated emissions.",
        GRAMS_PER_HOUR,
    ).with_target(now(f"3600 * sum(application:embodied_grams_per_second{{{CHOSEN}}})", "embodied"))

    yield figure(
        "SCI",
        "Software Carbon Intensity of an hour: CO2 by location with overhead, and embodied emissions. A gap means that "
        "one of both is not known.",
        GRAMS_PER_HOUR,
    ).with_target(now(f"3600 * sum(application:sci_grams_per_second{{{CHOSEN}}})", "SCI"))

    yield figure(
        "Width of the interval",
        "The width of the 95 % interval of its marginal power, as a part of it; a gap means that this is not known.",
        units.PercentUnit,
    ).with_target(now(WIDTH, "of the marginal power"))
