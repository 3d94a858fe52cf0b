# SPDX-License-Identifier: Apache-2.0
"""The files of `joulepath init` as they are: exporters, Prometheus and rules run on them, and hosts have watts."""

import re
from pathlib import Path
from subprocess import DEVNULL, Popen

import pytest

from joulepath.cli import main
from joulepath_lab.run.ports import free_port
from tests.conftest import Monitoring
from tests.exporters.process import Exporter
from tests.rules.world import QUICK, Asked

from .conftest import Devices, init

pytestmark = pytest.mark.lab


def test_hosts_have_watts_in_the_first_run(monitoring: Monitoring, tmp_path: Path, devices: Devices) -> None:
    """Only times and ports are changed, so that it takes seconds and can stand beside other servers."""
    init(tmp_path, *devices.flags)
    for kind in ("pdu", "bmc"):
        file = tmp_path / f"{kind}.yaml"
        file.write_text(file.read_text().replace("}\n", ", interval: 1}\n"))
    topology = tmp_path / "topology.yaml"
    topology.write_text(QUICK + topology.read_text())
    assert main(["rules", "generate", str(topology), "-o", str(tmp_path / "rules")]) == 0
    with (
        Exporter("pdu", "--config", tmp_path / "pdu.yaml") as pdu,
        Exporter("bmc", "--config", tmp_path / "bmc.yaml") as bmc,
    ):
        config = tmp_path / "prometheus.yml"
        text = re.sub(r'"1[05]s"', "1s", config.read_text())
        for usual, exporter in (("10471", pdu), ("10472", bmc)):
            assert f"127.0.0.1:{usual}" in text
            text = text.replace(f"http://127.0.0.1:{usual}", exporter.url)
        config.write_text(text)
        port = free_port()
        words = [str(monitoring.prometheus), "--config.file=prometheus.yml", f"--web.listen-address=127.0.0.1:{port}"]
        with Popen([*words, "--storage.tsdb.path=data"], cwd=tmp_path, stdout=DEVNULL, stderr=DEVNULL) as server:
            try:
                prometheus = Asked(f"http://127.0.0.1:{port}")
                prometheus.await_ready()
                hosts = {"robot": 40, "upf-1": 251, "pdu-1-outlet-4": 33, "bmc-1": 410}
                prometheus.until("sum by (host) (host:power_watts)", hosts, 60)
                prometheus.until("sum by (component) (component:power_watts)", hosts, 10)
                # Without an application the watts are there all the same.
                prometheus.until("sum by (application) (application:power_watts)", {"unattributed": 734}, 10)
            finally:
                server.terminate()
