# SPDX-License-Identifier: Apache-2.0
"""The page as a text: it holds every number of the report, escapes every name, and names no other place."""

import dataclasses
import re
from html.parser import HTMLParser

import pytest

from joulepath_report.model import Column, Edge, Report, Step, Table
from joulepath_report.page.flow import arrange
from joulepath_report.page.html import page
from joulepath_report.page.looks import MOST, OTHERS, looks
from tests.report import example
from tests.report.page import example as large

pytestmark = pytest.mark.unit

EVIL = "<script>alert('1')</script>\"&{{ 7 * 7 }}"


class Elements(HTMLParser):
    """Tags with their attributes, and the values of all tables by row."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.rows: list[list[str]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Remembers it."""
        self.tags.append((tag, dict(attrs)))
        if tag == "tr":
            self.rows.append([])
        elif (value := dict(attrs).get("data-value")) is not None:
            self.rows[-1].append(value)

    def values(self, attribute: str) -> list[str]:
        """All values of an attribute."""
        return [value for _, attrs in self.tags if (value := attrs.get(attribute)) is not None]


def renamed(report: Report, name: str) -> Report:
    """The report with another name for everything in it."""
    table = Table(
        "applications", name, (Column("n", name), Column("j", "energy", "J")), ((name, 1.0),), name, (name, 1.0)
    )
    return dataclasses.replace(
        report,
        topology=name,
        hash=name,
        method=(name,),
        notes=(name,),
        tables=(table,),
        flow=(Edge(name, name, 2.0, "host"), Edge(name, name, 2.0, "component"), Edge(name, name, 2.0, "application")),
        steps=(Step(report.begin, 3600.0, name, 1.0),),
    )


def test_every_row_of_every_table_is_on_the_page() -> None:
    rows = Elements(page(example.REPORT)).rows
    known = [row for table in example.REPORT.tables for row in table.all_rows()]
    assert [row for row in known if ["" if value is None else str(value) for value in row] not in rows] == []


def test_notes_method_and_origin_are_on_the_page() -> None:
    text = page(example.REPORT)
    for words in (*example.REPORT.notes, *example.REPORT.method, example.REPORT.hash, example.REPORT.version):
        assert words.replace("&", "&amp;") in text


def test_a_name_is_a_text_wherever_it_stands() -> None:
    plain, evil = Elements(page(renamed(example.REPORT, "plain"))), page(renamed(example.REPORT, EVIL))
    assert [tag for tag, _ in Elements(evil).tags] == [tag for tag, _ in plain.tags]
    assert "49" not in re.sub(r"[\d.]*49[\d.]+|[\d.]+49[\d.]*", "", evil)


def test_the_page_refers_to_nothing_outside_itself() -> None:
    elements = Elements(page(large.report()))
    links = [*elements.values("href"), *elements.values("src"), *elements.values("action")]
    assert links
    assert all(link.startswith("#") for link in links)
    assert {link[1:] for link in links} <= set(elements.values("id"))


def test_ids_of_the_page_are_unique() -> None:
    ids = Elements(page(large.report())).values("id")
    assert sorted(ids) == sorted(set(ids))


def test_the_same_report_gives_the_same_page() -> None:
    assert page(example.REPORT) == page(example.REPORT)


@pytest.mark.parametrize(
    "report",
    [
        dataclasses.replace(example.REPORT, method=()),
        dataclasses.replace(example.REPORT, notes=()),
        dataclasses.replace(example.REPORT, tables=()),
        dataclasses.replace(example.REPORT, flow=()),
        dataclasses.replace(example.REPORT, steps=()),
        dataclasses.replace(example.REPORT, flow=(), steps=(), tables=(), notes=(), method=()),
    ],
    ids=["method", "notes", "tables", "flow", "steps", "everything"],
)
def test_a_report_that_lacks_a_part_has_a_page(report: Report) -> None:
    text = page(report)
    targets = re.findall(r'href="#([\w-]+)"', text)
    assert set(targets) <= set(re.findall(r'id="([\w-]+)"', text))


def test_applications_beyond_the_largest_share_a_look() -> None:
    chosen = looks(large.report())
    assert [chosen.label(key) for key in chosen.patterns][MOST:] == ["3 others", "unattributed"]
    assert len(set(chosen.patterns.values())) == MOST + 2
    assert chosen.key("chat-11") == OTHERS


def test_no_two_looks_have_the_same_pattern() -> None:
    shapes = re.findall(r'<pattern id="look-(?:\d+|others|unattributed)".*?<path d="(.*?)"/>', page(example.REPORT))
    assert len(shapes) == MOST + 3
    assert len(set(shapes)) >= MOST + 2


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(86400, "1 day"), (15900, "4 hours 25 minutes"), (59.6, "1 minute"), (90061, "1 day 1 hour"), (40, "40 seconds")],
)
def test_the_length_of_the_period_is_in_words(seconds: float, words: str) -> None:
    report = dataclasses.replace(example.REPORT, end=example.BEGIN + seconds)
    assert f"({words})" in page(report)


def test_names_in_backquotes_are_code_and_an_odd_one_is_a_text() -> None:
    text = page(dataclasses.replace(example.REPORT, notes=("All of `a & b` is known.", "5` wide, <b>")))
    assert "<li>All of <code>a &amp; b</code> is known.</li>" in text
    assert "<li>5` wide, &lt;b&gt;</li>" in text


def test_both_charts_show_the_same_applications() -> None:
    """The flow has eleven applications, and the steps two others: together they are more than one chart shows."""
    chosen = looks(large.tiny())
    nodes = arrange(large.tiny().flow, applications=chosen.patterns).nodes
    shown = {node.key for node in nodes if node.level == "application"}
    assert shown <= set(chosen.patterns)
    assert len(shown) == MOST + 1
    assert "1 other " in page(large.tiny())
