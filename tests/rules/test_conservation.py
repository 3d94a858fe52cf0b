# SPDX-License-Identifier: Apache-2.0
"""Random topologies and rates against a second, plain computation; and that every level adds up to the plugs."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from joulepath_rules.policies import POLICIES
from joulepath_rules.topology import Topology
from joulepath_rules.topology.reading import examine
from tests.rules.promtool import Case, grow, node, outlet, run, trace

pytestmark = pytest.mark.unit

# Twelve topologies in one promtool: starting it costs more than a topology does.
TOGETHER = 12


@dataclass
class World:
    """A topology as YAML data, its series, and what the applications must come to."""

    data: dict[str, Any]
    series: dict[str, str] = field(default_factory=dict)
    pairs: dict[tuple[str, str], float] = field(default_factory=dict)
    hosts: dict[str, float] = field(default_factory=dict)
    dark: set[str] = field(default_factory=set)


watts = st.integers(0, 500)
traffic = st.tuples(st.integers(0, 1000), st.integers(0, 10**6))


@st.composite
def worlds(draw: st.DrawFn) -> World:
    """One to three hosts with one to three components each; some are anchored, some plugs are dark."""
    policy = draw(st.sampled_from(sorted(POLICIES)))
    data: dict[str, Any] = {"policy": policy, "sites": {"s": {}}, "hosts": {}, "components": {}, "applications": {}}
    world = World(data)
    power: dict[str, dict[str, float]] = {}
    for host in [f"h{number}" for number in range(draw(st.integers(1, 3)))]:
        plugs = draw(st.lists(watts, min_size=1, max_size=3))
        entry: dict[str, Any] = {
            "site": "s",
            "power": [{"pdu": host, "outlets": [str(number) for number in range(len(plugs))]}],
        }
        static = draw(st.none() | watts)
        members = [f"{host}-c{number}" for number in range(draw(st.integers(1, 3)))]
        works = [draw(st.integers(0, 50)) for _ in members]
        if static is not None:
            entry |= {"static_watts": static, "capacity": 4 * len(members)}
        data["hosts"][host] = entry
        lost = draw(st.integers(0, 9)) == 0
        for number, plug in enumerate(plugs[1:] if lost else plugs):
            world.series |= outlet(host, str(number), plug)
        total = float(sum(plugs))
        if lost:
            world.dark.add(host)
        else:
            world.hosts[host] = total
        whole = sum(works) + draw(st.integers(0, 50))
        world.series[f'kepler_node_cpu_active_joules_total{{node_name="{host}",zone="package"}}'] = grow(whole)
        base = None if static is None else min(static, total)
        for member, work in zip(members, works, strict=True):
            component: dict[str, Any] = {"role": "upf", "host": host}
            part, reserved = 1.0, 1.0
            if len(members) > 1:
                component["share"] = [{"kepler_pod": f"n/{member}"}]
                labels = f'pod_namespace="n",pod_name="{member}",node_name="{host}",zone="package"'
                world.series[f"kepler_pod_cpu_joules_total{{{labels}}}"] = grow(work)
                part = work / whole if whole else 0.0
                if static is not None:
                    component["reservation"] = draw(st.integers(1, 4))
                    reserved = component["reservation"] / (4 * len(members))
            data["components"][member] = component
            if not lost:
                split = {"undivided": total} if base is None else {"static": base, "dynamic": total - base}
                power[member] = {key: value * (reserved if key == "static" else part) for key, value in split.items()}
    routes(draw, world, power, policy)
    return world


def routes(draw: st.DrawFn, world: World, power: dict[str, dict[str, float]], policy: str) -> None:
    """Traffic, applications and what they must come to."""
    components = world.data["components"]
    names = list(components)
    applications = [f"a{number}" for number in range(draw(st.integers(0, 3)))]
    anchors: dict[str, str] = {}
    for number, name in enumerate(names):
        if number and draw(st.booleans()):
            anchors[name] = names[0]
            components[name]["traffic"] = {"anchor": names[0]}
        else:
            components[name]["traffic"] = {"ioam": number}
    paths = {}
    for number, application in enumerate(applications):
        path = draw(st.lists(st.sampled_from(names), min_size=1, unique=True))
        if any(member in anchors for member in path) and names[0] not in path:
            path.append(names[0])
        paths[application] = path
        traces = [{"ioam_namespace": 123, "id": f"{number:02x}"}]
        world.data["applications"][application] = {"traces": traces, "path": path}
    sent: dict[str, dict[str, tuple[int, int]]] = defaultdict(dict)
    totals: dict[str, tuple[int, int]] = {}
    for number, name in enumerate(names):
        if name in anchors:
            continue
        for index, application in enumerate(applications):
            sent[name][application] = draw(traffic)
            world.series |= trace(f"{index:02x}", number, *sent[name][application])
        rest = draw(traffic)
        declared = [amounts for application, amounts in sent[name].items()]
        totals[name] = tuple(map(sum, zip(rest, *declared, strict=True)))  # type: ignore[assignment]
        world.series |= node(number, *totals[name])
    for name, parts in power.items():
        place = anchors.get(name, name)
        here = [application for application in applications if name in paths[application]]
        away = [other for other in applications if place in paths[other] and other not in here]
        passing = [totals[place][index] - sum(sent[place][other][index] for other in away) for index in (0, 1)]
        for application in here:
            world.pairs[application, name] = divided(parts, policy, sent[place][application], passing)


def divided(parts: dict[str, float], policy: str, own: Sequence[float], whole: Sequence[float]) -> float:
    """An application's watts of a component: each part by its amounts (packets, bytes), of which it has its own."""
    shares = [mine / all_ if all_ else 0.0 for mine, all_ in zip(own, whole, strict=True)]
    by = dict(zip(("count", "volume"), shares, strict=True))
    return sum(
        watts * weight * by[amount]
        for part, watts in parts.items()
        for amount, weight in POLICIES[policy][part].items()
    )


def case(number: int, world: World) -> Case:
    """What promtool must find of a world: the pairs, the hosts, and no row that does not add up."""
    topology, problems = examine(world.data)
    assert isinstance(topology, Topology)
    assert problems == []
    gap = "abs({0} - on ({2}) {1}) > on ({2}) (1e-9 * {0} + 1e-9)".format
    host = gap("sum by (host) (host:power_watts)", "sum by (host) (component:power_watts)", "host")
    through = gap("sum by (host) (host:power_watts)", "sum by (host) (application_component:power_watts)", "host")
    pairs = "sum by (component, host) (application_component:power_watts)"
    component = gap("sum by (component, host) (component:power_watts)", pairs, "component, host")
    complete = {
        application: entry["path"]
        for application, entry in world.data["applications"].items()
        if not any(world.data["components"][member]["host"] in world.dark for member in entry["path"])
    }
    return Case(
        f"world-{number}",
        topology,
        world.series,
        {
            (3, "sum by (host) (host:power_watts)"): {f'host="{name}"': value for name, value in world.hosts.items()},
            (3, 'sum by (application, component) (application_component:power_watts{application!="unattributed"})'): {
                f'application="{application}",component="{name}"': value
                for (application, name), value in world.pairs.items()
            },
            (3, 'sum by (application) (application:power_watts{application!="unattributed"})'): {
                f'application="{application}"': sum(world.pairs[application, member] for member in path)
                for application, path in complete.items()
            },
            (3, host): {},
            (3, through): {},
            (3, component): {},
            (3, "count by (host) (sum by (component, host) (application_component:power_watts))"): {
                f'host="{name}"': rows(world, name) for name in world.hosts
            },
            (3, "application_component:power_watts < 0 or component:power_watts < 0"): {},
        },
    )


def rows(world: World, host: str) -> int:
    """Its components and, unless one of them takes all of it, the rest."""
    members = [entry for entry in world.data["components"].values() if entry["host"] == host]
    return len(members) + (len(members) > 1)


# Not shrunk: that would take minutes, and the message names the world's own files.
@settings(max_examples=2, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.generate])
@given(st.lists(worlds(), min_size=TOGETHER, max_size=TOGETHER))
def test_every_level_adds_up(promtool: Path, tmp_path_factory: pytest.TempPathFactory, drawn: list[World]) -> None:
    """Applications add up to components, components to hosts, and each is what a plain computation says."""
    run(promtool, tmp_path_factory.mktemp("worlds"), [case(number, world) for number, world in enumerate(drawn)])
