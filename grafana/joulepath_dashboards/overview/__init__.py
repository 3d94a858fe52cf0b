# SPDX-License-Identifier: Apache-2.0
"""The dashboard "overview": what everything costs, by site, application and label, now and over the chosen range."""

from grafana_foundation_sdk.models.dashboard import Dashboard

from joulepath_dashboards.overview import applications, costs, labels, now, sites
from joulepath_dashboards.page import label, page, topology

QUESTION = (
    "The cost of everything: watts, CO2 and money now, energy, CO2 and money over the chosen time range, by site, "
    "application and label such as a team. A gap means that something was not measured; it is never drawn as 0."
)


def dashboard() -> Dashboard:
    """The whole page."""
    return page("overview", QUESTION, [topology(), label()], (now, applications, costs, sites, labels), tags=["co2"])
