# SPDX-License-Identifier: Apache-2.0
"""Forms of a topology's values: short forms, trace ids, queries, and clear lines for what YAML makes of a value."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from joulepath_rules.constants import method
from joulepath_topology import Topology
from joulepath_topology.source import PowerSource
from tests.topology.examined import changed, lines, sound

pytestmark = pytest.mark.unit

ID = "4bf92f3577b34da6a3ce929d0e0e4736"


def power(**source: Any) -> dict[str, Any]:
    """The factory in which ru-1 is read by this source."""
    return changed(hosts={"ru-1": {"power": [source]}})


def share(**entry: Any) -> dict[str, Any]:
    """The factory in which this is the work of du-1."""
    return changed(components={"du-1": {"share": [entry]}})


def traffic(entry: Any) -> dict[str, Any]:
    """The factory in which the traffic of upf-1 is counted here."""
    return changed(components={"upf-1": {"traffic": entry}})


def trace(**entry: Any) -> dict[str, Any]:
    """The factory in which this is a's trace."""
    return changed(applications={"a": {"traces": [{"ioam_namespace": 123, "id": ID} | entry]}})


@pytest.mark.parametrize(
    ("data", "line"),
    [
        (power(watts="rate(x[$windows])"), "hosts.ru-1.power[0].watts: there is no $windows: a query may contain"),
        (power(watts='sum(x{a="b"[2m])'), "hosts.ru-1.power[0].watts: is not valid PromQL: "),
        (power(watts="x[5m]"), "hosts.ru-1.power[0].watts: gives a range of values"),
        (power(watts="'x'"), "hosts.ru-1.power[0].watts: gives a string, not a number"),
        (power(joules="rate(x_total[$window])"), "hosts.ru-1.power[0].joules: must be a counter's name and labels"),
        (power(joules="x_total offset 5m"), "hosts.ru-1.power[0].joules: must be a counter's name and labels"),
        (changed(hosts={"ru-1": {"active": {"query": "sum("}}}), "hosts.ru-1.active.query: is not valid PromQL"),
        (share(query="sum("), "components.du-1.share[0].query: is not valid PromQL"),
        (traffic({"ioam": 4, "query": {"packets": "("}}), "components.upf-1.traffic.query.packets: is not valid"),
        (
            changed(
                hosts={"m": {"site": "edge", "power": [{"rapl": "m"}]}},
                components={"m": {"role": "model", "requests": {"query": {"requests": "x", "tokens": "$y"}}}},
            ),
            "components.m.requests.query.tokens: there is no $y",
        ),
        (share(kepler_pod="a"), "components.du-1.share[0].kepler_pod: must be NAMESPACE/POD, two regular expressions"),
        (share(kepler_pod="a/b/c"), "components.du-1.share[0].kepler_pod: must be NAMESPACE/POD"),
        (share(kepler_pod="a/("), "components.du-1.share[0].kepler_pod: '(' is not a regular expression"),
        (traffic({"ioam": "4"}), "components.upf-1.traffic.ioam: must be a number: leave out the quotes"),
        (traffic({"ioam": "four"}), "components.upf-1.traffic.ioam: must be a number"),
        (traffic({"ioam": True}), "components.upf-1.traffic.ioam: must be a number, is true"),
        (traffic({"ioam": {"node": False}}), "components.upf-1.traffic.ioam.node: must be a number, is false"),
        (traffic({"ioam": {"node": 4, "instance": 5}}), "components.upf-1.traffic.ioam.instance: must be a string"),
        (traffic({"ioam": {"node": 4, "instances": ["a", 5]}}), "components.upf-1.traffic.ioam.instances[1]: must be"),
        (
            traffic({"ioam": {"node": 4, "instance": "a", "instances": ["b"]}}),
            "components.upf-1.traffic.ioam.instance: unknown key 'instance'",
        ),
        (changed(sites={"edge": {"overhead": True}}), "sites.edge.overhead: must be a number, is true"),
        (changed(sites={"factory": {"grams_per_kwh": "380"}}), "sites.factory.grams_per_kwh: must be a number: "),
        (changed(hosts={"ru-1": {"static_watts": "much"}}), "hosts.ru-1.static_watts: must be a number"),
        (changed(components={"du-1": {"reservation": True}}), "components.du-1.reservation: must be a number, is true"),
        (changed(hosts={"ru-1": {"max_watts": 69}}), "hosts.ru-1.static_watts: 70 W when idle are more than max_watts"),
        (
            changed(hosts={"ru-1": {"max_watts": 90, "fallback": [{"rapl": "x", "static_watts": 91}]}}),
            "hosts.ru-1.fallback[0].static_watts: 91 W when idle are more than max_watts",
        ),
        (trace(id="other"), "applications.a.traces[0].id: 'other' is what the exporter calls"),
        (trace(id="camera"), "applications.a.traces[0].id: must be 2 to 32 hexadecimal digits"),
        (trace(id="abc"), "applications.a.traces[0].id: must be 2 to 32 hexadecimal digits"),
        (trace(id=ID + "00"), "applications.a.traces[0].id: must be 2 to 32 hexadecimal digits"),
        (trace(id=ID[:8] + "-" + ID[8:]), "applications.a.traces[0].id: must be 2 to 32 hexadecimal digits"),
        (trace(namespace=1), "applications.a.traces[0].namespace: unknown key 'namespace' (did you mean ioam_"),
        (changed(sites={"edge": {"gramms_per_kwh": 1}}), "sites.edge.gramms_per_kwh: unknown key 'gramms_per_kwh' ("),
        (changed(nonsense=1), "nonsense: unknown key 'nonsense'"),
        (changed(components={"du-1": {"role": "DU"}}), "components.du-1.role: must be 'ru', 'du'"),
        (changed(name="a/b"), "name: 'a/b' names the rule file, too"),
        (changed(name="-"), "name: '-' is not a name"),
        (changed(hosts={True: {}}), "hosts.true: YAML reads this name as true, not as a string"),
        (changed(hosts={"edge-1": {"embodied": {"kg": 12, "years": 4}}}), "hosts.edge-1.embodied.kg: unknown "),
        (changed(hosts={5: {}}), "hosts.5: YAML reads this name as 5, not as a string"),
        (changed(sites={None: {}}), "sites.null: YAML reads this name as null, not as a string"),
        (changed(components={"du-1": {"host": False}}), "components.du-1.host: must be a string, but YAML reads"),
        (changed(applications={"a": {"path": [True]}}), "applications.a.path[0]: must be a string, but YAML reads"),
        (changed(components={"du-1": {"requests": "vLLM"}}), "components.du-1.requests: must be `vllm`, `tgi`, "),
        (changed(sites={"edge": {"market": {"grams_per_kwh": -1}}}), "sites.edge.market.grams_per_kwh: must be "),
        (changed(sites={"edge": {"market": {}}}), "sites.edge.market.grams_per_kwh: is missing"),
        (changed(sites={"edge": {"market": "contract"}}), "sites.edge.market: must be {grams_per_kwh: 48}, or loca"),
        (changed(sites={"edge": {"market": 40}}), "sites.edge.market: must be a mapping of keys"),
        (changed(hosts=None), "hosts: is missing"),
        (changed(hosts={"ru-1": {"site": None}}), "hosts.ru-1.site: is missing"),
    ],
)  # fmt: skip
def test_a_mistake_is_one_clear_line(data: dict[Any, Any], line: str) -> None:
    """The line names the key and says what to do, and nothing else is said of the entry."""
    section = line.partition(":")[0].split(".")[0]
    problems = [one for one in lines(data) if one.startswith(section)]
    assert problems[0].startswith(line), problems
    if section != "hosts" or "is missing" not in line:
        assert len(problems) == 1, problems


def test_an_unknown_word_suggests_the_one_that_was_meant() -> None:
    """Capitals, typing mistakes and parts of words are recognised."""
    data = changed(sites={"edge": {"grid_zone": None, "source": None, "gram": 1}})
    assert "sites.edge.gram: unknown key 'gram' (did you mean grams_per_kwh?)" in lines(data)
    [line] = lines(changed(components={"du-1": {"role": "UPF"}}))
    assert line.endswith("(did you mean upf?)")


def test_an_empty_section_counts_as_absent() -> None:
    """A file begins with keys and nothing behind them."""
    topology = sound(changed(applications=None, budgets=None, hosts={"ru-1": {"feeds": None, "fallback": None}}))
    assert not topology.applications
    assert topology.hosts["ru-1"].fallback == ()


@pytest.mark.parametrize(
    "written",
    [ID, ID.upper(), "0x" + ID, "0X" + ID.upper(), "4bf92f35-77b3-4da6-a3ce-929d0e0e4736", f" {ID} "],
)  # fmt: skip
def test_a_trace_id_becomes_the_label(written: str) -> None:
    """The exporter writes lower-case digits and nothing between them."""
    assert sound(trace(id=written)).applications["a"].traces[0].id == ID


@given(st.binary(min_size=1, max_size=16), st.booleans(), st.booleans())
def test_every_label_is_a_trace_id(octets: bytes, capitals: bool, prefix: bool) -> None:
    """Any number of octets up to 16 can be a label: prefixes, and ids of carriers with less room."""
    text = octets.hex().upper() if capitals else octets.hex()
    data = trace(id="0x" + text if prefix else text)
    del data["applications"]["b"]
    assert sound(data).applications["a"].traces[0].id == octets.hex()


def test_two_spellings_are_one_trace() -> None:
    """A trace belongs to one application, however it is spelt."""
    data = changed(applications={"a": {"traces": [{"ioam_namespace": 1, "id": ID}]}})
    data["applications"]["b"]["traces"] = [{"ioam_namespace": 1, "id": "0x" + ID.upper()}]
    [line] = lines(data)
    assert line == f"applications.b.traces[0]: trace {ID} of namespace 1 already stands for 'a'"


def test_one_instance_may_stand_by_itself_and_none_means_all() -> None:
    """One instance may stand by itself; none are all."""
    short = sound(traffic({"ioam": {"node": 4, "instance": "up-1"}}))
    full = sound(traffic({"ioam": {"node": 4, "instances": ["up-1"]}}))
    several = sound(traffic({"ioam": {"node": 4, "instances": ["up-1", "up-2"]}}))
    traffics = [topology.components["upf-1"].traffic for topology in (short, full, several)]
    assert [one.ioam.instances for one in traffics if one and one.ioam] == [("up-1",), ("up-1",), ("up-1", "up-2")]
    assert short.hash == full.hash != several.hash


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ({"rapl": "x"}, "measured"),
        ({"watts": "sum(x)"}, "measured"),
        ({"power_model": "x"}, "modelled"),
        ({"watts": "sum(x)", "modelled": True}, "modelled"),
        ({"rapl": "x", "modelled": True}, "modelled"),
        ({"rapl": "x", "scale": 1.35}, "modelled"),
        ({"rapl": "x", "offset_watts": 5}, "modelled"),
        ({"watts": "vector(65)"}, "declared"),
        ({"watts": "65"}, "declared"),
        ({"watts": 65}, "declared"),
        ({"watts": "65 + 5 * 2", "scale": 2}, "declared"),
        ({"watts": "vector(65)", "modelled": True}, "declared"),
    ],
)
def test_a_source_has_the_method_of_its_queries(source: dict[str, Any], expected: str) -> None:
    """A query that reads no series is declared; one that is corrected, or said to be a guess, is modelled."""
    assert PowerSource.model_validate(source).method == expected


@pytest.mark.parametrize(
    ("power", "expected"),
    [
        ([{"rapl": "x"}, {"joules": "y"}], "measured"),
        ([{"power_model": "x"}, {"joules": "y"}], "modelled"),
        ([{"rapl": "x"}, {"joules": "y", "modelled": True}], "modelled"),
        ([{"rapl": "x"}, {"watts": 5}], "declared"),
        ([{"watts": 5}, {"rapl": "x", "scale": 2}], "declared"),
    ],
)
def test_a_tier_is_as_good_as_its_weakest_source(power: list[Any], expected: str) -> None:
    """Declared is less than modelled: nothing reads it at all."""
    assert method(sound(changed(hosts={"ru-1": {"power": power}})), "ru-1", 1) == expected


def test_a_number_is_a_query() -> None:
    """PromQL cannot sum a plain number, so it becomes a vector."""
    assert PowerSource.model_validate({"watts": 65}).watts == "vector(65)"
    assert PowerSource.model_validate({"watts": "60 + 5"}).watts == "vector(60 + 5)"
    assert PowerSource.model_validate({"watts": " vector(65) "}).watts == "vector(65)"


def test_a_topology_has_a_name_that_is_part_of_its_hash() -> None:
    """A topology has a name, by which two of them differ in one Prometheus."""
    assert sound(changed()).name == "joulepath"
    assert sound(changed(name="north")).name == "north"
    assert sound(changed()).hash != sound(changed(name="north")).hash


def test_an_item_behind_a_refused_one_keeps_its_index() -> None:
    """A refused entry is removed before the rest is checked; places are still those of the file."""
    data = changed(hosts={"ru-1": {"power": [{"rapl": 5}, {"rapl": "x"}, {"rapl": "y", "static_watts": 5}]}})
    assert [line.partition(":")[0] for line in lines(data)] == [
        "hosts.ru-1.power[0].rapl",
        "hosts.ru-1.power[2].static_watts",
    ]


def test_the_schema_accepts_the_forms_that_are_read() -> None:
    """Editors accept a number as a query, one instance, and a range as a node."""
    schema = Topology.model_json_schema()["$defs"]
    assert {"type": "number"} in schema["PowerSource"]["properties"]["watts"]["anyOf"]
    node = schema["IoamNode"]["anyOf"]
    assert {"instance", "instances", "node"} == set(node[-1]["properties"])
    assert [one["type"] for one in node] == ["integer", "string", "object"]
