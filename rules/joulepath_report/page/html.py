# SPDX-License-Identifier: Apache-2.0
"""Writes the page of a report: one file, whose policy allows no request, and no style or script but its own."""

import base64
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import jinja2
from markupsafe import Markup, escape

from joulepath_report.model import UNATTRIBUTED, Column, Report, Table, Value
from joulepath_report.page import bars, charts, digits, flow
from joulepath_report.page.looks import Looks, looks

HERE = Path(__file__).parent

_SHAPES = (
    "",
    "M-2,2l4,-4M0,8l8,-8M6,10l4,-4",
    "M0,2h8M0,6h8",
    "M2,1a1,1 0 1,0 .1,0M6,5a1,1 0 1,0 .1,0",
    "M2,0v8M6,0v8",
    "M-2,6l4,4M0,0l8,8M6,-2l4,4",
    "M0,4h8M4,0v8",
    "M0,2l4,4l4,-4",
    "M0,0l8,8M8,0l-8,8",
    "M0,4h8",
    "M4,0v8",
)
"""A pattern for each look, in a square of 8: told apart without colour."""

_PATTERNS = [
    *((f"look-{number}", shape) for number, shape in enumerate(_SHAPES)),
    ("look-others", "M1,3h2M5,7h2"),
    ("look-unattributed", "M-2,2l4,-4M0,8l8,-8M6,10l4,-4"),
    ("look-gap", "M0,0l8,8"),
]


_LONG = 24
"""A name up to this length stays on one line."""


_WIDE = 8
"""Columns that are read side by side, and fit on paper."""

_MANY = 60
"""Rows that are shown at once; longer tables are closed until a reader opens them."""


@dataclass(frozen=True)
class Figure:
    """A number of the head of the page."""

    title: str
    value: str
    note: str = ""


def page(report: Report) -> str:
    """The page. Texts of the report are escaped: names may come from anywhere."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(HERE),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    chosen = looks(report)
    diagram = flow.arrange(report.flow)
    whole = sum(node.joules for node in diagram.nodes if node.level == "application")
    scale = digits.Scale.of(whole)
    drawn = bars.bars(report.steps, chosen)
    is_broken = bool(bars.gaps(drawn, report.begin, report.end))
    contents = _contents(report, has_flow=bool(diagram.nodes))
    return environment.get_template("page.html.jinja").render(
        report=report,
        contents=contents,
        figures=list(_figures(report, scale)),
        flow=charts.flow_svg(diagram, chosen, scale, _flow_label(diagram, scale)) if diagram.nodes else "",
        levels=[flow.LEVELS[level].lower() for level in diagram.levels],
        edges=_edges(report, scale),
        chart=charts.steps_svg(report, drawn, chosen, _steps_label(chosen)) if drawn else "",
        legend=_legend(chosen, gap=is_broken),
        gap=is_broken,
        tables=[table for table in report.tables if table.rows],
        short=_short,
        table=partial(_table, environment),
        many=_MANY,
        patterns=_PATTERNS,
        style=_text("page.css"),
        script=_text("page.js"),
        digest=_digest,
        instant=_instant,
        prose=_prose,
        day=lambda seconds: _utc(seconds).strftime("%Y-%m-%d"),
        span=_span,
    )


def _contents(report: Report, *, has_flow: bool) -> Sequence[tuple[str, str]]:
    """Anchors and titles of the sections."""
    found = [("notes", "Notes on this period")] if report.notes else []
    found += [("flow", "From plugs to applications")] if has_flow else []
    found += [("time", "Power over time")] if report.steps else []
    found += [(table.id, table.title) for table in report.tables if table.rows]
    return [*found, ("method", "Method")] if report.method else found


def _figures(report: Report, scale: digits.Scale) -> Iterator[Figure]:
    """Energy of all plugs, and the part of it that applications have."""
    joules = {UNATTRIBUTED: 0.0}
    for edge in report.flow:
        if edge.kind == "application":
            joules[edge.target] = joules.get(edge.target, 0.0) + edge.joules
    whole = sum(joules.values())
    if whole <= 0:
        return
    rest = joules.pop(UNATTRIBUTED)
    yield Figure("Energy", scale.text(whole), f"{digits.number(whole, 0)} J at the plugs")
    yield Figure("Attributed to applications", _percent(1 - rest / whole), scale.text(whole - rest))
    yield Figure("Unattributed", _percent(rest / whole), scale.text(rest))
    if joules:
        largest = max(joules, key=lambda name: joules[name])
        yield Figure(
            "Largest application", largest, f"{scale.text(joules[largest])}, {_percent(joules[largest] / whole)}"
        )


def _percent(ratio: float) -> str:
    return f"{digits.number(ratio * 100, 1)} %"


def _flow_label(diagram: flow.Diagram, scale: digits.Scale) -> str:
    names = ", ".join(
        f"{node.name} {scale.text(node.joules)}" for node in diagram.nodes if node.level == diagram.levels[-1]
    )
    return f"Flow of energy to applications: {names}. The table below has all of it."


def _steps_label(chosen: Looks) -> str:
    names = ", ".join(map(chosen.label, chosen.patterns))
    return f"Stacked bars of the mean power of {names} over time. The tables below have their energy."


def _legend(chosen: Looks, *, gap: bool) -> Sequence[tuple[str, str]]:
    """Names and looks, from the top of the stack."""
    found = [(chosen.label(key), look) for key, look in chosen.patterns.items()][::-1]
    return [*found, ("not measured", "look-gap")] if gap else found


def _edges(report: Report, scale: digits.Scale) -> Table:
    rows = tuple((flow.LEVELS[edge.kind], edge.source, edge.target, edge.joules / scale.joules) for edge in report.flow)
    columns = (Column("level", "To"), Column("source", "From"), Column("target", "Name"), Column("joules", scale.unit))
    return Table("flow-edges", "Flow", columns, rows, names=3)


def _table(environment: jinja2.Environment, table: Table, suffix: str = "") -> Markup:
    """The table; `suffix` makes its id another one where it is shown a second time."""
    places = [
        digits.column_decimals(column, [row[index] for row in table.rows]) for index, column in enumerate(table.columns)
    ]
    text = environment.get_template("table.html.jinja").render(
        table=table,
        id=f"{table.id}{suffix}",
        label=f"Table: {table.title}{', all columns' if suffix else ''}",
        heading=digits.heading,
        places=places,
        cells=_cells,
        unattributed=UNATTRIBUTED,
        prose=_prose,
    )
    return Markup(text)  # noqa: S704  # the template escapes


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


def _short(table: Table) -> Table:
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


def _text(name: str) -> Markup:
    """A file of this folder, as it is: it is ours."""
    return Markup((HERE / name).read_text(encoding="utf-8"))  # noqa: S704


def _prose(text: str) -> Markup:
    """A sentence, with the names that stand in backquotes as code."""
    parts = text.split("`")
    if len(parts) % 2 == 0:
        return escape(text)
    code, plain = Markup("<code>{}</code>"), Markup("{}")
    return Markup("").join((code if number % 2 else plain).format(part) for number, part in enumerate(parts))


def _digest(text: str) -> str:
    """Hash of an element's text, as a policy names it."""
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _utc(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _instant(seconds: float) -> Markup:
    moment = _utc(seconds)
    shown = moment.strftime("%Y-%m-%d %H:%M" if not moment.second else "%Y-%m-%d %H:%M:%S")
    return Markup('<time datetime="{}">{}</time>').format(moment.strftime("%Y-%m-%dT%H:%M:%SZ"), shown)


def _span(seconds: float) -> str:
    """A length of time in its two largest units."""
    left, words = round(seconds), []
    for unit, length in (("day", 86400), ("hour", 3600), ("minute", 60), ("second", 1)):
        count, left = divmod(left, length)
        if count:
            words.append(f"{count} {unit}{'' if count == 1 else 's'}")
    return " ".join(words[:2])
