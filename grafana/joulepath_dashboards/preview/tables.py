# SPDX-License-Identifier: Apache-2.0
"""Tables: results of instant queries with the transformations "merge" and "organize"."""

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from joulepath_dashboards.preview.answers import Line
from joulepath_dashboards.preview.numbers import written


def body(panel: Mapping[str, Any], found: Sequence[Line]) -> Markup:
    """The table of a panel: a row for each set of labels, a column for each label and each query."""
    organize: Mapping[str, Any] = next(
        (each["options"] for each in panel["transformations"] if each["id"] == "organize"), {}
    )
    several = len(panel["targets"]) > 1
    rows: dict[tuple[tuple[str, str], ...], dict[str, str | float]] = {}
    for line in found:
        row = rows.setdefault(tuple(sorted(line.labels.items())), dict(line.labels))
        row[f"Value #{line.ref}" if several else "Value"] = line.points[-1].value
    order, hidden = organize.get("indexByName", {}), organize.get("excludeByName", {})
    columns = sorted(
        {name for row in rows.values() for name in row if not hidden.get(name)},
        key=lambda name: (order.get(name, len(order)), name.startswith("Value"), name),
    )
    titles = {name: organize.get("renameByName", {}).get(name, name) for name in columns}
    defaults = panel["fieldConfig"]["defaults"]
    units, texts = (_settings(panel, setting) for setting in ("unit", "noValue"))
    links = {
        override["matcher"]["options"]
        for override in panel["fieldConfig"].get("overrides", ())
        if any(each["id"] == "links" for each in override["properties"])
    }

    def cell(row: Mapping[str, str | float], name: str) -> Markup:
        value = row.get(name)
        if value is None and not name.startswith("Value"):  # Grafana has a label that a row lacks as an empty one
            return Markup("<td></td>")
        if value is None:
            return Markup('<td class="number">{}</td>').format(texts.get(titles[name], defaults.get("noValue", "")))
        if isinstance(value, str):
            return Markup('<td class="{}">{}</td>').format("link" if titles[name] in links else "", value)
        unit = units.get(titles[name], defaults["unit"])
        return Markup('<td class="number">{}</td>').format(written(unit, value))

    head = Markup().join(
        Markup('<th class="{}">{}</th>').format("number" if name.startswith("Value") else "", titles[name])
        for name in columns
    )
    lines = Markup().join(
        Markup("<tr>{}</tr>").format(Markup().join(cell(row, name) for name in columns)) for row in rows.values()
    )
    return Markup("<table><tr>{}</tr>{}</table>").format(head, lines)


def _settings(panel: Mapping[str, Any], setting: str) -> dict[str, str]:
    """A setting of those columns that have one of their own."""
    return {
        override["matcher"]["options"]: each["value"]
        for override in panel["fieldConfig"].get("overrides", ())
        for each in override["properties"]
        if each["id"] == setting
    }
