# SPDX-License-Identifier: Apache-2.0
"""The dashboard "inference": what a request and a token cost, against load, and what the models draw."""

from grafana_foundation_sdk.models.dashboard import Dashboard

from joulepath_dashboards.inference import compared, load, models, prompts, work
from joulepath_dashboards.page import application, model, page, topology

QUESTION = (
    "The cost of an inference: joules and CO2 for a request and for a generated token, of the whole path, by "
    "application, by model and against load, the power of each model, and prompts against generated tokens."
)


def dashboard() -> Dashboard:
    """The whole page."""
    return page(
        "inference",
        QUESTION,
        [topology(), application(), model()],
        (work, load, compared, models, prompts),
        tags=["co2"],
    )
