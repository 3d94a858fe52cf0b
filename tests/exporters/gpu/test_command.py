# SPDX-License-Identifier: Apache-2.0
"""The command as its user runs it: a process of its own, with libraries that answer like the vendors'."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from joulepath_lab.run.waiting import until
from tests.exporters.gpu.stub import Stub
from tests.exporters.process import Exporter
from tests.exporters.workload.tree import POD, FakeHost

pytestmark = pytest.mark.unit


def once(*arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "joulepath", "gpu", "--once", *map(str, arguments)]
    surroundings = {**os.environ, **environment}
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, env=surroundings)


class Exposition(dict[tuple[str, frozenset[str]], float]):
    """Values by name and labels' values."""

    def __init__(self, text: str) -> None:
        super().__init__(
            ((sample.name, frozenset(sample.labels.values())), sample.value)
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        )

    def of(self, name: str, *labels: str) -> float | None:
        """One value, or None."""
        return self.get((name, frozenset(labels)))

    def names(self, label: str) -> set[str]:
        """The metrics that have a sample with this value of a label."""
        return {name for name, labels in self if label in labels}


def test_once_prints_an_exposition(nvml: Stub) -> None:
    nvml.gpu(1, energy=None, power=100_000)
    printed = once("--vendor", "nvidia", "--path.nvml", nvml.library)
    assert printed.returncode == 0, printed.stderr
    found = Exposition(printed.stdout)
    assert found.of("gpu_info", "0", "GPU-0", "NVIDIA H100 80GB HBM3", "nvidia") == 1
    assert found.of("gpu_info", "1", "GPU-1", "NVIDIA H100 80GB HBM3", "nvidia") == 1
    assert found.of("gpu_energy_source_info", "0", "counter") == 1
    assert found.of("gpu_energy_source_info", "1", "power") == 1
    assert found.of("gpu_power_watts", "1") == 100
    seconds = found.of("gpu_measured_seconds_total", "1")
    assert seconds is not None
    assert 1.4 < seconds < 10
    assert found.of("gpu_energy_joules_total", "1") == pytest.approx(100 * seconds)


def test_mig_has_no_energy_for_its_instances(nvml: Stub) -> None:
    nvml.gpu(0, mig=1)
    nvml.put("gpu.0.mig.device", "0 3 1 1g.10gb MIG-a", "1 4 2 2g.20gb MIG-b")
    found = Exposition(once("--vendor", "nvidia", "--path.nvml", nvml.library).stdout)
    assert found.of("gpu_instance_info", "0", "3", "MIG-a", "1g.10gb") == 1
    assert found.of("gpu_instance_slices", "0", "4") == 2
    assert found.names("3") == {"gpu_instance_info", "gpu_instance_slices"}
    assert "gpu_energy_joules_total" in found.names("0")
    assert "gpu_activity_seconds_total" not in found.names("0")


def test_gpus_of_amd_are_served(smi: Stub) -> None:
    found = Exposition(once("--vendor", "amd").stdout)
    assert found.of("gpu_info", "0", "ab0", "AMD Instinct MI300X", "amd") == 1
    assert found.of("gpu_power_watts", "1") == 140


def test_gpus_of_intel_are_served(zes: Stub) -> None:
    found = Exposition(once("--vendor", "intel", "--path.level-zero", zes.library).stdout)
    assert found.of("gpu_up", "0") == 1
    assert "gpu_power_watts" not in found.names("0")


def test_without_a_driver_it_is_one_line_and_exit_1(nvml: Stub) -> None:
    nvml.put("error.nvmlInitWithFlags", 9)
    printed = once("--vendor", "nvidia", "--path.nvml", nvml.library)
    assert (printed.returncode, printed.stdout) == (1, "")
    assert printed.stderr == (
        "joulepath gpu: nvidia: NVML does not start: Driver Not Loaded: load it (modprobe nvidia)\n"
    )


def test_without_a_library_it_is_one_line_and_exit_1(nvml: Stub) -> None:
    printed = once("--vendor", "amd", ROCM_PATH="/nonexistent")
    assert (printed.returncode, printed.stdout) == (1, "")
    assert printed.stderr == ("joulepath gpu: amd: libamd_smi.so is not there: install amd-smi-lib, or set ROCM_PATH\n")


def test_a_path_without_a_library_is_a_usage_error(nvml: Stub, tmp_path: Path) -> None:
    printed = once("--path.nvml", tmp_path / "libnvidia-ml.so.1")
    assert printed.returncode == 2
    assert len(printed.stderr.splitlines()) == 1
    assert str(tmp_path) in printed.stderr


def test_a_file_of_workloads_that_is_wrong_is_a_usage_error(nvml: Stub, tmp_path: Path) -> None:
    (tmp_path / "workload.yaml").write_text("workloads: [{unit: a, pod: b}]")
    printed = once("--config", tmp_path / "workload.yaml")
    assert printed.returncode == 2
    assert "workload.yaml: workloads[0]" in printed.stderr


@pytest.fixture
def sleeper() -> Iterator[int]:
    """The id of a process that a rule can name."""
    with subprocess.Popen(["sleep", "271"]) as process:
        yield process.pid
        process.terminate()


@pytest.fixture
def served(nvml: Stub, tmp_path: Path) -> Iterator[Exporter]:
    """A running exporter."""
    (tmp_path / "workload.yaml").write_text("workloads: [{command: sleep 271, name: model}]\nrest: other\n")
    file = tmp_path / "workload.yaml"
    with Exporter("gpu", "--vendor", "nvidia", "--path.nvml", nvml.library, "--config", file) as exporter:
        yield exporter
        assert exporter.end() == 0


def test_a_gpu_that_falls_off_the_bus_and_returns_while_it_is_served(served: Exporter, nvml: Stub) -> None:
    until(lambda: served.value("gpu_energy_joules_total", gpu="1") is not None)
    nvml.gpu(1, lost=1)
    until(lambda: served.value("gpu_up", gpu="1") == 0)
    assert served.value("gpu_energy_joules_total", gpu="1") is None
    assert served.value("gpu_up", gpu="0") == 1
    assert served.value("gpu_energy_joules_total", gpu="0") is not None
    nvml.gpu(1, lost=None)
    until(lambda: served.value("gpu_up", gpu="1") == 1)
    assert served.value("gpu_energy_joules_total", gpu="1") is not None
    lines = [line for line in served.log if "GPU-1" in line]
    assert len(lines) == 2
    assert "level=WARNING" in lines[0]
    assert "answers again" in lines[1]


def test_a_process_is_counted_for_its_workload(served: Exporter, nvml: Stub, sleeper: int) -> None:
    """A process of the workload is at 60 % from now on, and one that does not exist at 20 %."""
    until(lambda: served.value("gpu_up", gpu="0") == 1)
    lines: list[str] = []

    def activity(workload: str) -> float:
        return served.value("gpu_activity_seconds_total", gpu="0", workload=workload) or 0.0

    def worked_on() -> bool:
        now = int(time.time() * 1e6)
        lines.extend([f"{now} {sleeper} 60", f"{now} 4194399 20"])
        nvml.put("gpu.0.sample", *lines)
        time.sleep(0.25)
        return activity("model") > 0.5

    until(worked_on)
    found = served.samples()
    model, other, seconds = (
        found[name, frozenset({("gpu", "0"), *labels})]
        for name, labels in (
            ("gpu_activity_seconds_total", [("workload", "model")]),
            ("gpu_activity_seconds_total", [("workload", "other")]),
            ("gpu_activity_measured_seconds_total", []),
        )
    )
    assert other == pytest.approx(model / 3)
    assert model + other <= seconds


def test_a_process_is_named_by_the_files_of_another_root(nvml: Stub, tmp_path: Path) -> None:
    """Process 4001 exists in the given folders alone, in the cgroup of a pod."""
    host = FakeHost(tmp_path)
    pod = f"/kubepods/burstable/pod{POD}"
    host.group(pod, 1)
    host.process(4001, "vllm serve", 1, path=pod)
    (tmp_path / "var/log/pods" / f"ai_qwen_{POD}").mkdir(parents=True)
    places = ("--path.procfs", host.procfs, "--path.cgroup", host.cgroup, "--path.rootfs", tmp_path)
    with Exporter("gpu", "--vendor", "nvidia", "--path.nvml", nvml.library, *places) as exporter:
        until(lambda: exporter.value("gpu_up", gpu="0") == 1)

        def is_named() -> bool:
            nvml.put("gpu.0.sample", f"{int(time.time() * 1e6)} 4001 60")
            time.sleep(0.25)
            return exporter.value("gpu_activity_seconds_total", gpu="0", workload="ai/qwen") is not None

        until(is_named)
        assert exporter.end() == 0


def test_rules_that_change_hold_from_then_on(served: Exporter, nvml: Stub, sleeper: int, tmp_path: Path) -> None:
    until(lambda: served.value("gpu_up", gpu="0") == 1)
    (tmp_path / "workload.yaml").write_text("workloads: [{command: sleep 271, name: renamed}]\nrest: other\n")
    served.reload()

    def seen() -> bool:
        nvml.put("gpu.0.sample", f"{int(time.time() * 1e6)} {sleeper} 60")
        time.sleep(0.25)
        return served.value("gpu_activity_seconds_total", gpu="0", workload="renamed") is not None

    until(seen)
    assert served.value("gpu_activity_seconds_total", gpu="0", workload="model") is None
