# SPDX-License-Identifier: Apache-2.0
"""Leaves that record their hosts and components, and send few series; a global server that goes on from there."""

import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from joulepath_rules.dialects.vmalert import lagging
from joulepath_rules.division import Global
from joulepath_rules.generate import generate
from tests.deploy.leaves import APPLICATIONS, INTERVAL, WINDOW, Fleet, fleet, sites, started
from tests.rules.test_vmalert import depth
from tests.rules.world import outlet

OUTLETS, PODS = 24, 100
"""Series of the edge that no rule reads: outlets of other hosts, and pods of others in Kepler's two zones."""
ABOUT_SCRAPES = 5
"""Series of Prometheus' own for each target."""
RAW = 273
"""The number of series that the edge would send with leaf.yml."""
LATE = depth(lagging(generate(fleet(), "rules", Global())[:1]), "application:power_watts") * INTERVAL
TOTAL = "sum by (application) (application:power_watts)"


@pytest.fixture
def running(tmp_path: Path, prometheus: Path, victoria_metrics: Path, vmalert_program: Path) -> Iterator[Fleet]:
    """A pair at the plant, one leaf at the edge."""
    programs = {"prometheus": prometheus, "victoria-metrics": victoria_metrics, "vmalert": vmalert_program}
    with sites() as world:
        rows = [f'pod_name="pod-{number}",zone="{zone}"' for number in range(PODS) for zone in ("package", "dram")]
        world.targets["edge-pdu-1"].count({key: 9 for number in range(9, 8 + OUTLETS) for key in outlet(number, 9)})
        world.target(
            "edge-kepler", {f'kepler_pod_cpu_joules_total{{{labels},node_name="node-1"}}': 1 for labels in rows}
        )
        exposed = [page for name, target in world.targets.items() if "edge" in name and (page := target.page())]
        assert sum(len(page.splitlines()) + ABOUT_SCRAPES for page in exposed) == RAW
        with started(tmp_path, programs, world, divided=True) as fleet:
            yield fleet


@pytest.mark.long
def test_leaves_that_record_send_few_series_for_the_same_watts(running: Fleet) -> None:
    """Of a pair one counts; when that one is killed, the other one does, and no watt is counted twice."""
    asked = running.asked
    asked.until(TOTAL, APPLICATIONS, 2 * (WINDOW + LATE) + 60, rel=1e-2)
    sent = asked.ask('count by (leaf) ({leaf!="",topology=""} or {leaf!="",__name__=~"leaf:.*",sender!=""})')
    assert sent["edge"] == 19
    assert asked.ask('count by (leaf) ({leaf="edge",__name__=~"pdu_.+|kepler_.+"})') == {}
    assert asked.ask("count by (leaf) (leaf:host:power_watts)") == {"plant": 2, "edge": 1}
    assert asked.ask("sum by (host) (host:power_watts)") == pytest.approx({"ru-1": 100, "upf-1": 300}, rel=1e-9)

    (chosen,) = asked.ask('group by (sender) (leaf:sender:info{leaf="plant"})')
    killed = time.time()
    running.kill("plant", chosen)
    asked.until('group by (sender) (leaf:sender:info{leaf="plant"})', {"ab".replace(chosen, ""): 1}, 60)
    time.sleep(WINDOW + LATE)  # a gap would have reached every level
    asked.until(TOTAL, APPLICATIONS, INTERVAL, rel=1e-2)
    span = f"[{round(time.time() - killed)}s]"
    beats, rows, totals = (
        sorted({each.at for each in asked.samples(f"{series}{span}", time.time())})
        for series in ("attribution:heartbeat", 'host:power_watts{host="ru-1"}', "application:power_watts")
    )
    missed = [b for a, b in pairwise(beats) if b - a > 1.5 * INTERVAL]
    assert len(beats) > 10
    for found, steps in ((rows, 4), (totals, LATE / INTERVAL)):
        spoilt = [at for at in beats if any(at - steps * INTERVAL <= late <= at for late in missed)]
        assert [at for at in beats if at not in found and at not in spoilt] == []
    running.kill("edge", "a")
    asked.until("sum by (host) (host:power_watts)", {"ru-1": 100}, 60)
    asked.until(TOTAL, {}, WINDOW + LATE)
    highest = asked.ask("max(max_over_time(sum(host:power_watts)[10m:4s]))")
    assert highest[""] == pytest.approx(400, rel=1e-9)
