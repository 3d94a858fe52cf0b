# SPDX-License-Identifier: Apache-2.0
"""Five minutes of a host and a model that follow a known law: scraped, through the rules, calibrated and written."""

import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from joulepath.cli import main
from tests.conftest import Monitoring
from tests.rules.world import Rates, Server, Target, meter, served

pytestmark = pytest.mark.long

IDLE, BUSY = 100.0, 150.0
BASE, INPUT, OUTPUT = 80.0, 0.03, 0.3
TOPOLOGY = """\
interval: 1s
window: 4s
sites: {s: {grams_per_kwh: 360}}
hosts:
  edge-1:
    site: s
    power: [{pdu: p, outlets: ["1"]}] # the left one
  gpu-1: {site: s, power: [{pdu: p, outlets: ["2"]}]}
components:
  upf: {role: upf, host: edge-1}
  llm: {role: model, host: gpu-1, requests: vllm}
applications: {a: {models: [llm]}}
"""
SECONDS = 320


def rates(drawn: random.Random) -> Rates:
    """Both hosts at some load, with 2 % noise in power."""
    load, asked, told = drawn.uniform(0.1, 0.9), drawn.uniform(0, 2000), drawn.uniform(0, 300)
    noise = [1 + drawn.gauss(0, 0.02) for _ in range(2)]
    cpu: Rates = {
        'node_cpu_seconds_total{cpu="0",mode="idle"}': 1 - load,
        'node_cpu_seconds_total{cpu="0",mode="user"}': load,
    }
    labels = 'model_name="llm",application="a"'
    tokens: Rates = {f"vllm:prompt_tokens_total{{{labels}}}": asked, f"vllm:generation_tokens_total{{{labels}}}": told}
    plugs = meter("pdu_outlet", 'instance="p",outlet="1"', (IDLE + BUSY * load) * noise[0])
    plugs |= meter("pdu_outlet", 'instance="p",outlet="2"', (BASE + INPUT * asked + OUTPUT * told) * noise[1])
    return cpu | tokens | plugs | {f"vllm:request_success_total{{{labels}}}": 1.0}


@contextmanager
def changing(target: Target) -> Iterator[threading.Event]:
    """A load that stays for 2 to 6 s. The event ends it."""
    drawn, ended = random.Random(1), threading.Event()

    def change() -> None:
        while not ended.is_set():
            target.count(rates(drawn))
            ended.wait(drawn.uniform(2, 6))

    thread = threading.Thread(target=change)
    thread.start()
    try:
        yield ended
    finally:
        ended.set()
        thread.join()


def test_a_host_and_a_model_are_calibrated_as_they_run(
    monitoring: Monitoring, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Both numbers are right within twice their intervals and go into the file, and the rules accept it."""
    topology = tmp_path / "house.yaml"
    topology.write_text(TOPOLOGY)
    with served() as world:
        world.target("edge-1", rates(random.Random(0)))
        server = Server(monitoring.prometheus, tmp_path / "server", world)
        server.write_rules(TOPOLOGY)
        server.start()
        try:
            with changing(world.targets["edge-1"]) as ended:
                ended.wait(SECONDS)
                asked = ["--prometheus", server.url, "--since", f"{SECONDS}s", "--write"]
                assert main(["calibrate", "static", str(topology), "edge-1", *asked]) == 0
                assert main(["calibrate", "model-weights", str(topology), "llm", *asked]) == 0
        finally:
            server.stop()
    lines = capsys.readouterr().out.splitlines()
    print("\n".join(lines))  # noqa: T201  # the figures
    for line, truth in ((lines[0], IDLE), (lines[3], INPUT / OUTPUT)):
        low, _, high, *_ = line.partition("95 % interval ")[2].split()
        # Twice the interval: chance alone leaves it less than once in 1,000 runs.
        assert abs(truth - (float(low) + float(high)) / 2) <= float(high) - float(low)
    written = topology.read_text()
    assert 'power: [{pdu: p, outlets: ["1"]}] # the left one' in written
    assert f"    {lines[0].split(': ')[1].partition(',')[0].replace(' ', ': ').removesuffix('.0')}\n" in written
    assert lines[2] in written
    assert main(["rules", "check", str(topology)]) == 0
