# SPDX-License-Identifier: Apache-2.0
"""Costs, by currency: of everything, and of each application; and the prices of the sites."""

from collections.abc import Iterator

from grafana_foundation_sdk.builders import stat, table, timeseries
from grafana_foundation_sdk.builders.dashboard import Row
from grafana_foundation_sdk.models import units

from joulepath_dashboards.common import (
    PER_HOUR,
    RANGE_STEP,
    RANGE_STEPS,
    TOPOLOGY,
    UNATTRIBUTED,
    in_range,
    lines,
    money,
    now,
    over_time,
)
from joulepath_dashboards.tables import Column, merged

COST = f"application:cost_per_hour{{{TOPOLOGY}}}"
SITE_COST = f"site:cost_per_hour{{{TOPOLOGY}}}"
PRICE = f"sum by (site, currency) (site:price_per_kilowatt_hour{{{TOPOLOGY}}})"
COLUMNS = (
    Column("Cost", PER_HOUR, f"sum by (application, currency) ({COST})"),
    Column("Cost in the range", units.NoUnit, f"{in_range(COST, 'application, currency')} / 3600"),
)


def row() -> Row:
    """The row's heading."""
    return Row("Costs")


def panels() -> Iterator[stat.Panel | table.Panel | timeseries.Panel]:
    """The row's panels, from left to right."""
    yield (
        money(
            "Cost",
            "The cost of an hour at the present power, of all hosts, by currency; currencies are never added. A gap "
            "means that a host is not measured, that a site has no price now, or that the topology states no prices.",
            PER_HOUR,
        )
        .span(6)
        .height(8)
        .with_target(
            now(
                f"sum by (currency) ({COST}) and on () application:cost_per_hour{{{UNATTRIBUTED}}}"
                f" unless on () application:missing:info{{{TOPOLOGY}}}",
                "{{currency}}",
            )
        )
    )

    yield (
        money(
            "Cost in the range",
            "The cost of all applications and of `unattributed` over the chosen time range, by currency, as far as it "
            "was known. A gap means that no application had a cost in the range.",
            units.NoUnit,
        )
        .span(6)
        .height(8)
        .interval(RANGE_STEP)
        .max_data_points(RANGE_STEPS)
        .with_target(now(f"{in_range(COST, 'currency')} / 3600", "{{currency}}"))
    )

    yield (
        lines(
            "Price of a kWh",
            "The price of a kWh at the meter of each site, in its currency; below 0 while the consumer is paid. A gap "
            "means that the query of a site gives no price, or that the topology states no prices.",
            units.NoUnit,
        )
        .span(12)
        .with_target(over_time(PRICE, "{{site}} ({{currency}})"))
    )

    yield (
        merged(
            "Costs of applications",
            "The cost of an hour at the present power of each application, and its cost over the chosen time range, as "
            "far as it was known: a row for each currency. An empty cell means that one of its sites has no price now, "
            "or that the application is not known.",
            {"application": "Application", "currency": "Currency"},
            COLUMNS,
            page="joulepath-path",
        )
        .interval(RANGE_STEP)
        .max_data_points(RANGE_STEPS)
        .span(12)
    )

    yield lines(
        "Cost by application",
        "The cost of an hour of each application and of `unattributed`, in its currency. A gap means that a component "
        "is not measured, that one of the application's sites has no price, or that the topology states no prices.",
        PER_HOUR,
    ).with_target(over_time(f"sum by (application, currency) ({COST})", "{{application}} ({{currency}})"))

    yield (
        merged(
            "Costs of sites",
            "The price of a kWh at each site, the cost of an hour of all of its hosts with its overhead, and its cost "
            "over the chosen time range, as far as it was known. An empty cell means that a host of the site is not "
            "measured, or that the site has no price now.",
            {"site": "Site", "currency": "Currency"},
            [
                Column("Price of a kWh", units.NoUnit, PRICE),
                Column("Cost", PER_HOUR, f"sum by (site, currency) ({SITE_COST})"),
                Column("Cost in the range", units.NoUnit, f"{in_range(SITE_COST, 'site, currency')} / 3600"),
            ],
        )
        .interval(RANGE_STEP)
        .max_data_points(RANGE_STEPS)
        .span(12)
    )

    yield lines(
        "Cost by segment",
        "The cost of an hour of network functions, models (compute), devices and supporting functions, whoever uses "
        "them, and of the rests of hosts, in each currency. A gap means that no application has a cost there.",
        PER_HOUR,
    ).with_target(
        over_time(
            f'label_replace(sum by (segment, currency) ({COST}), "segment", "rests of hosts", "segment", "")',
            "{{segment}} ({{currency}})",
        )
    )
