# SPDX-License-Identifier: Apache-2.0
"""The flow of watts from plugs to applications, as a graph.

Grafana takes a query for edges by its name `edges` and one for nodes by `nodes`. An edge needs `id`, `source` and
`target`, a node `id`, and every end of an edge must be a node; `mainstat` is the figure. PromQL gives all but the last.
A column that is renamed keeps its old name inside, which the graph would look for, hence a calculated one.
"""

from collections.abc import Iterator

from grafana_foundation_sdk.builders import nodegraph
from grafana_foundation_sdk.builders.dashboard import Row
from grafana_foundation_sdk.models import units
from grafana_foundation_sdk.models.dashboard import DataTransformerConfig

from joulepath_dashboards.common import DATASOURCE, TOPOLOGY, column, empty

EDGES = f"flow:power_watts{{{TOPOLOGY}}}"
PLUGS = f'flow:power_watts{{{TOPOLOGY},kind="plug"}}'
# Whatever an edge leads to, with all that flows in; and plugs, with all that flows out.
_ENDS = f'label_replace({EDGES}, "id", "$1", "target", "(.+)") or label_replace({PLUGS}, "id", "$1", "source", "(.+)")'
NODES = (
    "sum by (id, title, subtitle) (label_replace(label_replace("
    f'{_ENDS}, "title", "$1", "id", "[^/]+/(.+)"), "subtitle", "$1", "id", "([^/]+)/.+"))'
)


def row() -> Row:
    """The row's heading."""
    return Row("From plugs to applications")


def panels() -> Iterator[nodegraph.Panel]:
    """The row's panels, from left to right."""
    description = (
        "Watts from each plug to its host, to the host's components, and on to the applications: what flows into a "
        "place flows out of it. A host may feed another one, such as a radio unit or a GPU. A gap means that no host "
        "is measured. Grafana draws 1,500 places at most."
    )
    yield (
        nodegraph.Panel()
        .title("Flow of power")
        .description(description)
        .datasource(DATASOURCE)
        .unit(units.Watt)
        .no_value(empty(description))
        .with_target(column(NODES, "nodes"))
        .with_target(column(f'label_join({EDGES}, "id", " > ", "source", "target")', "edges"))
        .with_transformation(
            DataTransformerConfig(
                "calculateField",
                # `timeSeries` would make one table of both.
                options={
                    "mode": "reduceRow",
                    "reduce": {"reducer": "sum"},
                    "alias": "mainstat",
                    "timeSeries": False,
                },
            )
        )
        .nodes(nodegraph.NodeOptions().main_stat_unit("W"))
        .edges(nodegraph.EdgeOptions().main_stat_unit("W"))
        .height(14)
        .span(24)
    )
