# SPDX-License-Identifier: Apache-2.0
"""The dashboard "overview": what everything costs, by site and application, now and over the chosen range."""

from grafana_foundation_sdk.models.dashboard import Dashboard

from joulepath_dashboards.overview import applications, now, sites
from joulepath_dashboards.page import page, topology

QUESTION = (
    "The cost of everything: watts and CO2 now, energy and CO2 over the chosen time range, by site and by "
    "application. A gap means that something was not measured; it is never drawn as 0."
)


def dashboard() -> Dashboard:
    """The whole page."""
    return page("overview", QUESTION, [topology()], (now, applications, sites), tags=["co2"])
