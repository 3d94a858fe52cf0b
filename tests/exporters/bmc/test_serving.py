# SPDX-License-Identifier: Apache-2.0
"""The exporter as a process: one session in the BMC while it runs, none after it, and its password nowhere."""

import signal
import ssl
from pathlib import Path

import pytest

from joulepath_lab.redfish_server import SESSIONS, Behaviour, RedfishServer, dict_tree

from ..pki import Pki
from ..process import Exporter, until
from .conftest import PASSWORD, USER, legacy

pytestmark = pytest.mark.unit


def test_a_session_is_ended_by_sigterm(tmp_path: Path) -> None:
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
