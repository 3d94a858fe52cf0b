# SPDX-License-Identifier: Apache-2.0
"""The policies by which the components on the path are divided."""

from collections.abc import Iterator

from grafana_foundation_sdk.builders import table
from grafana_foundation_sdk.builders.dashboard import Row
from grafana_foundation_sdk.models import units

from joulepath_dashboards.common import CHOSEN, TOPOLOGY
from joulepath_dashboards.tables import Column, merged

WEIGHT = (
    f"sum by (component, part, by) (component:policy:ratio{{{TOPOLOGY}}}"
    f" and on (component) application_component:power_watts{{{CHOSEN}}})"
)
PART = f"sum by (component, part) (component:power_watts{{{TOPOLOGY}}})"


def row() -> Row:
    """The row's heading."""
    return Row("Policies on the path")


def panels() -> Iterator[table.Panel]:
    """The row's panels, from left to right."""
    yield merged(
        "Amounts that power follows",
        "How each component on the path is divided among applications: the amount that each part of its power follows "
        "(`count` are packets or requests, `volume` bytes or tokens, `equal` the number of those that send), with its "
        "weight, and the watts of that part now. `unattributed` is given to no application. Steps come out of the "
        "dynamic part and have no watts here. A missing row means that the share at a component is not known.",
        {"component": "Component", "part": "Part", "by": "Follows"},
        [
            Column("Weight", units.PercentUnit, WEIGHT),
            Column(
                "Power of the part", units.Watt, f"0 * {WEIGHT} + on (component, part) group_left () {PART}", none="-"
            ),
        ],
    ).height(10)
