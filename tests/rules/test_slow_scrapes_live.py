# SPDX-License-Identifier: Apache-2.0
"""An exporter that answers only in the middle of an evaluation, on a real Prometheus: shares are right all the same.

Each scrape begins before the evaluation, and so has a time before it, and is stored between two of its rules: the
exporter holds its answer until a rule between them has recorded the time, and the rule after that one takes long.
"""

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from joulepath_rules.generate import generate
from joulepath_rules.prometheus import write
from joulepath_rules.rule import Group, Rule
from tests.conftest import Monitoring
from tests.rules.promtool import topology
from tests.rules.world import Rates, Server, Target, World, capture, outlet, served

pytestmark = pytest.mark.long

TRACE = "0000000000000000000000000000000a"
TOPOLOGY = f"""
interval: 1s
window: 16s
sites: {{s: {{}}}}
hosts:
  own: {{site: s, power: [{{pdu: plant, outlets: ["1"]}}]}}
  cpu: {{site: s, power: [{{pdu: plant, outlets: ["2"]}}]}}
components:
  own: {{role: upf, traffic: {{ioam: 1}}}}
  first: {{role: du, host: cpu, share: [{{workload: first}}]}}
  second: {{role: du, host: cpu, share: [{{workload: second}}]}}
applications:
  a: {{traces: [{{ioam_namespace: 123, id: "{TRACE}"}}], path: [own]}}
"""
CLOCK = Rule("test:evaluated:seconds", "vector(time())")
SLOW = Rule("test:slow:count", "count_over_time((vector(1) + vector(1))[30000s:100ms])")
PLACES = ("ioam_node_bytes_total", "workload_host_cpu_seconds_total")
"""The pause comes after the first rule that reads this counter: of a node, and of a host's work."""


def rates() -> Rates:
    """100 W for each host; the trace is a quarter of the traffic, and each component of the work."""
    found = outlet(1, 100) | outlet(2, 100) | capture(1, 400, 4000, {TRACE: (100, 1000)})
    found['workload_host_cpu_seconds_total{mode="user",instance="cpu"}'] = 4
    return found | {
        f'workload_cpu_seconds_total{{workload="{name}",instance="cpu"}}': 1 for name in ("first", "second")
    }


def paused(place: str) -> list[Group]:
    """The rules, with the clock and the slow one in between."""
    chain, *others = generate(topology(TOPOLOGY))
    rules = list(chain.rules)
    first = next(number for number, rule in enumerate(rules, 1) if place in rule.expr)
    return [replace(chain, rules=(*rules[:first], CLOCK, SLOW, *rules[first:])), *others]


class Held(Target):
    """An exporter that answers when the next evaluation has come to the clock; its values are of the scrape's start."""

    server: Server | None = None

    def page(self) -> str | None:
        """The exposition of the moment at which it was asked."""
        begun, text = time.time(), super().page()
        while self.server is not None and time.time() < begun + 1.8:
            if any(row.value > begun for row in self.server.query(CLOCK.record)):
                break
            time.sleep(0.03)
        return text


class Slow(World):
    """A world that is scraped every other evaluation, so that a scrape has time to wait for the next one."""

    pace = "2s"


@pytest.fixture
def plant() -> Held:
    """The one exporter."""
    return Held("plant", "exporters", rates())


@pytest.fixture
def world(plant: Held) -> Iterator[World]:
    """All that is scraped."""
    with served(Slow) as world:
        world.targets["plant"] = plant
        yield world


@pytest.mark.parametrize("place", PLACES)
def test_shares_are_right_when_scrapes_are_stored_amid_rules(
    place: str, monitoring: Monitoring, world: World, plant: Held, tmp_path: Path
) -> None:
    """Every share is a quarter in every evaluation, among them those in which a scrape was stored."""
    server = Server(monitoring.prometheus, tmp_path / "server", world)
    (tmp_path / "server" / "0.rules.yaml").write_text(write(paused(place), "0"))
    server.start()
    try:
        plant.server = server
        shares = (
            '(component:power_watts{component=~"first|second"} or application_component:power_watts{application="a"})'
        )
        server.until(f"count({shares})", {"": 3}, 40)
        began = time.time()
        time.sleep(20)
        rows = server.written(
            '{__name__=~"component:power_watts|application_component:power_watts"}', began, time.time()
        )
        watts = [
            value
            for row in rows.values()
            for labels, value in row.items()
            if {"first", "second"} & set(labels.split()) or labels.startswith("a own")
        ]
        assert len(watts) >= 30
        assert watts == pytest.approx([25.0] * len(watts), rel=1e-9)
        held = server.written("scrape_duration_seconds", began, time.time())
        assert sum(max(row.values()) > 0.1 for row in held.values()) >= 3, "no scrape was stored late"
    finally:
        plant.server = None
        server.stop()
