# SPDX-License-Identifier: Apache-2.0
"""Joulepath's Grafana dashboards, as code. `write` makes the JSON files that Grafana reads."""

from joulepath_dashboards.generate import dashboards, write

__all__ = ["dashboards", "write"]
