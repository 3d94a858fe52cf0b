# SPDX-License-Identifier: Apache-2.0
"""Idle power of hosts with a known law: the value, its interval, and what is refused."""

import re
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from joulepath.cli import main
from joulepath.errors import UsageError
from joulepath.extras import needed
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
  small: {site: home, max_watts: 90, power: [{pdu: pdu-1, outlets: ["3"]}]}
  guess:
    site: home
    power: [{watts: sum(x), modelled: true}]
components:
  upf: {host: edge-1, role: upf}
  flow: {role: upf}
  small: {role: upf}
  guess: {role: upf}
"""


@pytest.mark.unit
@pytest.mark.parametrize(
    ("data", "method", "words"),
    [
        (hosts.windows(1, scale=0.1), "line", "the load varied by 0.[0-9]+ only, a line needs 0.2: run some work"),
        (hosts.windows(1, count=40), "line", "has 40 windows, needs 60"),
        (hosts.windows(1), "quiet", "has 0 quiet windows"),
        (hosts.windows(1, hosts.power_law(0.6)), "line", "power is not a straight line over load: leave the host idle"),
        (
            [one._replace(load=100 * one.load) for one in hosts.windows(1)],
            "auto",
            "the load was 9.*, and is the busy part",
        ),
        (
            [one._replace(watts=0.0) for one in hosts.windows(1)],
            "line",
            "power was 0 W in most windows: check the meter",
        ),
        ([Window(one.at, 200 - 100 * one.load, one.load) for one in hosts.windows(1)], "line", "rise"),
        ([Window(one.at, one.watts + one.at / 1000, one.load) for one in hosts.quiet(1)], "quiet", "drifts"),
    ],
)
def test_data_that_carry_no_number_are_refused_in_one_line(data: list[Window], method: str, words: str) -> None:
    with pytest.raises(RefusedError, match=words) as caught:
        estimate(data, hosts.LENGTH, method)
    assert len(caught.value.messages) == 1


@pytest.mark.unit
def test_a_load_of_a_host_at_rest_belongs_to_its_idle_power() -> None:
    """`auto` takes quiet windows where there are enough: 100 W, and 3 W of housekeeping at a load of 0.01."""
    data = [Window(one.at, one.watts + 3, 0.01) for one in hosts.quiet(1)] + list(hosts.windows(2))
    found = estimate([one._replace(at=place * hosts.LENGTH) for place, one in enumerate(data)], hosts.LENGTH)
    assert (found.method, len(found.windows)) == ("quiet", hosts.DAY - 1)
    assert found.watts.value == pytest.approx(103, abs=0.3)


@pytest.mark.unit
def test_a_quiet_time_that_is_too_short_does_not_count() -> None:
    """Four windows of 2 minutes are 8 minutes; of six, the first may hold the end of work."""
    short = [Window(place * hosts.LENGTH, 100, 0.0 if place % 5 else 0.5) for place in range(500)]
    with pytest.raises(RefusedError, match="has 0 quiet windows"):
        estimate(short, hosts.LENGTH, "quiet")
    longer = [Window(place * hosts.LENGTH, 100 + place % 7, 0.0 if place % 7 else 0.5) for place in range(500)]
    assert len(estimate(longer, hosts.LENGTH, "quiet").windows) == 5 * (500 // 7)


@pytest.fixture
def topology(tmp_path: Path) -> Path:
    path = tmp_path / "house.yaml"
    path.write_text(TOPOLOGY)
    rows = [f"{one.at},{one.watts!r},{one.load!r}" for one in hosts.windows(2)]
    (tmp_path / "samples.csv").write_text("\n".join(["time,watts,load", *rows, ""]))
    return path


@pytest.fixture
def calibrate(topology: Path) -> Callable[..., int]:
    samples = str(topology.parent / "samples.csv")
    return lambda *words: main(["calibrate", "static", str(topology), *words, "--csv", samples])


@pytest.mark.unit
@pytest.mark.parametrize("host", ["edge-1", "flow"])
def test_the_number_that_is_printed_is_written(
    calibrate: Callable[..., int], topology: Path, host: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert calibrate(host, "--write") == 0
    idle, busy = capsys.readouterr().out.splitlines()
    watts = idle.removeprefix(f"{host}: static_watts ").partition(",")[0]
    interval = idle.partition("interval ")[2].partition(" (")[0]
    assert busy.startswith(f"{host}: 1")
    assert " W more when fully busy, standard error " in busy
    new = [line.strip() for line in topology.read_text().splitlines() if line not in TOPOLOGY.splitlines()]
    assert len(new) == 2
    assert f"static_watts: {float(watts):g}" in new[1]
    assert re.fullmatch(
        rf"# static_watts: calibrated 20\S+Z \(line\): {interval} \(95 %\), 720 windows from 1970-01-01T00:02Z to "
        "1970-01-02T00:00Z",
        new[0],
    )
    assert main(["rules", "check", str(topology)]) == 0


@pytest.mark.unit
def test_the_ratio_of_both_errors_decides_the_line(
    calibrate: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    """A load with a large error makes the line steeper, and so the idle power smaller; the ratio alone matters."""
    found = []
    for words in ((), ("--load-error", "0.05"), ("--load-error", "0.1", "--power-error", "0.04")):
        assert calibrate("edge-1", *words) == 0
        found.append(capsys.readouterr().out)
    assert found[1] == found[2]
    idle, smaller = (float(one.partition("static_watts ")[2].partition(",")[0]) for one in found[:2])
    assert smaller < idle - 0.1


@pytest.mark.unit
@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("edge-2",), "hosts.edge-2: is not in the file (did you mean edge-1?)"),
        (("small", "--write"), "hosts.small: max_watts is 90, below "),
        (("edge-1", "--method", "quiet"), "hosts.edge-1: has 0 quiet windows (load below 0.02 for 600 s), needs 60:"),
    ],
)
def test_a_fault_is_one_line_that_names_the_host(
    calibrate: Callable[..., int], words: Sequence[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert calibrate(*words) != 0
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert message in lines[0]


@pytest.mark.unit
@pytest.mark.parametrize("words", [["--load-error", "0"], ["--power-error", "x"], ["--since", "soon"]])
def test_an_argument_that_makes_no_sense_is_refused(
    calibrate: Callable[..., int], words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        calibrate("edge-1", *words)
    assert f"argument {words[0]}: must be a " in capsys.readouterr().err


@pytest.mark.unit
def test_a_host_without_a_meter_is_refused(topology: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["calibrate", "static", str(topology), "guess", "--prometheus", "http://127.0.0.1:1"]
    assert main(words) == 2
    assert "hosts.guess.power[0]: is modelled" in capsys.readouterr().err


@pytest.mark.unit
def test_the_command_says_which_package_it_lacks() -> None:
    with (
        pytest.raises(UsageError, match=r"scipy: pip install 'joulepath\[calibrate\]'"),
        needed("calibrate"),
    ):
        raise ModuleNotFoundError(name="scipy")
