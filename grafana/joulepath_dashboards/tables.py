# SPDX-License-Identifier: Apache-2.0
"""Tables of several queries: a row for each value of the labels, a column for each query."""

from collections.abc import Mapping, Sequence
from string import ascii_uppercase
from typing import NamedTuple

from grafana_foundation_sdk.builders import table
from grafana_foundation_sdk.models.dashboard import DataTransformerConfig, DynamicConfigValue

from joulepath_dashboards.common import column, rows


class Column(NamedTuple):
    """One column. Its query must keep the labels of the rows and no others, else rows do not merge."""

    title: str
    unit: str
    expr: str
    none: str | None = None
    """The text of a cell without a value, where that is not a gap."""


def merged(
    title: str,
    description: str,
    keys: Mapping[str, str],
    columns: Sequence[Column],
    *,
    page: str | None = None,
    kept: Sequence[str] = (),
) -> table.Panel:
    """The table. `keys` are the labels of the rows, with their titles; the first links to `page`, if there is one.

    `kept` are variables that both pages have, beside data source and topology.
    """
    panel = rows(title, description, columns[0].unit)
    names = {}
    for ref_id, each in zip(ascii_uppercase, columns, strict=False):
        names[f"Value #{ref_id}" if len(columns) > 1 else "Value"] = each.title  # as Grafana names them
        settings = [DynamicConfigValue("unit", each.unit)]
        settings += [] if each.none is None else [DynamicConfigValue("noValue", each.none)]
        panel = panel.with_target(column(each.expr, ref_id)).override_by_name(each.title, settings)
    if page is not None:
        label, heading = next(iter(keys.items()))
        panel = panel.override_by_name(heading, [DynamicConfigValue("links", [_link(page, label, kept)])])
    return panel.with_transformation(DataTransformerConfig("merge", options={})).with_transformation(
        DataTransformerConfig(
            "organize",
            options={
                "excludeByName": {"Time": True},
                "indexByName": {name: place for place, name in enumerate((*keys, *names))},
                "renameByName": {**keys, **names},
            },
        )
    )


def _link(page: str, label: str, kept: Sequence[str]) -> dict[str, str]:
    """To another page, with the row's value in its variable."""
    variables = "&".join(f"${{{name}:queryparam}}" for name in ("datasource", "topology", *kept))
    return {
        "title": "Look into ${__value.text}",
        "url": f"/d/{page}?{variables}&${{__url_time_range}}&var-{label}=${{__value.text}}",
    }
