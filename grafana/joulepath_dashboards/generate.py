# SPDX-License-Identifier: Apache-2.0
"""Builds every dashboard and writes it as JSON. No date, no random id: the same code gives the same bytes."""

import json
from pathlib import Path

from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard

from joulepath_dashboards import budgets, carbon, end_to_end, health, inference, meters, overview, path

PAGES = (budgets, carbon, end_to_end, health, inference, meters, overview, path)


def dashboards() -> dict[str, Dashboard]:
    """All dashboards by file name."""
    pages = [_number_panels(module.dashboard()) for module in PAGES]
    return {f"{str(page.uid).removeprefix('joulepath-')}.json": page for page in pages}


def write(folder: Path) -> list[Path]:
    """Writes all dashboards into `folder`, which is made if need be; returns the files. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, dashboard in dashboards().items():
        path = folder / name
        path.write_text(text(dashboard), encoding="utf-8")
        written.append(path)
    return written


def text(dashboard: Dashboard) -> str:
    """A dashboard as its file holds it."""
    return json.dumps(dashboard, cls=JSONEncoder, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def _number_panels(dashboard: Dashboard) -> Dashboard:
    """Gives the panels ids in the order of the page: Grafana would invent its own, and links to panels would break."""
    for number, panel in enumerate(dashboard.panels or (), start=1):
        panel.id_val = number
    return dashboard
