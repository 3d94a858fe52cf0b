# SPDX-License-Identifier: Apache-2.0
"""All applications beside each other: what a unit of their work costs."""

from collections.abc import Iterator

from grafana_foundation_sdk.builders import table, timeseries
from grafana_foundation_sdk.builders.dashboard import Row
from grafana_foundation_sdk.models import units

from joulepath_dashboards.common import TOPOLOGY, lines, over_time
from joulepath_dashboards.tables import Column, merged

GRAMS = f'{{{TOPOLOGY},basis="location"}}'


def row() -> Row:
    """The row's heading."""
    return Row("Applications")


def panels() -> Iterator[table.Panel | timeseries.Panel]:
    """The row's panels, from left to right."""
    yield merged(
        "Applications with models",
        "Requests and tokens of each application now, and the cost of one request and of one generated token over the "
        "whole path, network and model together. An empty cell is a gap: a component is not measured, or nothing was "
        "asked.",
        {"application": "Application"},
        [
            Column("Requests", units.RequestsPerSecond, _sum(f"application:inferences:rate{{{TOPOLOGY}}}")),
            Column("Tokens per second", units.CountsPerSecond, _sum(f"application:tokens:rate{{{TOPOLOGY}}}")),
            Column("Per request", units.Joule, _sum(f"application:joules_per_inference{{{TOPOLOGY}}}")),
            Column("Per token", units.Joule, _sum(f"application:joules_per_token{{{TOPOLOGY}}}")),
            Column("CO2 per request", units.Gram, _sum(f"application:co2_grams_per_inference{GRAMS}")),
            Column("CO2 per token", units.Gram, _sum(f"application:co2_grams_per_token{GRAMS}")),
        ],
        page="joulepath-inference",
        kept=["model"],
    )

    yield merged(
        "Cost of requests and tokens",
        "The cost of a thousand requests and of a million generated tokens of each application over the whole path: a "
        "row for each currency, which are never added. An empty cell is a gap: a site has no price now, a component is "
        "not measured, or nothing was asked.",
        {"application": "Application", "currency": "Currency"},
        [
            Column("1,000 requests", units.NoUnit, f"1e3 * {_cost('application:cost_per_inference')}"),
            Column("1,000,000 tokens", units.NoUnit, f"1e6 * {_cost('application:cost_per_token')}"),
        ],
    ).span(8)

    yield (
        lines(
            "Energy per request",
            "Joules that the whole path spends for a request of each application; a gap means a gap in its power, or "
            "that nothing was asked.",
            units.Joule,
        )
        .span(8)
        .with_target(over_time(_sum(f"application:joules_per_inference{{{TOPOLOGY}}}"), "{{application}}"))
    )

    yield (
        lines(
            "Energy per token",
            "Joules that the whole path spends for a generated token of each application; a gap means a gap in its "
            "power, or that nothing was generated.",
            units.Joule,
        )
        .span(8)
        .with_target(over_time(_sum(f"application:joules_per_token{{{TOPOLOGY}}}"), "{{application}}"))
    )


def _cost(series: str) -> str:
    return f"sum by (application, currency) ({series}{{{TOPOLOGY}}})"


def _sum(series: str) -> str:
    return f"sum by (application) ({series})"
