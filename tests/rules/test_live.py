# SPDX-License-Identifier: Apache-2.0
"""The factory on a real Prometheus, once a second: the same numbers, and an outlet that goes dark and comes back."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import NEXT_TAKES_LONG, Monitoring
from tests.rules import factory
from tests.rules.world import QUICK, Server, Target, World, served

pytestmark = pytest.mark.lab

DARK = {name: rate for name, rate in factory.rates().items() if 'pdu-2",outlet="2"' in name}


@pytest.fixture
def world() -> Iterator[World]:
    """The factory's counters at their rates."""
    with served() as world:
        world.target("factory", factory.rates()).show(factory.gauges())
        yield world


@pytest.fixture
def meters(world: World) -> Target:
    """The one exporter."""
    return world.targets["factory"]


@pytest.fixture
def server(monitoring: Monitoring, world: World, tmp_path: Path) -> Iterator[Server]:
    """Each version of Prometheus with the factory's rules at 1 s and 10 s."""
    server = Server(monitoring.prometheus, tmp_path / "server", world)
    server.write_rules(QUICK + factory.TOPOLOGY)
    server.start()
    yield server
    server.stop()


@NEXT_TAKES_LONG
def test_a_dark_outlet_is_a_gap_and_never_half_the_watts(server: Server, meters: Target) -> None:
    """Numbers as in promtool; a dark outlet is a gap within the window and at no moment half the watts."""
    total = "sum by (application) (application:power_watts)"
    truth = {"a": 123, "b": 88.5, "unattributed": 188.5}
    pairs = 'sum by (component) (application_component:power_watts{application="a"})'
    server.until(total, truth, 25)
    server.until(pairs, {"ru-1": 42.5, "du-1": 55, "upf-1": 25.5}, 5)
    server.until("sum by (application) (application:bits:rate)", {"a": 2e6, "b": 4e6}, 15)
    meters.count(dict.fromkeys(DARK, 0.0))
    server.until(total, {}, 12)
    server.until("sum by (host) (host:power_watts)", {"ru-1": 100}, 2)
    covered = "sum by (application) (application:power_covered_watts)"
    server.until(covered, {"a": 42.5, "b": 22, "unattributed": 35.5}, 2)
    meters.count(DARK)
    server.until(total, truth, 12)
    lowest = server.ask('min_over_time(host:power_watts{host="edge-1"}[30s])')
    assert min(lowest.values()) == pytest.approx(300, rel=1e-3)
    assert server.failures() == []
    wrong = server.ask("max(abs(host:conservation_error_watts))")
    assert max(wrong.values()) < 1e-9
