# SPDX-License-Identifier: Apache-2.0
"""Two sites, one with a pair, that send to one global server: their names stay apart, and nothing is counted twice."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.conftest import ROOT
from tests.deploy.leaves import INTERVAL, Fleet, sites, started


@pytest.fixture
def running(tmp_path: Path, prometheus: Path, victoria_metrics: Path, vmalert_program: Path) -> Iterator[Fleet]:
    """A pair at the plant, one leaf at the edge."""
    programs = {"prometheus": prometheus, "victoria-metrics": victoria_metrics, "vmalert": vmalert_program}
    with sites() as world, started(tmp_path, programs, world) as fleet:
        yield fleet


@pytest.mark.unit
@pytest.mark.parametrize("base", ["prometheus.yml", "kubernetes.yml"])
def test_promtool_accepts_a_leaf_beside_each_configuration(promtool: Path, tmp_path: Path, base: str) -> None:
    config = yaml.safe_load((ROOT / "deploy" / "prometheus" / base).read_text())
    for job in config["scrape_configs"]:  # Debian's Prometheus lacks Kubernetes
        job.pop("kubernetes_sd_configs", None)
    keys = yaml.safe_load((ROOT / "deploy" / "leaves" / "leaf.yml").read_text())
    path = tmp_path / "prometheus.yml"
    path.write_text(yaml.safe_dump({**config, **keys, "global": config["global"] | keys["global"]}))
    done = subprocess.run([promtool, "check", "config", path], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.lab
def test_two_sites_with_the_same_names_stay_apart(running: Fleet) -> None:
    """Hosts have the watts of their own PDU; a pair is one series; what a leaf records stays there."""
    asked = running.asked
    asked.until("sum by (host) (source:power_watts)", {"ru-1": 100, "upf-1": 300}, 60)
    raw = 'count by (instance, leaf) ({__name__="pdu_outlet_energy_joules_total"})'
    assert asked.ask(raw) == {"plant/pdu-1 plant": 1, "edge/pdu-1 edge": 1}
    assert asked.ask('count({replica!=""})') == {}
    kept = asked.ask('max(count_over_time(pdu_outlet_energy_joules_total{leaf="plant"}[20s]))')
    assert kept[""] <= 20 / INTERVAL + 1
    assert asked.ask("max(max_over_time(source:power_watts[5m]))")[""] == pytest.approx(300, rel=1e-2)
    assert asked.ask("min(min_over_time(source:power_watts[5m]))")[""] == pytest.approx(100, rel=1e-2)
