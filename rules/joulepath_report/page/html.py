# SPDX-License-Identifier: Apache-2.0
"""Writes the page of a report: one file. Its policy allows no request, and no style or script but its own."""

import base64
import hashlib
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import jinja2
from markupsafe import Markup

from joulepath_report.model import Report
from joulepath_report.page import bars, charts, digits, flow, tables, words
from joulepath_report.page.figures import figures
from joulepath_report.page.looks import PATTERNS, Looks, looks

HERE = Path(__file__).parent


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
    diagram = flow.arrange(report.flow, applications=chosen.patterns)
    drawn = bars.bars(report.steps, chosen)
    is_broken = bool(bars.gaps(drawn, report.begin, report.end))
    contents = _contents(report, has_flow=bool(diagram.nodes))
    return environment.get_template("page.html.jinja").render(
        report=report,
        contents=contents,
        figures=list(figures(report)),
        flow=charts.flow_svg(diagram, chosen, _flow_label(diagram)) if diagram.nodes else "",
        levels=[flow.LEVELS[level].lower() for level in diagram.levels],
        edges=tables.edges(report.flow),
        chart=charts.steps_svg(report, drawn, chosen, _steps_label(chosen)) if drawn else "",
        legend=_legend(chosen, gap=is_broken),
        gap=is_broken,
        tables=[table for table in report.tables if table.rows],
        short=tables.short,
        table=partial(tables.rendered, environment.get_template("table.html.jinja")),
        many=tables.MANY,
        patterns=PATTERNS,
        style=_text("page.css"),
        script=_text("page.js"),
        digest=_digest,
        instant=words.instant,
        prose=words.prose,
        day=words.day,
        span=words.span,
    )


def _contents(report: Report, *, has_flow: bool) -> Sequence[tuple[str, str]]:
    """Anchors and titles of the sections."""
    found = [("notes", "Notes on this period")] if report.notes else []
    found += [("flow", "From plugs to applications")] if has_flow else []
    found += [("time", "Power over time")] if report.steps else []
    found += [(table.id, table.title) for table in report.tables if table.rows]
    return [*found, ("method", "Method")] if report.method else found


def _flow_label(diagram: flow.Diagram) -> str:
    names = ", ".join(
        f"{node.name} {digits.energy(node.joules)}" for node in diagram.nodes if node.level == diagram.levels[-1]
    )
    return f"Flow of energy to applications: {names}. The table below has all of it."


def _steps_label(chosen: Looks) -> str:
    names = ", ".join(map(chosen.label, chosen.patterns))
    return f"Stacked bars of the mean power of {names} over time. The tables below have their energy."


def _legend(chosen: Looks, *, gap: bool) -> Sequence[tuple[str, str]]:
    """Names and looks, from the top of the stack."""
    found = [(chosen.label(key), look) for key, look in chosen.patterns.items()][::-1]
    return [*found, ("not measured, or only in part", "look-gap")] if gap else found


def _text(name: str) -> Markup:
    """A file of this folder, as it is: it is ours."""
    return Markup((HERE / name).read_text(encoding="utf-8"))  # noqa: S704


def _digest(text: str) -> str:
    """Hash of an element's text, as a policy names it."""
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
