# SPDX-License-Identifier: Apache-2.0
"""Formats of a report, from one that was made by hand. tests/report/test_truth.py reads the energies out of each."""

import csv
import io
import json
import re
from dataclasses import replace

import pytest
from markdown_it import MarkdownIt
from pyarrow import parquet

from joulepath_report import files, text
from joulepath_report.model import Column, Table
from joulepath_report.numbers import heading, shown
from tests.report.example import APPLICATIONS, REPORT

pytestmark = pytest.mark.unit


def test_csv_has_each_known_number_once_with_its_unit() -> None:
    """A number that is not known has no line."""
    lines = list(csv.DictReader(io.StringIO(files.csv_text(REPORT))))
    assert len({(line["table"], line["row"], line["column"]) for line in lines}) == len(lines)
    numbers = [
        value
        for table in REPORT.tables
        for row in table.all_rows()
        for value, column in zip(row, table.columns, strict=True)
        if not column.words and value is not None
    ]
    assert sorted(float(line["value"]) for line in lines) == sorted(numbers)
    found = {(line["table"], line["row"], line["column"]): line for line in lines}
    line = found["components", "qwen / gpu", "energy_joules"]
    assert (line["value"], line["unit"]) == ("2000000.0", "J")
    assert (line["begin"], line["end"]) == ("2026-11-28T00:00:00Z", "2026-11-29T00:00:00Z")
    assert ("applications", "robot_2 & 3", "joules_per_token") not in found
    assert found["days", "total", "energy_joules"]["value"] == "3600000.0"


def test_parquet_has_the_lines_of_csv() -> None:
    """With a number in the column of values."""
    rows = parquet.read_table(io.BytesIO(files.parquet_bytes(REPORT))).to_pylist()
    assert [tuple(row.values()) for row in rows] == [tuple(line) for line in files.lines(REPORT)]


def test_json_has_all_of_the_report() -> None:
    """Tables, flow, steps, notes and method; what is not known is null."""
    read = json.loads(files.json_text(REPORT))
    assert read["form"] == files.FORM
    assert (read["topology"], read["begin"]) == ("factory", REPORT.begin)
    assert read["tables"][0]["rows"][1][-1] is None
    assert read["flow"][0] == {"source": "factory", "target": "gpu", "joules": 2_600_000, "kind": "host"}
    assert len(read["steps"]) == len(REPORT.steps)


def test_latex_escapes_names_and_draws_no_vertical_line() -> None:
    """Each table stands alone, with a caption, a label, and a rule above the total."""
    written = text.latex(REPORT)
    assert written.count(r"\begin{table}") == written.count(r"\end{table}") == len(REPORT.tables)
    assert r"robot\_2 \& 3" in written
    assert "robot_2 &" not in "\n".join(line for line in written.splitlines() if not line.startswith("%"))
    assert r"coverage [\%]" in written
    first = written.partition(r"\end{table}")[0]
    assert r"\label{tab:factory-applications}" in first
    assert re.search(r"\\midrule\n total +& +3,600,000 &", first)
    (form,) = re.findall(r"\\begin\{tabular\}\{(\w+)\}", first)
    assert form == "lrrrr"  # the short columns: the name, J, kWh, g, coverage
    assert all(line.count("&") - line.count(r"\&") == 4 for line in first.splitlines() if line.endswith(r"\\"))


def test_markdown_tables_are_read_back_as_they_were() -> None:
    """By a reader of CommonMark: names with signs of Markdown, too."""
    renamed = replace(APPLICATIONS, rows=(("a|b *c* <d> _e_ [f]", *APPLICATIONS.rows[0][1:]),))
    read = MarkdownIt("commonmark").enable("table").parse(text.markdown(replace(REPORT, tables=(renamed,))))
    cells = [token.children or [] for token in read if token.type == "inline"]
    words = ["".join(child.content for child in children) for children in cells]
    assert "a|b *c* <d> _e_ [f]" in words
    assert "1,800,000" in words


def test_the_terminal_has_no_line_that_wraps_for_words() -> None:
    """Every table of it is at most as wide as a usual window, and a value that is not known is a dash."""
    written = text.terminal(REPORT)
    assert max(map(len, written.splitlines())) <= 120
    assert "robot-day" in written
    assert re.search(r"robot-day .* - .* -$", written, re.MULTILINE)
    assert written.splitlines()[-1].startswith("note: robot_2 & 3")


@pytest.mark.parametrize(
    ("value", "unit", "expected"),
    [
        (1234567.89, "J", "1,234,568"),
        (999.94, "J", "999.9"),
        (0.0123456, "kWh", "0.01235"),
        (1.26, "kWh", "1.260"),
        (0.98765, "ratio", "98.8"),
        (0.000456, "ratio", "0.046"),
        (0.0, "ratio", "0.0"),
        (0.0, "J", "0"),
        (None, "J", "-"),
        (999.96, "J", "1,000"),
        (2.5, "J/unit", "2.5 J"),
        (0.00013124, "J/unit", "131.2 \N{MICRO SIGN}J"),
        (4.2e-9, "J/unit", "4.2 nJ"),
        (0.9999999, "J/unit", "1 J"),
        (-2500.0, "J/unit", "-2.5 kJ"),
        (0.0, "J/unit", "0 J"),
        (1e-15, "J/unit", "0.001 pJ"),
    ],
)
def test_numbers_have_four_digits_or_all_before_the_point(value: float | None, unit: str, expected: str) -> None:
    """Percent for ratios, a dash for what is not known."""
    assert shown(value, Column("x", "x", unit)) == expected


def test_a_heading_names_the_unit() -> None:
    """Where there is one."""
    assert heading(Column("a", "energy", "kWh")) == "energy [kWh]"
    assert heading(Column("a", "amount", "count")) == "amount"
    assert heading(Column("a", "application")) == "application"


def test_latex_has_no_sign_that_its_engines_do_not_know() -> None:
    """The unit of a bit is a microjoule: a sign of ASCII alone is set by every engine."""
    rows = (("bit", 0.00013124),)
    table = Table("per-unit", "Energy for one", (Column("unit", "for one"), Column("j", "energy", "J/unit")), rows)
    written = text.latex(replace(REPORT, tables=(table,), notes=()))
    assert r"131.2 \textmu{}J" in written
    assert written.isascii()


def test_a_cost_of_a_million_has_digits_of_its_own_in_each_row() -> None:
    """A million bits cost a thousandth of a cent, a million requests hundreds of euros."""
    cost = Column("cost_eur_per_million", "cost of a million", "EUR/million")
    columns = (Column("application", "application"), Column("unit", "for one"), cost)
    table = Table("per-unit", "For one", columns, (("a", "bit", 0.00001234), ("a", "request", 512.5)), names=2)
    made = replace(REPORT, tables=(table,))
    for words in (text.terminal(made), text.markdown(made)):
        assert "cost of a million [EUR]" in words.replace("\\", "")
        assert "1.234e-05" in words
        assert "512.5" in words
    html = files.html_text(made)
    assert 'cost of a million <span class="unit">EUR</span>' in html.replace("Cost", "cost")
    assert ">0.00001234<" in html
    assert ">512.5<" in html
    assert [(line.value, line.unit) for line in files.lines(made)] == [
        (0.00001234, "EUR/million"),
        (512.5, "EUR/million"),
    ]


def test_latex_leaves_out_a_table_that_fits_no_page() -> None:
    """A comment says so; the others are there."""
    long = replace(APPLICATIONS, id="long", title="Long", rows=APPLICATIONS.rows * 30)
    written = text.latex(replace(REPORT, tables=(long, APPLICATIONS)))
    assert "% Long: 90 rows, which are more than a page has. CSV has them.\n" in written
    assert written.count(r"\begin{table}") == 1


@pytest.mark.parametrize(("spread", "shown_there"), [(None, False), (0.0, True), (0.25, True)])
def test_the_terminal_shows_policies_that_were_compared(spread: float | None, *, shown_there: bool) -> None:
    """Another table of dashes tells nothing."""
    columns = (Column("application", "application"), Column("spread", "spread", "ratio"))
    table = Table("policies", "Policies", columns, (("camera", spread),), "Under one each. Energy is not known: why.")
    written = text.terminal(replace(REPORT, tables=(table,)))
    assert ("Policies" in written) is shown_there
    assert ("\nnote: Energy is not known: why." in written) is shown_there
    assert "Under one each" not in written
