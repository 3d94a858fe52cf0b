# SPDX-License-Identifier: Apache-2.0
"""Troubleshooting by symptom: each message that the page quotes is one of the program, each name in it exists."""

import argparse
import ast
import importlib
import re
import shlex
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from scripts.blocks import Block, blocks
from scripts.generate import modules

from joulepath.cli import COMMANDS
from joulepath_doctor.catalogue import KINDS
from joulepath_rules.series import PUBLIC, STEPS
from tests.conftest import ROOT
from tests.grafana.public_series import PROMETHEUS
from tests.rules.test_series import FOREIGN

pytestmark = pytest.mark.unit

PAGE = ROOT / "docs" / "guides" / "troubleshooting.md"
TEXT = PAGE.read_text(encoding="utf-8")
BLOCKS = list(blocks(PAGE))
SERVER = {
    "prometheus_config_last_reload_successful",
    "prometheus_notifications_alertmanagers_discovered",
    "prometheus_notifications_errors_total",
    "prometheus_rule_group_interval_seconds",
    "prometheus_rule_group_last_duration_seconds",
}
"""Prometheus' own metrics, as its 2.42 and 3.5 show them."""
METRICS = {
    *PROMETHEUS,
    *FOREIGN,
    *SERVER,
    *(metric.name for _, metrics in modules() for metric in metrics),
    *(series.name for series in (*PUBLIC, *STEPS)),
    "kepler_node_cpu_joules_total",
    "process_cpu_seconds_total",
}
NAME = re.compile(r"[a-z_]+(?::[a-z0-9_]+)+|[a-z]+(?:_[a-z]+)+")
SPOKEN = re.compile(r"joulepath |demo: |error |warning |note ")
"""The first words of a line that a program of ours prints."""
HEAD = re.compile(r"joulepath \w+: |demo: |(?:error|warning|note) \S+ \S+ ")
LETTERS = 12
"""A text with fewer letters would fit too much."""
ENOUGH = 0.3
"""The rest of a message is names, numbers and addresses."""


def units(block: Block) -> Iterator[str]:
    """The lines of a block of output. A row of the doctor, which goes on in lines that begin with a space, is one."""
    yield from (" ".join(unit.split()) for unit in re.split(r"\n(?! )", block.text.strip("\n")))


@cache
def templates() -> frozenset[tuple[str, ...]]:
    """The texts of our code."""
    paths = [path for root in ("exporters", "rules", "lab") for path in (ROOT / root).rglob("*.py")]
    return frozenset(parts for path in paths for parts in texts(path))


def texts(path: Path) -> Iterator[tuple[str, ...]]:
    """The texts of a file, each as the parts between the things that are filled in."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.JoinedStr):
            text = "".join(
                part.value if isinstance(part, ast.Constant) and isinstance(part.value, str) else "\0"
                for part in node.values
            )
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            text = re.sub(r"%[-.\d]*[a-z]", "\0", node.value)
        else:
            continue
        parts = tuple(part for part in text.split("\0") if part.strip())
        if sum(map(len, parts)) >= LETTERS and any(" " in part.strip() for part in parts):
            yield parts


def own_words(line: str) -> float:
    """The part of a line, after the name of the program or the place of a finding, that is in texts of ours, 0 to 1."""
    begin = next((match.end() for match in [HEAD.match(line)] if match), 0)
    found: set[int] = set()
    for parts in templates():
        found.update(position for span in spans(parts, line) for position in span if position >= begin)
    return len(found) / (len(line) - begin)


def spans(parts: tuple[str, ...], line: str) -> list[range]:
    """Where the parts of a text stand in a line, in their order; empty where one of them is missing."""
    found: list[range] = []
    for part in parts:
        start = line.find(part, found[-1].stop if found else 0)
        if start < 0:
            return []
        found.append(range(start, start + len(part)))
    return found


OUTPUTS = [unit for block in BLOCKS if block.language == "text" for unit in units(block)]
MESSAGES = [unit for unit in OUTPUTS if SPOKEN.match(unit)]
LINES = re.findall(r"^\|[^|]+\| `([^`]{20,})` \|$", TEXT, flags=re.MULTILINE)
"""Messages in tables."""


def test_every_message_is_one_that_a_program_says() -> None:
    assert len(MESSAGES) > 15
    assert LINES
    assert [message for message in [*MESSAGES, *LINES] if own_words(message) < ENOUGH] == []


@pytest.mark.parametrize(
    "message",
    [
        "joulepath rapl: the counter is not well today",
        "joulepath pdu: udp://10.0.0.5: no answer came within 4 seconds: look at the address, then at the network",
        "error target/down targets.pdu.pdu-1 http://127.0.0.1:10471/metrics is not there: connection refused",
    ],
)
def test_a_message_that_no_program_says_is_found(message: str) -> None:
    assert own_words(message) < ENOUGH


def test_every_finding_exists_and_leads_to_its_section() -> None:
    links = re.findall(r"\[([a-z]+/[a-z-]+)\]\(\.\./reference/doctor\.md#([\w-]+)\)", TEXT)
    assert len({name for name, _ in links}) > 25
    for name, anchor in links:
        assert name in KINDS
        assert anchor == name.replace("/", "")
    rows = {unit.split()[1] for unit in MESSAGES if re.match(r"error|warning|note", unit)}
    assert rows <= KINDS.keys() & {name for name, _ in links}


def test_every_metric_of_the_page_exists() -> None:
    queries = [query for block in BLOCKS if block.language == "promql" for query in block.text.strip().split("\n\n")]
    rows = [unit for unit in OUTPUTS if re.match(r"[\w:]*\{|\{", unit)]
    selected = {name for query in queries for name in named(query)} | set(spoken(TEXT))
    selected |= {name for row in rows if (name := row.partition("{")[0])}
    assert len(selected) > 25
    assert selected - METRICS == set()


def test_every_metric_of_the_page_about_the_method_exists() -> None:
    selected = set(spoken((ROOT / "docs" / "reference" / "method.md").read_text(encoding="utf-8")))
    assert len(selected) > 5
    assert selected - METRICS == set()


def spoken(text: str) -> Iterator[str]:
    """The words in code spans that are meant for metrics."""
    for span in re.findall(r"(?<!`)`([^`\n]+)`(?!`)", text):
        yield from filter(looks, NAME.findall(re.sub(r'"[^"]*"|\{[^}]*\}', "", span)))


def looks(name: str) -> bool:
    """Whether a word in a code span is meant for a metric."""
    return ":" in name or re.search(r"^(pdu|bmc|rapl|ioam|kepler|joulepath|prometheus|process)_.*_", name) is not None


def named(query: str) -> Iterator[str]:
    """The metrics that a query selects."""
    yield from NAME.findall(re.sub(r"\{[^}]*\}|\b(?:by|without) \([^)]*\)", "", query))


def test_every_command_of_the_page_is_taken_by_its_parser() -> None:
    commands = [command for block in BLOCKS if block.language == "sh" for command in block.commands]
    ours = [shlex.split(command.partition(" | ")[0]) for command in commands if command.startswith("joulepath ")]
    assert {words[1] for words in ours} == {"bmc", "doctor", "ioam", "pdu", "rules"}
    for _, name, *words in ours:
        parser = argparse.ArgumentParser(exit_on_error=False)
        importlib.import_module(COMMANDS[name][0]).configure(parser)
        parser.parse_args(words)


def test_every_alert_of_the_page_exists() -> None:
    named = set(re.findall(r"\bEnergy[A-Z]\w+", TEXT))
    runbook = (ROOT / "docs" / "reference" / "alerts.md").read_text(encoding="utf-8")
    assert named
    assert named <= set(re.findall(r"^### (\w+)$", runbook, flags=re.MULTILINE))
