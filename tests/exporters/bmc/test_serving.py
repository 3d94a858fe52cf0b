# SPDX-License-Identifier: Apache-2.0
"""The exporter as a process: one session in the BMC while it runs, none after it, and its password nowhere."""

import signal
import ssl
from functools import partial
from pathlib import Path

import pytest

from joulepath.bmc.collector import collect
from joulepath.bmc.command import BmcExporter, read_targets
from joulepath.reading.poller import Poller
from joulepath_lab.devices.redfish_server import SESSIONS, Behaviour, RedfishServer, dict_tree
from joulepath_lab.run.waiting import until

from ..pki import Pki
from ..process import Exporter
from .conftest import PASSWORD, USER, legacy

pytestmark = pytest.mark.unit


def test_other_authorities_in_the_same_file_are_taken_over(tmp_path: Path) -> None:
    """The file of authorities is replaced, as when they are renewed; the exporter trusted the former ones alone."""
    (tmp_path / "former").mkdir()
    former, pki = Pki(tmp_path / "former"), Pki(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*pki.issue("bmc", "127.0.0.1"))
    tree = dict_tree(legacy({"PowerControl": [{"PowerConsumedWatts": 344}]}))
    present = pki.ca.read_bytes()
    pki.ca.write_bytes(former.ca.read_bytes())
    with RedfishServer(tree, Behaviour(), context) as server:
        config = tmp_path / "bmc.yaml"
        config.write_text(
            f'targets: {{edge-1: {{address: "redfish://127.0.0.1:{server.port}", ca_file: ca.pem, interval: 1}}}}'
        )
        with Exporter("bmc", "--config", config) as running:
            up = frozenset({("collector", "redfish")})
            until(lambda: running.samples("/probe?target=edge-1").get(("bmc_up", up)) == 0)
            pki.ca.write_bytes(present)
            running.reload()
            until(lambda: running.samples("/probe?target=edge-1").get(("bmc_up", up)) == 1)


def test_a_bmc_removed_from_the_configuration_is_not_a_defect(tmp_path: Path) -> None:
    """A scrape that has seen its name just before the reload is answered with 404: the name is a KeyError."""
    config = tmp_path / "bmc.yaml"
    config.write_text('targets: {edge-1: {address: "redfish+http://127.0.0.1:9"}}')
    poller = Poller(read_targets(config))
    exporter = BmcExporter("bmc", "", poller, partial(collect, ""), single=False)
    exporter.probe("edge-1")
    poller.update([])
    with pytest.raises(KeyError):
        exporter.probe("edge-1")


def test_sigterm_ends_the_session(tmp_path: Path) -> None:
    pki = Pki(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*pki.issue("bmc", "127.0.0.1"))
    tree = dict_tree(legacy({"PowerControl": [{"PowerConsumedWatts": 344}]}))
    (tmp_path / "password").write_text(PASSWORD)
    with RedfishServer(tree, Behaviour(users={USER: PASSWORD}), context) as server:
        config = tmp_path / "bmc.yaml"
        config.write_text(
            f'targets: {{edge-1: {{address: "redfish://127.0.0.1:{server.port}", user: {USER}, '
            "password_file: password, ca_file: ca.pem, interval: 1}}"
        )
        labels = frozenset({("chassis", "1")})
        with Exporter("bmc", "--config", config) as running:
            measured = ("bmc_chassis_measured_seconds_total", labels)
            until(lambda: running.samples("/probe?target=edge-1").get(measured, 0) > 1)
            samples = running.samples("/probe?target=edge-1")
            watts = samples["bmc_chassis_energy_joules_total", labels] / samples[measured]
            assert watts == pytest.approx(344)
            assert len(server.tokens) == server.requests["POST", SESSIONS] == 1
            running.process.send_signal(signal.SIGTERM)
            assert running.process.wait(15) == 0
        assert server.tokens == {}
        assert PASSWORD not in "".join(running.log + running.seen)
