# SPDX-License-Identifier: Apache-2.0
"""The example of docs/reference/attribution.md: what is worked out by hand there is what the rules record."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
import yaml

from tests.conftest import ROOT
from tests.rules.promtool import Case, grow, run
from tests.topology.examined import sound

pytestmark = pytest.mark.unit

PAGE = (ROOT / "docs" / "reference" / "attribution.md").read_text(encoding="utf-8")
SECTION = PAGE.partition("\n## An example by hand\n")[2].partition("\n## ")[0]
ROW = re.compile(r"^\| `([^`]+)` \| ([0-9.]+)(?: [^|]+)? \|(?: ([^|]+) \|)?$", re.MULTILINE)

TABLE = re.search(r"^\| component \|(.*)\|\n.*\n((?:\|.*\|\n)+)", SECTION, re.MULTILINE)


def rows() -> Iterator[tuple[str, float, str | None]]:
    """The first cell in backticks, the number in the second, and the text of the third, if there is one."""
    for name, value, third in ROW.findall(SECTION):
        yield name, float(value), third or None


def by_hand(text: str) -> float:
    """The result of a calculation with numbers alone."""
    assert re.fullmatch(r"[0-9. +*/()-]+", text), text
    return float(eval(text))  # noqa: S307  # digits and operators, as just seen


def everything() -> tuple[list[str], dict[str, list[float | None]]]:
    """The columns and the rows of the table of all watts; None is an empty cell."""
    assert TABLE is not None
    columns = [cell.strip() for cell in TABLE[1].split("|")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in TABLE[2].splitlines()]
    return columns, {name: [float(cell) if cell else None for cell in values] for name, *values in cells}


def series() -> dict[str, str]:
    """The counters of the page, and the measured seconds of its meters."""
    values = {}
    for name, value, third in rows():
        if third is None:
            values[name] = grow(value)
            if "_energy_joules_total" in name:
                values[name.replace("_energy_joules_total", "_measured_seconds_total")] = grow(1)
    return values


def test_the_calculations_of_the_page_are_right() -> None:
    calculated = [(name, value, third) for name, value, third in rows() if third is not None]
    assert len(calculated) >= 20
    for name, value, third in calculated:
        assert by_hand(third) == pytest.approx(value, rel=1e-12), name


def test_the_table_of_all_watts_adds_up() -> None:
    """Each row to its sum, each column to the last row, and all to what the outlets count."""
    columns, table = everything()
    assert columns == ["camera", "robot", "unattributed", "sum"]
    for name, values in table.items():
        assert sum(value or 0 for value in values[:-1]) == values[-1], name
    *parts, total = table.values()
    assert [sum(column[row] or 0 for column in parts) for row in range(4)] == total
    assert total[-1] == sum(value for name, value, _ in rows() if name.startswith("pdu_outlet_energy_joules_total"))


def test_the_rules_record_what_the_page_says(promtool: Path, tmp_path: Path) -> None:
    topology = sound(yaml.safe_load(SECTION.partition("```yaml\n")[2].partition("```")[0]))
    expect: dict[tuple[float, str], Mapping[str, float]] = {}
    for name, value, third in rows():
        if third is not None:
            # Small values are compared as millionths of millionths.
            scale = 1 if value >= 1 else 1e6
            expect[5, f"sum({name}) * {scale:g}"] = {"": value * scale}
    columns, table = everything()
    for component, values in table.items():
        for application, watts in zip(columns, values, strict=True):
            labels = {"application": application, "component": component}
            matchers = ",".join(f'{label}="{name}"' for label, name in labels.items() if name != "sum")
            query = f"sum(application_component:power_watts{{{matchers}}})"
            expect[5, query] = {} if watts is None else {"": watts}
    assert len(expect) >= 45
    run(promtool, tmp_path, [Case("page", topology, series(), expect)])


ROBOT = 'application_component:power_watts{{application="robot",component="{}"}}'.format
PER = 'application:joules_per_{}{{application="robot"}}'.format

# The input that stops, the figure it makes absent, the seconds after its last sample until then, and those after the
# first sample it is back. The group `derived` reads what was recorded one interval before; here it runs as often.
TIMES = [
    ("pdu_outlet", 'host:power_watts{host="edge-1"}', 60, 60),
    ("ioam_", ROBOT("du-1"), 60, 60),
    ("ioam_", PER("bit"), 60, 75),
    ("kepler_", 'component:power_watts{component="du-1",part="static"}', 30, 60),
    ("vllm:", ROBOT("llm"), 30, 60),
    ("vllm:", PER("token"), 15, 135),
]


def test_figures_stop_and_return_when_the_page_says(promtool: Path, tmp_path: Path) -> None:
    """Scrapes fail from 5:15 to 10:00, then the counters go on from where they would be."""
    topology = sound(yaml.safe_load(SECTION.partition("```yaml\n")[2].partition("```")[0]))
    cases = []
    for number, (stopped, query, goes, comes) in enumerate(TIMES):
        there = {}
        for name, text in series().items():
            rate = float(text.removeprefix("0+").removesuffix("x40"))
            gone = f"0+{rate!r}x20 stale _x18 {40 * rate!r}+{rate!r}x20"
            there[name] = gone if name.startswith(stopped) else f"0+{rate!r}x60"
        seconds = {300 + goes: 1, 315 + goes: 0, 600 + comes - 15: 0, 600 + comes: 1}
        expect: dict[tuple[float, str], Mapping[str, float]] = {
            (second / 60, f"count({query})"): {"": 1} if present else {} for second, present in seconds.items()
        }
        expect[1, f"count({query})"] = {}
        cases.append(Case(f"stops-{number}", topology, there, expect))
    run(promtool, tmp_path, cases)
