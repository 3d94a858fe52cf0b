# SPDX-License-Identifier: Apache-2.0
"""A 5G core with four applications: one counted by a trace, one by a flow, one by its QFI, and one by PFCP."""

import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import pytest

from joulepath_lab.network import isolation
from joulepath_lab.scenarios import core

pytestmark = pytest.mark.lab

TOLERANCE = 0.03
CONSERVATION = 1e-9
COMMAND = [sys.executable, "-m", "joulepath_lab", "--scenario", "core", "--no-alert", "--seconds", "6"]
COUNTED = dict(zip(("assembly-line", "inspection", "forklifts", "press"), core.WAYS, strict=True))
"""Each application, and the way in which it alone is counted."""
TOUCHED = {"trace": {"cu-1", "upf-1"}, "flow": {"cu-1", "upf-1"}, "qfi": {"upf-2"}, "pfcp": {"upf-3"}}
"""The components that count by each way."""


@dataclass(frozen=True)
class Run:
    """One run of the demo: its exit status, its words and its figures."""

    status: int
    words: str
    figures: Mapping[str, Any]


def demo(folder: Path, *arguments: str) -> Callable[[], Run]:
    """Starts a demo; the result waits for its end. Fails with its words where it has no figures."""
    path = folder / "result.json"
    command = [*COMMAND, "--json", str(path), "--output", str(folder), *arguments]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def end() -> Run:
        words, _ = process.communicate(timeout=240)
        assert path.exists(), words
        return Run(process.returncode, words, json.loads(path.read_text()))

    return end


@pytest.fixture(scope="module")
def runs(
    prometheus: Path,
    alertmanager: Path,
    absent: Callable[[str, str], NoReturn],
    tmp_path_factory: pytest.TempPathFactory,
) -> Mapping[str, Run]:
    """Two at once: `honest`, and `lying`, in which all four ways lie."""
    if reason := isolation.refusal(rootless=False) and isolation.refusal(rootless=True):
        absent("netns", reason)
    if not Path("/dev/net/tun").exists():
        absent("netns", "no /dev/net/tun")
    honest = demo(tmp_path_factory.mktemp("honest"))
    lying = demo(tmp_path_factory.mktemp("lying"), "--mutation", core.EVERY_WAY)
    return {"honest": honest(), "lying": lying()}


def error(row: Mapping[str, float], what: str) -> float:
    """Of a figure against the truth, relative."""
    return abs(row[what] - row[f"truth_{what}"]) / row[f"truth_{what}"]


def test_every_way_of_counting_is_near_the_truth(runs: Mapping[str, Run]) -> None:
    run = runs["honest"]
    assert run.status == 0, run.words
    assert set(run.figures["applications"]) == set(COUNTED)
    for name, row in run.figures["applications"].items():
        assert error(row, "total_watts") <= TOLERANCE, name
    assert run.figures["worst_error_ratio"] <= TOLERANCE


def test_the_core_adds_up_to_the_plugs(runs: Mapping[str, Run]) -> None:
    """Also where the counts are lies: they divide the same watts."""
    for run in runs.values():
        figures = run.figures
        assert figures["worst_conservation_error_ratio"] <= CONSERVATION
        attributed = sum(row["attributed_watts"] for row in figures["components"].values())
        assert sum(row["total_watts"] for row in figures["applications"].values()) == pytest.approx(
            attributed, rel=1e-9
        )
        rest = sum(row["unattributed_watts"] for part in ("components", "hosts") for row in figures[part].values())
        assert attributed + rest == pytest.approx(sum(row["watts"] for row in figures["hosts"].values()), rel=1e-9)


def test_the_doctor_finds_no_fault_in_the_core(runs: Mapping[str, Run]) -> None:
    findings = [one for told in runs["honest"].figures["findings"].values() for one in told]
    assert [one for one in findings if one["severity"] != "note"] == []


def test_every_part_of_the_core_is_large_enough_to_judge(runs: Mapping[str, Run]) -> None:
    components = runs["honest"].figures["components"]
    for name in ("cu-1", "upf-1", "upf-2", "upf-3"):
        assert components[name]["truth_unattributed_watts"] > 10
        assert components[name]["truth_watts"] - components[name]["truth_unattributed_watts"] > 30


def test_a_lie_in_any_way_of_counting_is_noticed(runs: Mapping[str, Run]) -> None:
    run = runs["lying"]
    assert run.status == 1, run.words
    for name, way in COUNTED.items():
        assert error(run.figures["applications"][name], "total_watts") > TOLERANCE, f"{name}, by {way}"
    for name in {component for components in TOUCHED.values() for component in components}:
        assert error(run.figures["components"][name], "unattributed_watts") > TOLERANCE, name


@pytest.mark.long
@pytest.mark.parametrize("way", core.WAYS)
def test_a_lie_in_one_way_of_counting_fails_the_verdict(
    prometheus: Path, alertmanager: Path, tmp_path: Path, way: str
) -> None:
    run = demo(tmp_path, "--mutation", way)()
    assert run.status == 1, run.words
    wrong = {name for name, row in run.figures["applications"].items() if error(row, "total_watts") > TOLERANCE}
    assert wrong == {name for name, counted in COUNTED.items() if counted == way}
    assert run.figures["worst_conservation_error_ratio"] <= CONSERVATION


@pytest.mark.long
def test_the_core_adds_up_without_root(prometheus: Path, alertmanager: Path, tmp_path: Path) -> None:
    if reason := isolation.refusal(rootless=True):
        pytest.skip(reason)
    run = demo(tmp_path, "--rootless")()
    assert run.status == 0, run.words
    assert run.figures["stamping"] == "simulated"
