# SPDX-License-Identifier: Apache-2.0
"""Ranges in a topology: a few lines give the same topology as hundreds, and a mistake in one is one line."""

from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from joulepath_topology import Topology
from joulepath_topology.ranges import MOST, RANGE, expand
from tests.topology.examined import changed, lines, sound

pytestmark = pytest.mark.unit

RADIO_UNITS = """
sites:
  field: {grams_per_kwh: 380}
hosts:
  ru-[01-17]-[01-24]: {site: field, power: [{pdu: "pdu-[01-17]", outlets: ["[1-24]"]}]}
  edge: {site: field, power: [{bmc: edge}]}
  sw: {site: field, power: [{bmc: sw}], feeds: ["ru-01-[01-24]"]}
components:
  ru-[01-17]-[01-24]: {role: ru, traffic: {anchor: upf}}
  upf: {role: upf, host: edge, traffic: {ioam: 4}}
applications:
  fleet:
    traces: [{ioam_namespace: 123, id: "00000000000000000000000000000[001-400]", path: ["ru-01-01", upf]}]
  all: {traces: [{ioam_namespace: 9, id: all}], path: ["ru-[01-17]-[01-24]", upf]}
"""


def test_a_range_puts_radio_units_on_outlets() -> None:
    """408 radio units on 17 PDUs, each with its own outlet, are two lines."""
    topology = sound(yaml.safe_load(RADIO_UNITS))
    assert len(topology.hosts) == 17 * 24 + 2
    [source] = topology.hosts["ru-17-05"].power
    assert (source.kind, source.readings) == ("pdu", [{"instance": "pdu-17", "outlet": "5"}])
    assert topology.counted_at("ru-17-05") == "upf"
    assert topology.hosts["sw"].feeds == tuple(f"ru-01-{number:02}" for number in range(1, 25))
    assert len(topology.applications["fleet"].traces) == 400
    assert topology.applications["fleet"].traces[41].id == "042".rjust(32, "0")
    assert topology.route("all") == (*(name for name in topology.components if name != "upf"), "upf")


def test_a_range_anchors_each_radio_unit_at_its_own_upf() -> None:
    """200 UPFs at node ids of their own, and a radio unit anchored at each."""
    topology = sound(
        yaml.safe_load("""
sites: {field: {}}
hosts:
  ru-[001-200]: {site: field, power: [{pdu: p, outlets: ["[1-200]"]}]}
  upf-[001-200]: {site: field, power: [{joules: 'poe_joules_total{port="[001-200]",slot=~"[0-9]"}'}]}
components:
  ru-[001-200]: {role: ru, traffic: {anchor: "upf-[001-200]"}}
  upf-[001-200]: {role: upf, traffic: {ioam: "[1001-1200]"}}
applications:
  cell-[001-200]:
    traces: [{ioam_namespace: 1, id: "00[001-200]f"}]
    path: ["ru-[001-200]", "upf-[001-200]"]
budgets:
  cell-[001-200]-day: {application: "cell-[001-200]", energy: 1kWh, per: day}
""")
    )
    traffic = topology.components["upf-017"].traffic
    assert traffic is not None
    assert traffic.ioam is not None
    assert traffic.ioam.node == 1017
    assert topology.counted_at("ru-017") == "upf-017"
    # Brackets in a query that are not the name's range are PromQL's or a regular expression's.
    assert topology.hosts["upf-017"].power[0].joules == 'poe_joules_total{port="017",slot=~"[0-9]"}'
    assert topology.applications["cell-017"].path == ("ru-017", "upf-017")
    assert topology.budgets["cell-017-day"].application == "cell-017"


@given(st.integers(0, 50), st.integers(0, 30), st.integers(0, 3), st.integers(-40, 400))
@settings(max_examples=60)
def test_a_range_is_the_entries_written_out(first: int, count: int, padding: int, shift: int) -> None:
    """For any range, offset and padding: the same topology, hash included, as without ranges."""
    last, shift = first + count, max(shift, -first)
    width = len(str(last)) + padding if padding else 0
    names = f"[{first:0{width}}-{last:0{width}}]"
    outlets = f"[{first + shift}-{last + shift}]"
    pdus = [{"pdu": f"p-{names}", "outlets": [outlets]}, {"pdu": f"q{outlets}", "outlets": [names]}]
    entry = {"site": "factory", "power": pdus}
    short = changed(
        hosts={f"x-{names}": entry}, components={f"x-{names}": {"role": "ru", "traffic": {"anchor": "upf-1"}}}
    )
    short["applications"]["c"] = {
        "traces": [{"ioam_namespace": 1, "id": "cc"}],
        "path": [f"x-{names}", "upf-1"],
    }
    long = changed()
    for number in range(first, last + 1):
        written, outlet = f"{number:0{width}}", str(number + shift)
        pdus = [{"pdu": f"p-{written}", "outlets": [outlet]}, {"pdu": f"q{outlet}", "outlets": [written]}]
        long["hosts"][f"x-{written}"] = {"site": "factory", "power": pdus}
        long["components"][f"x-{written}"] = {"role": "ru", "traffic": {"anchor": "upf-1"}}
    path = [name for name in long["components"] if name.startswith("x-")]
    long["applications"]["c"] = {"traces": [{"ioam_namespace": 1, "id": "cc"}], "path": [*path, "upf-1"]}
    assert sound(short) == sound(long)
    assert sound(short).hash == sound(long).hash


texts = st.text(st.sampled_from("x[]-012 "), max_size=8).filter(lambda text: not RANGE.search(text))
plain = st.recursive(
    st.none() | st.booleans() | st.integers() | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
)


@given(st.dictionaries(st.sampled_from(["hosts", "sites", "name", "applications"]), plain))
def test_without_ranges_nothing_changes(data: dict[str, Any]) -> None:
    """Whatever the file holds, of the right form or not."""
    expanded = expand(data)
    assert expanded.data == data
    assert not expanded.problems
    assert not expanded.steps


ENTRY = {"site": "factory", "power": [{"pdu": "p", "outlets": ["[1-400]"]}]}
COMPONENT = {"role": "ru", "traffic": {"anchor": "upf-1"}}


def with_range(name: str = "x-[001-400]", component: dict[str, Any] | None = None, **entry: Any) -> dict[str, Any]:
    """The factory with a range of hosts, each its own component."""
    return changed(hosts={name: ENTRY | entry}, components={name: COMPONENT | (component or {})})


@pytest.mark.parametrize(
    ("data", "line"),
    [
        (
            with_range(power=[{"pdu": "p", "outlets": ["[1-24]"]}]),
            "hosts.x-[001-400].power[0].outlets[0]: the range [1-24] has 24 numbers, but [001-400] has 400",
        ),
        (with_range(site="nowhere"), "hosts.x-[001-400].site: there is no site 'nowhere' under sites (and 399"),
        (
            with_range(site="site-[001-400]"),
            "hosts.x-[001-400].site: there is no site 'site-001' under sites (and 399 more like this)",
        ),
        (with_range(max_watts=-1), "hosts.x-[001-400].max_watts: must be greater than 0 (and 399 more like this)"),
        (with_range(watts=5), "hosts.x-[001-400].watts: unknown key 'watts'"),
        (
            with_range(component={"traffic": {"anchor": "upf-[001-400]"}}),
            "components.x-[001-400].traffic.anchor: there is no component 'upf-001' under components (and 399 more",
        ),
        (
            with_range(power=[{"pdu": "p", "outlets": ["1"]}]),
            "hosts.x-[001-400].power[0].outlets[0]: outlet 1 of p is already used by host 'x-001': it would",
        ),
        (
            with_range(power=[{"watts": "rate(x[$windows])"}]),
            "hosts.x-[001-400].power[0].watts: there is no $windows",
        ),
        (
            with_range(power=[{"rapl": "[001-400]", "scale": 135}]),
            "warning: hosts.x-[001-400].power[0].scale: 135 times the reading",
        ),
        (
            changed(hosts={"x-[5-1]": ENTRY}),
            "hosts.x-[5-1]: [5-1]: the second number is less than the first",
        ),
        (changed(hosts={"x-[01-100]": ENTRY}), "hosts.x-[01-100]: [01-100]: write both numbers with the same count"),
        (changed(hosts={"x-[0-10000]": ENTRY}), "hosts.x-[0-10000]: [0-10000]: at most 10000 numbers"),
        (changed(hosts={"x-[1-999]-[1-999]": ENTRY}), "hosts.x-[1-999]-[1-999]: 'x-[1-999]-[1-999]' would make"),
        (
            changed(hosts={"ru-[1-3]": {"site": "edge", "power": [{"rapl": "r-[1-3]"}]}}),
            "hosts.ru-[1-3]: 'ru-1' stands twice: once by itself and once by a range",
        ),
        (
            changed(hosts={"ru-1": {"power": [{"pdu": "pdu-[1-3]", "outlets": ["1"]}]}}),
            "hosts.ru-1.power[0].pdu: has the range [1-3], but the name of its entry has none",
        ),
        (
            changed(hosts={"x-[1-3]-[4-6]": {"site": "edge", "power": [{"rapl": "r-[7-9]"}]}}),
            "hosts.x-[1-3]-[4-6].power[0].rapl: the range [7-9] fits several ranges of the name",
        ),
        (
            changed(applications={"a": {"path": ["upf-1", "x-[1-300]"]}}),
            "applications.a.path[1]: there is no component 'x-1' under components (and 299 more like this)",
        ),
        (
            changed(applications={"a": {"path": ["upf-1", "x-[3-1]", "nowhere"]}}),
            "applications.a.path[1]: [3-1]: the second number is less than the first",
        ),
    ],
)  # fmt: skip
def test_one_mistake_is_one_line(data: dict[str, Any], line: str) -> None:
    """It names the entry as it stands in the file."""
    problems = lines(data)
    assert problems[0].startswith(line), problems
    assert len(problems) == 1 + ("nowhere" in str(data["applications"])), problems


def test_an_item_behind_a_range_keeps_its_index() -> None:
    """The range makes three items of one, and the next one is still the second of the file."""
    data = changed(hosts={"ru-1": {"power": [{"pdu": "p", "outlets": ["[1-3]", 5]}]}})
    assert lines(data) == ["hosts.ru-1.power[0].outlets[1]: must be a string: put it in quotes"]


def test_ten_thousand_mistakes_are_found_quickly() -> None:
    """The largest range, wrong twice, is two lines."""
    name = f"x-[1-{MOST}]"
    data = with_range(name, max_watts=-1, power=[{"rapl": f"[1-{MOST}]"}], site="nowhere")
    assert len(lines(data)) == 2


def test_two_ranges_of_one_length_differ_by_their_text() -> None:
    """A value takes the number of the range that reads the same."""
    entry = {"site": "edge", "power": [{"pdu": "p-[1-3]", "outlets": ["[4-6]"]}]}
    topology = sound(changed(hosts={"x-[1-3]-[4-6]": entry}))
    [source] = topology.hosts["x-3-5"].power
    assert (source.kind, source.readings) == ("pdu", [{"instance": "p-3", "outlet": "5"}])


def test_a_range_is_filled_into_patterns_of_pods() -> None:
    """In a pattern of pods the text of the name's range is filled; other brackets are the pattern's."""
    entry = {"host": "edge-1", "share": [{"kepler_pod": "ran/cell-[1-3]-[a-f0-9]+-[0-9]"}], "reservation": 1}
    data = changed(components={"cell-[1-3]": {"role": "du", "traffic": {"anchor": "upf-1"}} | entry})
    topology: Topology = sound(data)
    assert topology.components["cell-2"].share[0].kepler_pod == "ran/cell-2-[a-f0-9]+-[0-9]"
