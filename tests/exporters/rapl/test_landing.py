# SPDX-License-Identifier: Apache-2.0
"""The landing page of `joulepath rapl`, in watts, worked out by hand."""

from pathlib import Path

import pytest

from joulepath.rapl.command import RaplExporter
from joulepath.rapl.hwmon import HwmonSource
from joulepath.rapl.source import PowercapSource
from joulepath.web.overview import Overview
from tests.exporters.rapl.tree import RANGE_UJ, write_zone

pytestmark = pytest.mark.unit


def test_the_landing_page_shows_watts_of_the_host_and_its_zones(tmp_path: Path) -> None:
    now = [100.0]
    package = write_zone(tmp_path, "intel-rapl:0", "package-0", RANGE_UJ - 100_000_000)
    write_zone(tmp_path, "intel-rapl:0:0", "dram", 7)
    exporter = RaplExporter(PowercapSource(tmp_path), HwmonSource(tmp_path), lambda: now[0])
    overview = Overview(exporter, lambda: now[0])

    def look() -> dict[str, float | None]:
        (target,) = overview.targets()
        return {shown.title: target[1].total(shown) for shown in target[1].values}

    first = look()
    assert set(first.values()) <= {None, 0.0}  # nothing is known of a host that was read once
    now[0] += 10
    # The package's counter wraps: 100 J to its end, 400 J after it. Memory: 20 J.
    (package / "energy_uj").write_text("400000000\n")
    write_zone(tmp_path, "intel-rapl:0:0", "dram", 20_000_007)
    second = look()
    assert second["package"] == pytest.approx(50.0)
    assert second["dram"] == pytest.approx(2.0)
    assert second["host"] == pytest.approx(52.0)
    now[0] += 10
    (package / "energy_uj").write_text("unreadable\n")
    write_zone(tmp_path, "intel-rapl:0:0", "dram", 30_000_007)
    third = look()
    # A host without one of its parts has no watts; memory goes on: 10 J in 10 s.
    assert "host" not in third
    assert third["dram"] == pytest.approx(1.0)
    assert exporter.condition().up
    assert "cannot be read" in exporter.condition().fault
