# SPDX-License-Identifier: Apache-2.0
"""The same report from each server that people have: Prometheus 2 and 3, and VictoriaMetrics."""

import dataclasses
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from subprocess import DEVNULL, Popen

import pytest

from joulepath_lab.run.ports import free_port
from joulepath_prometheus.client import Prometheus
from joulepath_prometheus.errors import PrometheusError
from joulepath_report.build import build
from joulepath_report.model import Report
from tests.conftest import Monitoring
from tests.report import plant
from tests.rules.backfilled import Sample, served

pytestmark = pytest.mark.lab

PERIODS = {
    "whole": (plant.START, plant.END),
    "odd": (plant.START + 1234, plant.END - 777),
    "over-an-edge": (plant.START + 3599, plant.START + 7201),
}


@contextmanager
def imported(program: Path, folder: Path, samples: list[Sample]) -> Iterator[Prometheus]:
    """A VictoriaMetrics that has these samples."""
    address = f"127.0.0.1:{free_port()}"
    words = [str(program), f"-storageDataPath={folder}", f"-httpListenAddr={address}", "-retentionPeriod=100y"]
    with Popen(words, stdout=DEVNULL, stderr=DEVNULL) as process, Prometheus(f"http://{address}") as server:
        try:
            _until(lambda: server.query("1") != [])
            lines = "\n".join(f"{series} {value!r} {at * 1000:.0f}" for series, value, at in samples)
            urllib.request.urlopen(f"http://{address}/api/v1/import/prometheus", data=lines.encode()).close()
            last = max(at for _, _, at in samples)
            _until(lambda: server.query("host:power_watts", last) != [])
            yield server
        finally:
            process.terminate()


def _until(true: Callable[[], bool], seconds: float = 30) -> None:
    """Waits; a server that does not answer yet is not there yet."""
    end = time.monotonic() + seconds
    while True:
        try:
            if true():
                return
        except PrometheusError:
            pass
        assert time.monotonic() < end
        time.sleep(0.1)


def reports(server: Prometheus) -> dict[str, Report]:
    """Of each period."""
    return {name: build(server, plant.plant(), *period) for name, period in PERIODS.items()}


@pytest.fixture(scope="module")
def expected(prometheus: Path, promtool: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Report]:
    """Those of the installed Prometheus."""
    with served(prometheus, promtool, tmp_path_factory.mktemp("expected"), plant.samples()) as server:
        return reports(server)


def compare(found: dict[str, Report], expected: dict[str, Report]) -> None:
    """All numbers of all tables, the steps and the notes."""
    for name, report in expected.items():
        other = found[name]
        assert [table.id for table in other.tables] == [table.id for table in report.tables]
        for table, same in zip(report.tables, other.tables, strict=True):
            for row, copy in zip(table.all_rows(), same.all_rows(), strict=True):
                expected_row = [
                    pytest.approx(value, rel=1e-9, abs=1e-6) if isinstance(value, float) else value for value in row
                ]
                assert list(copy) == expected_row, (name, table.id)
        assert other.notes == report.notes
        assert [dataclasses.replace(step, watts=0) for step in other.steps] == [
            dataclasses.replace(step, watts=0) for step in report.steps
        ]


def test_prometheus_of_each_version_gives_the_same_report(
    monitoring: Monitoring, tmp_path: Path, expected: dict[str, Report]
) -> None:
    with served(monitoring.prometheus, monitoring.promtool, tmp_path, plant.samples()) as server:
        compare(reports(server), expected)


def test_victoria_metrics_gives_the_same_report(
    victoria_metrics: Path, tmp_path: Path, expected: dict[str, Report]
) -> None:
    with imported(victoria_metrics, tmp_path, list(plant.samples())) as server:
        compare(reports(server), expected)
