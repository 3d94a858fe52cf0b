# SPDX-License-Identifier: Apache-2.0
"""The figures of the whole topology: now, and over the time range."""

from collections.abc import Iterator

from grafana_foundation_sdk.builders import stat
from grafana_foundation_sdk.builders.dashboard import Row
from grafana_foundation_sdk.models import units

from joulepath_dashboards.common import (
    GRAMS_PER_HOUR,
    RANGE_STEP,
    RANGE_STEPS,
    TOPOLOGY,
    UNATTRIBUTED,
    figure,
    in_range,
    limits,
    now,
)
from joulepath_dashboards.declared import never_measured

ALL_CO2 = f'application:co2_grams_per_second{{{TOPOLOGY},basis="location"}}'


def row() -> Row:
    """The row's heading."""
    return Row("Everything")


def panels() -> Iterator[stat.Panel]:
    """The row's panels, from left to right."""
    yield figure(
        "Power",
        "Watts at the plugs of all hosts; a gap means that at least one host is not measured completely, since the sum "
        "of the others would be too low.",
        units.Watt,
    ).with_target(
        now(f"sum(host:power_watts{{{TOPOLOGY}}}) and on () application:power_watts{{{UNATTRIBUTED}}}", "all hosts")
    )

    yield figure(
        "CO2",
        "Grams of CO2 per hour of all hosts, by the average grid intensity where they stand (location-based); a gap "
        "means that a host is not measured or that a site has no grid intensity.",
        GRAMS_PER_HOUR,
    ).with_target(
        now(
            f"3600 * sum({ALL_CO2}) and on () "
            f'application:co2_grams_per_second{{{UNATTRIBUTED},basis="location"}}'
            f" unless on () application:missing:info{{{TOPOLOGY}}}",
            "all hosts",
        )
    )

    yield (
        figure(
            "Unattributed",
            "The part of all watts that no application accounts for; a gap means that at least one host is not "
            "measured completely, or that all hosts draw nothing.",
            units.PercentUnit,
        )
        .thresholds(limits(warning=0.5))
        .with_target(
            now(
                f"sum(application:power_watts{{{UNATTRIBUTED}}}) / on () (sum(host:power_watts{{{TOPOLOGY}}}) > 0)",
                "unattributed",
            )
        )
    )

    yield _ranged(
        "Energy in the range",
        "Energy of all hosts over the chosen time range, as far as they were measured: a gap adds nothing to it. A gap "
        "means that no host was measured in the range.",
        units.WattHour,
    ).with_target(now(f"sum({in_range(f'host:power_watts{{{TOPOLOGY}}}', 'topology')}) / 3600", "all hosts"))

    yield _ranged(
        "CO2 in the range",
        "CO2 of all applications and of `unattributed` over the chosen time range (location-based), as far as it was "
        "known. A gap means that no application had CO2 in the range.",
        units.Gram,
    ).with_target(now(f"sum({in_range(ALL_CO2, 'topology')})", "all applications"))

    yield (
        figure(
            "Never measured",
            "How many declared hosts and components were not measured once in the chosen time range; the dashboard "
            "Health lists them. A gap means that the rules do not run.",
            units.Short,
        )
        .thresholds(limits(warning=1))
        .with_target(now(never_measured(), "hosts and components"))
    )


def _ranged(title: str, description: str, unit: str) -> stat.Panel:
    return figure(title, description, unit).interval(RANGE_STEP).max_data_points(RANGE_STEPS)
