# SPDX-License-Identifier: Apache-2.0
"""The cost of both kinds of tokens, for models with a known one."""

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from joulepath.cli import main
from joulepath_calibrate.errors import RefusedError
from joulepath_calibrate.estimate import Estimate
from joulepath_calibrate.weights import Weights, estimate
from joulepath_calibrate.windows import TokenWindow
from tests.calibrate import models

WHOLE, SOME = 500, 120
TRUTH = {"input": models.INPUT, "output": models.OUTPUT, "ratio": models.INPUT / models.OUTPUT}

TOPOLOGY = """\
sites: {s: {grams_per_kwh: 360}}
hosts:
  "gpu-[1-4]": {site: s, power: [{pdu: p, outlets: ["[1-4]"]}]}
components:
  # Ours.
  llm:
    role: model
    host: gpu-1
    requests: vllm # 0.28
  other: {role: model, host: gpu-2, requests: vllm, tokens: {input: 1, output: 2}}
  plain: {role: upf, host: gpu-3}
  triton: {role: model, host: gpu-4, policy: packets, requests: triton}
applications: {a: {models: [llm]}}
"""


def runs(count: int, memory: float) -> Sequence[Weights]:
    return [estimate(models.windows(seed, memory=memory)) for seed in range(count)]


def coverage(estimates: Sequence[Estimate], truth: float) -> float:
    return sum(one.low <= truth <= one.high for one in estimates) / len(estimates)


@pytest.mark.unit
@pytest.mark.parametrize("memory", [0.0, 0.8])
def test_weights_of_tokens_are_found_with_their_error(memory: float) -> None:
    found = runs(SOME, memory)
    for name, truth in TRUTH.items():
        estimates = [getattr(one, name) for one in found]
        assert 0.9 <= coverage(estimates, truth) < 1
        assert sum(abs(one.value - truth) < (0.2 if memory else 0.08) * truth for one in estimates) >= 0.95 * SOME


@pytest.mark.long
@pytest.mark.parametrize("memory", [0.0, 0.8])
def test_intervals_of_weights_hold_the_truth_as_often_as_they_say(memory: float) -> None:
    found = runs(WHOLE, memory)
    shares = {name: coverage([getattr(one, name) for one in found], truth) for name, truth in TRUTH.items()}
    print(f"memory {memory:g}: " + ", ".join(f"{name} {share:.1%}" for name, share in shares.items()))  # noqa: T201
    assert all(0.93 <= share <= 0.97 for share in shares.values())


@pytest.mark.unit
def test_prompts_that_cost_nothing_have_the_weight_0() -> None:
    """Least squares gives a negative weight half of the time: the value is 0 then, and the interval begins there."""
    found = [estimate(models.windows(seed, prompt=0)) for seed in range(20)]
    assert all(one.ratio.value >= 0 and one.ratio.low == 0 for one in found)
    assert sum(one.ratio.value == 0 for one in found) >= 4


@pytest.mark.unit
def test_power_that_bends_makes_the_intervals_wider() -> None:
    """Batches: 50 W less at full use than the sum of tokens."""
    straight, bent = estimate(models.windows(1)), estimate(models.windows(1, bend=-50))
    assert (straight.bent, bent.bent) == (False, True)
    assert bent.output.high - bent.output.low > 1.5 * (straight.output.high - straight.output.low)


@pytest.mark.unit
@pytest.mark.parametrize(
    ("data", "words"),
    [
        (models.windows(1)[:59], "has 59 windows, needs 60: look back further"),
        (models.windows(1, together=1), "changed together .correlation 0.9[0-9], at most 0.95.: run long prompts"),
        ([one._replace(input=3.0) for one in models.windows(1)], "rate of tokens of prompts did not change: run"),
        ([one._replace(output=0.0) for one in models.windows(1)], "rate of generated tokens did not change: run"),
        (models.windows(1, answer=0), "a generated token has .* may cost nothing: run more requests"),
        (models.windows(1, prompt=-0.02), "power falls when prompts have more tokens: check"),
        ([one._replace(watts=one.watts + one.at / 200) for one in models.windows(1)], "power drifts: its 360 windows"),
    ],
)
def test_runs_that_tell_no_weight_are_refused_in_one_line(data: list[TokenWindow], words: str) -> None:
    with pytest.raises(RefusedError, match=words) as caught:
        estimate(data)
    assert len(caught.value.messages) == 1


@pytest.fixture
def topology(tmp_path: Path) -> Path:
    path = tmp_path / "house.yaml"
    path.write_text(TOPOLOGY)
    rows = [f"{one.at - 1},{one.watts!r},{one.input!r},{one.output!r}" for one in models.windows(2)]
    (tmp_path / "samples.csv").write_text("\n".join(["time,watts,input,output", *rows, ""]))
    return path


@pytest.fixture
def calibrate(topology: Path) -> Callable[..., int]:
    samples = topology.parent / "samples.csv"
    return lambda *words: main(["calibrate", "model-weights", str(topology), *words, "--csv", str(samples)])


@pytest.mark.unit
def test_the_weights_are_printed_as_the_file_has_them(
    calibrate: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    assert calibrate("llm") == 0
    first, *others = capsys.readouterr().out.splitlines()
    weights = estimate(models.windows(2))
    assert first == f"tokens: {{input: {weights.ratio.value:.3g}, output: 1}}"
    assert others[-1].startswith("llm: ")
    assert others[-1].endswith(" W without tokens (360 windows)")


@pytest.mark.unit
@pytest.mark.parametrize("name", ["llm", "other"])
def test_the_weights_go_into_the_lines_of_their_component(
    calibrate: Callable[..., int], topology: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert calibrate(name, "--write") == 0
    tokens = capsys.readouterr().out.splitlines()[0]
    before, after = TOPOLOGY.splitlines(), topology.read_text().splitlines()
    new = [line for line in after if line not in before]
    gone = [line for line in before if line not in after]
    assert len(new) == 2
    assert new[0].lstrip().startswith("# tokens: calibrated 20")
    assert tokens in new[1]
    assert [line.strip()[:6] for line in gone] == ([] if name == "llm" else ["other:"])
    assert main(["rules", "check", str(topology)]) == 0


@pytest.mark.unit
@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("lm", "components.lm: is not in the file (did you mean llm?)"),
        ("plain", "components.plain: has no `requests`: only a model has tokens"),
        ("triton", "components.triton.requests: triton counts no tokens of prompts"),
    ],
)
def test_a_component_without_tokens_is_refused(
    calibrate: Callable[..., int], name: str, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert calibrate(name) == 2
    assert words in capsys.readouterr().err
