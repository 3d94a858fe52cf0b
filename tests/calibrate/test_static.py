# SPDX-License-Identifier: Apache-2.0
"""Idle power of hosts with a known law: the value, its interval, and what is refused."""

from pathlib import Path

import pytest

from joulepath.cli import main
from joulepath_calibrate.errors import RefusedError
from joulepath_calibrate.idle import estimate
from joulepath_calibrate.windows import Window
from tests.calibrate import hosts

TOPOLOGY = """\
# Our house.
sites:
  home: {grams_per_kwh: 100}
hosts:
  edge-1:   # beside the door
    site: home
    power:
      - {pdu: "pdu-1", outlets: ["1"]}
  flow: {site: home, power: [{pdu: pdu-1, outlets: ["2"]}]}  # the other
  guess:
    site: home
    power: [{watts: sum(x), modelled: true}]
components:
  upf: {host: edge-1, role: upf}
"""


@pytest.mark.unit
@pytest.mark.parametrize(
    ("data", "method", "words"),
    [
        (hosts.windows(1, scale=0.1), "line", "the load varied by 0.[0-9]+ only, a line needs 0.2: run some work"),
        (hosts.windows(1, count=40), "line", "has 40 windows, needs 60"),
        (hosts.windows(1), "quiet", "has 0 quiet windows"),
        (hosts.windows(1, hosts.power_law(0.6)), "line", "power is not a straight line over load: leave the host idle"),
        ([Window(one.at, 200 - 100 * one.load, one.load) for one in hosts.windows(1)], "line", "rise"),
        ([Window(one.at, one.watts + one.at / 1000, one.load) for one in hosts.quiet(1)], "quiet", "drifts"),
    ],
)
def test_data_that_carry_no_number_are_refused_in_one_line(data: list[Window], method: str, words: str) -> None:
    with pytest.raises(RefusedError, match=words) as caught:
        estimate(data, hosts.LENGTH, method)
    assert len(caught.value.messages) == 1


@pytest.fixture
def topology(tmp_path: Path) -> Path:
    path = tmp_path / "house.yaml"
    path.write_text(TOPOLOGY)
    rows = [f"{one.at},{one.watts!r},{one.load!r}" for one in hosts.windows(2)]
    (tmp_path / "samples.csv").write_text("\n".join(["time,watts,load", *rows, ""]))
    return path


@pytest.mark.unit
@pytest.mark.parametrize("host", ["edge-1", "flow"])
def test_the_number_goes_into_the_file_and_all_else_stays(
    topology: Path, host: str, capsys: pytest.CaptureFixture[str]
) -> None:
    samples = str(topology.parent / "samples.csv")
    assert main(["calibrate", "static", str(topology), host, "--csv", samples, "--write"]) == 0
    assert f"{host}: static_watts " in capsys.readouterr().out
    written = topology.read_text()
    assert "static_watts: " in written
    assert "calibrated " in written
    for line in ("# Our house.", "# beside the door", '"pdu-1", outlets: ["1"]', "# the other"):
        assert line in written


@pytest.mark.unit
def test_a_host_without_a_meter_is_refused(topology: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["calibrate", "static", str(topology), "guess", "--prometheus", "http://127.0.0.1:1"]
    assert main(words) == 2
    assert "hosts.guess.power[0]: is modelled" in capsys.readouterr().err
