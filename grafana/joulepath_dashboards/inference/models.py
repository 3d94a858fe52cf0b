# SPDX-License-Identifier: Apache-2.0
"""The models beside each other: what each draws, and for which applications."""

from collections.abc import Iterator

from grafana_foundation_sdk.builders import timeseries
from grafana_foundation_sdk.builders.dashboard import Row
from grafana_foundation_sdk.models import units

from joulepath_dashboards.common import TOPOLOGY, over_time, stacked

MODELS = f'{TOPOLOGY},segment="model"'


def row() -> Row:
    """The row's heading."""
    return Row("Models")


def panels() -> Iterator[timeseries.Panel]:
    """The row's panels, from left to right."""
    yield (
        stacked(
            "Power by model",
            "Watts of each model on its hosts, whoever asks it; a gap means that its host or its share is not "
            "measured.",
            units.Watt,
        )
        .span(8)
        .with_target(
            over_time(f"sum by (component, host) (component:power_watts{{{MODELS}}})", "{{component}} on {{host}}")
        )
    )

    yield (
        stacked(
            "Power by model and part",
            "Watts of all models that are drawn at idle as well (static) and those that follow requests (dynamic), "
            "undivided where the topology does not say; a gap means that no model is measured.",
            units.Watt,
        )
        .span(8)
        .with_target(
            over_time(f"sum by (component, part) (component:power_watts{{{MODELS}}})", "{{component}} {{part}}")
        )
    )

    yield (
        stacked(
            "Power by model and application",
            "Watts of each model for each application that asks it; a gap means that the application's share of the "
            "model is not known.",
            units.Watt,
        )
        .span(8)
        .with_target(
            over_time(
                f"sum by (component, application) (application_component:power_watts{{{MODELS}}})",
                "{{component}} for {{application}}",
            )
        )
    )
