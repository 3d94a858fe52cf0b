# SPDX-License-Identifier: Apache-2.0
"""Hosts of a first topology: which readings are of one host, and which of them comes first."""

import pytest

from joulepath_init.asking import Questions
from joulepath_init.found import Found, Gpu, Node, Reading, Whole
from joulepath_topology.meters import METERS

from .conftest import Answers
from .findings import PLUG, drafted, hosts

pytestmark = pytest.mark.unit


@pytest.mark.parametrize("kind", [kind for kind in METERS if kind != "gpu"])
def test_each_kind_of_meter_alone_is_the_power_of_a_host(kind: str) -> None:
    reading = PLUG if kind == "pdu" else Reading(kind, "edge-1", watts=9.0)
    made, topology = drafted(Found(readings=[reading]))
    [source] = topology.hosts["edge-1"].power
    assert (source.kind, source.readings[0]["instance"]) == (kind, reading.instance)
    assert ("decide: " in made.text.partition("hosts:")[2].partition("components:")[0]) == (not METERS[kind].reads_gpus)


def test_the_best_meter_of_a_host_comes_first_and_no_two_are_added() -> None:
    others = [Reading("rapl", "edge-1:10473", watts=90.0), Reading("bmc", "bmc-edge-1.example", watts=240.0)]
    assert hosts(*others, PLUG) == {
        "edge-1": {"power": [{"pdu": "pdu-1", "outlets": ["1"]}], "fallback": [{"bmc": "bmc-edge-1.example"}]}
    }
    # RAPL reads less than the plug: as a fallback its watts would fall when the plug is lost.
    assert "rapl" in drafted(Found(readings=[*others, PLUG]))[0].text


def test_two_supplies_on_two_pdus_are_added() -> None:
    readings = [Reading("pdu", "left", "1", "edge-1 A", 120.0), Reading("pdu", "right", "7", "edge-1 B", 130.0)]
    assert hosts(*readings) == {
        "edge-1": {"power": [{"pdu": "left", "outlets": ["1"]}, {"pdu": "right", "outlets": ["7"]}]}
    }


def test_a_supply_at_rest_belongs_to_its_host_and_a_free_outlet_to_none() -> None:
    readings = [PLUG, Reading("pdu", "pdu-2", "1", "edge-1 PSU B", 0.0), Reading("pdu", "pdu-2", "2", "spare", 0.0)]
    assert hosts(*readings) == {
        "edge-1": {"power": [{"pdu": "pdu-1", "outlets": ["1"]}, {"pdu": "pdu-2", "outlets": ["1"]}]}
    }


@pytest.mark.parametrize(("watts", "told"), [(240.0, True), (200.0, False)])
def test_a_bmc_that_draws_what_an_outlet_gives_is_pointed_at(watts: float, told: bool) -> None:
    """One server must not count twice."""
    found = Found(readings=[Reading("pdu", "pdu-1", "1", "rack 7", 250.0), Reading("bmc", "edge-1", watts=watts)])
    text = " ".join(drafted(found)[0].text.replace("#", "").split())
    assert ("rack-7 and edge-1 draw about the same (250 W and 240 W)" in text) == told


def test_a_pdu_that_measures_no_outlet_is_one_host_by_its_inlets() -> None:
    whole = Whole("pdu-1", "inlet", ("1", "2"), 320.0)
    made, topology = drafted(Found(wholes=[whole]))
    assert made.boxes[0].watts == 320
    assert [source.joules for source in topology.hosts["pdu-1"].power] == [
        f'pdu_inlet_energy_joules_total{{instance="pdu-1",inlet="{inlet}"}}' for inlet in "12"
    ]


def test_inlets_are_left_out_where_a_server_behind_them_may_count_already() -> None:
    whole = Whole("pdu-1", "inlet", ("1",), 320.0)
    made, topology = drafted(Found(readings=[Reading("bmc", "edge-1", watts=300.0)], wholes=[whole]))
    assert list(topology.hosts) == ["edge-1"]
    assert [note for note in made.notes if "pdu-1" in note]


@pytest.mark.parametrize(
    ("dialect", "counter"),
    [
        ("0.10", 'kepler_node_cpu_joules_total{{node_name="node-1",zone="{zone}"}}'),
        ("0.9", 'kepler_node_{zone}_joules_total{{instance="node-1"}}'),
    ],
)
def test_a_node_without_a_meter_has_what_kepler_reads(dialect: str, counter: str) -> None:
    node = Node("node-1", dialect, frozenset({"package", "dram", "core"}))
    made, topology = drafted(Found(nodes=[node]))
    assert [source.joules for source in topology.hosts["node-1"].power] == [
        counter.format(zone=zone) for zone in ("package", "dram")
    ]
    assert "decide: Kepler reads processor and memory alone" in made.text


def test_a_node_with_another_name_in_kepler_says_so() -> None:
    node = Node("edge-1.plant.example", "0.9", frozenset({"package"}))
    assert hosts(PLUG, nodes=[node])["edge-1"]["kepler"] == {
        "node_name": "edge-1.plant.example",
        "zones": ["package"],
        "dialect": "0.9",
    }


def test_gpus_belong_to_the_host_of_their_exporter() -> None:
    gpus = [Gpu("gpu", "edge-1:10479", "0"), Gpu("dcgm", "edge-1", "1"), Gpu("dcgm", "edge-1", "0")]
    assert hosts(PLUG, gpus=gpus)["edge-1"]["gpus"] == {"0": {"gpu": "edge-1:10479"}, "1": {"dcgm": "edge-1"}}


def test_each_chassis_of_a_bmc_is_a_host() -> None:
    readings = [Reading("bmc", "bmc-1", f"Node{number}", watts=400.0) for number in (0, 1)]
    assert hosts(*readings) == {
        f"bmc-1-Node{number}": {"power": [{"bmc": "bmc-1", "chassis": f"Node{number}"}]} for number in (0, 1)
    }


def test_a_host_that_only_has_an_address_may_be_one_of_the_others() -> None:
    made, topology = drafted(Found(readings=[PLUG, Reading("rapl", "10.0.0.4:10473", watts=90.0)]))
    assert list(topology.hosts) == ["edge-1", "10.0.0.4"]
    assert made.text.count("decide: its name") == 1


BMC_OF_A_NODE = Found(
    readings=[Reading("bmc", "bmc-1", watts=182.0), Reading("bmc", "bmc-2", watts=240.0)],
    nodes=[Node("edge-1", "0.10", frozenset({"package", "dram"}))],
)


def test_an_answer_says_which_host_a_bmc_without_its_name_measures() -> None:
    answers = Answers(**{"Host that bmc-1 measures (edge-1;": "edge-1"})
    made, topology = drafted(BMC_OF_A_NODE, answers=Questions(answers))
    assert topology.hosts["edge-1"].power[0].readings == [{"instance": "bmc-1"}]
    assert [box.name for box in made.boxes] == ["edge-1", "bmc-2"]
    # The host has its meter: the other BMC is not asked about.
    assert not [question for question in answers.asked if "bmc-2 measures" in question]


def test_a_bmc_that_may_be_a_host_of_kepler_is_pointed_at() -> None:
    text = " ".join(drafted(BMC_OF_A_NODE)[0].text.replace("#", "").split())
    assert "decide: if it is edge-1, write `power: [{bmc: bmc-1}]` there, and delete this host" in text
