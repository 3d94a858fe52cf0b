# SPDX-License-Identifier: Apache-2.0
"""Random topologies with the watts that a plain computation gives them, and what goes wrong with exporters."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from hypothesis import strategies as st

from joulepath_topology.policies import POLICIES, amounts_of
from tests.rules.promtool import STEP, flow, grow, meter, node, outlet, trace

STEPS = 40


@dataclass
class Exporter:
    """The series of one process; they grow steadily."""

    series: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Traffic:
    """The traffic of one trace or flow, each second at each counter (packets, bytes)."""

    application: str
    path: tuple[str, ...]
    sent: Mapping[str, tuple[int, int]]
    name: str
    """A trace id, or a flow that begins with `flow-`."""

    def shown(self, counter: str, node: int, part: float = 1.0) -> dict[str, str]:
        """The series of a part of it at a counter with this node id."""
        packets, volume = self.sent[counter]
        return (flow if self.name.startswith("flow-") else trace)(self.name, node, packets * part, volume * part)


@dataclass
class Plant:
    """A topology as YAML data, its exporters, and what must come out of it."""

    data: dict[str, Any]
    exporters: dict[str, Exporter] = field(default_factory=dict)
    hosts: dict[str, float] = field(default_factory=dict)
    pairs: dict[tuple[str, str, str], float] = field(default_factory=dict)
    """The watts of each application at each component, on each of its hosts and GPUs."""
    parts: dict[str, dict[str, dict[str, float]]] = field(default_factory=dict)
    """The watts of each component, on each of these, by part."""

    def show(self, exporter: str, series: Mapping[str, str]) -> None:
        """Adds series to an exporter."""
        self.exporters.setdefault(exporter, Exporter()).series.update(series)

    def totals(self) -> dict[str, float]:
        """The watts of each application."""
        energy = dict.fromkeys(self.data["applications"], 0.0)
        for (application, _, _), watts in self.pairs.items():
            energy[application] += watts
        return energy


CORES = {
    "pfcp": ("group", ("pfcp_usage_packets_total", "pfcp_usage_bytes_total"), "group"),
    "free5gc": ("session", ("pdr_packet_count", "pdr_byte_count"), "seid"),
}
"""By core: the key of an application, the counters of packets and of bytes, and the label that has the key's value."""
LINEAR = sorted(name for name, policy in POLICIES.items() if amounts_of(policy) <= {"count", "volume", "unattributed"})
"""Policies that follow packets and bytes alone; test_policy_games.py has the others."""

watts = st.integers(0, 500)
amounts = st.tuples(st.integers(0, 1000), st.integers(0, 10**6))


@st.composite
def plants(draw: st.DrawFn) -> Plant:
    """One to three hosts with one to three components each, and perhaps a model."""
    policy = draw(st.sampled_from(LINEAR))
    plant = Plant({"policy": policy, "sites": {"s": {}}, "hosts": {}, "components": {}, "applications": {}})
    for number in range(draw(st.integers(1, 3))):
        _host(draw, plant, f"h{number}", draw(st.integers(1, 3)))
    passed(draw, plant, policy)
    if plant.data["applications"] and draw(st.booleans()):
        _model(draw, plant, policy)
    return plant


def passed(draw: st.DrawFn, plant: Plant, policy: str) -> None:
    """Traffic through the components of a plant, of which the parts are known."""
    counted = _counters(draw, plant)
    traffics = _applications(draw, plant, counted)
    _traffic(draw, plant, counted, traffics, policy)


def _host(draw: st.DrawFn, plant: Plant, host: str, size: int, role: str = "upf") -> None:
    """A host with two plugs at most; where a BMC stands behind them it says half, and the file says twice."""
    plugs = draw(st.lists(watts, min_size=1, max_size=2))
    total = float(sum(plugs))
    outlets = [str(number) for number in range(len(plugs))]
    entry: dict[str, Any] = {"site": "s", "power": [{"pdu": host, "outlets": outlets}]}
    for number, plug in enumerate(plugs):
        plant.show(f"pdu of {host}", outlet(host, str(number), plug))
    static = draw(st.none() | watts)
    if static is not None:
        entry |= {"static_watts": static, "capacity": 4 * size}
    if draw(st.booleans()):
        entry["fallback"] = [{"bmc": host, "scale": 2}]
        plant.show(f"bmc of {host}", meter("bmc_chassis", f'instance="{host}",chassis="1"', total / 2))
    plant.data["hosts"][host] = entry
    plant.hosts[host] = total
    split = (
        {"undivided": total} if static is None else {"static": min(static, total), "dynamic": max(total - static, 0)}
    )
    names = [f"{host}-c{number}" for number in range(size)]
    works = [draw(st.integers(0, 50)) for _ in names]
    whole = sum(works) + draw(st.integers(0, 50))
    if size > 1:
        plant.show(
            f"kepler of {host}",
            {f'kepler_node_cpu_active_joules_total{{node_name="{host}",zone="package"}}': grow(whole)},
        )
    for name, work in zip(names, works, strict=True):
        component: dict[str, Any] = {"role": role, "host": host}
        part, reserved = 1.0, 1.0
        if size > 1:
            component["share"] = [{"kepler_pod": f"n/{name}"}]
            labels = f'pod_namespace="n",pod_name="{name}",node_name="{host}",zone="package"'
            plant.show(f"kepler of {host}", {f"kepler_pod_cpu_joules_total{{{labels}}}": grow(work)})
            part = work / whole if whole else 0.0
            if static is not None:
                component["reservation"] = draw(st.integers(1, 4))
                reserved = component["reservation"] / (4 * size)
        plant.data["components"][name] = component
        plant.parts[name] = {
            host: {key: value * (reserved if key == "static" else part) for key, value in split.items()}
        }


def _counters(draw: st.DrawFn, plant: Plant) -> dict[str, str]:
    """Where the traffic of each component is counted: at a node, at two named exporters of it, by a query, by a core,
    or at the first component."""
    components = plant.data["components"]
    first, *others = components
    counted = {first: first}
    kinds = {first: draw(st.sampled_from(["node", "instances"]))}
    for name in others:
        kinds[name] = draw(st.sampled_from(["node", "instances", "query", "anchor", *CORES]))
        counted[name] = first if kinds[name] == "anchor" else name
    for number, name in enumerate(components):
        rate = f'rate(upf_{{}}_total{{{{upf="{name}"}}}}[$window])'.format
        components[name]["traffic"] = {
            "node": {"ioam": number},
            "instances": {"ioam": {"node": number, "instances": [f"{name}-x", f"{name}-y"]}},
            "query": {"query": {"packets": rate("packets"), "bytes": rate("bytes")}},
            "anchor": {"anchor": first},
            **{core: {"core": core, "instances": [name]} for core in CORES},
        }[kinds[name]]
    return counted


def _applications(draw: st.DrawFn, plant: Plant, counted: Mapping[str, str]) -> list[Traffic]:
    """Up to three applications of one to three traces and flows, each with a path of its own."""
    components = plant.data["components"]
    traced = [name for name in components if not components[name]["traffic"].keys() & {"query", "core"}]
    traffics: list[Traffic] = []
    identity = 0
    for number in range(draw(st.integers(0, 3))):
        application = f"a{number}"
        paths = []
        for _ in range(draw(st.integers(1, 3))):
            path = draw(st.lists(st.sampled_from(list(components)), min_size=1, unique=True))
            for name in path[:]:
                if counted[name] not in path:
                    path.append(counted[name])
            paths.append(path)
        # One row of a query is an application's, so its component is on all of the paths or on none.
        queried = {name for path in paths for name in path if name not in traced}
        paths = [path + [name for name in sorted(queried) if name not in path] for path in paths]
        entry: dict[str, list[Any]] = {}
        for path in paths:
            identity += 1
            sent = {name: draw(amounts) for name in set(counted.values())}
            name = f"{identity:02x}"
            if draw(st.booleans()):
                entry.setdefault("traces", []).append({"ioam_namespace": 123, "id": name, "path": path})
            else:
                name = f"flow-{name}"
                entry.setdefault("flows", []).append({"flow": name, "path": path})
            traffics.append(Traffic(application, tuple(path), sent, name))
        cores = {components[name]["traffic"].get("core") for path in paths for name in path}
        if keys := [{CORES[core][0]: application} for core in sorted(cores - {None})]:
            entry["core"] = keys
        plant.data["applications"][application] = entry
    return traffics


def _traffic(
    draw: st.DrawFn, plant: Plant, counted: Mapping[str, str], traffics: Sequence[Traffic], policy: str
) -> None:
    """All counters, and what each trace must come to at each component of its path."""
    totals = {}
    for number, name in enumerate(plant.data["components"]):
        if counted[name] != name:
            continue
        rest = draw(amounts)
        sent = [traffic.sent[name] for traffic in traffics]
        totals[name] = [sum(column) for column in zip(rest, *sent, strict=True)]
        kind = plant.data["components"][name]["traffic"]
        if "query" in kind:
            _add_query(plant, name, traffics, rest)
        elif "core" in kind:
            _add_core(plant, name, kind["core"], traffics, rest)
        elif isinstance(kind["ioam"], int):
            for traffic in traffics:
                plant.show(f"ioam {name}", of_instance(name, traffic.shown(name, number)))
            plant.show(f"ioam {name}", of_instance(name, node(number, *totals[name])))
        else:
            for instance, quarter in ((f"{name}-x", 0.25), (f"{name}-y", 0.75)):
                series: dict[str, str] = {}
                for traffic in traffics:
                    series |= traffic.shown(name, number, quarter)
                series |= node(number, totals[name][0] * quarter, totals[name][1] * quarter)
                plant.show(f"ioam {instance}", of_instance(instance, series))
    for traffic in traffics:
        for name in traffic.path:
            place = counted[name]
            away = [other for other in traffics if place in other.path and name not in other.path]
            passing = [totals[place][by] - sum(other.sent[place][by] for other in away) for by in (0, 1)]
            for box, parts in plant.parts[name].items():
                key = traffic.application, name, box
                share = divide(parts, policy, traffic.sent[place], passing)
                plant.pairs[key] = plant.pairs.get(key, 0.0) + share


def of_instance(instance: str, series: Mapping[str, str]) -> dict[str, str]:
    """The series as one target shows them."""
    return {name.replace("{", f'{{instance="{instance}",job="ioam",'): values for name, values in series.items()}


def _add_query(plant: Plant, name: str, traffics: Sequence[Traffic], rest: tuple[int, int]) -> None:
    """A counter of applications, and of all others together."""
    for application, row in _rows(name, traffics, rest).items():
        for by, unit in enumerate(("packets", "bytes")):
            labels = f'instance="{name}",job="upf",upf="{name}",application="{application}"'
            plant.show(f"upf {name}", {f"upf_{unit}_total{{{labels}}}": grow(row[by])})


def _add_core(plant: Plant, name: str, core: str, traffics: Sequence[Traffic], rest: tuple[int, int]) -> None:
    """The counters of a core by the key of each application, in two directions, and of all others together."""
    _, metrics, label = CORES[core]
    for key, row in _rows(name, traffics, rest).items():
        for metric, amount in zip(metrics, row, strict=True):
            for direction, part in (("uplink", 0.25), ("downlink", 0.75)):
                labels = f'instance="{name}",upf="{name}",job="core",{label}="{key or "other"}",direction="{direction}"'
                plant.show(f"core {name}", {f"{metric}{{{labels}}}": grow(amount * part)})


def _rows(name: str, traffics: Sequence[Traffic], rest: tuple[int, int]) -> Mapping[str, Sequence[int]]:
    """Packets and bytes at a counter by application, those of none under an empty name."""
    rows: dict[str, list[int]] = {"": list(rest)}
    for traffic in traffics:
        row = rows.setdefault(traffic.application, [0, 0])
        for by in (0, 1):
            row[by] += traffic.sent[name][by]
    return rows


def _model(draw: st.DrawFn, plant: Plant, policy: str) -> None:
    """A model that some of the applications use."""
    _host(draw, plant, "m", 1, "model")
    plant.data["components"]["m-c0"]["requests"] = {"vllm": {"model_name": "m"}}
    rows = {application: draw(amounts) for application in ["", *plant.data["applications"]]}
    totals = [sum(column) for column in zip(*rows.values(), strict=True)]
    for application, row in rows.items():
        labels = f'instance="m",job="vllm",model_name="m",application="{application}"'
        plant.show("vllm", {f"vllm:request_success_total{{{labels}}}": grow(row[0])})
        plant.show("vllm", {f"vllm:generation_tokens_total{{{labels}}}": grow(row[1])})
        if application and draw(st.booleans()):
            plant.data["applications"][application]["models"] = ["m-c0"]
            plant.pairs[application, "m-c0", "m"] = divide(plant.parts["m-c0"]["m"], policy, row, totals)


def divide(parts: Mapping[str, float], policy: str, own: Sequence[float], whole: Sequence[float]) -> float:
    """An application's watts of a component: each part by its amounts (packets, bytes), of which it has its own."""
    shares = [mine / all_ if all_ else 0.0 for mine, all_ in zip(own, whole, strict=True)]
    by = dict(zip(("count", "volume", "unattributed"), (*shares, 0.0), strict=True))
    return sum(
        watts * weight * by[amount]
        for part, watts in parts.items()
        for amount, weight in POLICIES[policy][part].items()
    )


@dataclass(frozen=True)
class Trouble:
    """The faults of one exporter: scrapes without an answer, and the scrape before which it was started anew."""

    lost: frozenset[int] = frozenset()
    restart: int | None = None

    def values(self, steady: str) -> str:
        """The samples of a counter that would have grown as `steady`; a gauge stays as it is."""
        if not steady.startswith("0+"):
            value = steady.removesuffix(f"x{STEPS}")
            return " ".join("stale" if number in self.lost else value for number in range(STEPS + 1))
        step = float(steady.removeprefix("0+").removesuffix(f"x{STEPS}"))
        begin = self.restart or 0
        counted = [
            step * (number - begin if self.restart and number >= begin else number) for number in range(STEPS + 1)
        ]
        return " ".join("stale" if number in self.lost else repr(value) for number, value in enumerate(counted))

    def start(self) -> str:
        """The samples of when the process was started."""
        starts = [
            -1000 if self.restart is None or number < self.restart else self.restart * STEP
            for number in range(STEPS + 1)
        ]
        return " ".join("stale" if number in self.lost else str(start) for number, start in enumerate(starts))


# From 2:00 to 6:00; two windows later all that went wrong is forgotten.
_when = st.integers(8, 24)
troubles = st.one_of(
    st.just(Trouble()),
    st.builds(Trouble, restart=_when),
    st.builds(Trouble, lost=st.frozensets(_when, max_size=8)),
    st.builds(
        lambda first, count, anew: Trouble(frozenset(range(first, first + count)), first + count if anew else None),
        st.integers(8, 16),
        st.integers(1, 8),
        st.booleans(),
    ),
)


gone = st.builds(lambda first: Trouble(frozenset(range(first, STEPS + 1))), _when)


@dataclass(frozen=True)
class Story:
    """A plant, its series with what went wrong with each exporter, and whether all of them are well at the end."""

    plant: Plant
    series: Mapping[str, str]
    ends_well: bool


@st.composite
def stories(draw: st.DrawFn, of: st.SearchStrategy[Plant] | None = None) -> Story:
    """A plant in which something goes wrong."""
    plant = draw(plants() if of is None else of)
    series: dict[str, str] = {}
    ends_well = True
    for name, exporter in plant.exporters.items():
        away = draw(st.integers(0, 19)) == 0
        trouble = draw(gone if away else troubles)
        ends_well &= not away
        series |= {each: trouble.values(steady) for each, steady in exporter.series.items()}
        if name.startswith("ioam "):
            labels = f'instance="{name.removeprefix("ioam ")}",job="ioam"'
            series[f"process_start_time_seconds{{{labels}}}"] = trouble.start()
    return Story(plant, series, ends_well)
