# SPDX-License-Identifier: Apache-2.0
"""The joules of one more byte, for components with a known law."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from joulepath.cli import main
from joulepath_calibrate.errors import RefusedError
from joulepath_calibrate.estimate import Estimate
from joulepath_calibrate.slopes import Slopes, estimate
from tests.calibrate import rates
from tests.calibrate.rates import Run

WHOLE, SOME = 500, 120

TOPOLOGY = """\
sites: {s: {grams_per_kwh: 360}}
hosts:
  edge-1: {site: s, power: [{pdu: p, outlets: ["1"]}]}
  edge-2: {site: s, power: [{pdu: p, outlets: ["2"]}]}
  quiet: {site: s, power: [{pdu: p, outlets: ["3"]}]}
components:
  # Ours.
  upf:
    role: upf
    host: edge-1
    traffic: {ioam: 4} # at N3
  gate: {role: gateway, host: edge-2, marginal: [{per: packets, joules: 0.2}], traffic: {ioam: 5}}
  quiet: {role: transport}
applications:
  camera: {traces: [{ioam_namespace: 1, id: "0a"}], path: [upf]}
  robot: {traces: [{ioam_namespace: 1, id: "0b"}], path: [upf]}
"""


def sums(run: Run) -> Slopes:
    """The slope over all traffic; the law must have one joule for a byte of either."""
    return estimate(run.watts, {"bytes": [sum(pair) for pair in zip(*run.rates.values(), strict=True)]})


def coverage(estimates: Sequence[Estimate], truth: float) -> float:
    return sum(one.low <= truth <= one.high for one in estimates) / len(estimates)


def found(count: int, memory: float) -> dict[str, tuple[Sequence[Estimate], float]]:
    """The estimates of many half days, with the truth of each: one rate, and two."""
    alone = [sums(rates.run(seed, memory=memory, robot=rates.CAMERA)) for seed in range(count)]
    apart = []
    for seed in range(count):
        run = rates.run(seed, memory=memory)
        apart.append(estimate(run.watts, run.rates))
    return {
        "all traffic": ([one.joules["bytes"] for one in alone], rates.CAMERA),
        "camera": ([one.joules["camera"] for one in apart], rates.CAMERA),
        "robot": ([one.joules["robot"] for one in apart], rates.ROBOT),
        "base": ([one.base for one in apart], rates.BASE),
    }


@pytest.mark.unit
@pytest.mark.parametrize("memory", [0.0, 0.8])
def test_slopes_are_found_with_their_error(memory: float) -> None:
    """120 half days: 95 % of them, give or take 2.5 standard errors of 2 %."""
    for name, (estimates, truth) in found(SOME, memory).items():
        assert 0.9 <= coverage(estimates, truth) < 1, name


@pytest.mark.long
@pytest.mark.parametrize("memory", [0.0, 0.8])
def test_intervals_of_slopes_hold_the_truth_as_often_as_they_say(memory: float) -> None:
    shares = {name: coverage(estimates, truth) for name, (estimates, truth) in found(WHOLE, memory).items()}
    print(f"memory {memory:g}: " + ", ".join(f"{name} {share:.1%}" for name, share in shares.items()))  # noqa: T201
    assert all(0.93 <= share <= 0.975 for share in shares.values())


@pytest.mark.unit
def test_a_law_without_noise_gives_its_own_numbers() -> None:
    """90 W and 20 and 50 uJ for a byte, of four combinations of rates."""
    pairs = [(1e5 * (place % 4), 1e5 * (place // 2 % 4)) for place in range(96)]
    slopes = estimate(
        [90 + 2e-5 * one + 5e-5 * two for one, two in pairs],
        {"camera": [one for one, _ in pairs], "robot": [two for _, two in pairs]},
    )
    assert [slopes.joules["camera"].value, slopes.joules["robot"].value] == pytest.approx([2e-5, 5e-5])
    assert slopes.base.value == pytest.approx(90)
    assert not slopes.bent


@pytest.mark.unit
def test_power_that_does_not_follow_traffic_has_a_slope_of_0_at_least() -> None:
    """Least squares gives a negative slope half of the time: the value is 0 then, and the interval begins there."""
    flat = [
        estimate(rates.run(seed, robot=0).watts, rates.run(seed, robot=0).rates).joules["robot"] for seed in range(20)
    ]
    assert all(one.low == 0 <= one.value < one.high < 0.2 * rates.ROBOT for one in flat)
    assert sum(one.value == 0 for one in flat) >= 4


@pytest.mark.unit
def test_a_bend_in_the_power_makes_the_interval_wider() -> None:
    straight, bent = (sums(rates.run(1, robot=rates.CAMERA, bend=bend)) for bend in (0, -15))
    assert (straight.bent, bent.bent) == (False, True)
    wide, narrow = ((one.joules["bytes"].high - one.joules["bytes"].low) for one in (bent, straight))
    assert wide > 1.3 * narrow


RUN = rates.run(1)
REFUSED: list[tuple[Any, Any, str]] = [
    (RUN.watts[:59], {"camera": RUN.rates["camera"][:59]}, "has 59 windows, needs 60: look back further"),
    ([80.0] * rates.COUNT, RUN.rates, "power was 80 W all the time: check that a meter measures it"),
    (
        RUN.watts,
        rates.run(1, least=0.9).rates,
        "traffic of camera varied by .* of its most, a slope needs more than 20%",
    ),
    (RUN.watts, {"camera": [0.0] * rates.COUNT}, "traffic of camera varied by 0% of its most"),
    (
        RUN.watts,
        rates.run(1, together=1).rates,
        "traffic of camera changed with that of robot .9.% of its changes, at most 90%.: change one alone",
    ),
    ([200 - one for one in RUN.watts], RUN.rates, "power falls as traffic of camera rises: check that the meter"),
    (
        [one + place for place, one in enumerate(RUN.watts)],
        RUN.rates,
        "power drifts: its 360 windows tell as much as .*: measure for longer",
    ),
    (
        [3000.0 * (place * 7919 % 13 // 12) for place in range(rates.COUNT)],
        RUN.rates,
        "the slope of camera is .* J, which tells nothing: measure for longer",
    ),
]


@pytest.mark.unit
@pytest.mark.parametrize(("watts", "columns", "words"), REFUSED)
def test_runs_that_tell_no_slope_are_refused_in_one_line(watts: Any, columns: Any, words: str) -> None:
    with pytest.raises(RefusedError, match=words) as caught:
        estimate(watts, columns)
    assert len(caught.value.messages) == 1


@pytest.fixture
def calibrate(tmp_path: Path) -> Callable[..., int]:
    (tmp_path / "house.yaml").write_text(TOPOLOGY)
    run = rates.run(2)
    rows = zip(run.watts, *run.rates.values(), strict=True)
    lines = [
        f"{120 * number + 1},{watts!r},{one!r},{two!r},{one + two!r}" for number, (watts, one, two) in enumerate(rows)
    ]
    samples = tmp_path / "samples.csv"
    samples.write_text("\n".join(["time,watts,camera,robot,bytes", *lines, ""]))
    return lambda *words: main(["calibrate", "marginal", str(tmp_path / "house.yaml"), *words, "--csv", str(samples)])


@pytest.mark.unit
def test_the_slope_goes_into_the_lines_of_its_component(
    calibrate: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert calibrate("upf", "--write") == 0
    first, *others = capsys.readouterr().out.splitlines()
    (entry,) = yaml.safe_load(first)["marginal"]
    assert set(entry) == {"per", "joules", "low", "high", "least", "most", "method"}
    sent = [sum(pair) for pair in zip(*rates.run(2).rates.values(), strict=True)]
    assert (entry["least"], entry["most"]) == pytest.approx((min(sent), max(sent)), rel=1e-3)
    assert entry["low"] < entry["joules"] < entry["high"]
    assert others[-1].startswith("upf: ")
    assert others[-1].endswith(" W (360 windows)")
    before, after = TOPOLOGY.splitlines(), (tmp_path / "house.yaml").read_text().splitlines()
    comment, written = (line for line in after if line not in before)
    assert comment.startswith("    # marginal: calibrated 20")
    assert written == f"    {first}"
    assert all(line in after for line in before)
    assert main(["rules", "check", str(tmp_path / "house.yaml")]) == 0


@pytest.mark.unit
def test_a_slope_that_may_be_0_is_said_to_be_one(
    calibrate: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Power with 2 % noise that does not follow the robot's bytes."""
    run = rates.run(3, robot=0)
    rows = zip(run.watts, run.rates["robot"], strict=True)
    lines = [f"{120 * number + 1},{watts!r},{sent!r}" for number, (watts, sent) in enumerate(rows)]
    (tmp_path / "samples.csv").write_text("\n".join(["time,watts,bytes", *lines, ""]))
    assert calibrate("upf") == 0
    assert "upf: this may be 0: power may not follow this traffic" in capsys.readouterr().out


@pytest.mark.unit
def test_a_slope_takes_the_place_of_the_one_that_was_there(
    calibrate: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert calibrate("gate", "--write") == 0
    (entry,) = yaml.safe_load(capsys.readouterr().out.splitlines()[0])["marginal"]
    assert yaml.safe_load((tmp_path / "house.yaml").read_text())["components"]["gate"]["marginal"] == [entry]


@pytest.mark.unit
def test_each_application_has_a_slope_of_its_own(
    calibrate: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    """20 uJ for a byte of the camera and 50 uJ for one of the robot."""
    assert calibrate("upf", "--each-application") == 0
    entries = yaml.safe_load(capsys.readouterr().out.splitlines()[0])["marginal"]
    assert [entry["application"] for entry in entries] == ["camera", "robot"]
    assert [entry["joules"] for entry in entries] == pytest.approx([rates.CAMERA, rates.ROBOT], rel=0.1)


@pytest.mark.unit
@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["up"], "components.up: is not in the file (did you mean upf?)"),
        (["quiet"], "components.quiet: counts no traffic: where power does not follow traffic, write marginal:"),
        (["upf", "--per", "tokens"], "components.upf: counts packets and bytes: state one of them with --per"),
        (["gate", "--each-application"], "components.gate: is on the path of no application: leave out"),
        (["upf", "--per", "packets"], "samples.csv: has no column packets"),
    ],
)
def test_a_component_without_a_slope_is_refused_in_one_line(
    calibrate: Callable[..., int], words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert calibrate(*words) == 2
    assert message in capsys.readouterr().err
