# SPDX-License-Identifier: Apache-2.0
"""Tables as text: for a terminal, in Markdown and in LaTeX. They have the short columns alone."""

import re
from collections.abc import Callable

from tabulate import SEPARATING_LINE, tabulate

from joulepath_report.model import Report, Table
from joulepath_report.numbers import MICRO, heading, shown
from joulepath_report.period import moment

IN_TERMINAL = re.compile(
    "applications|application-(parts|segments)|label-.*|per-unit|marginal|components|hosts|sites|supplies|sci|sci-per-unit|"
    "budgets(-.*)?|policies|changes"
)
"""The tables that a terminal shows; files have all."""

_SENTENCE = re.compile(r"(?<=\.) (?=[A-Z])")

MOST_IN_LATEX = 60
"""Rows of a table that LaTeX can set: it does not break one over pages."""

_LATEX = str.maketrans({
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}", ">": r"\textgreater{}", "`": None,
})  # fmt: skip
"""Of captions; words in backquotes lose these. tabulate escapes the cells itself."""

_MICRO_IN_LATEX = r"\textmu{}"

_MARKDOWN = str.maketrans({character: f"\\{character}" for character in "\\|*_<>[]"})


def terminal(report: Report) -> str:
    """The report for a terminal."""
    parts = [_head(report)]
    shown = [table for table in report.tables if _in_terminal(table)]
    parts += [f"{table.title}\n{_grid(table, 'simple')}" for table in shown]
    # Policies have a dash for many a reason, and the sentence below the table names it.
    below = [sentence for table in shown if table.id == "policies" for sentence in _SENTENCE.split(table.note)]
    notes = [*report.notes, *(sentence for sentence in below if "is not known" in sentence)]
    return "\n\n".join([*parts, *(["\n".join(f"note: {note}" for note in notes)] if notes else [])])


def _in_terminal(table: Table) -> bool:
    """Policies only where they were compared."""
    compared = table.id != "policies" or any(spread is not None for spread in table.column("spread").values())
    return compared and IN_TERMINAL.fullmatch(table.id) is not None


def markdown(report: Report) -> str:
    """The report as Markdown, with pipe tables as GitHub and pandoc read them."""
    parts = [f"# {_in_markdown(_head(report))}"]
    for table in report.tables:
        parts += [f"## {_in_markdown(table.title)}", _grid(table, "pipe", _in_markdown)]
        parts += [table.note] if table.note else []
    if report.notes:
        parts += ["## Notes", "\n".join(f"- {note}" for note in report.notes)]
    return "\n\n".join([*parts, "## Method", *report.method]) + "\n"


def latex(report: Report) -> str:
    """Each table with its caption. A document needs the package booktabs, which comes with every TeX."""
    parts = [f"% {_head(report)}\n% Needs the package booktabs."]
    parts += [f"% {note}" for note in report.notes]
    for table in report.tables:
        if len(table.rows) > MOST_IN_LATEX:
            parts.append(f"% {table.title}: {len(table.rows)} rows, which are more than a page has. CSV has them.")
            continue
        caption = f"{table.title}. {table.note}".strip().translate(_LATEX)
        parts.append(
            f"\\begin{{table}}\n\\centering\n\\caption{{{caption}}}\n\\label{{tab:{report.topology}-{table.id}}}\n"
            f"{_grid(table, 'latex_booktabs').replace(MICRO, _MICRO_IN_LATEX)}\n\\end{{table}}"
        )
    return "\n\n".join(parts) + "\n"


def _head(report: Report) -> str:
    return f"{report.topology}, {moment(report.begin)} to {moment(report.end)} UTC"


def _grid(table: Table, form: str, escape: Callable[[str], str] = str) -> str:
    """The short columns in a form of tabulate, with a line above the total where the form can have one."""
    columns = [(place, column) for place, column in enumerate(table.columns) if column.short]
    rows: list[list[str] | str] = [
        [escape(shown(row[place], column)) for place, column in columns] for row in table.all_rows()
    ]
    if table.total is not None and form != "pipe":
        rows.insert(-1, SEPARATING_LINE)
    return tabulate(
        rows,
        [escape(heading(column)) for _, column in columns],
        tablefmt=form,
        colalign=["left" if column.words else "right" for _, column in columns],
        disable_numparse=True,
    )


def _in_markdown(text: str) -> str:
    return text.translate(_MARKDOWN)
