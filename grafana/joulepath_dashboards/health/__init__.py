# SPDX-License-Identifier: Apache-2.0
"""The dashboard "health": whether rules, exporters and captures do their work, and what was never measured."""

from grafana_foundation_sdk.models.dashboard import Dashboard

from joulepath_dashboards.health import captures, declared, exporters, rules, state
from joulepath_dashboards.page import page, topology

QUESTION = (
    "Whether the other dashboards can be trusted: whether rules, exporters and captures run, how much they lose, and "
    "which declared hosts and components were never measured."
)


def dashboard() -> Dashboard:
    """The whole page."""
    return page("health", QUESTION, [topology()], (state, declared, exporters, captures, rules))
