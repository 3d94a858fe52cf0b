# SPDX-License-Identifier: Apache-2.0
"""The configuration files explain themselves: a description of every key, in schemas and in the docs."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from scripts import keys

from joulepath import cli
from joulepath.schema import FILES, model
from tests.conftest import ROOT

pytestmark = pytest.mark.unit

MODELS = [*FILES.values(), "joulepath_topology:Topology"]
PAGES = sorted((ROOT / "docs").rglob("*.md"))


def properties(node: Any) -> Iterator[tuple[str, Any]]:
    """Every property at any depth of a schema."""
    if isinstance(node, dict):
        yield from node.get("properties", {}).items()
    for part in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from properties(part)


@pytest.mark.parametrize("place", MODELS)
def test_every_key_has_a_description(place: str) -> None:
    listed = list(properties(model(place).model_json_schema()))
    assert listed
    assert [key for key, item in listed if not item.get("description")] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.stem)
def test_the_key_tables_are_current(page: Any) -> None:
    text = page.read_text(encoding="utf-8")
    assert text == keys.with_keys(text), "run `make docs`"


def test_each_exporters_page_has_the_keys_of_its_file() -> None:
    listed = {place for page in PAGES for place in keys.places(page.read_text(encoding="utf-8"))}
    assert {FILES[name] for name in ("bmc", "ioam", "pdu", "tag")} <= listed
    assert "joulepath_topology.model:Topology" in listed


def test_a_stale_table_is_written_anew() -> None:
    head = "<!-- keys: joulepath.bmc.config:BmcConfig; x -->\n"
    written = keys.with_keys(f"{head}stale row\n<!-- end -->\n")
    assert "stale row" not in written
    assert "| `targets.NAME.timeout` | number, 1 to 300 |  | Seconds" in written


def test_a_duration_has_its_unit() -> None:
    assert "| `window` | such as `15s` | `120s` |" in keys.table("joulepath_topology:Topology", nested=False)


@pytest.mark.parametrize("name", FILES)
def test_the_command_prints_the_schema(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["schema", name]) == 0
    assert json.loads(capsys.readouterr().out)["properties"]
