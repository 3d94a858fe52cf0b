# SPDX-License-Identifier: Apache-2.0
"""Slopes from a real Prometheus, which has half a day of power and traffic."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from joulepath.cli import main
from tests.calibrate import rates
from tests.calibrate.test_asked import gauge
from tests.conftest import Monitoring
from tests.rules.backfilled import Sample, served

pytestmark = pytest.mark.long

TOPOLOGY = """\
name: house
sites: {s: {grams_per_kwh: 360}}
hosts:
  edge-1: {site: s, power: [{pdu: p, outlets: ["1"]}]}
  edge-2: {site: s, static_watts: 40, capacity: 4, power: [{pdu: p, outlets: ["2"]}]}
  edge-3: {site: s, power: [{pdu: p, outlets: ["3"]}]}
  gpu-1: {site: s, power: [{pdu: p, outlets: ["4"]}]}
  dark: {site: s, power: [{pdu: p, outlets: ["5"]}]}
components:
  upf: {role: upf, host: edge-1, traffic: {ioam: 4}}
  du: {role: du, host: edge-2, reservation: 2, share: [{workload: du}], traffic: {anchor: upf}}
  amf: {role: core-control, host: edge-2, reservation: 1, share: [{workload: amf}], supports: [upf]}
  left: {role: cu, host: edge-3, share: [{workload: left}], traffic: {anchor: upf}}
  right: {role: cu, host: edge-3, share: [{workload: right}], traffic: {anchor: upf}}
  llm: {role: model, host: gpu-1, requests: vllm}
  dark: {role: gateway, traffic: {ioam: 5}}
applications:
  camera: {traces: [{ioam_namespace: 1, id: "0a"}], path: [upf, du], models: [llm]}
  robot: {traces: [{ioam_namespace: 1, id: "0b"}, {ioam_namespace: 1, id: "0c"}], path: [upf, du], models: [llm]}
"""
RUN = rates.run(4)
CAMERA, ROBOT = RUN.rates["camera"], RUN.rates["robot"]
MEASURED = [0.75 if number % 5 == 0 else 1.0 for number in range(rates.COUNT)]
"""The part of each window in which the node was counted: its rates are low by as much."""


@dataclass(frozen=True)
class Past:
    """A server with half a day of samples that has just ended, and the topology file."""

    url: str
    topology: Path

    def calibrate(self, name: str, *words: str) -> int:
        return main(["calibrate", "marginal", str(self.topology), name, "--prometheus", self.url, *words])


def samples(end: float) -> Iterator[Sample]:
    """The half day. Half of what the robot sends has another trace.

    100,000 bytes/s more are of no application; at the model a tenth more.
    """
    own = 'topology="house"'
    for component, host, part in (
        ("upf", "edge-1", "undivided"),
        ("du", "edge-2", "dynamic"),
        ("llm", "gpu-1", "undivided"),
    ):
        yield from gauge(
            f'component:power_watts{{{own},component="{component}",host="{host}",part="{part}"}}', RUN.watts, end
        )
    static = [10.0 * (number % 7) for number in range(rates.COUNT)]
    yield from gauge(f'component:power_watts{{{own},component="du",host="edge-2",part="static"}}', static, end)
    for host in ("edge-1", "edge-2", "gpu-1"):
        series = f'host:power_source:info{{{own},host="{host}",tier="1",method="measured"}}'
        yield from gauge(series, [1.0] * rates.COUNT, end)
    every = [one + two + 1e5 for one, two in zip(CAMERA, ROBOT, strict=True)]
    for component in ("upf", "du"):
        series = f'component:whole:rate{{{own},component="{component}",by="volume"}}'
        yield from gauge(series, [part * rate for part, rate in zip(MEASURED, every, strict=True)], end)
    more = [1.1 * (one + two) for one, two in zip(CAMERA, ROBOT, strict=True)]
    yield from gauge(f'component:counted:rate{{{own},component="llm",by="volume"}}', more, end)
    yield from gauge(f'node:measured:ratio{{{own},node_id="4"}}', MEASURED, end)
    for identifier, rate, share in (("0a", CAMERA, 1.0), ("0b", ROBOT, 0.5), ("0c", ROBOT, 0.5)):
        series = f'node:seen:rate{{{own},node_id="4",ioam_namespace="1",trace_id="{identifier}",by="volume"}}'
        yield from gauge(series, [share * part * one for part, one in zip(MEASURED, rate, strict=True)], end)
    for name, rate in RUN.rates.items():
        series = f'adapter:traffic:rate{{{own},counter="llm",application="{name}",by="volume",unit="tokens"}}'
        yield from gauge(series, list(rate), end)


@pytest.fixture(scope="module")
def past(monitoring: Monitoring, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Past]:
    folder = tmp_path_factory.mktemp(monitoring.name)
    (folder / "house.yaml").write_text(TOPOLOGY)
    end = time.time() // rates.LENGTH * rates.LENGTH
    rows = sorted(samples(end), key=lambda sample: sample[0].partition("{")[0])
    with served(monitoring.prometheus, monitoring.promtool, folder, rows) as server:
        yield Past(server.url, folder / "house.yaml")


def of_csv(past: Past, *words: str) -> str:
    """The marginal of a file with the true means."""
    path = past.topology.parent / "samples.csv"
    rows = (
        f"{120 * number + 1},{watts!r},{one!r},{two!r},{one + two + 1e5!r}"
        for number, (watts, one, two) in enumerate(zip(RUN.watts, CAMERA, ROBOT, strict=True))
    )
    path.write_text("\n".join(["time,watts,camera,robot,bytes", *rows, ""]))
    return str(path)


@pytest.mark.parametrize("name", ["upf", "du"])
@pytest.mark.parametrize("words", [(), ("--each-application",)])
def test_windows_of_a_component_are_those_that_were_measured(
    past: Past, name: str, words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    """The same as from the true means: of the DU, which shares its host, without its part of idle power."""
    assert past.calibrate(name, *words) == 0
    asked = yaml.safe_load(capsys.readouterr().out.splitlines()[0])["marginal"]
    assert main(["calibrate", "marginal", str(past.topology), name, "--csv", of_csv(past), *words]) == 0
    given = yaml.safe_load(capsys.readouterr().out.splitlines()[0])["marginal"]
    assert asked == given


def test_a_model_has_slopes_of_its_tokens(past: Past, capsys: pytest.CaptureFixture[str]) -> None:
    assert past.calibrate("llm", "--write") == 0
    (entry,) = yaml.safe_load(capsys.readouterr().out.splitlines()[0])["marginal"]
    assert entry["per"] == "tokens"
    assert main(["rules", "check", str(past.topology)]) == 0


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("dark",), 1, "components.dark: has no measured power in URL: load the rules of topology 'house' there"),
        (("upf", "--per", "packets"), 1, "components.upf: has no traffic of packets in URL: check that max("),
        (("upf", "--since", "1h"), 1, "components.upf: has 31 windows, needs 60: look back further"),
        (
            ("llm", "--each-application"),
            1,
            "components.llm: traffic of camera changed with that of others (100% of its changes, at most 90%): change",
        ),
        (("left",), 2, "components.left: shares edge-3, which has no static_watts: its idle power would count"),
    ],
)
def test_a_server_without_the_samples_is_refused_in_one_line(
    past: Past, words: tuple[str, ...], code: int, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert past.calibrate(*words) == code
    lines = capsys.readouterr().err.replace(past.url, "URL").splitlines()
    assert len(lines) == 1
    assert message in lines[0]
