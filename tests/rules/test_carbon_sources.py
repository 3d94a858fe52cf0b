# SPDX-License-Identifier: Apache-2.0
"""Warnings about live factors that the sources of joulepath carbon do not have."""

from pathlib import Path

import pytest

from joulepath.cli import main
from joulepath_rules.carbon_sources import doubts
from joulepath_topology import read

pytestmark = pytest.mark.unit

HOUSE = """
sites: {s: {%s}}
hosts: {h: {site: s, power: [{watts: w}]}}
components: {h: {role: upf, traffic: {ioam: 1}}}
"""


@pytest.mark.parametrize(
    ("site", "lines"),
    [
        ("grid_zone: DE, source: ember", []),
        ("grid_zone: GB, source: uk, boundary: direct", []),
        ("grid_zone: CAISO_NORTH, source: watttime, boundary: direct, factor: marginal", []),
        ("grid_zone: DE, source: own-exporter", []),
        ("grams_per_kwh: 344", []),
        (
            "grid_zone: GB, source: uk",
            ["sites.s.boundary: is lifecycle, and uk has direct only: write `boundary: direct`"],
        ),
        (
            "grid_zone: DEU, source: ember",
            ["sites.s.grid_zone: 'DEU' is not a zone of ember (did you mean DE?): docs/reference/carbon-sources.md"],
        ),
        ("grid_zone: DE, source: embre", ["sites.s.source: 'embre' is not a source of joulepath carbon (did you mean"]),
        (
            "grid_zone: FR, source: ember, factor: marginal",
            ["sites.s.factor: is marginal, and ember has average factors only: write `factor: average`"],
        ),
        (
            "supply: [{share: 0.5, grams_per_kwh: 20}, {grid_zone: GB, source: uk}]",
            ["sites.s.supply[1].boundary: is lifecycle, and uk has direct only"],
        ),
    ],
)
def test_a_factor_that_no_source_has_is_a_warning(site: str, lines: list[str], tmp_path: Path) -> None:
    path = tmp_path / "t.yaml"
    path.write_text(HOUSE % site)
    found = [str(problem).removeprefix("warning: ") for problem in doubts(read(path))]
    assert len(found) == len(lines)
    assert all(one.startswith(line) for one, line in zip(found, lines, strict=True)), found


def test_rules_check_prints_the_warning_and_goes_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Another exporter may publish such a factor under the same name."""
    path = tmp_path / "t.yaml"
    path.write_text(HOUSE % "grid_zone: GB, source: uk")
    assert main(["rules", "check", str(path)]) == 0
    assert f"{path}: warning: sites.s.boundary: is lifecycle, and uk has direct only" in capsys.readouterr().out
