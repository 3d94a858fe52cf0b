# SPDX-License-Identifier: Apache-2.0
"""`joulepath pdu` at work: scraped, with a device that dies, and with nothing of its secret to be seen."""

import os
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from joulepath import web
from joulepath.pdu.collector import collect
from joulepath.pdu.command import read_targets
from joulepath.reading.poller import Poller
from joulepath.serving.polled import PolledExporter
from joulepath_lab.devices.apc import rpdu2_objects
from joulepath_lab.devices.snmp_agent import Agent
from joulepath_lab.run.waiting import until

from ..process import Exporter
from .conftest import SECRET, joulepath, samples

pytestmark = pytest.mark.lab


def test_once_prints_what_can_be_read_and_reports_the_rest(agent: Agent, community_file: Path) -> None:
    host, port = agent.address
    config = community_file.with_name("pdu.yaml")
    (community_file.parent / "wrong").write_text("wrong-secret")
    config.write_text(
        f"targets:\n"
        f"  pdu-1: {{address: '{host}:{port}', community_file: community}}\n"
        f"  pdu-2: {{address: '{host}:{port}', community_file: wrong, profile: apc-rpdu2}}\n"
    )
    done = joulepath("--config", config, "--once")
    assert done.returncode == 0
    series = samples(done.stdout)
    assert series["pdu_up", frozenset({("instance", "pdu-1")})] == 1
    assert series["pdu_up", frozenset({("instance", "pdu-2")})] == 0
    assert series["pdu_outlet_power_watts", frozenset({("instance", "pdu-1"), ("outlet", "1")})] == 40
    assert done.stderr.count("\n") == 1
    assert "pdu-2: no answer within 4 s" in done.stderr
    assert "wrong-secret" not in done.stderr


def get(port: int, path: str) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:  # loopback
        return str(answer.read().decode())


def test_serving_a_device_integrates_and_shows_it_down_when_it_is_dead(agent: Agent, community_file: Path) -> None:
    host, port = agent.address
    config = community_file.with_name("pdu.yaml")
    config.write_text(
        f"targets:\n  pdu-1: {{address: '{host}:{port}', community_file: community, interval: 1}}\n"
        "  pdu-2: {address: '127.0.0.1:9', community_file: community, interval: 1}\n"
    )
    poller = Poller(read_targets(config))
    exporter = PolledExporter("pdu", "", poller, collect, single=False)
    server = web.Server(exporter, [web.Address("127.0.0.1", 0)])
    exporter.start()
    server.start()
    try:
        (http,) = server.ports
        until(lambda: poller.snapshot("pdu-1").polls.get("success", 0) >= 3)
        series = samples(get(http, "/probe?target=pdu-1"))
        joules = series["pdu_outlet_energy_joules_total", frozenset({("outlet", "2")})]
        seconds = series["pdu_outlet_measured_seconds_total", frozenset({("outlet", "2")})]
        assert joules == pytest.approx(250 * seconds, rel=1e-12)
        assert seconds > 1.5
        with pytest.raises(urllib.error.HTTPError, match="404"):
            get(http, "/probe?target=10.0.0.5")
        agent.stop()
        until(lambda: poller.snapshot("pdu-1").up is False, 10)
        series = samples(get(http, "/probe?target=pdu-1"))
        assert series["pdu_up", frozenset()] == 0
        assert series["pdu_outlet_energy_joules_total", frozenset({("outlet", "2")})] >= joules
        assert samples(get(http, "/probe?target=pdu-2")) == {("pdu_up", frozenset()): 0.0}
    finally:
        server.stop()
        exporter.stop()


def test_the_community_does_not_appear_in_the_process_list(agent: Agent, community_file: Path) -> None:
    host, port = agent.address
    command = [sys.executable, "-m", "joulepath", "pdu", "--target", f"{host}:{port}"]
    command += ["--community-file", str(community_file), "--web.listen-address", "127.0.0.1:0", "--log.level", "debug"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=os.environ.copy()) as running:
        try:
            until(lambda: agent.requests > 5, 15)
            assert SECRET not in Path(f"/proc/{running.pid}/cmdline").read_text()
            assert SECRET not in Path(f"/proc/{running.pid}/environ").read_text()
        finally:
            running.terminate()
            _, errors = running.communicate(timeout=10)
    assert running.returncode == 0
    assert "listening" in errors
    assert SECRET not in errors


def test_a_device_that_takes_over_a_name_invents_no_energy(tmp_path: Path) -> None:
    """Another PDU at another address takes its place, with higher registers: that energy did not flow here."""
    meter = "pdu_outlet_meter_energy_joules_total"

    def pdu(serial: str, joules: float) -> Agent:
        objects = rpdu2_objects(lambda: {1: ("robot", 40.0)}, serial=serial, joules=lambda _: joules)
        return Agent(objects, SECRET)

    (tmp_path / "community").write_text(SECRET)
    config = tmp_path / "pdu.yaml"

    def configure(agent: Agent) -> None:
        host, port = agent.address
        config.write_text(f"targets: {{pdu-1: {{address: '{host}:{port}', community_file: community, interval: 1}}}}")

    with pdu("A", 3.6e8) as former, pdu("B", 3.6e9) as present:
        configure(former)
        with Exporter("pdu", "--config", config) as running:
            until(lambda: running.value(meter, "/probe?target=pdu-1", outlet="1") == 3.6e8)
            configure(present)
            running.reload()
            until(lambda: present.requests > 0)
            until(lambda: running.value(meter, "/probe?target=pdu-1", outlet="1") is not None)
            assert running.value(meter, "/probe?target=pdu-1", outlet="1") == 3.6e8
