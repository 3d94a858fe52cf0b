# SPDX-License-Identifier: Apache-2.0
"""Tokens of prompts beside generated ones, at models with weights for both."""

from collections.abc import Iterator

from grafana_foundation_sdk.builders import prometheus, timeseries
from grafana_foundation_sdk.builders.dashboard import Row
from grafana_foundation_sdk.models import units

from joulepath_dashboards.common import TOPOLOGY, lines, over_time, stacked

NO_WEIGHTS = "or that no model of the application has weights for both kinds of tokens."


def row() -> Row:
    """The row's heading."""
    return Row("Prompts and generated tokens")


def panels() -> Iterator[timeseries.Panel]:
    """The row's panels, from left to right."""
    yield (
        lines(
            "Tokens by kind",
            "Tokens per second of prompts (input) and generated ones (output) of each application; a gap means that "
            f"the model's counters are not read, {NO_WEIGHTS}",
            units.CountsPerSecond,
        )
        .span(8)
        .with_target(_by_kind("application:weighted_tokens:rate"))
    )

    yield (
        stacked(
            "Power by kind of token",
            "Watts of each application at its models for tokens of prompts (input) and for generated ones (output); a "
            f"gap means that the application is not measured, {NO_WEIGHTS}",
            units.Watt,
        )
        .span(8)
        .with_target(_by_kind("application:token_power_watts"))
    )

    yield (
        lines(
            "Energy per token by kind",
            "Joules at its models for a token of a prompt and for a generated one, by application; a gap means that "
            f"the application is not measured, that there were no tokens, {NO_WEIGHTS}",
            units.Joule,
        )
        .span(8)
        .with_target(over_time(_each("application:joules_per_input_token"), "{{application}} input", "A"))
        .with_target(over_time(_each("application:joules_per_output_token"), "{{application}} output", "B"))
    )


def _by_kind(series: str) -> prometheus.Dataquery:
    return over_time(f"sum by (application, by) ({series}{{{TOPOLOGY}}})", "{{application}} {{by}}")


def _each(series: str) -> str:
    return f"sum by (application) ({series}{{{TOPOLOGY}}})"
