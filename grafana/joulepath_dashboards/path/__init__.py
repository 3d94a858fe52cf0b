# SPDX-License-Identifier: Apache-2.0
"""The dashboard "path": one application, component by component."""

from grafana_foundation_sdk.models.dashboard import Dashboard

from joulepath_dashboards.page import application, page, topology
from joulepath_dashboards.path import components, parts, sums

QUESTION = (
    "Where does one application's energy go: what it draws at each component of its path, which part of that "
    "component it is, and where its share is not known."
)


def dashboard() -> Dashboard:
    """The whole page."""
    return page("path", QUESTION, [topology(), application()], (sums, components, parts), tags=["co2"])
