# SPDX-License-Identifier: Apache-2.0
"""The dashboard "meters": PDUs and servers as their meters show them, and whether registers agree with integrals."""

from grafana_foundation_sdk.models.dashboard import Dashboard

from joulepath_dashboards.meters import pdus, servers
from joulepath_dashboards.page import devices, page

QUESTION = (
    "Readings of meters: PDUs, outlets, servers and their supplies, and whether the energy register of each meter "
    "agrees with its power. The page reads the series of the exporters, whether a topology names the meters or not."
)


def dashboard() -> Dashboard:
    """The whole page."""
    return page("meters", QUESTION, [devices()], (pdus, servers), tags=["meters"])
