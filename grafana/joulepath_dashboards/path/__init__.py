# SPDX-License-Identifier: Apache-2.0
"""The dashboard "path": one application, component by component."""

from grafana_foundation_sdk.models.dashboard import Dashboard

from joulepath_dashboards.page import application, page, topology
from joulepath_dashboards.path import components, parts, policies, sums

QUESTION = (
    "One application along its path: its watts at each component, its part of that component and the policy that says "
    "so, its CO2 and cost, and where its share is not known."
)


def dashboard() -> Dashboard:
    """The whole page."""
    return page("path", QUESTION, [topology(), application()], (sums, components, parts, policies), tags=["co2"])
