# SPDX-License-Identifier: Apache-2.0
"""The dashboard "carbon": which factors count, from which sources, and what supplies and embodied emissions add."""

from grafana_foundation_sdk.models.dashboard import Dashboard

from joulepath_dashboards.carbon import bases, embodied, factors, sources, supplies
from joulepath_dashboards.page import page, topology

QUESTION = (
    "The grams behind the watts: which factor of which source counts at each site and how old it is, what each supply "
    "delivers, CO2 by place and by contract, embodied emissions and the Software Carbon Intensity."
)


def dashboard() -> Dashboard:
    """The whole page."""
    return page("carbon", QUESTION, [topology()], (factors, sources, supplies, bases, embodied), tags=["co2"])
