# SPDX-License-Identifier: Apache-2.0
"""Boards that rename their sensors: series and memory stay bounded."""

import logging
import shutil
import tracemalloc
from pathlib import Path

import pytest

from joulepath.metrics import filled, registry
from joulepath.rapl.boards import Boards
from joulepath.rapl.collector import collect_boards
from joulepath.rapl.hwmon import HwmonReading, HwmonSource
from joulepath.rapl.hwmon_layout import Sensor
from joulepath.reading.bounds import FORGET_SECONDS, MAX_LABEL, MAX_ROWS, Rows

from .test_hwmon import write

pytestmark = pytest.mark.unit

logger = logging.getLogger(__name__)


def reading(epoch: int, count: int) -> HwmonReading:
    """Sensors with power, and as many with registers, that are named after the epoch."""
    watts = {Sensor("chip", "power1", f"{epoch}-{number}"): 5.0 for number in range(count)}
    return HwmonReading(watts, {Sensor("chip", "energy1", f"{epoch}-{number}"): 9.0 for number in range(count)})


def test_renamed_sensors_are_limited_and_forgotten_after_an_hour() -> None:
    boards = Boards(_rows=Rows(10))
    for epoch in range(5):
        snapshot = boards.add(10.0 * epoch, reading(epoch, 4))
    assert snapshot.beyond == 6 + 8 + 8 + 8
    assert not snapshot.watts
    assert not snapshot.energy
    assert len(boards._registers) + len(boards._integrators) == 10
    collector_registry = registry(lambda: filled(collect_boards(snapshot)))
    assert collector_registry.get_sample_value("hwmon_readings_rejected_total", {"reason": "beyond_limit"}) == 30
    snapshot = boards.add(10.0 + FORGET_SECONDS, reading(5, 4))
    assert len(snapshot.energy) == 8
    assert len(boards._registers) + len(boards._integrators) == 8


def test_a_sensor_that_returns_after_an_hour_counts_from_0() -> None:
    boards = Boards()
    sensor = Sensor("chip", "energy1", "")
    for second, joules in ((0, 100.0), (10, 150.0)):
        snapshot = boards.add(second, HwmonReading({}, {sensor: joules}))
    assert snapshot.energy[sensor].joules == 50
    boards.add(20 + FORGET_SECONDS, HwmonReading({}, {}))
    snapshot = boards.add(30 + FORGET_SECONDS, HwmonReading({}, {sensor: 900.0}))
    assert snapshot.energy[sensor].joules == 0


def test_sensors_renamed_in_the_file_tree_are_limited_too(tmp_path: Path) -> None:
    now = 0.0
    boards, source = Boards(_rows=Rows(6)), HwmonSource(tmp_path, clock=lambda: now)
    labels: set[Sensor] = set()
    for epoch in range(5):
        shutil.rmtree(tmp_path / "class", ignore_errors=True)
        for number in range(2):
            write(tmp_path, f"hwmon{number}", name="c" * 300, power1_input=10, power1_label=f"{'l' * 300}{epoch}")
        now += 60.0  # a chip is looked at again
        labels |= boards.add(now, source.read()).energy.keys()
    assert len(labels) == 6
    assert {len(text) for sensor in labels for text in (sensor.chip, sensor.label)} == {MAX_LABEL}


@pytest.mark.long
def test_memory_stays_bounded_at_the_default_limit() -> None:
    boards, seen = Boards(), list[int]()
    tracemalloc.start()
    try:
        for epoch in range(2000):
            snapshot = boards.add(float(epoch), reading(epoch, 200))
            assert len(snapshot.energy) <= MAX_ROWS
            if epoch in {100, 1999}:
                seen.append(tracemalloc.get_traced_memory()[0])
    finally:
        tracemalloc.stop()
    logger.warning("%s bytes", seen)
    assert seen[1] - seen[0] < 1_000_000
