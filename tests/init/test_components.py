# SPDX-License-Identifier: Apache-2.0
"""Components and applications of a first topology: from pods, workloads, models, nodes and traces."""

import pytest

from joulepath_init.asking import Questions
from joulepath_init.draft import Wishes
from joulepath_init.found import Found, Gpu, Model, Node, Pod, Reading
from joulepath_topology.model_servers import SERVERS

from .findings import EDGE, PLUG, PODS, components, drafted

pytestmark = pytest.mark.unit


def test_replicas_are_one_component_and_others_are_listed() -> None:
    pods = [Pod("ran", "du-0", "edge-1"), Pod("ran", "du-1", "edge-1"), Pod("tools", "grafana-5d4f-x2x4z", "edge-1")]
    found = Found(readings=[PLUG], nodes=[EDGE], pods=pods)
    assert components(found, kubernetes=True) == {
        "du": {"role": "du", "host": "edge-1", "share": [{"kepler_pod": "ran/du-.*"}]}
    }
    assert any("tools/grafana" in note for note in drafted(found, Wishes(kubernetes=True))[0].notes)


def test_a_pattern_never_fits_the_pods_of_another_component() -> None:
    made = components(Found(readings=[PLUG], nodes=[EDGE], pods=PODS), kubernetes=True)
    patterns = {name: entry["share"][0]["kepler_pod"] for name, entry in made.items()}
    assert patterns == {"upf": "core/upf-7d9f8c6b5-x2x4z", "upf-b": "core/upf-b-.*"}


def test_without_kubernetes_pods_are_left_out_and_workloads_are_used() -> None:
    found = Found(
        readings=[PLUG], nodes=[EDGE], pods=PODS, workloads=[("edge-1", "upf.service"), ("edge-1", "ssh.service")]
    )
    assert components(found) == {"upf": {"role": "upf", "host": "edge-1", "share": [{"workload": "upf.service"}]}}


def test_pods_of_several_nodes_run_in_a_pool() -> None:
    nodes = [EDGE, Node("edge-2", "0.10", frozenset({"package"}))]
    found = Found(readings=[PLUG], nodes=nodes, pods=PODS[:1], capacity={"edge-1": 16.0, "edge-2": 8.0})
    requested = Found(**{**vars(found), "requesting": frozenset({("core", PODS[0].name)})})
    assert components(found, kubernetes=True)["upf"] == {
        "role": "upf",
        "pool": "kubernetes",
        "share": [{"kepler_pod": "core/upf-.*"}],
    }
    assert components(requested, kubernetes=True)["upf"]["reservation"] == {"kube": "cpu"}
    _, topology = drafted(requested, Wishes(kubernetes=True))
    assert topology.hosts_of("upf") == ("edge-1", "edge-2")
    assert topology.hosts["edge-2"].capacity == 8


@pytest.mark.parametrize("server", list(SERVERS))
def test_each_kind_of_model_server_counts_at_its_host(server: str) -> None:
    """Its policy is one of those that it counts enough for, or the file would not be valid."""
    name = "Qwen/Qwen2.5-VL" if SERVERS[server].model else ""
    model = Model(server, name, "edge-1:8000", frozenset({"camera"}))
    _, topology = drafted(Found(readings=[PLUG], models=[model]))
    [component] = topology.components
    requests = topology.components[component].requests
    assert (requests and requests.kind, topology.hosts_of(component)) == (server, ("edge-1",))
    assert topology.applications["camera"].models == (component,)


def test_models_on_one_server_have_a_gpu_each_and_a_remark() -> None:
    gpus = [Gpu("gpu", "edge-1", "0"), Gpu("gpu", "edge-1", "1")]
    models = [Model("vllm", name, "edge-1:8000") for name in ("qwen", "llava", "phi")]
    found = Found(readings=[PLUG], gpus=gpus, models=models)
    made = components(found)
    assert [entry["share"] for entry in made.values()] == [[{"gpu": "0"}], [{"gpu": "1"}]]
    draft_ = drafted(found)[0]
    assert "decide: which model has which GPU" in draft_.text
    assert [note for note in draft_.notes if "phi" in note]  # a third one cannot be placed


def test_a_new_application_is_counted_where_its_own_headers_are() -> None:
    names = ["ru-1", "du-1", "upf-1", "amf", "server"]
    readings = [Reading("pdu", "pdu-1", str(number), name, 50.0) for number, name in enumerate(names)]
    made, topology = drafted(Found(readings=readings), Wishes(applications=["camera"]))
    traffic = {name: component.traffic for name, component in topology.components.items() if component.traffic}
    assert traffic["upf-1"].ioam is not None
    assert {name for name, entry in traffic.items() if entry.anchor == "upf-1"} == {"ru-1", "du-1"}
    assert topology.components["amf"].supports == topology.applications["camera"].path == ("ru-1", "du-1", "upf-1")
    assert made.traces is not None
    assert (made.traces.node, list(made.traces.ids)) == (1, ["camera"])


def test_nodes_and_traces_that_are_counted_already_keep_their_ids() -> None:
    readings = [Reading("pdu", "pdu-1", "1", "upf-1", 50.0), Reading("pdu", "pdu-1", "2", "cu-1", 50.0)]
    found = Found(readings=readings, ioam_nodes=[(7, "upf-1:10474"), (9, "cu-1")], traces=[(5, "ab" * 16)])
    asked = Questions(lambda question: "camera" if "trace" in question else "")
    made, topology = drafted(found, answers=asked)
    nodes = {
        name: entry.traffic.ioam.node
        for name, entry in topology.components.items()
        if entry.traffic and entry.traffic.ioam
    }
    assert nodes == {"upf-1": 7, "cu-1": 9}
    assert topology.applications["camera"].traces[0].id == "ab" * 16
    assert made.traces is None


def test_flows_that_are_counted_already_are_of_applications() -> None:
    """Two flows of one application, one that a model's requests name, and one with a character that no name has."""
    found = Found(
        readings=[Reading("pdu", "pdu-1", "1", "upf-1", 50.0), Reading("pdu", "pdu-1", "2", "llm", 50.0)],
        ioam_nodes=[(7, "upf-1")],
        models=[Model("vllm", "qwen", "llm", frozenset({"camera"}))],
        flows=["camera", "shuttle-hall", "shuttle-yard", "@lan"],
    )
    asked = Questions(lambda question: "shuttle" if "shuttle" in question else "")
    made, topology = drafted(found, answers=asked)
    flows = {name: [flow.flow for flow in entry.flows] for name, entry in topology.applications.items()}
    assert flows == {"camera": ["camera"], "shuttle": ["shuttle-hall", "shuttle-yard"], "lan": ["@lan"]}
    assert topology.applications["camera"].models == ("qwen",)
    assert {entry.path for entry in topology.applications.values()} == {("upf-1",)}
    assert "guess: flow shuttle-yard is of this application" in made.text


def test_a_new_application_is_added_to_those_that_are_counted_already() -> None:
    found = Found(
        readings=[Reading("pdu", "pdu-1", "1", "upf-1", 50.0)], ioam_nodes=[(7, "upf-1")], traces=[(5, "ab" * 16)]
    )
    made, topology = drafted(found, Wishes(applications=["camera"]))
    assert set(topology.applications) == {"camera", "trace-5-abababab"}
    assert made.traces is not None
    assert (made.traces.node, list(made.traces.ids)) == (7, ["camera"])


def test_an_application_that_cannot_be_named_so_has_no_id_and_a_note() -> None:
    made, topology = drafted(Found(readings=[Reading("pdu", "p", "1", "upf", 9.0)]), Wishes(applications=["a b"]))
    assert made.traces is None
    assert not topology.applications
    assert [note for note in made.notes if "'a b'" in note]


def test_pods_of_the_workload_exporter_are_one_component_with_a_remark() -> None:
    workloads = [("edge-1", f"core/upf-7d9f8c6b5-{end}") for end in ("x2x4z", "zzzzz")]
    found = Found(readings=[PLUG], workloads=[*workloads, ("edge-1", "other")])
    assert components(found) == {
        "upf": {"role": "upf", "host": "edge-1", "share": [{"workload": workload} for _, workload in workloads]}
    }
    assert "decide: such names change at a restart" in drafted(found)[0].text
