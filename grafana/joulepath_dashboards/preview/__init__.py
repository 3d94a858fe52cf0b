# SPDX-License-Identifier: Apache-2.0
"""Draws dashboards without Grafana: each panel from its own queries, laid out as Grafana does, as HTML and PNG."""
