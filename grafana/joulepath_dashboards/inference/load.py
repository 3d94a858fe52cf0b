# SPDX-License-Identifier: Apache-2.0
"""Curves of the selected application: what a unit of its work costs, against how much of it there is."""

from collections.abc import Iterator

from grafana_foundation_sdk.builders import xychart
from grafana_foundation_sdk.builders.dashboard import Row
from grafana_foundation_sdk.models import units

from joulepath_dashboards.common import CHOSEN
from joulepath_dashboards.inference.curve import Axis, curve


def row() -> Row:
    """The row's heading."""
    return Row("$application against load")


def panels() -> Iterator[xychart.Panel]:
    """The row's panels, from left to right."""
    yield curve(
        "Energy per token against tokens",
        "Joules of the whole path for a generated token, over generated tokens per second: a point for each step of "
        "the time range. It falls with load while power is drawn at idle, too. A gap means that nothing was generated.",
        Axis(f"sum(application:tokens:rate{{{CHOSEN}}})", "tokens/s", units.CountsPerSecond),
        Axis(f"sum(application:joules_per_token{{{CHOSEN}}})", "J per token"),
    )
    yield curve(
        "Energy per request against requests",
        "Joules of the whole path for a request, over requests per second: a point for each step of the time range. It "
        "falls with load while power is drawn at idle, too. A gap means that nothing was asked.",
        Axis(f"sum(application:inferences:rate{{{CHOSEN}}})", "requests/s", units.RequestsPerSecond),
        Axis(f"sum(application:joules_per_inference{{{CHOSEN}}})", "J per request"),
    )
