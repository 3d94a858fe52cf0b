# SPDX-License-Identifier: Apache-2.0
"""GPUs, virtual machines and several hosts: where components draw power, and mistakes in naming them."""

from typing import Any

import pytest
import yaml

from tests.topology.examined import lines, sound

pytestmark = pytest.mark.unit

TEXT = """
sites: {s: {}}
hosts:
  h:
    site: s
    capacity: 8
    static_watts: 100
    power: [{pdu: p, outlets: ["1"]}]
    gpus: {"0": {gpu: h, static_watts: 30}, "1": {dcgm: h, static_watts: 30, in_plug: false}}
  k: {site: s, pool: edge, power: [{pdu: p, outlets: ["2"]}]}
  l: {site: s, pool: edge, power: [{pdu: p, outlets: ["3"]}]}
vms:
  v: {host: h, reservation: 2, capacity: 4, share: [{workload: v}]}
components:
  a: {role: upf, host: h, reservation: 4, share: [{workload: a}, {gpu: "0", workload: a}]}
  b: {role: model, host: h, share: [{gpu: "0", workload: b}]}
  c: {role: cu, host: v, reservation: 1, share: [{workload: c}]}
  d: {role: du, pool: edge, share: [{kepler_pod: "ran/du-.*"}]}
"""


GPU_SHARE = [{"gpu": "0", "workload": "a", "reservation": 0.75}]


def data(**sections: dict[str, Any]) -> dict[str, Any]:
    """The topology with some entries' keys replaced; None takes a key out, and an entry stands for itself."""
    content: dict[str, Any] = yaml.safe_load(TEXT)
    for section, entries in sections.items():
        for name, keys in entries.items():
            merged = {**content[section].get(name, {}), **keys}
            content[section][name] = {key: value for key, value in merged.items() if value is not None}
    return content


def test_a_component_draws_power_on_each_of_its_boxes() -> None:
    topology = sound(data())
    boxes = {name: [placement.host for placement in topology.placements(name)] for name in topology.components}
    assert boxes == {"a": ["h", "h/gpu-0"], "b": ["h/gpu-0"], "c": ["h"], "d": ["k", "l"]}
    assert topology.boxes["h"].static_watts == 70
    assert topology.boxes["h"].feeds == ("h/gpu-0",)


def test_a_component_without_shares_has_the_gpus_that_are_left() -> None:
    topology = sound(
        data(vms={"v": {"host": "k", "reservation": None}}, components={"a": {"share": None}, "b": {"host": "h"}})
    )
    assert [placement.host for placement in topology.placements("a")] == ["h", "h/gpu-1"]


def test_a_query_that_names_the_host_may_be_on_several() -> None:
    hosts = {"k": {"active": {"query": "x"}}, "l": {"active": {"query": "y"}}}
    topology = sound(data(hosts=hosts, components={"d": {"share": [{"query": 'work{node="$host"}'}]}}))
    assert topology.components["d"].share[0].query_on("k") == 'work{node="k"}'


@pytest.mark.parametrize(
    ("ceilings", "in_plug", "watts"),
    [
        # a is on the board and on GPU 0: the plug's ceiling holds for both, unless the GPU is beside the plug.
        ({"h": 400, "0": 150}, True, 400),
        ({"h": 400}, True, 400),
        ({"h": 400, "0": 150}, False, 550),
        ({"h": 400}, False, None),
        ({"0": 150}, True, None),
    ],
)
def test_a_budget_counts_the_ceilings_of_gpus(ceilings: dict[str, float], in_plug: bool, watts: float | None) -> None:
    content = data(components={"a": {"role": "upf", "traffic": {"ioam": 1}}})
    gpus = content["hosts"]["h"]["gpus"]
    gpus["0"] |= {"in_plug": in_plug, **({"max_watts": ceilings["0"]} if "0" in ceilings else {})}
    if "h" in ceilings:
        content["hosts"]["h"]["max_watts"] = ceilings["h"]
    content["applications"] = {"x": {"traces": [{"ioam_namespace": 1, "id": "0a"}], "path": ["a"]}}
    content["budgets"] = {"y": {"application": "x", "energy": "1MWh", "per": "hour"}}
    found = [each for each in lines(content) if each.startswith("budgets.y.energy: cannot be exceeded")]
    assert [f"at most {watts:g} W" in each for each in found] == ([] if watts is None else [True])


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (data(components={"a": {"hosts": ["k"]}}), "components.a: has host and hosts: one of them says where it runs"),
        (data(components={"d": {"pool": "core"}}), "components.d.pool: no host under hosts has the pool 'core'"),
        (data(components={"d": {"pool": None, "hosts": ["k", "m"]}}), "components.d.hosts[1]: there is no host 'm'"),
        (data(components={"d": {"pool": None, "hosts": ["k", "k"]}}), "components.d.hosts[1]: 'k' stands twice"),
        (data(components={"b": {"share": [{"gpu": "7"}]}}), "components.b.share[0].gpu: host 'h' has no GPU '7'"),
        (data(components={"b": {"share": [{"gpu": "0"}]}}), "components.b: shares GPU '0' of its host with others"),
        (
            data(components={"b": {"share": [{"gpu": "1", "workload": "b"}]}}),
            "components.b.share[0].workload: only the gpu exporter tells the workloads of a GPU",
        ),
        (
            data(components={"b": {"share": [{"gpu": "0", "kepler_pod": "ai/b"}]}}),
            "components.b.share[0].kepler_pod: Kepler does not say on which GPU a workload runs, and host 'h' has 2",
        ),
        (
            data(components={"b": {"share": [{"gpu": "0", "query": "x"}]}}),
            "components.b.share: is a part of what? Give GPU '0' the whole",
        ),
        (
            data(components={"b": {"share": [{"gpu_instance": "1"}]}}),
            "components.b.share[0]: gpu_instance and reservation belong to gpu",
        ),
        (
            data(components={"c": {"share": [{"gpu": "0"}]}}),
            "components.c.share[0].gpu: 'v' is a virtual machine: name the GPU at a component of its host",
        ),
        (data(hosts={"h": {"gpus": {"0": {}}}}), "hosts.h.gpus.0: needs one of gpu, dcgm, joules, watts"),
        (
            data(hosts={"h": {"static_watts": 20}}),
            "hosts.h.gpus: its GPUs have 30 W when idle, more than the host, 20 W",
        ),
        (
            data(hosts={"h/gpu-0": {"site": "s", "power": [{"rapl": "x"}]}}),
            "hosts.h.gpus.0: the rules call it 'h/gpu-0', as the host of that name",
        ),
        (
            data(hosts={"k": {"kepler": {"dialect": "0.9", "zones": ["package-0"]}}}),
            "hosts.k.kepler: zone 'package-0': Kepler 0.9 has a metric for each zone",
        ),
        (data(vms={"v": {"host": "hh"}}), "vms.v.host: there is no host 'hh' under hosts"),
        (data(vms={"k": {"host": "h", "share": [{"workload": "k"}]}}), "vms.k: 'k' is a host, too"),
        (data(vms={"v": {"reservation": None}}), "vms.v: needs a reservation: host 'h' has static_watts to divide"),
        (data(vms={"v": {"share": [{"query": "x"}]}}), "vms.v.share: is a part of what? Give host 'h' the whole"),
        (data(vms={"v": {"share": [{"gpu": "0"}]}}), "vms.v.share[0].gpu: a virtual machine has no share of a GPU"),
        (
            data(
                components={
                    "a": {"share": [{"workload": "a"}, {"gpu": "0", "workload": "a", "reservation": 0.7}]},
                    "b": {"share": [{"gpu": "0", "workload": "b", "reservation": 0.4}]},
                }
            ),
            "hosts.h.gpus.0: a, b reserve 1.1 of this GPU: together at most 1",
        ),
        (
            data(hosts={"h": {"fallback": [{"bmc": "h", "static_watts": 20}]}}),
            "hosts.h.gpus: its GPUs have 30 W when idle, more than the host, 20 W",
        ),
        (
            data(hosts={"k": {"power": [{"gpu": "h", "numbers": ["0"]}]}}),
            "hosts.k.power[0].numbers[0]: gpu 0 of h is already used by host 'h': it would count twice",
        ),
        (
            data(hosts={"k": {"gpus": {"0": {"gpu": "h"}}}}),
            "hosts.k.gpus.0.gpu: gpu 0 of h is already used by host 'h': it would count twice",
        ),
        (
            data(hosts={"k": {"gpus": {"1": {"dcgm": "h"}}}}),
            "warning: hosts.k.gpus.1.dcgm: host 'h' reads the same query: its power would count twice",
        ),
        (
            data(components={"a": {"share": [{"workload": "v"}]}}),
            "warning: vms.v.share[0]: already counts for 'a': it would count twice",
        ),
        (
            data(components={"b": {"reservation": 2}}),
            "components.b.reservation: is a part of the host, but its share claims GPUs alone: add its work",
        ),
        (
            data(components={"b": {"share": [{"gpu": "0", "workload": "b", "host": "k"}]}}),
            "components.b.share[0].host: 'k' is not a host of this component",
        ),
        (
            data(components={"d": {"share": [{"gpu": "0", "host": "k"}]}}),
            "components.d.share: claims nothing of its host 'l': leave that host out",
        ),
        (
            data(components={"a": {"share": [{"workload": "a", "host": "h"}]}}),
            "components.a.share[0]: host belongs to gpu: on which host the component uses that GPU",
        ),
        (data(vms={"v": {"reservation": 6}}), "hosts.h.capacity: is 8, but a, v reserve 10"),
        (data(components={"c": {"reservation": 5}}), "vms.v.capacity: is 4, but c reserve 5"),
        (
            data(components={"a": {"share": GPU_SHARE}, "b": {"share": [{**GPU_SHARE[0], "workload": "b"}]}}),
            "hosts.h.gpus.0: a, b reserve 1.5 of this GPU: together at most 1",
        ),
        (
            data(hosts={"h": {"gpus": {"0": {"gpu": "h", "static_watts": 30, "max_watts": 20}}}}),
            "hosts.h.gpus.0.static_watts: 30 W when idle are more than max_watts, 20 W",
        ),
        (
            data(
                hosts={"k": {"active": {"query": "x"}}, "l": {"active": {"query": "y"}}},
                components={"d": {"share": [{"query": "work"}]}},
            ),
            "components.d.share[0].query: reads the same work on each host: name the host in a label",
        ),
        (
            data(components={"a": {"reservation": {"kube": "cpu"}}}),
            "components.a: reservation needs pods, NAMESPACE/POD: there is no kepler_pod in share",
        ),
        (data(components={"a": {"reservation": {"pods": "a/b"}}}), "components.a.reservation.kube: is missing"),
        (data(components={"a": {"reservation": -4}}), "components.a.reservation: must be greater than 0"),
        (
            data(components={"d": {"reservation": {"kube": "cpu"}}}),
            "components.d.reservation: host 'k' has no capacity that this could be a part of",
        ),
    ],
)
def test_a_mistake_is_one_line_at_its_place(content: dict[str, Any], line: str) -> None:
    assert any(each.startswith(line) for each in lines(content)), lines(content)


def test_work_that_counts_twice_on_many_hosts_is_one_warning() -> None:
    """Components of a pool meet on each of its hosts."""
    assert lines(data(components={"e": {"role": "du", "pool": "edge", "share": [{"kepler_pod": "ran/.*"}]}})) == [
        "warning: components.e.share[0]: 'ran/du-x' fits the share 'ran/du-.*' of 'd', too: it would count twice"
    ]


def test_a_plug_may_add_the_meters_of_its_own_gpus() -> None:
    """The GPUs are then subtracted from what they were added to, unless they are outside of it."""
    power = {"power": [{"rapl": "h"}, {"gpu": "h", "numbers": ["0"]}]}
    sound(data(hosts={"h": power}))
    outside = {"gpus": {"0": {"gpu": "h", "in_plug": False}, "1": {"dcgm": "h"}}}
    assert lines(data(hosts={"h": {**power, **outside}})) == [
        "hosts.h.gpus.0.gpu: gpu 0 of h is already used by host 'h': it would count twice"
    ]
