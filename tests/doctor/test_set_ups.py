# SPDX-License-Identifier: Apache-2.0
"""The doctor over set-ups beside each other in one real Prometheus: it names what is broken, and nothing else."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from joulepath.cli import main
from tests.conftest import Monitoring
from tests.doctor import kinds
from tests.doctor.broken import BROKEN
from tests.doctor.setups import Kind, Setup, numbered, running
from tests.rules.world import History

pytestmark = pytest.mark.lab

HEALTHY = [Setup(name.lower(), kind) for name, kind in vars(kinds).items() if isinstance(kind, Kind)]
ALL = numbered(*HEALTHY, *BROKEN)


@pytest.fixture(scope="module")
def history(monitoring_programs: dict[str, Monitoring], tmp_path_factory: pytest.TempPathFactory) -> Iterator[History]:
    """All set-ups."""
    with running(ALL, monitoring_programs, tmp_path_factory) as history:
        yield history


@pytest.mark.parametrize("setup", ALL[: len(HEALTHY)], ids=lambda setup: setup.name)
def test_a_healthy_set_up_has_all_figures(setup: Setup, monitoring: Monitoring, history: History) -> None:
    ask = history.servers[monitoring.name].ask
    matcher = f'{{topology="{setup.named("@set-up")}"}}'
    power = ask(f"count by (application) (application:power_watts{matcher} > 0)")
    assert power.keys() == {"camera", "robot", "unattributed"}
    assert ask(f"application:missing:info{matcher}") == {}
    assert ask(f"host:missing:info{matcher}") == {}
    assert ask(f"component:unmeasured:info{matcher}") == {}


@pytest.mark.parametrize("setup", ALL, ids=lambda setup: setup.name)
def test_the_doctor_names_the_cause_alone(
    setup: Setup, monitoring: Monitoring, history: History, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "topology.yaml"
    path.write_text(setup.text())
    server = history.servers[monitoring.name]
    code = main(["doctor", str(path), "--prometheus", server.url, "--since", "24s", "--json"])
    findings = json.loads(capsys.readouterr().out)["findings"]
    print(json.dumps(findings, indent=1))  # noqa: T201  # shown beside a failure
    found = {(each["id"], each["place"]) for each in findings}
    assert found == set(setup.places().items())
    assert code == int(any(each["severity"] != "note" for each in findings))


def test_no_rule_of_any_set_up_fails(monitoring: Monitoring, history: History) -> None:
    assert history.servers[monitoring.name].failures() == []
