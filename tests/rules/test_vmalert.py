# SPDX-License-Identifier: Apache-2.0
"""The rules for vmalert: what they read, and the factory on a real vmalert and VictoriaMetrics of the distribution."""

import json
import subprocess
from collections.abc import Iterable, Iterator
from datetime import timedelta
from pathlib import Path
from subprocess import DEVNULL, Popen

import promql_parser as promql
import pytest

from joulepath_lab.run.ports import free_port
from joulepath_rules.dialects import DIALECTS, Options, vmalert
from joulepath_rules.generate import generate
from joulepath_rules.rule import Group, Rule
from joulepath_topology import read
from joulepath_topology.promql import parse
from tests.rules import factory
from tests.rules.promtool import topology
from tests.rules.test_live import DARK
from tests.rules.world import Asked, World, served

INTERVAL = 4
WINDOW = 32
FRESH = timedelta(milliseconds=500)
LOOKS = 10
"""Seconds after which VictoriaMetrics looks again for a name that had no series (flushCallback of lib/mergeset)."""
PLANT = topology(f"interval: {INTERVAL}s\nwindow: {WINDOW}s" + factory.TOPOLOGY)


def lag(expr: str, interval: str = "15s") -> str:
    ((group),) = vmalert.lagging([Group("attribution", interval, (Rule("a:b", expr),))])
    return group.rules[0].expr


@pytest.mark.unit
@pytest.mark.parametrize(
    ("expr", "expected"),
    [
        ('last_over_time(a:b{topology="t"}[500ms])', 'last_over_time(a:b{topology="t"}[15s] offset 7500ms)'),
        ('last_over_time(a:b{c="}\\"{"}[500ms]) * 2', 'last_over_time(a:b{c="}\\"{"}[15s] offset 7500ms) * 2'),
        ("last_over_time(a:b[500ms])", "last_over_time(a:b[15s] offset 7500ms)"),
        ("rate(a[500ms])", "rate(a[500ms])"),
        ('last_over_time(a:b{topology="t"}[15s] offset 14s)', 'last_over_time(a:b{topology="t"}[15s] offset 14s)'),
    ],
)
def test_reads_of_this_evaluation_become_reads_of_the_one_before(expr: str, expected: str) -> None:
    """In a group of 1 m, of a minute before; reads of other groups and of a user's own query stay."""
    assert lag(expr) == expected
    assert lag(expr, "1m") == expected.replace("[15s] offset 7500ms", "[1m] offset 30s")


@pytest.mark.unit
def test_no_read_of_this_evaluation_is_left_and_no_query_is_too_long() -> None:
    plant = read(Path(__file__).parent / "topologies" / "everything.yaml")
    rules = [rule for group in vmalert.lagging(generate(plant)) for rule in group.rules]
    assert [rule.expr for rule in rules if "[500ms]" in rule.expr] == []
    assert max(len(rule.expr.encode()) for rule in rules) < vmalert.MAX_QUERY_BYTES
    for rule in rules:
        parse(rule.expr)


@pytest.mark.unit
def test_vmalert_accepts_the_rules(vmalert_program: Path, tmp_path: Path) -> None:
    """Those of every kind: budgets, the energy of hours and alerts too."""
    plant = read(Path(__file__).parent / "topologies" / "everything.yaml")
    path = tmp_path / "everything.rules.yaml"
    path.write_text(DIALECTS["vmalert"].write(plant, generate(plant), Options()))
    done = subprocess.run([vmalert_program, "-dryRun", f"-rule={path}"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.unit
def test_no_rule_reads_its_own_rows() -> None:
    """Of the evaluation before, they would be subtracted from themselves."""
    plant = read(Path(__file__).parent / "topologies" / "everything.yaml")
    reads = 0
    for rule in (rule for group in generate(plant) for rule in group.rules if isinstance(rule, Rule)):
        tree = promql.parse(rule.expr)
        for selector in selectors_of(tree, rule.record, FRESH):
            reads += 1
            excluded = [
                matcher
                for matcher in selector.matchers.matchers
                if (own := rule.labels.get(matcher.name)) is not None
                and (matcher.value == own) == (matcher.op == promql.MatchOp.NotEqual)
                and matcher.op in (promql.MatchOp.Equal, promql.MatchOp.NotEqual)
            ]
            assert excluded, f"{rule.record}{rule.labels} reads its own rows"
    assert reads > 4


@pytest.mark.unit
def test_rows_and_their_rest_are_recorded_in_the_same_evaluation() -> None:
    """A rest is older than the rows that it reads, so these wait for it under another name."""
    plant = read(Path(__file__).parent / "topologies" / "everything.yaml")
    (group,) = vmalert.lagging(generate(plant)[:1])
    rules = [rule for rule in group.rules if isinstance(rule, Rule)]
    for name, rests in (("component:power_watts", 1), ("application_component:power_watts", 2)):
        of_name = [rule for rule in rules if rule.record == name]
        assert ["unattributed" in rule.labels.values() for rule in of_name] == [False, True] * rests
        for rows, rest in zip(of_name[::2], of_name[1::2], strict=True):
            early = rows.expr.removeprefix("last_over_time(").partition("{")[0]
            assert early.startswith("early")
            assert selectors_of(promql.parse(rest.expr), early)
            assert not selectors_of(promql.parse(rest.expr), name)
            assert rules.index(rest) == rules.index(rows) + 1


@pytest.mark.unit
def test_rules_for_vmalert_record_all_series_of_prometheus() -> None:
    plant = read(Path(__file__).parent / "topologies" / "everything.yaml")
    names = [
        {rule.record for group in groups for rule in group.rules if isinstance(rule, Rule)}
        for groups in (generate(plant), vmalert.lagging(generate(plant)))
    ]
    assert {name for name in names[1] if not name.startswith("early")} == names[0]


def selectors_of(tree: promql.Expr, name: str, over: timedelta | None = None) -> list[promql.VectorSelector]:
    """The reads of one series in an expression, or of those the ones over a range."""
    nodes: list[promql.Expr] = []
    promql.walk(tree, nodes.append)
    if over is not None:
        nodes = [
            node.vector_selector for node in nodes if isinstance(node, promql.MatrixSelector) and node.range == over
        ]
    return [node for node in nodes if isinstance(node, promql.VectorSelector) and node.name == name]


def depth(groups: Iterable[Group], series: str) -> int:
    """How many rules stand between the meters and a series, itself included."""
    depths: dict[str, int] = {}
    for rule in (rule for group in groups for rule in group.rules if isinstance(rule, Rule)):
        tree = promql.parse(rule.expr)
        below = max((level for name, level in depths.items() if selectors_of(tree, name)), default=0)
        depths[rule.record] = max(below + 1, depths.get(rule.record, 0))
    return depths[series]


@pytest.fixture
def world() -> Iterator[World]:
    """The factory's counters at their rates."""
    with served() as world:
        world.target("factory", factory.rates()).show(factory.gauges())
        yield world


@pytest.fixture
def server(victoria_metrics: Path, vmalert_program: Path, world: World, tmp_path: Path) -> Iterator[Asked]:
    """VictoriaMetrics with the factory's meters, and vmalert with its rules."""
    rules = tmp_path / "plant.rules.yaml"
    rules.write_text(DIALECTS["vmalert"].write(PLANT, generate(PLANT), Options()))
    jobs = [{**job, "scrape_interval": f"{INTERVAL}s"} for job in world.jobs()]
    (tmp_path / "scrape.yml").write_text(json.dumps({"scrape_configs": jobs}))
    port, other = free_port(), free_port()
    address = f"http://127.0.0.1:{port}"
    database = [
        str(victoria_metrics), f"-httpListenAddr=127.0.0.1:{port}", "-storageDataPath=data",
        "-promscrape.config=scrape.yml", "-search.latencyOffset=1s",
    ]  # fmt: skip
    evaluator = [
        str(vmalert_program), f"-httpListenAddr=127.0.0.1:{other}", f"-rule={rules}", f"-datasource.url={address}",
        f"-remoteWrite.url={address}", "-remoteWrite.flushInterval=200ms", "-datasource.queryStep=5m",
        "-notifier.url=http://127.0.0.1:9",
    ]  # fmt: skip
    with (
        Popen(database, cwd=tmp_path, stdout=DEVNULL, stderr=DEVNULL) as storage,
        Popen(evaluator, cwd=tmp_path, stdout=DEVNULL, stderr=DEVNULL) as evaluation,
    ):
        with Asked(address) as asked:
            asked.await_ready()
            yield asked
        evaluation.terminate()
        storage.terminate()


@pytest.mark.long
def test_vmalert_records_the_numbers_of_prometheus_later(server: Asked, world: World) -> None:
    """The numbers of Prometheus, as many evaluations later as there are rules in between. A dark outlet is a gap, and
    at no moment half the watts."""
    groups = list(vmalert.lagging(generate(PLANT)[:1]))
    late = depth(groups, "application:power_watts") * INTERVAL
    total = "sum by (application) (application:power_watts)"
    truth = {"a": 123.0, "b": 88.5, "unattributed": 188.5}
    server.until(total, truth, WINDOW + depth(groups, "application:power_watts") * LOOKS)

    # At the start each level waits until VictoriaMetrics looks for its series: 11 levels took 108 s.
    began, ended = (
        server.ask(f"min(tfirst_over_time({name}[10m]))")[""]
        for name in ("source:power_watts", 'application:power_watts{application="a"}')
    )
    levels = depth(groups, "application:power_watts") - depth(groups, "source:power_watts")
    assert levels * INTERVAL <= ended - began <= levels * LOOKS + INTERVAL
    pairs = 'sum by (component) (application_component:power_watts{application="a"})'
    server.until(pairs, {"ru-1": 42.5, "du-1": 55, "upf-1": 25.5}, INTERVAL)
    server.until("sum by (application) (application:bits:rate)", {"a": 2e6, "b": 4e6}, 12 * INTERVAL)

    meters = world.targets["factory"]
    meters.count(dict.fromkeys(DARK, 0.0))
    server.until(total, {}, WINDOW + late)
    server.until("sum by (host) (host:power_watts)", {"ru-1": 100}, INTERVAL)
    covered = "sum by (application) (application:power_covered_watts)"
    server.until(covered, {"a": 42.5, "b": 22, "unattributed": 35.5}, late)
    meters.count(DARK)
    server.until(total, truth, WINDOW + 2 * late)
    lowest = server.ask('min_over_time(host:power_watts{host="edge-1"}[10m])')
    assert min(lowest.values()) == pytest.approx(300, rel=1e-2)
