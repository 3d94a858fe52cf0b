# SPDX-License-Identifier: Apache-2.0
"""Two sites, one with a pair, that send to one global server: their names stay apart, and nothing is counted twice."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.deploy.leaves import INTERVAL, Fleet, sites, started


@pytest.fixture
def running(tmp_path: Path, prometheus: Path, victoria_metrics: Path, vmalert_program: Path) -> Iterator[Fleet]:
    """A pair at the plant, one leaf at the edge."""
    programs = {"prometheus": prometheus, "victoria-metrics": victoria_metrics, "vmalert": vmalert_program}
    with sites() as world, started(tmp_path, programs, world) as fleet:
        yield fleet


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
