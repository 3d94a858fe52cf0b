# SPDX-License-Identifier: Apache-2.0
"""The windows of a host and of a model from a real Prometheus, which has a day of them."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from joulepath.cli import main
from joulepath_calibrate.windows import TokenWindow, Window
from tests.calibrate import hosts, models
from tests.conftest import Monitoring
from tests.rules.backfilled import Sample, served

pytestmark = pytest.mark.lab

STEP = 15
TOPOLOGY = """\
name: house
sites: {s: {grams_per_kwh: 360}}
hosts:
  edge-1: {site: s, power: [{pdu: p, outlets: ["1"]}]}
  dark: {site: s, power: [{pdu: p, outlets: ["2"]}]}
  bare: {site: s, power: [{pdu: p, outlets: ["3"]}]}
  lost: {site: s, power: [{pdu: p, outlets: ["5"]}]}
  gpu-1: {site: s, power: [{pdu: p, outlets: ["4"]}], gpus: {"0": {gpu: gpu-1, static_watts: 30}}}
components:
  upf: {role: upf, host: edge-1}
  llm: {role: model, host: gpu-1, requests: vllm}
  silent: {role: model, host: bare, requests: vllm}
  dark: {role: upf}
  lost: {role: upf}
"""
COUNTED = {"node_cpu_seconds_total": "edge-1", "workload_host_cpu_seconds_total": "gpu-1"}
LOAD = 'sum(rate(node_cpu_seconds_total{instance="edge-1",mode="user"}[$window])) / 2'
HOST = hosts.windows(4)
MODEL = models.windows(4)


@dataclass(frozen=True)
class Past:
    """A server with a day of samples that has just ended, and the topology file."""

    url: str
    topology: Path

    def calibrate(self, action: str, name: str, *words: str) -> int:
        return main(["calibrate", action, str(self.topology), name, "--prometheus", self.url, *words])


def gauge(series: str, values: Sequence[float], end: float) -> Iterator[Sample]:
    """A series that has a value for each window, the last of which ends at `end`."""
    begin = end - len(values) * hosts.LENGTH
    for number, value in enumerate(values):
        for part in range(STEP, int(hosts.LENGTH) + 1, STEP):
            yield series, value, begin + number * hosts.LENGTH + part


def counter(series: str, rates: Sequence[float], end: float) -> Iterator[Sample]:
    """A counter that grows at a rate of its own in each window."""
    total = 0.0
    for _, rate, at in gauge(series, rates, end):
        total += STEP * rate
        yield series, total, at


def samples(end: float) -> Iterator[Sample]:
    """The day. The power of `lost` was not recorded for ten windows."""
    watts = [one.watts for one in HOST]
    for host in ("edge-1", "bare", "gpu-1"):
        own = f'topology="house",host="{host}",site="s",tier="1"'
        yield from gauge(f'host_tier:power_watts{{{own},method="measured"}}', watts, end)
    own = 'topology="house",host="lost",site="s",tier="1",method="measured"'
    for row in gauge(f"host_tier:power_watts{{{own}}}", watts, end):
        if not -420 < (row[2] - end) / hosts.LENGTH <= -410:
            yield row
    for component, part in (("llm", 0.75), ("llm", 0.25)):
        own = f'topology="house",component="{component}",host="gpu-1",part="{part}"'
        yield from gauge(f"component:power_watts{{{own}}}", [part * one.watts for one in MODEL], end)
    for name, host in COUNTED.items():
        for cpu in ("0", "1"):
            for mode, part in (("idle", 1.0), ("iowait", 0.0), ("user", 0.0)):
                rates = [part * (1 - one.load) + (mode == "user") * one.load for one in HOST]
                yield from counter(f'{name}{{instance="{host}",cpu="{cpu}",mode="{mode}"}}', rates, end)
    for kind, rates in (("prompt", [one.input for one in MODEL]), ("generation", [one.output for one in MODEL])):
        for engine in ("0", "1"):
            series = f'vllm:{kind}_tokens_total{{model_name="llm",application="a",engine="{engine}"}}'
            yield from counter(series, [rate / 2 for rate in rates], end)


@pytest.fixture(scope="module")
def past(monitoring: Monitoring, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Past]:
    folder = tmp_path_factory.mktemp(monitoring.name)
    (folder / "house.yaml").write_text(TOPOLOGY)
    end = time.time() // hosts.LENGTH * hosts.LENGTH
    with served(monitoring.prometheus, monitoring.promtool, folder, samples(end)) as server:
        yield Past(server.url, folder / "house.yaml")


def of_csv(past: Past, action: str, name: str, data: Sequence[Window] | Sequence[TokenWindow], **where: str) -> int:
    """The same from a file with the truth; windows begin at a full multiple of their length."""
    columns = ("time", *data[0]._fields[1:])
    number = range(len(data))
    rows = [",".join(map(repr, (place * hosts.LENGTH + 1, *one[1:]))) for place, one in zip(number, data, strict=True)]
    path = past.topology.parent / "samples.csv"
    path.write_text("\n".join([",".join(columns), *rows, ""]))
    return main(["calibrate", action, where.get("topology", str(past.topology)), name, "--csv", str(path)])


def test_windows_of_a_host_are_those_that_were_measured(past: Past, capsys: pytest.CaptureFixture[str]) -> None:
    """Prometheus gives the line that the true means give, to the digit: the counters have no noise of their own."""
    assert past.calibrate("static", "edge-1", "--since", "2d") == 0
    asked = capsys.readouterr().out
    assert of_csv(past, "static", "edge-1", HOST) == 0
    assert asked == capsys.readouterr().out
    assert "(line, 720 windows)" in asked


def test_idle_watts_of_gpus_count_for_their_host(past: Past, capsys: pytest.CaptureFixture[str]) -> None:
    """The rules record the host without its GPUs, and `static_watts` of a host is with them."""
    assert past.calibrate("static", "edge-1") == 0
    board = capsys.readouterr().out.splitlines()[0]
    assert past.calibrate("static", "gpu-1") == 0
    first, second, *_ = capsys.readouterr().out.splitlines()
    watts = [float(line.split(" static_watts ")[1].partition(",")[0]) for line in (board, first)]
    assert watts[1] == pytest.approx(watts[0] + 30, abs=0.11)
    assert second == "gpu-1: 30 W of them are static_watts of GPUs in its plug"


def test_a_load_of_ones_own_takes_the_place_of_counters(past: Past, capsys: pytest.CaptureFixture[str]) -> None:
    assert past.calibrate("static", "bare", "--load", LOAD, "--since", "12h") == 0
    assert "(line, 361 windows)" in capsys.readouterr().out


def test_power_that_was_not_recorded_is_not_taken_from_before(past: Past, capsys: pytest.CaptureFixture[str]) -> None:
    """Prometheus shows a value for 5 minutes, which would be two windows too many."""
    assert past.calibrate("static", "lost", "--load", LOAD) == 0
    assert "(line, 710 windows)" in capsys.readouterr().out


def test_the_number_from_prometheus_is_written(past: Past, capsys: pytest.CaptureFixture[str]) -> None:
    before = past.topology.read_text()
    try:
        assert past.calibrate("static", "edge-1", "--write") == 0
        watts = capsys.readouterr().out.split(" static_watts ")[1].partition(",")[0]
        assert f"  edge-1: {{static_watts: {float(watts):g}, site: s" in past.topology.read_text()
        assert main(["rules", "check", str(past.topology)]) == 0
    finally:
        past.topology.write_text(before)


def test_tokens_of_a_model_are_those_that_were_counted(past: Past, capsys: pytest.CaptureFixture[str]) -> None:
    assert past.calibrate("model-weights", "llm") == 0
    asked = capsys.readouterr().out
    assert of_csv(past, "model-weights", "llm", MODEL) == 0
    assert asked == capsys.readouterr().out
    assert asked.startswith("tokens: {input: 0.")


def test_a_query_takes_the_place_of_the_recorded_power(past: Past, capsys: pytest.CaptureFixture[str]) -> None:
    assert past.calibrate("model-weights", "llm") == 0
    recorded = capsys.readouterr().out
    watts = 'sum(component:power_watts{component="llm",part="0.75"}) / 0.75'
    assert past.calibrate("model-weights", "llm", "--watts", watts) == 0
    assert capsys.readouterr().out == recorded


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("static", "dark"), "hosts.dark: has no measured power in URL: load the rules of topology 'house' there"),
        (("static", "bare"), "hosts.bare: has no load in URL: workload_host_cpu_seconds_total or node_cpu_seconds"),
        (
            ("static", "edge-1", "--load", "sum(nothing)"),
            "has no load in URL: --load has no sample: state --load QUERY",
        ),
        (("static", "edge-1", "--since", "1h"), "hosts.edge-1: has 31 windows, needs 60: look back further"),
        (("static", "edge-1", "--method", "quiet"), "has 0 quiet windows (load below 0.02 for 600 s), needs 60: leave"),
        (("model-weights", "silent"), "components.silent: has no power in URL: check that sum(component:power_watts{"),
        (
            ("model-weights", "llm", "--watts", "sum(nothing)"),
            "has no power in URL: check that sum(nothing) has samples",
        ),
    ],
)
def test_a_server_without_the_samples_is_refused_in_one_line(
    past: Past, words: tuple[str, str, *tuple[str, ...]], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert past.calibrate(*words) == 1
    lines = capsys.readouterr().err.replace(past.url, "URL").splitlines()
    assert len(lines) == 1
    assert message in lines[0]
