# SPDX-License-Identifier: Apache-2.0
"""The dashboard "inference": what a request and a token cost, against load, and what the models draw."""

from grafana_foundation_sdk.models.dashboard import Dashboard

from joulepath_dashboards.inference import load, models, work
from joulepath_dashboards.page import application, page, topology

QUESTION = (
    "The cost of an inference: joules and CO2 for a request and for a generated token, of the whole path, by "
    "application and against load, and the power of each model."
)


def dashboard() -> Dashboard:
    """The whole page."""
    return page("inference", QUESTION, [topology(), application()], (work, load, models), tags=["co2"])
