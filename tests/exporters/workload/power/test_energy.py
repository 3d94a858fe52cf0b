# SPDX-License-Identifier: Apache-2.0
"""Energy by a power model, of a host that the test moves by hand."""

from dataclasses import dataclass, field
from pathlib import Path

import pytest

from joulepath.errors import JoulepathError
from joulepath.workload.places import Places
from joulepath.workload.power import file
from joulepath.workload.power.energy import ModelledEnergy, Snapshot
from tests.exporters.workload.power import machine
from tests.exporters.workload.power.machine import GIGABYTE
from tests.exporters.workload.tree import FakeHost

pytestmark = pytest.mark.unit


@dataclass
class Bench:
    """A host with a model, and a clock that the test moves."""

    folder: Path
    terms: str = ""
    force: bool = False
    now: float = 1000.0
    host: FakeHost = field(init=False)

    def __post_init__(self) -> None:
        self.host = machine.made(self.folder)
        model = file.read(machine.written(self.folder, terms=self.terms))
        places = Places(procfs=self.host.procfs, sysfs=self.folder / "sys")
        self.meter = ModelledEnergy(model, places, lambda: self.now, force=self.force)
        self.meter.read()

    def passes(self, seconds: float, **modes: float) -> Snapshot:
        """CPU seconds by mode in the next seconds, and a reading at their end."""
        self.now += seconds
        self.host.busy(**modes)
        return self.meter.read()


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


@pytest.mark.parametrize(
    ("modes", "joules"),
    [
        ({}, 100),
        ({"user": 1}, 140),  # a quarter of 4 CPUs: half the way to 80 W
        ({"user": 1, "softirq": 0.5, "irq": 0.25, "nice": 0.25}, 180),  # a half
        ({"system": 3}, 200),  # three quarters: half the way from 80 to 120 W
        ({"user": 4}, 220),
        ({"idle": 4, "iowait": 1, "steal": 2}, 100),  # not busy
        ({"user": 4.4}, 228),  # ticks that come late: the last line goes on
    ],
)
def test_watts_follow_the_curve_from_point_to_point(bench: Bench, modes: dict[str, float], joules: float) -> None:
    energy = bench.passes(1, **modes).energy
    assert energy.joules == pytest.approx(joules)
    assert energy.measured_seconds == 1


def test_memory_and_disks_add_their_watts_once(tmp_path: Path) -> None:
    """2 GB in use at the end and none at the start: 1 GB, 0.5 W. 3 GB of the disk in 2 s: 12 J, 6 W."""
    bench = Bench(tmp_path, machine.TERMS)
    machine.memory(bench.host, 2 * GIGABYTE)
    machine.disk(bench.host, 3 * GIGABYTE)
    assert bench.passes(2).energy.joules == pytest.approx(2 * 100 + 2 * 0.5 + 12, rel=1e-6)


def test_a_disk_that_comes_or_starts_anew_adds_nothing(tmp_path: Path) -> None:
    bench = Bench(tmp_path, machine.TERMS)
    machine.disk(bench.host, 10 * GIGABYTE)
    before = bench.passes(1).energy.joules
    machine.disk(bench.host, 0)
    assert bench.passes(1).energy.joules == pytest.approx(before + 100)
    (bench.host.procfs / "diskstats").write_text(f" 8 16 sdb 1 0 {10**9} 9 1 0 5 9 0 9 9\n 8 x\n")
    assert bench.passes(1).energy.joules == pytest.approx(before + 200)


@pytest.mark.parametrize(
    "jump",
    [
        {"user": 50},  # more than 4 CPUs can run in a second
        {"user": -50},
        {"softirq": -50},
    ],
)
def test_a_counter_that_jumps_costs_its_interval_alone(bench: Bench, jump: dict[str, float]) -> None:
    before = bench.passes(1, user=1).energy
    assert bench.passes(1, **jump).energy == before
    after = bench.passes(1, user=1).energy
    assert (after.joules - before.joules, after.measured_seconds - before.measured_seconds) == pytest.approx((140, 1))


def test_bytes_that_no_disk_can_have_moved_cost_the_interval(tmp_path: Path) -> None:
    bench = Bench(tmp_path, machine.TERMS)
    machine.disk(bench.host, 10**15)
    assert bench.passes(1).energy == (0, 0)
    assert bench.passes(1).energy == (100, 1)


def test_a_counter_that_falls_by_a_tick_is_waited_for(bench: Bench) -> None:
    """100.5 to 100.4 and back to 101.5: 1.5 CPU seconds in three seconds, and no more."""
    for user in (0.5, -0.1, 1.1):
        energy = bench.passes(1, user=user).energy
    assert energy.joules == pytest.approx(300 + 1.5 / 4 * 160)


def test_a_pause_is_in_neither_counter(bench: Bench) -> None:
    bench.passes(1)
    assert bench.passes(16).energy == (100, 1)
    assert bench.passes(1).energy == (200, 2)


def test_an_unreadable_file_is_a_gap_and_not_idle_power(tmp_path: Path) -> None:
    bench = Bench(tmp_path, machine.TERMS)
    bench.passes(1)
    (bench.host.procfs / "meminfo").unlink()
    with pytest.raises(JoulepathError, match="meminfo: has no MemTotal"):
        bench.passes(1)
    machine.memory(bench.host, 0)
    assert bench.passes(1).energy.measured_seconds == 1
    assert bench.passes(1).energy.measured_seconds == 2


def test_cpus_that_go_off_end_the_model_until_they_are_back(bench: Bench) -> None:
    bench.passes(1)
    bench.host.cpus = 2
    snapshot = bench.passes(1)
    assert snapshot.energy == (100, 1)
    (fault,) = snapshot.faults
    assert "2 CPUs are on and not 4" in fault
    bench.host.cpus = 4
    assert bench.passes(1).energy == (100, 1)
    assert bench.passes(1).energy == (200, 2)


def test_a_forced_model_counts_the_cpus_that_are_on(tmp_path: Path) -> None:
    bench = Bench(tmp_path, force=True)
    bench.host.cpus = 2
    assert bench.passes(1, user=1).energy == (180, 1)


def test_another_model_goes_on_from_the_same_counters(bench: Bench, tmp_path: Path) -> None:
    bench.passes(1)
    text = machine.written(tmp_path).read_text().replace("value: 100", "value: 10")
    other = tmp_path / "other.yaml"
    other.write_text(text.replace("name: example", "name: other"))
    bench.meter.apply(file.read(other))
    assert bench.passes(1) == Snapshot("other", bench.passes(0).energy)
    assert bench.passes(1).energy == (110, 2)
