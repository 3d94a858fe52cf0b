# SPDX-License-Identifier: Apache-2.0
"""Two topologies on one server that use the same names, while capture points die, files change and servers restart.

north: host h of 100 W (outlet 1) at node 4, which two exporters capture: up-1 sees trace A, up-2 sees trace B.
south: host h of 300 W (outlet 2) at node 5. Both have an application a and a component h.
"""

from collections.abc import Callable, Iterator
from itertools import pairwise

import pytest

from tests.conftest import Monitoring
from tests.rules.world import QUICK, History, Server, capture, outlet, served, watched

pytestmark = pytest.mark.lab

A, B, C = ("a" * 32, "b" * 32, "c" * 32)
DEAD, ALIVE, RELOAD, RESTART, END = 26.0, 42.0, 58.0, 72.0, 92.0
WINDOW = 10.0


def application(name: str, trace: str) -> str:
    """One line of `applications`."""
    return f'  {name}: {{traces: [{{ioam_namespace: 123, id: "{trace}"}}], path: [h]}}\n'


def topology(name: str, outlets: str, node: str, applications: str, site: str = "s") -> str:
    """A host that is one component, with its applications."""
    return (
        f"{QUICK}name: {name}\nsites: {{{site}: {{}}}}\n"
        f"hosts: {{h: {{site: {site}, power: [{{pdu: pdu, outlets: [{outlets}]}}]}}}}\n"
        f"components: {{h: {{role: upf, policy: bytes, traffic: {{ioam: {node}}}}}}}\n"
        f"applications:\n{applications}"
    )


NODE = "{node: 4, instances: [up-1, up-2]}"
NORTH = topology("north", '"1"', NODE, application("a", A) + application("b", B))
SOUTH = topology("south", '"2"', "5", application("a", C))
# An application goes.
CHANGED = topology("north", '"1"', NODE, application("a", A))
# The host moves to another site and gets another outlet.
MOVED = topology("north", '"3"', NODE, application("a", A), site="moved")


@pytest.fixture(scope="module")
def history(monitoring_programs: dict[str, Monitoring], tmp_path_factory: pytest.TempPathFactory) -> Iterator[History]:
    """All that happens, watched by every server that is here."""
    with served() as world:
        world.target("pdu", outlet(1, 100) | outlet(2, 300) | outlet(3, 60), "pdu")
        world.target("up-1", capture(4, 500, 500_000, {A: (200, 200_000), B: (0, 0)}), "ioam")
        world.target("up-2", capture(4, 500, 500_000, {A: (0, 0), B: (300, 300_000)}), "ioam")
        # Another site's node has the same id.
        world.target("other", capture(4, 9000, 9e6, {A: (5000, 5e6)}), "ioam")
        world.target("south", capture(5, 1000, 1e6, {C: (500, 500_000)}), "ioam")
        with watched(world, monitoring_programs, tmp_path_factory, NORTH, SOUTH) as happened:
            happened.until(DEAD)
            world.targets["up-2"].up = False
            happened.until(ALIVE)
            world.targets["up-2"].up = True
            happened.until(RELOAD)
            for server in happened.servers.values():
                server.write_rules(CHANGED, SOUTH)
                server.reload()
            happened.until(RESTART)
            for server in happened.servers.values():
                server.stop()
                server.write_rules(MOVED, SOUTH)
                server.start()
            happened.until(END)
            yield happened


Written = Callable[[str, str, float, float], dict[float, dict[str, float]]]


@pytest.fixture
def server(monitoring: Monitoring, history: History) -> Server:
    """One of the servers."""
    return history.servers[monitoring.name]


@pytest.fixture
def written(server: Server, history: History) -> Written:
    """The rows that evaluations wrote of a topology's series between two moments, by seconds since the beginning."""

    def select_rows(name: str, series: str, begin: float, end: float) -> dict[float, dict[str, float]]:
        rows = server.written(f'{series}{{topology="{name}"}}', history.began + begin, history.began + end)
        return {at - history.began: row for at, row in rows.items()}

    return select_rows


def applications(rows: dict[str, float]) -> dict[str, float]:
    """Watts by application: the first of the labels of `application:power_watts`."""
    return {labels.split()[0]: watts for labels, watts in rows.items()}


def test_each_topology_sums_to_its_own_meters(written: Written) -> None:
    """The same names in two topologies stay apart, each with its own watts, at every evaluation."""
    for name, expected in (
        ("north", {"a": 20, "b": 30, "unattributed": 50}),
        ("south", {"a": 150, "unattributed": 150}),
    ):
        seen = written(name, "application:power_watts", DEAD - 4, DEAD)
        assert len(seen) >= 3
        for rows in seen.values():
            assert applications(rows) == pytest.approx(expected, rel=0.01)


def test_each_topology_has_one_heartbeat(written: Written) -> None:
    """Nothing that both record is one series."""
    for name in ("north", "south"):
        assert all(len(rows) == 1 for rows in written(name, "attribution:heartbeat", 1, DEAD).values())
        assert len(written(name, "attribution:heartbeat", 1, DEAD)) >= DEAD - 4


def test_a_dead_capture_point_is_a_gap(written: Written) -> None:
    """With one of two capture points gone, no application has another share; after a window, none has any."""
    seen = written("north", "application:power_watts", WINDOW, RELOAD)
    for rows in seen.values():
        by_application = applications(rows)
        assert by_application.pop("unattributed") in (pytest.approx(50, rel=0.01), pytest.approx(100, rel=0.01))
        assert by_application in ({}, pytest.approx({"a": 20, "b": 30}, rel=0.01))
    dark = [applications(rows) for at, rows in seen.items() if DEAD + WINDOW + 2 <= at < ALIVE]
    assert len(dark) >= 2
    assert all("a" not in rows and "b" not in rows for rows in dark)
    back = [applications(rows) for at, rows in seen.items() if at >= RELOAD - 3]
    assert back
    assert all("a" in rows for rows in back)


def longest_hole(moments: list[float], begin: float, end: float) -> float:
    """The longest time without a sample between two moments [s]."""
    inside = [begin, *(at for at in moments if begin <= at <= end), end]
    return max(after - before for before, after in pairwise(inside))


@pytest.mark.parametrize(
    ("name", "series"),
    [
        ("north", "host:power_watts"),
        ("north", "application:power_watts"),
        ("south", "host:power_watts"),
        ("south", "application:power_watts"),
    ],
)
def test_a_reload_leaves_no_gap(written: Written, name: str, series: str) -> None:
    """Figures that a changed file leaves alone exist at each evaluation."""
    seen = written(name, series, RELOAD - 5, RELOAD + 10)
    moments = [at for at, rows in seen.items() if series.startswith("host") or "a" in applications(rows)]
    assert longest_hole(moments, RELOAD - 4, RELOAD + 9) <= 2.2


def test_a_reload_takes_effect_within_two_intervals(written: Written) -> None:
    """The application that went is gone, and its watts are unattributed; the other's do not move."""
    seen = {at: applications(rows) for at, rows in written("north", "application:power_watts", RELOAD, RESTART).items()}
    for at, rows in seen.items():
        old = {"a": 20, "b": 30, "unattributed": 50}
        new = {"a": 20, "unattributed": 80}
        assert rows in (
            (pytest.approx(new, rel=0.01),) if at > RELOAD + 3 else (pytest.approx(new), pytest.approx(old))
        )
    assert len(seen) >= 10


def test_a_restart_counts_nothing_twice(written: Written) -> None:
    """After a restart with a changed file each evaluation hands out the new meter's watts, and no watts of before."""
    for series in ("host:power_watts", "application_component:power_watts", "application:power_watts"):
        seen = written("north", series, RESTART + 0.5, END)
        assert len(seen) >= 10
        for rows in seen.values():
            assert sum(rows.values()) == pytest.approx(60, rel=0.01)
    south = written("south", "host:power_watts", RESTART + 0.5, END)
    assert len(south) >= 10
    assert all(sum(rows.values()) == pytest.approx(300, rel=0.01) for rows in south.values())


def test_no_rule_fails_after_a_restart(server: Server) -> None:
    """Since its restart beside old series, no rule of the server has failed."""
    assert server.failures() == []
