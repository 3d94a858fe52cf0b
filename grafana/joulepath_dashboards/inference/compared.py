# SPDX-License-Identifier: Apache-2.0
"""The models compared: what each costs alone, whoever asks it, and a curve of the selected one against its load."""

from collections.abc import Iterator

from grafana_foundation_sdk.builders import table, timeseries, xychart
from grafana_foundation_sdk.builders.dashboard import Row
from grafana_foundation_sdk.models import units

from joulepath_dashboards.common import RANGE_STEP, RANGE_STEPS, TOPOLOGY, in_range, lines, over_time
from joulepath_dashboards.declared import COMPONENTS
from joulepath_dashboards.inference.curve import Axis, curve
from joulepath_dashboards.tables import Column, merged

MODELS = f'{TOPOLOGY},segment="model"'
ONE = f'{TOPOLOGY},component="$model"'


def _each(series: str) -> str:
    return f"sum by (component) ({series}{{{TOPOLOGY}}})"


def row() -> Row:
    """The row's heading."""
    return Row("Models compared")


def panels() -> Iterator[table.Panel | timeseries.Panel | xychart.Panel]:
    """The row's panels, from left to right."""
    watts = f"component:power_watts{{{MODELS}}}"
    # A model that is measured on some of its hosts alone is a gap: a part of its watts is not its watts.
    power = f"sum by (component) ({watts}) unless on (component) ({COMPONENTS} unless on (component, host) {watts})"
    yield (
        merged(
            "Models",
            "Watts, requests and tokens of each model, whoever asks it, the cost of one request and of one generated "
            "token at the model alone, without the network, and its energy over the chosen time range. An empty cell "
            "is a gap: the model is not measured on each of its hosts, its counters are not, or nothing was asked.",
            {"component": "Model"},
            [
                Column("Power", units.Watt, power),
                Column("Requests", units.RequestsPerSecond, _each("component:inferences:rate")),
                Column("Tokens per second", units.CountsPerSecond, _each("component:tokens:rate")),
                Column("Per request", units.Joule, _each("component:joules_per_inference")),
                Column("Per token", units.Joule, _each("component:joules_per_token")),
                Column("Energy in the range", units.WattHour, f"{in_range(f'({power})', 'component')} / 3600"),
            ],
        )
        .interval(RANGE_STEP)
        .max_data_points(RANGE_STEPS)
    )

    yield (
        lines(
            "Energy per token by model",
            "Joules of each model alone for a token that it generates, idle power included; a gap means that the model "
            "is not measured, or that it generated nothing.",
            units.Joule,
        )
        .span(8)
        .with_target(over_time(_each("component:joules_per_token"), "{{component}}"))
    )

    yield (
        lines(
            "Energy per request by model",
            "Joules of each model alone for a request, idle power included; a gap means that the model is not "
            "measured, or that nothing was asked.",
            units.Joule,
        )
        .span(8)
        .with_target(over_time(_each("component:joules_per_inference"), "{{component}}"))
    )

    yield curve(
        "Energy per token of $model against its tokens",
        "Joules of the selected model alone for a generated token, over the tokens per second of all who ask it: a "
        "point for each step of the time range. A gap means that nothing was generated.",
        Axis(f"sum(component:tokens:rate{{{ONE}}})", "tokens/s", units.CountsPerSecond),
        Axis(f"sum(component:joules_per_token{{{ONE}}})", "J per token"),
    ).span(8)
