# SPDX-License-Identifier: Apache-2.0
"""Idle power of hosts with a known law: the value, its interval, and what is refused."""

from pathlib import Path

import pytest
import york

from joulepath.cli import main
from joulepath_calibrate.errors import RefusedError
from joulepath_calibrate.idle import Idle, estimate
from joulepath_calibrate.line import fit
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


def runs(count: int, memory: float = 0.0) -> list[Idle]:
    found = []
    for seed in range(count):
        try:
            found.append(estimate(hosts.windows(seed, memory=memory), hosts.LENGTH, "line"))
        except RefusedError:
            continue
    return found


@pytest.mark.unit
@pytest.mark.parametrize("memory", [0.0, 0.8])
def test_the_line_of_a_straight_law_is_found_with_its_error(memory: float) -> None:
    found = runs(40, memory)
    assert len(found) >= 32
    assert all(abs(one.watts.value - hosts.IDLE) < 0.03 * hosts.IDLE for one in found)
    assert sum(one.watts.low <= hosts.IDLE <= one.watts.high for one in found) >= 0.85 * len(found)


@pytest.mark.long
@pytest.mark.parametrize("memory", [0.0, 0.8])
def test_the_interval_holds_the_truth_as_often_as_it_says(memory: float) -> None:
    found = runs(500, memory)
    assert len(found) >= 440
    for one in found:
        assert one.watts_per_load is not None
        assert abs(one.watts.value - hosts.IDLE) < 0.03 * hosts.IDLE
        assert abs(one.watts_per_load.value - hosts.SLOPE) < 0.03 * hosts.SLOPE
    share = sum(one.watts.low <= hosts.IDLE <= one.watts.high for one in found) / len(found)
    assert 0.93 <= share <= 0.97


@pytest.mark.unit
def test_the_library_agrees_with_another_one() -> None:
    data = hosts.windows(3)
    odr = pytest.importorskip("scipy.odr", reason="scipy has it until 1.18")
    x, y = [one.load for one in data], [one.watts for one in data]
    ours = fit(x, y, 200)
    theirs = odr.ODR(odr.RealData(x, y, sx=0.02, sy=4.0), odr.unilinear, beta0=[1.0, 1.0]).run()
    assert [ours.slope, ours.intercept] == pytest.approx(list(theirs.beta), rel=1e-5)
    line = york.fit(x, y, sx=0.02, sy=4.0, check_autocorrelation=False)
    assert [ours.slope, ours.intercept] == pytest.approx([line.slope, line.intercept], rel=1e-5)


@pytest.mark.unit
def test_quiet_windows_give_their_mean() -> None:
    found = estimate(hosts.quiet(1), hosts.LENGTH)
    assert found.method == "quiet"
    assert found.watts.low < hosts.IDLE < found.watts.high
    assert found.watts.error == pytest.approx(2 / 199**0.5, rel=0.4)  # of independent windows


@pytest.mark.unit
@pytest.mark.parametrize(
    ("data", "method", "words"),
    [
        (hosts.windows(1, swing=0.0), "line", "the load varied by"),
        (hosts.windows(1, count=40), "line", "has 40 windows, needs 60"),
        (hosts.windows(1), "quiet", "has 0 quiet windows"),
        (hosts.windows(1, lambda load: 100 + 150 * load**0.6), "line", "not a straight line"),
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
