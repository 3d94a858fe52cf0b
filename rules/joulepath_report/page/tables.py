# SPDX-License-Identifier: Apache-2.0
"""Tables of a page: cells with their values, columns that fit side by side, the flow as a table."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

import jinja2
from markupsafe import Markup, escape

from joulepath_report.model import UNATTRIBUTED, Column, Edge, Table, Value
from joulepath_report.page import digits
from joulepath_report.page.words import prose

_LONG = 24
"""A name up to this length stays on one line."""


_WIDE = 8
"""Columns that are read side by side, and fit on paper."""

MANY = 60
"""Rows that are shown at once; longer tables are closed until a reader opens them."""


def rendered(template: jinja2.Template, table: Table, suffix: str = "") -> Markup:
    """The table; `suffix` makes its id another one where it is shown a second time."""
    places = [
        digits.column_decimals(column, [row[index] for row in table.rows]) for index, column in enumerate(table.columns)
    ]
    text = template.render(
        table=table,
        id=f"{table.id}{suffix}",
        label=f"Table: {table.title}{', all columns' if suffix else ''}",
        heading=digits.heading,
        places=places,
        cells=_cells,
        unattributed=UNATTRIBUTED,
        prose=prose,
    )
    return Markup(text)  # noqa: S704  # the template escapes


def short(table: Table) -> Table:
    """The table with its short columns alone, where all of them are too many to be read side by side."""
    if len(table.columns) <= _WIDE:
        return table
    kept = [index for index, column in enumerate(table.columns) if column.short]

    def cut(row: tuple[Value, ...]) -> tuple[Value, ...]:
        return tuple(row[index] for index in kept)

    return replace(
        table,
        columns=tuple(table.columns[index] for index in kept),
        rows=tuple(map(cut, table.rows)),
        total=cut(table.total) if table.total else None,
    )


def edges(found: Iterable[Edge]) -> Table:
    """The flow as a table, with what the diagram shows as "others"."""
    columns = (
        Column("level", "to"),
        Column("source", "from"),
        Column("target", "name"),
        Column("energy_joules", "energy", "J"),
        Column("energy_kwh", "energy", "kWh"),
    )
    rows = ((edge.kind, edge.source, edge.target, edge.joules, edge.joules / 3.6e6) for edge in found)
    return Table("flow-edges", "Flow", columns, tuple(rows), names=3)


def _cells(table: Table, row: Sequence[Value], places: Sequence[int]) -> Markup:
    """The cells of a row; the last name of the row is its heading."""
    heading = max(index for index in range(table.names) if row[index] or not index)
    cells = []
    for index, (column, value) in enumerate(zip(table.columns, row, strict=True)):
        text = escape(digits.cell(column, value, places[index]))
        if not text and not column.words:
            text = Markup('<span aria-hidden="true">\N{EN DASH}</span><span class="unseen">not known</span>')
        raw = "" if value is None else escape(value)
        style = "number" if not column.words else "word" if len(text) <= _LONG else "words"
        tag = Markup('th scope="row"') if index == heading else "td"
        cells.append(Markup('<{} class="{}" data-value="{}">{}</{}>').format(tag, style, raw, text, tag[:2]))
    return Markup("").join(cells)
