# SPDX-License-Identifier: Apache-2.0
"""The dashboard "budgets and alerts": what is used of each budget, and which alerts fire."""

from grafana_foundation_sdk.models.dashboard import Dashboard

from joulepath_dashboards.budgets import alerts, budgets
from joulepath_dashboards.page import page, topology

QUESTION = (
    "Whether each budget of energy, CO2 and money will last, and which alerts about energy and about its data fire. "
    "Alerts are those of the Prometheus that evaluates the rules, of all its topologies."
)


def dashboard() -> Dashboard:
    """The whole page."""
    return page("budgets and alerts", QUESTION, [topology()], (budgets, alerts), tags=["alerts"])
