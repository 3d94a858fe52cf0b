# SPDX-License-Identifier: Apache-2.0
"""The first row: is it running, what does it all draw, and one line per application."""

from collections.abc import Iterator

from grafana_foundation_sdk.builders import stat, table
from grafana_foundation_sdk.builders.dashboard import Row
from grafana_foundation_sdk.models import units
from grafana_foundation_sdk.models.dashboard import ValueMap, ValueMappingResult

from joulepath_dashboards.common import (
    GRAMS_PER_HOUR,
    SELECTED,
    TOPOLOGY,
    UNATTRIBUTED,
    figure,
    limits,
    now,
)
from joulepath_dashboards.tables import Column, merged

COLUMNS = (
    Column("Power", units.Watt, f"sum by (application) (application:power_watts{{{SELECTED}}})"),
    Column(
        "CO2",
        GRAMS_PER_HOUR,
        f'3600 * sum by (application) (application:co2_grams_per_second{{{SELECTED},basis="location"}})',
    ),
    Column("Network share", units.PercentUnit, f"sum by (application) (application:network_power:ratio{{{SELECTED}}})"),
    Column("Modelled", units.PercentUnit, f"sum by (application) (application:power_modelled:ratio{{{SELECTED}}})"),
    Column("Traffic", units.BitsPerSecondSI, f"sum by (application) (application:bits:rate{{{SELECTED}}})"),
    Column("Per megabit", units.Joule, f"1e6 * sum by (application) (application:joules_per_bit{{{SELECTED}}})"),
    Column("Per inference", units.Joule, f"sum by (application) (application:joules_per_inference{{{SELECTED}}})"),
    Column("Per token", units.Joule, f"sum by (application) (application:joules_per_token{{{SELECTED}}})"),
)


def row() -> Row:
    """The row's heading."""
    return Row("Overview")


def panels() -> Iterator[stat.Panel | table.Panel]:
    """The row's panels, from left to right."""
    yield _rules()
    yield _hosts()
    yield _unattributed()
    yield _unmeasured()
    yield _conservation()
    yield _budget()
    yield _applications()


def _rules() -> stat.Panel:
    running = ValueMap(options={"1": ValueMappingResult(text="running", color="green", index=0)})
    return (
        figure(
            "Rules",
            "Whether the attribution was evaluated in the last five minutes; a gap means that no rule runs and every "
            "other panel is out of date.",
            units.NoUnit,
        )
        .mappings([running])
        .with_target(now(f"attribution:heartbeat{{{TOPOLOGY}}}", "rules"))
    )


def _hosts() -> stat.Panel:
    return figure(
        "All hosts",
        "Watts at the plugs of all hosts; a gap means that at least one host is not measured completely, since the sum "
        "of the others would be too low.",
        units.Watt,
    ).with_target(
        now(f"sum(host:power_watts{{{TOPOLOGY}}}) and on () application:power_watts{{{UNATTRIBUTED}}}", "all hosts")
    )


def _unattributed() -> stat.Panel:
    return figure(
        "Unattributed",
        "Watts of all hosts that no application accounts for; a gap means that at least one host is not measured "
        "completely.",
        units.Watt,
    ).with_target(now(f"sum(application:power_watts{{{UNATTRIBUTED}}})", "unattributed"))


def _unmeasured() -> stat.Panel:
    return (
        figure(
            "Components without a share",
            "How many declared components have no measured share of their host; its watts then count as "
            "unattributed; a gap means that the rules do not run.",
            units.Short,
        )
        .thresholds(limits(warning=1))
        .with_target(
            now(
                f"count(component:unmeasured:info{{{TOPOLOGY}}}) or 0 * group(attribution:heartbeat{{{TOPOLOGY}}})",
                "components",
            )
        )
    )


def _conservation() -> stat.Panel:
    return (
        figure(
            "Largest conservation error",
            "The largest difference of any host between its plugs and the sum over its applications, far below a "
            "milliwatt unless a rule is wrong; a gap means that no host is measured.",
            units.Watt,
        )
        .thresholds(limits(critical=0.001))
        .with_target(now(f"max(abs(host:conservation_error_watts{{{TOPOLOGY}}}))", "error"))
    )


def _budget() -> stat.Panel:
    return (
        figure(
            "Fullest budget",
            "The used part of that budget which is nearest to its limit, of those with known amounts; a gap means that "
            "no budget has a known amount.",
            units.PercentUnit,
        )
        .thresholds(limits(warning=0.8, critical=1))
        .with_target(now(f"max(budget:used:ratio{{{TOPOLOGY}}})", "fullest budget"))
    )


def _applications() -> table.Panel:
    return merged(
        "Applications now",
        "Each application's power and CO2 over its whole path, and what a bit (network only), an inference and a token "
        "(whole path) cost; an empty cell means that a component on the path is not measured, or that nothing flowed.",
        {"application": "Application"},
        COLUMNS,
        page="joulepath-path",
    )
