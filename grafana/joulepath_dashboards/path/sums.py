# SPDX-License-Identifier: Apache-2.0
"""The application as a whole."""

from collections.abc import Iterator

from grafana_foundation_sdk.builders import stat
from grafana_foundation_sdk.builders.dashboard import Row
from grafana_foundation_sdk.models import units

from joulepath_dashboards.common import CHOSEN, GRAMS_PER_HOUR, PER_HOUR, figure, now


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

    yield figure(
        "Cost",
        "The cost of an hour at its present power, by currency; currencies are never added. A gap means a gap in its "
        "power, or a site without a price.",
        PER_HOUR,
    ).with_target(now(f"sum by (currency) (application:cost_per_hour{{{CHOSEN}}})", "{{currency}}"))
