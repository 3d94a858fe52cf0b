# SPDX-License-Identifier: Apache-2.0
"""PDUs behind one exporter while its configuration changes; a real Prometheus that finds and scrapes them over TLS."""

import json
import re
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path

import bcrypt
import pytest
import yaml

from joulepath_lab.devices.apc import rpdu2_objects
from joulepath_lab.devices.snmp_agent import Agent
from joulepath_lab.run.ports import free_port
from joulepath_lab.run.waiting import until
from joulepath_prometheus.client import Prometheus
from tests.exporters.pki import Pki
from tests.exporters.process import Exporter
from tests.exporters.serving.test_run import LOGFMT, SUCCESSFUL, basic

pytestmark = pytest.mark.lab

SECRETS = ("community-of-pdu-1", "community-of-pdu-2", "password-of-prometheus")
PROBE = "/probe?target="
JOULES, SECONDS = "pdu_outlet_energy_joules_total", "pdu_outlet_measured_seconds_total"


@pytest.fixture
def agents() -> Iterator[list[Agent]]:
    """Two PDUs with one outlet each, of 40 W and 250 W."""
    with (
        Agent(rpdu2_objects(lambda: {1: ("robot", 40.0)}), SECRETS[0]) as one,
        Agent(rpdu2_objects(lambda: {1: ("server", 250.0)}), SECRETS[1]) as two,
    ):
        yield [one, two]


class Pdus:
    """`pdu.yaml` and the secrets beside it."""

    def __init__(self, folder: Path, agents: list[Agent]) -> None:
        self.path = folder / "pdu.yaml"
        self._addresses = [f"udp://127.0.0.1:{agent.address[1]}" for agent in agents]
        for number, secret in enumerate(SECRETS[:2], 1):
            (folder / f"community-{number}").write_text(secret)

    def write(self, **devices: int) -> None:
        """Names, and which of the two PDUs each is."""
        targets = {
            name: {"address": self._addresses[number - 1], "community_file": f"community-{number}", "interval": 1}
            for name, number in devices.items()
        }
        new = self.path.with_suffix(".new")
        new.write_text(yaml.safe_dump({"targets": targets}))
        new.rename(self.path)


@pytest.fixture
def pdus(tmp_path: Path, agents: list[Agent]) -> Pdus:
    return Pdus(tmp_path, agents)


def test_targets_come_and_go_and_no_counter_is_lost(pdus: Pdus, tmp_path: Path) -> None:
    pdus.write(first=1)
    with Exporter("pdu", "--config", pdus.path) as exporter:
        until(lambda: (exporter.value(JOULES, PROBE + "first", outlet="1") or 0) > 40)
        polls = exporter.value("joulepath_polls_total", result="success") or 0
        pdus.write(first=1, second=2)  # seen without a signal
        until(lambda: (exporter.value(JOULES, PROBE + "second", outlet="1") or 0) > 250)
        before = exporter.value(JOULES, PROBE + "first", outlet="1") or 0
        measured = exporter.value(SECONDS, PROBE + "first", outlet="1") or 0
        assert before == pytest.approx(40 * measured)
        assert measured > 3  # it was not begun anew
        assert [group["labels"]["instance"] for group in json.loads(exporter.get("/targets")[1])] == ["first", "second"]

        pdus.write(first=1)
        exporter.reload()
        assert exporter.get(PROBE + "second")[0] == 404
        assert (exporter.value("joulepath_polls_total", result="success") or 0) > polls
        pdus.write(first=1, second=2)
        exporter.reload()
        until(lambda: (exporter.value(JOULES, PROBE + "second", outlet="1") or 0) > 250)

        pdus.path.write_text("targets: {first: {address: 'http://x', community_file: community-1}}\n")
        exporter.reload()
        assert exporter.value(SUCCESSFUL) == 0
        (tmp_path / "community-1").write_text("wrong")
        pdus.write(first=1, second=2)
        exporter.reload()
        assert exporter.value(SUCCESSFUL) == 1
        until(lambda: exporter.value("pdu_up", PROBE + "first") == 0)
        (tmp_path / "community-1").write_text(SECRETS[0])  # a secret's file is watched as well
        until(lambda: exporter.value("pdu_up", PROBE + "first") == 1)
        assert (exporter.value(JOULES, PROBE + "first", outlet="1") or 0) >= before
        assert exporter.end() == 0


def test_the_landing_page_shows_watts_of_pdus_and_a_silent_one_first(pdus: Pdus, tmp_path: Path) -> None:
    (tmp_path / "community-2").write_text("wrong")
    pdus.write(a=1, b=2)
    with Exporter("pdu", "--config", pdus.path) as exporter:
        rows = re.compile(r"<tr><th scope=.row.*")
        until(lambda: "no answer" in exporter.get("/")[1] and '<td class="n">40.0</td>' in exporter.get("/")[1])
        down, up = rows.findall(exporter.get("/")[1])
        assert re.search(r">b<.*>down<.*b: no answer", down)
        assert re.search(r">a<.*>up<.*>40\.0<.* s ago<", up)
        assert exporter.end() == 0


def test_no_output_contains_a_secret(pdus: Pdus, pki: Pki) -> None:
    """Everything an exporter writes at its most talkative, for each secret that it was given."""
    pdus.write(first=1, second=2, wrong=2)
    hashed = bcrypt.hashpw(SECRETS[2].encode(), bcrypt.gensalt(4)).decode()
    key = (pki.folder / "server.key").read_text()
    web = pki.folder / "web-config.yml"
    text = f"""
tls_server_config: {{cert_file: server.pem, key_file: server.key}}
basic_auth_users: {{prometheus: '{hashed}'}}
"""
    web.write_text(text)
    tls = ssl.create_default_context(cafile=pki.ca)
    arguments = ("pdu", "--config", pdus.path, "--web.config.file", web, "--log.level", "debug")
    with Exporter(*arguments, tls=tls, authorization=basic("prometheus", SECRETS[2])) as exporter:
        until(lambda: exporter.value("pdu_up", PROBE + "first") == 1)
        for path in ("/", "/metrics", "/targets", "/-/ready", PROBE + "first", PROBE + SECRETS[0], "/nothing", PROBE):
            exporter.get(path)
        exporter.get("/metrics", Authorization=basic("prometheus", "another"))
        for broken in (
            f"basic_auth_users: {{prometheus: {SECRETS[2]}}}",
            f"{SECRETS[2]}: [",
            text.replace("key", "kee"),
        ):
            web.write_text(broken)
            exporter.reload()
        web.write_text(text)
        pdus.path.write_text(f"targets: {{first: {{address: 'udp://x', community: {SECRETS[0]}}}}}")
        exporter.reload()
        (pdus.path.parent / "community-1").write_bytes(SECRETS[0].encode() + b"\xff")
        pdus.write(first=1)
        exporter.reload()
        exporter.get("/?target=wrong")
        # The landing page repeats what was wrong.
        until(lambda: "its files have a mistake" in (page := exporter.get("/")[1]) and "web-config.yml" in page)
        processes = Path(f"/proc/{exporter.process.pid}/cmdline").read_text()
        assert exporter.end() == 0
    written = "\n".join([*exporter.log, *exporter.seen, processes])
    assert len(exporter.log) > 20
    secret_lines = [line for line in key.splitlines() if "PRIVATE KEY" not in line]
    for secret in (*SECRETS, hashed, hashed[7:], basic("prometheus", SECRETS[2])[6:], *secret_lines):
        assert secret not in written
    assert all(LOGFMT.fullmatch(line) for line in exporter.log), exporter.log


def test_prometheus_finds_and_scrapes_pdus_over_tls_with_a_password(prometheus: Path, pdus: Pdus, pki: Pki) -> None:
    pdus.write(**{"pdu-1": 1, "pdu-2": 2})
    hashed = bcrypt.hashpw(SECRETS[2].encode(), bcrypt.gensalt(10)).decode()
    web = pki.folder / "web-config.yml"
    web.write_text(f"""
tls_server_config:
  cert_file: server.pem
  key_file: server.key
  client_auth_type: RequireAndVerifyClientCert
  client_ca_file: ca.pem
  client_allowed_sans: [prometheus.example]
  min_version: TLS13
basic_auth_users: {{prometheus: '{hashed}'}}
""")
    certificate, key = pki.issue("prometheus", "prometheus.example")
    tls = ssl.create_default_context(cafile=pki.ca)
    tls.load_cert_chain(certificate, key)
    arguments = ("pdu", "--config", pdus.path, "--web.config.file", web)
    with Exporter(*arguments, tls=tls, authorization=basic("prometheus", SECRETS[2])) as exporter:
        folder = pki.folder / "prometheus"
        folder.mkdir()
        access = {
            "tls_config": {"ca_file": str(pki.ca), "cert_file": str(certificate), "key_file": str(key)},
            "basic_auth": {"username": "prometheus", "password": SECRETS[2]},
        }
        discovery = {"url": exporter.url + "/targets", "refresh_interval": "1s", **access}
        job = {"job_name": "pdu", "scheme": "https", "http_sd_configs": [discovery], **access}
        glob = {"scrape_interval": "1s", "scrape_timeout": "1s"}
        (folder / "prometheus.yml").write_text(yaml.safe_dump({"global": glob, "scrape_configs": [job]}))
        url = f"http://127.0.0.1:{free_port()}"
        command = [
            str(prometheus), f"--config.file={folder / 'prometheus.yml'}", f"--storage.tsdb.path={folder / 'data'}",
            f"--web.listen-address={url.removeprefix('http://')}",
        ]  # fmt: skip
        with (
            (folder / "log").open("w") as log,
            subprocess.Popen(command, stderr=log) as server,
            Prometheus(url) as asked,
        ):
            try:
                until(asked.ready, 30)
                until(lambda: len(asked.query(f"rate({JOULES}[10s]) / rate({SECONDS}[10s])")) == 2, 30)
                power = asked.query(f"rate({JOULES}[10s]) / rate({SECONDS}[10s])")
                watts = {sample.labels["instance"]: sample.value for sample in power}
                assert watts == {"pdu-1": pytest.approx(40), "pdu-2": pytest.approx(250)}
                assert {(s.labels["instance"], s.value) for s in asked.query("up")} == {("pdu-1", 1), ("pdu-2", 1)}
                pdus.write(**{"pdu-2": 2})
                until(lambda: [s.labels["instance"] for s in asked.query("up")] == ["pdu-2"], 30)
                assert max(s.value for s in asked.query("max_over_time(scrape_duration_seconds[30s])")) < 0.5
                assert not re.search(r"level=(warn|error)", (folder / "log").read_text())
            finally:
                server.terminate()
        assert exporter.end() == 0
