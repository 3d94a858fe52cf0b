# SPDX-License-Identifier: Apache-2.0
"""Plain English: pages, messages, comments and docstrings break no rule of the style."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.scripts.language import Finding, c_comments, comments, findings, inner, messages, prose

pytestmark = pytest.mark.unit

Reader = Callable[[str], Iterator[tuple[int, str]]]

PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md"), *(ROOT / "examples").rglob("*.md")])
CODE = [
    path
    for root in ("exporters", "rules", "grafana", "lab", "scripts", "benchmarks")
    for path in (ROOT / root).rglob("*.py")
]
TESTS = sorted((ROOT / "tests").rglob("*.py"))


def broken_rules(paths: Iterable[Path], reader: Reader) -> list[Finding]:
    return [
        finding
        for path in paths
        for finding in findings(path.relative_to(ROOT), reader(path.read_text(encoding="utf-8")))
    ]


def test_pages_are_in_plain_english() -> None:
    assert [str(finding) for finding in broken_rules(PAGES, prose)] == []


def test_messages_and_help_texts_are_in_plain_english() -> None:
    assert [str(finding) for finding in broken_rules(CODE, messages)] == []


def test_examples_and_configuration_files_are_in_plain_english() -> None:
    paths = [
        path for root in ("examples", "deploy/prometheus", "deploy/leaves") for path in (ROOT / root).rglob("*.y*ml")
    ]
    assert paths
    assert [str(finding) for finding in broken_rules(paths, comments)] == []


def test_comments_and_docstrings_are_in_plain_english() -> None:
    sources = [path for path in (ROOT / "exporters").rglob("*") if path.suffix in (".c", ".h")]
    rules = sorted(path for root in ("rules", "lab") for path in (ROOT / root).rglob("*.yaml"))
    assert len(TESTS) > 100
    left = [*broken_rules([*CODE, *TESTS], inner), *broken_rules(sources, c_comments), *broken_rules(rules, comments)]
    assert [str(finding) for finding in left] == []


@pytest.mark.parametrize(
    ("text", "broken"),
    [
        ("the queue is no list", 1),
        ("there is no host 'x'", 0),
        ("it is no longer there", 0),
        ("a flow whose sender left", 1),
        ("What it publishes", 1),
        ("Read this. What is left is untraced", 1),
        ("What is a watt?", 0),
        ("lines: must be a text", 1),
        ("a pipe is no file  # language: quotes an old message", 0),
    ],
)
def test_a_rule_matches_the_forms_that_it_forbids(text: str, broken: int) -> None:
    assert bool(list(findings(Path("x"), iter([(1, text)])))) == bool(broken)


def test_prose_is_separated_from_code() -> None:
    page = "# What it is\n```\nWhat is code\n```\nthe user `nobody`\n"
    assert [number for number, _ in prose(page)] == [1, 5]
    assert len(list(findings(Path("x"), prose(page)))) == 1
    code = '"""Whose it is."""\n# What is left\nraise ValueError("x is no key")\n'
    assert {finding.line for finding in findings(Path("x"), inner(code))} == {1, 2}
    assert {finding.line for finding in findings(Path("x"), messages(code))} == {3}
    assert [number for number, _ in c_comments("int a; /* one\n * two */\n// three\n")] == [1, 2, 3]
