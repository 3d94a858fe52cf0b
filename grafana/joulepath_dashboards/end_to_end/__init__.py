# SPDX-License-Identifier: Apache-2.0
"""The dashboard "end to end": from the plugs to the applications, and whether it adds up. One module per row."""

from grafana_foundation_sdk.models.dashboard import Dashboard

from joulepath_dashboards.end_to_end import applications, budgets, conservation, flow, gaps, overview
from joulepath_dashboards.page import applications as selected
from joulepath_dashboards.page import page, topology

QUESTION = (
    "Energy and CO2 of applications along their path: network functions, supporting functions, models. "
    "A gap means that something on the way was not measured; it is never drawn as 0."
)


def dashboard() -> Dashboard:
    """The whole page."""
    rows = (overview, flow, applications, gaps, conservation, budgets)
    return page("end to end", QUESTION, [topology(), selected()], rows, tags=["co2"])
