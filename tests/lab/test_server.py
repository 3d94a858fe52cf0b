# SPDX-License-Identifier: Apache-2.0
"""A server that the lab simulates: what its software shows follows the watts of the law, by sums worked out by hand.

One step of 10 s. The board draws 220 W when idle. Of 280 W above that the five pods have 50 W each, the virtual
machine's two units 6 W and 2 W, its kernel 6 W, and 16 W are of neither. The GPU draws 60 W when idle, 180 W for the
model and 45 W for another pod.
"""

from pathlib import Path

import pytest
from prometheus_client.core import Metric

from joulepath_lab.devices import kepler
from joulepath_lab.devices.host_files import pod_group
from joulepath_lab.devices.server import GPU_STATE, Software
from joulepath_lab.scenarios import factory
from joulepath_lab.truth.law import Power

pytestmark = pytest.mark.unit

SECONDS = 10.0
SERVER = factory.SERVER
BOARD = Power(220.0, dict.fromkeys(SERVER.pods, 50.0) | {"firewall": 6.0, "smf": 2.0}, 16.0 + 6.0)
GPU = Power(60.0, {factory.MODEL: 180.0}, 45.0)


class Clock:
    """The system's clock, which tests set."""

    now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


def software(folder: Path, mutation: str | None = None) -> Software:
    """After one step."""
    clock = Clock()
    made = Software(SERVER, folder, mutation, clock)
    clock.now += SECONDS
    made.advance(BOARD, GPU, SECONDS)
    return made


def added(families: list[Metric], name: str, **labels: str) -> float:
    """The sum of a counter over all series with these labels."""
    return sum(
        sample.value
        for family in families
        for sample in family.samples
        if sample.name == f"{name}_total" and labels.items() <= sample.labels.items()
    )


@pytest.mark.parametrize("zone", kepler.ZONES)
def test_kepler_measures_a_fifth_less_than_the_board(tmp_path: Path, zone: str) -> None:
    """0.8 of 220 W + 280 W, for 10 s. Busy are 280 W / 14 J of 64 processors, so that part is active."""
    families = kepler.modern([software(tmp_path).kepler])
    whole = 0.8 * 500 * SECONDS * kepler.ZONES[zone]
    assert added(families, "kepler_node_cpu_joules", zone=zone) == pytest.approx(whole)
    active = whole * 20 / 64
    assert added(families, "kepler_node_cpu_active_joules", zone=zone) == pytest.approx(active)
    assert added(families, "kepler_process_cpu_joules", zone=zone) == pytest.approx(active)
    for level in ("pod", "container"):
        assert added(families, f"kepler_{level}_cpu_joules", zone=zone) == pytest.approx(active * 250 / 280)
    assert added(families, "kepler_vm_cpu_joules", zone=zone) == pytest.approx(active * 14 / 280)


@pytest.mark.parametrize("zone", kepler.ZONES)
def test_both_dialects_of_kepler_say_the_same(tmp_path: Path, zone: str) -> None:
    node = software(tmp_path).kepler
    modern, older = kepler.modern([node]), kepler.older([node])
    for mode, level in (("dynamic", "active"), ("idle", "idle")):
        whole = added(modern, f"kepler_node_cpu_{level}_joules", zone=zone)
        assert added(older, f"kepler_node_{zone}_joules", mode=mode) == pytest.approx(whole)
        parts = [added(older, f"kepler_{each}_{zone}_joules", mode=mode) for each in ("container", "vm")]
        assert sum(parts) == pytest.approx(whole)
    du = {"pod_name": "du-0", "container_namespace": "ran", "mode": "dynamic"}
    assert added(older, f"kepler_container_{zone}_joules", **du) == pytest.approx(
        added(modern, "kepler_pod_cpu_joules", zone=zone, pod_name="du-0", pod_namespace="ran")
    )


def test_kepler_has_no_static_watts_of_the_gpu(tmp_path: Path) -> None:
    node = software(tmp_path).kepler
    for families, pod in ((kepler.modern([node]), "pod"), (kepler.older([node]), "container")):
        assert added(families, "kepler_node_gpu_joules") == pytest.approx(225 * SECONDS)
        assert added(families, f"kepler_{pod}_gpu_joules", pod_name="qwen-0") == pytest.approx(180 * SECONDS)
        assert added(families, f"kepler_{pod}_gpu_joules") == pytest.approx(225 * SECONDS)


def test_the_lie_of_kepler_is_of_one_pod_in_the_newer_dialect(tmp_path: Path) -> None:
    node = software(tmp_path).kepler
    honest, lying = kepler.modern([node]), kepler.modern([node], twice="ran/du-")
    for pod, factor in (("du-0", 2), ("cu-0", 1)):
        before = added(honest, "kepler_pod_cpu_joules", pod_name=pod)
        assert added(lying, "kepler_pod_cpu_joules", pod_name=pod) == pytest.approx(factor * before)


def read_stat(folder: Path) -> dict[str, float]:
    """CPU seconds by mode."""
    _, *words = (folder / "procfs" / "stat").read_text().partition("\n")[0].split()
    modes = ("user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal")
    return {mode: int(word) / 100 for mode, word in zip(modes, words, strict=False)}


def read_cgroup(folder: Path, path: str) -> float:
    """CPU seconds of a cgroup."""
    return int((folder / "cgroup" / path.lstrip("/") / "cpu.stat").read_text().split()[1]) / 1e6


def test_the_kernel_counts_a_second_for_each_14_joules(tmp_path: Path) -> None:
    """280 W are 20 processors: 250 W of the pods and 14 W of the machine run as tasks, 16 W in neither."""
    software(tmp_path)
    host = tmp_path / SERVER.machine
    modes = read_stat(host)
    assert modes["user"] == pytest.approx(264 / 14 * SECONDS, abs=0.01)
    assert modes["system"] + modes["softirq"] == pytest.approx(16 / 14 * SECONDS, abs=0.02)
    assert sum(modes.values()) == pytest.approx(64 * SECONDS, abs=0.04)
    for name in SERVER.pods.values():
        assert read_cgroup(host, pod_group(name)) == pytest.approx(50 / 14 * SECONDS, abs=1e-5)
    machine = "/machine.slice/machine-qemu\\x2d1\\x2dvm\\x2d1.scope"
    assert read_cgroup(host, machine) == pytest.approx(14 / 14 * SECONDS, abs=1e-5)


def test_the_guest_counts_its_own_seconds(tmp_path: Path) -> None:
    """One of its seconds costs the host 1.15; 6 of its 14 W are of its own kernel."""
    software(tmp_path)
    guest = tmp_path / SERVER.guest.name
    modes = read_stat(guest)
    assert modes["user"] == pytest.approx(SECONDS / 1.15, abs=0.01)
    assert modes["steal"] == pytest.approx(0.1 * modes["user"], abs=0.01)
    for unit, watts in (("firewall.service", 6), ("open5gs-smfd.service", 2)):
        assert read_cgroup(guest, f"/system.slice/{unit}") == pytest.approx(watts / 14 * SECONDS / 1.15, abs=1e-5)


def test_the_lie_of_the_kernel_is_of_one_pod(tmp_path: Path) -> None:
    software(tmp_path, "workload")
    seconds = {
        name: read_cgroup(tmp_path / SERVER.machine, pod_group(pod)) / SECONDS * 14 / 50
        for name, pod in SERVER.pods.items()
    }
    assert seconds.pop("upf-1") == pytest.approx(2, rel=1e-5)
    assert seconds == pytest.approx(dict.fromkeys(seconds, 1), rel=1e-5)


@pytest.mark.parametrize(("mutation", "watts"), [(None, 60 + 180 + 45), ("gpu", 180 + 45)])
def test_the_gpu_counts_energy_and_samples_of_its_processes(tmp_path: Path, mutation: str | None, watts: int) -> None:
    """All multiprocessors are busy at 450 W: the model's process has 40 % of them, the other one 10 %."""
    software(tmp_path, mutation)
    lines = (tmp_path / GPU_STATE).read_text().splitlines()
    assert f"gpu.0.energy {watts * 10_000}" in lines
    assert f"gpu.0.power {watts * 1000}" in lines
    samples = [line.split()[1:] for line in lines if line.startswith("gpu.0.sample")]
    assert samples == [["1000010000000", "4001", "40"], ["1000010000000", "4002", "10"]]
    processes = tmp_path / "edge-1" / "procfs"
    assert pod_group("ai/qwen-0") in (processes / "4001" / "cgroup").read_text()
    assert pod_group("ai/training-0") in (processes / "4002" / "cgroup").read_text()
