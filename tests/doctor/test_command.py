# SPDX-License-Identifier: Apache-2.0
"""The command: table, JSON, exit codes, faults in one line."""

import contextlib
import io
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

GUIDE = Path(__file__).parents[2] / "docs" / "guides" / "doctor.md"


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


def test_each_key_of_the_json_stands_in_the_guide(plant: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with answering():
        cli.main(["doctor", str(plant), "--prometheus", URL, "--json"])
    told = json.loads(capsys.readouterr().out)
    rows = re.findall(r"^\| (`.*?`) \| (text|number|list) \|", GUIDE.read_text(), re.MULTILINE)
    stated = {key: kind for keys, kind in rows for key in re.findall("`(.*?)`", keys)}
    kinds = {str: "text", float: "number", list: "list"}
    found_here = {key: kinds[type(value)] for key, value in told.items()}
    found_here |= {f"findings[].{key}": kinds[type(value)] for key, value in told["findings"][0].items()}
    assert found_here == stated


@pytest.mark.parametrize(
    "hostile",
    ["\x1b[2J\x07", "a\n| b |\r\n# c", "x" * 10_000, "y " * 5_000, "\u202egnp\u2028", "[a](b) `c` |"],
)
def test_names_of_others_stay_on_one_line(plant: Path, capsys: pytest.CaptureFixture[str], hostile: str) -> None:
    labels = {"job": hostile, "instance": f"pdu-1{hostile}"}
    targets = [
        {
            "scrapePool": "pdu",
            "scrapeUrl": f"http://pdu/{hostile}",
            "labels": labels,
            "health": "down",
            "lastError": hostile,
        }
    ]
    asked = ["doctor", str(plant), "--prometheus", URL]
    with answering(paths={"targets": {"activeTargets": targets}}):
        assert cli.main([*asked, "--json"]) == 1
        (one,) = [each for each in json.loads(capsys.readouterr().out)["findings"] if each["id"] == "target/down"]
        assert cli.main(asked) == 1
    shown = capsys.readouterr().out
    assert (one["message"] + one["place"]).isprintable()
    assert (len(one["message"]) <= 1000, len(one["place"]) <= 200) == (True, True)
    assert re.search(r": [a-z ]*(curl|look|start)", one["message"])  # the cure is still there
    assert all(line.isprintable() for line in shown.split("\n"))
    assert max(map(len, shown.split("\n"))) < 600


def test_a_terminal_without_a_sign_shows_the_rest(plant: Path) -> None:
    labels = {"job": "pdu", "instance": "Wärmepumpe"}
    target = {"scrapePool": "pdu", "scrapeUrl": "http://pdu:10471/", "labels": labels, "health": "down"}
    shown = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    with answering(paths={"targets": {"activeTargets": [target]}}), contextlib.redirect_stdout(shown):
        assert cli.main(["doctor", str(plant), "--prometheus", URL]) == 1
    shown.seek(0)
    assert "targets.pdu.W?rmepumpe" in shown.read()


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
