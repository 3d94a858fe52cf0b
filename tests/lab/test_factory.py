# SPDX-License-Identifier: Apache-2.0
"""A smart factory on one server behind one plug: `examples/smart-factory.yaml`, through Kepler 0.10, 0.9 and workload.

Kepler measures a fifth less than the plug, and no static watts of the GPU.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn, Self

import pytest

from joulepath_lab.network import isolation
from joulepath_lab.scenarios import factory
from tests.conftest import Monitoring

pytestmark = pytest.mark.lab

WAYS = ("kepler", "kepler-0.9", "workload")
TOLERANCE = 0.03
CONSERVATION = 1e-9
COMMAND = [sys.executable, "-m", "joulepath_lab", "--scenario", "factory", "--no-alert", "--seconds", "10"]


@dataclass(frozen=True)
class Run:
    """One run of the demo: its exit status, its words, and its figures by the way to them."""

    status: int
    words: str
    figures: Mapping[str, Any]
    findings: Mapping[str, Sequence[Mapping[str, Any]]]
    """Of the doctor, by the way."""


class Demo:
    """A demo that runs on one version of Prometheus."""

    def __init__(self, folder: Path, server: Monitoring, *arguments: str) -> None:
        self._json = folder / "result.json"
        environment = os.environ | {"JOULEPATH_PROMETHEUS_DIR": str(server.prometheus.parent)}
        self._process = subprocess.Popen(
            [*COMMAND, "--json", str(self._json), "--output", str(folder), *arguments],
            env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()

    def end(self) -> Run:
        """Waits for its end. Fails with its words where it has no figures."""
        words, _ = self._process.communicate(timeout=240)
        assert self._json.exists(), words
        figures = json.loads(self._json.read_text())
        others, findings = figures.pop("others"), figures.pop("findings")
        return Run(self._process.returncode, words, {WAYS[0]: figures, **others}, findings)


@pytest.fixture(scope="module")
def runs(
    monitoring_programs: dict[str, Monitoring],
    alertmanager: Path,
    absent: Callable[[str, str], NoReturn],
    tmp_path_factory: pytest.TempPathFactory,
) -> Mapping[str, Run]:
    """Two at once: `honest` on the installed Prometheus, and on the next one `lying`, where Kepler 0.10 lies."""
    if reason := isolation.refusal(rootless=False) and isolation.refusal(rootless=True):
        absent("netns", reason)
    if shutil.which("cc") is None:
        pytest.skip("no C compiler (cc)")
    if "installed" not in monitoring_programs:
        absent("prometheus", "prometheus is not installed (`make programs` unpacks it into .cache)")
    installed = monitoring_programs["installed"]
    newer = monitoring_programs.get("next", installed)
    with (
        Demo(tmp_path_factory.mktemp("honest"), installed) as honest,
        Demo(tmp_path_factory.mktemp("lying"), newer, "--mutation", "kepler") as lying,
    ):
        return {"honest": honest.end(), "lying": lying.end()}


@pytest.fixture
def honest(runs: Mapping[str, Run]) -> Run:
    """The run in which no meter lies."""
    return runs["honest"]


@pytest.fixture
def lying(runs: Mapping[str, Run]) -> Run:
    """The run in which Kepler 0.10 counts one pod twice."""
    return runs["lying"]


def test_the_factory_adds_up_in_three_ways(honest: Run) -> None:
    assert honest.status == 0, honest.words
    assert tuple(honest.figures) == WAYS


@pytest.mark.parametrize("way", WAYS)
def test_components_and_applications_are_near_the_truth(honest: Run, way: str) -> None:
    found = honest.figures[way]
    assert set(found["components"]) == set(factory.SCENARIO.components)
    for name, row in found["components"].items():
        assert row["watts"] == pytest.approx(row["truth_watts"], rel=TOLERANCE), name
    assert set(found["applications"]) == {"assembly-line", "inspection"}
    for name, row in found["applications"].items():
        assert row["total_watts"] == pytest.approx(row["truth_total_watts"], rel=TOLERANCE), name
        parts = row["network_static_watts"] + row["network_dynamic_watts"] + row["compute_watts"] + row["other_watts"]
        assert parts == pytest.approx(row["total_watts"], rel=1e-9), name
    for name, row in found["hosts"].items():
        assert row["watts"] == pytest.approx(row["truth_watts"], rel=TOLERANCE), name
    assert found["worst_error_ratio"] <= TOLERANCE


@pytest.mark.parametrize("way", WAYS)
def test_the_doctor_finds_no_fault_in_an_honest_run(honest: Run, way: str) -> None:
    assert [one for one in honest.findings[way] if one["severity"] != "note"] == []


@pytest.mark.parametrize("way", WAYS)
def test_all_applications_add_up_to_the_plugs(honest: Run, way: str) -> None:
    assert honest.figures[way]["worst_conservation_error_ratio"] <= CONSERVATION


def test_every_part_of_the_server_is_large_enough_to_judge(honest: Run) -> None:
    """Where a component had next to no watts, an error of it would not show."""
    for found in honest.figures.values():
        assert min(row["truth_watts"] for row in found["components"].values()) > 10
        assert min(found["hosts"][name]["truth_unattributed_watts"] for name in ("edge-1", "edge-1/gpu-0")) > 10


def test_a_pod_that_kepler_counts_twice_is_noticed(lying: Run) -> None:
    """The other two ways do not read the lie, and are right."""
    assert lying.status == 1, lying.words
    errors = {way: figures["worst_error_ratio"] for way, figures in lying.figures.items()}
    assert errors.pop("kepler") > 0.2
    assert max(errors.values()) <= TOLERANCE
    assert all(figures["worst_conservation_error_ratio"] <= CONSERVATION for figures in lying.figures.values())


@pytest.mark.long
def test_the_factory_adds_up_on_each_version_of_prometheus(monitoring: Monitoring, tmp_path: Path) -> None:
    with Demo(tmp_path, monitoring) as demo:
        run = demo.end()
    assert run.status == 0, run.words
    assert all(figures["worst_conservation_error_ratio"] <= CONSERVATION for figures in run.figures.values())


@pytest.mark.long
@pytest.mark.parametrize(("mutation", "wrong"), [("workload", {"workload"}), ("gpu", set(WAYS))])
def test_a_lie_of_the_kernel_or_the_gpu_is_noticed(
    monitoring: Monitoring, tmp_path: Path, mutation: str, wrong: set[str]
) -> None:
    with Demo(tmp_path, monitoring, "--mutation", mutation) as demo:
        run = demo.end()
    assert run.status == 1, run.words
    assert {way for way in WAYS if run.figures[way]["worst_error_ratio"] > TOLERANCE} == wrong


def test_a_lie_that_no_machine_can_tell_is_refused() -> None:
    command = [sys.executable, "-m", "joulepath_lab", "--mutation", "gpu"]
    result = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert result.returncode == 1
    assert result.stderr == "demo: native has nothing that could lie so: --mutation gpu is of factory\n"
