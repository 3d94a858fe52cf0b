# SPDX-License-Identifier: Apache-2.0
"""Every PromQL block of the documentation gives rows, on the factory with its two hosts, sites and applications."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.rules import factory
from tests.rules.promtool import Case, run, topology

pytestmark = pytest.mark.unit

DOCS = Path(__file__).parent.parent.parent / "docs"


def recipes() -> Iterator[str]:
    """The queries of all ```promql blocks; an empty line stands between two queries of a block."""
    for page in sorted(DOCS.glob("*.md")):
        for block in re.findall(r"^```promql\n(.*?)^```$", page.read_text(), flags=re.MULTILINE | re.DOTALL):
            yield from block.strip().split("\n\n")


def test_recipes_give_rows(promtool: Path, tmp_path: Path) -> None:
    """Ten minutes after the second hour, with all series that the factory has."""
    steps = 130
    series = {}
    for name, text in factory.everything().items():
        step = 4 * float(text.removeprefix("0+").removesuffix("x40")) if text.startswith("0+") else 0.0
        series[name] = f"0+{step!r}x{steps}" if step else text.replace("x40", f"x{steps}")
    queries = list(recipes())
    assert len(queries) >= 11
    expect: dict[tuple[float, str], Mapping[str, float]] = {
        (130, f"count(\n{query}\n) > bool 0"): {"": 1} for query in queries
    }
    spaced = topology("interval: 1m\nwindow: 4m" + factory.TOPOLOGY)
    run(promtool, tmp_path, [Case("recipes", spaced, series, expect, step=60)])
