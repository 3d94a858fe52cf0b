# SPDX-License-Identifier: Apache-2.0
"""The command: table, JSON, exit codes, faults in one line."""

import json
import re
from pathlib import Path

import pytest

from joulepath import cli
from joulepath_doctor.catalogue import found
from joulepath_doctor.output import summary, table
from tests.doctor.answers import URL, answering
from tests.rules import factory

pytestmark = pytest.mark.unit


@pytest.fixture
def plant(tmp_path: Path) -> Path:
    path = tmp_path / "plant.yaml"
    path.write_text(f"name: plant\n{factory.TOPOLOGY}")
    return path


def test_a_finding_is_a_row_with_place_cure_and_page(plant: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with answering():
        assert cli.main(["doctor", str(plant), "--prometheus", URL]) == 1
    words = capsys.readouterr().out
    assert re.search(r"^error +rules/absent +rules +the server has no rules of", words, re.MULTILINE)
    assert "docs/reference/doctor.md#rulesabsent" in words
    assert re.search(rf"^{plant} on {URL}: \d+ checks, \d+ errors?, \d+ warnings?, \d+ notes?\n\Z", words, re.MULTILINE)


def test_json_has_every_finding_with_its_place_and_page(plant: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with answering():
        assert cli.main(["doctor", str(plant), "--prometheus", URL, "--json", "--since", "2h"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert (told["topology"], told["server"], told["since_seconds"]) == ("plant", URL, 7200)
    (absent,) = [one for one in told["findings"] if one["id"] == "rules/absent"]
    assert absent["severity"] == "error"
    assert absent["place"] == "rules"
    assert absent["page"] == "docs/reference/doctor.md#rulesabsent"


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["--prometheus", "http://127.0.0.1:1"], 1, "joulepath doctor: http://127.0.0.1:1: cannot be reached: "),
        (["--prometheus", "prometheus:9090"], 2, "joulepath doctor: prometheus:9090: is not the URL of a Prometheus"),
        (["--prometheus", URL, "--http-config", "absent.yaml"], 2, "joulepath doctor: absent.yaml: "),
    ],
)
def test_a_fault_is_one_line_with_its_exit_code(
    plant: Path, capsys: pytest.CaptureFixture[str], words: list[str], code: int, message: str
) -> None:
    assert cli.main(["doctor", str(plant), *words]) == code
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(message)
    assert err.count("\n") == 1


def test_a_mistake_in_the_topology_is_bad_usage(plant: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plant.write_text(plant.read_text().replace("outlets", "outlet"))
    assert cli.main(["doctor", str(plant), "--prometheus", URL]) == 2
    assert "(did you mean outlets?)" in capsys.readouterr().err


def test_a_wide_table_keeps_to_the_width_of_the_terminal() -> None:
    findings = [
        found("rules/slow", ("rules",), "a group takes long: raise its interval in the topology, or divide it " * 2),
        found("target/down", ("targets", "pdu", "10.0.0.1:10471"), "it is down: start it"),
    ]
    lines = table(findings, 100).split("\n")
    assert max(map(len, lines)) <= 100
    assert lines[2].startswith("error")
    assert summary(findings) == "1 error, 1 warning, 0 notes"
