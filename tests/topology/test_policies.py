# SPDX-License-Identifier: Apache-2.0
"""The table of policies, and the names that a topology file may write."""

from typing import Any

import pytest

from joulepath_topology import Topology
from joulepath_topology.policies import POLICIES
from joulepath_topology.reading import examine
from tests.topology.examined import changed, lines

pytestmark = pytest.mark.unit


@pytest.mark.parametrize("policy", POLICIES)
def test_each_row_is_a_policy(policy: str) -> None:
    """A file and a component may name it, an editor offers it, and the weights of each part add up to 1."""
    topology, problems = examine(changed(policy=policy))
    assert topology is not None
    assert topology.policy == policy
    assert all("policy" in str(problem) for problem in problems), "only data that it needs"
    own, _ = examine(changed(components={"ru-1": {"policy": policy}}))
    assert own is not None
    assert own.components["ru-1"].policy == policy
    assert policy in Topology.model_json_schema()["properties"]["policy"]["oneOf"][0]["enum"]
    assert POLICIES[policy].keys() == {"static", "dynamic", "undivided"}
    assert all(sum(weights.values()) == 1 for weights in POLICIES[policy].values())


def test_another_word_is_not() -> None:
    (line,) = lines(changed(policy="byte"))
    assert line.startswith("policy: must be 'packets-bytes', 'bytes', 'packets', 'equal',")
    assert line.endswith("or '3gpp-eif' (did you mean bytes?)")


UNIT = "components.ru-1."
QUERY = {"traffic": {"query": {"packets": "sum(other_packets)", "bytes": "sum(other_bytes)"}}}


@pytest.mark.parametrize(
    ("entry", "line"),
    [
        (
            {"policy": {"static": {"equal": 0.5}}},
            "policy.static: weights add up to 0.5: they must add up to 1; `unattributed` takes what is left",
        ),
        ({"policy": {"static": {"equal": -1, "count": 2}}}, "policy.static.equal: must be greater than or equal to 0"),
        ({"policy": {"statc": {"equal": 1}}}, "policy.statc: unknown key 'statc' (did you mean static?)"),
        ({"policy": {}}, "policy: needs static, dynamic, undivided or several of them"),
        ({"policy": [1]}, "policy: must be a mapping of keys"),
        (
            {"policy": {"dynamic": {"steps": 1}}},
            "policy.dynamic.steps: divides static power alone: let this part follow something else",
        ),
        (
            {"policy": {"static": {"steps": 0.5, "count": 0.5}}},
            "policy.static.steps: stands alone, as `{steps: 1}`: a step belongs to those that need it",
        ),
        (
            {"policy": "capacity"},
            "capacity: policy capacity needs its capacity, in bytes/s: add it, or give this component a policy",
        ),
        (
            {"policy": {"dynamic": {"uplink": 1}}, **QUERY},
            (
                "traffic: policy of its own weights needs uplink bytes, which only an IOAM node without named "
                "instances counts: give this component another policy"
            ),
        ),
        ({"policy": "steps", "steps": [{"above": 1}]}, "steps[0].watts: is missing"),
        ({"policy": "steps"}, "steps: policy steps needs some: add them, or let static power follow equal"),
        (
            {"policy": {"static": {"count": 0.5, "equal": 0.4999999}}},
            "policy.static: weights add up to 0.9999999: they must add up to 1; `unattributed` takes what is left",
        ),
    ],
)
def test_a_mistake_in_a_policy_is_one_line(entry: dict[str, Any], line: str) -> None:
    """It names the key, and no form of pydantic's."""
    assert lines(changed(components={"ru-1": entry})) == [UNIT + line]


def test_reservations_are_those_of_the_applications() -> None:
    """Somebody has to reserve, and not more than there is."""
    reserved = {"ru-1": {"policy": "reservation", "capacity": 10}}
    assert lines(changed(components=reserved)) == [
        "components.ru-1: no application that passes it has a reservation, which its policy needs"
    ]
    both = {"a": {"reservation": 7}, "b": {"reservation": 5}}
    assert lines(changed(components=reserved, applications=both)) == [
        "components.ru-1.capacity: is 10, but a, b reserve 12"
    ]
    assert lines(changed(components=reserved, applications={"a": {"reservation": 7}})) == []


def test_a_file_that_follows_steps_has_a_component_with_some() -> None:
    """A component without any has one step, its static part; a file without any means another policy."""
    assert lines(changed(policy="steps")) == [
        "policy: no component that follows it has steps: add some, or choose equal"
    ]
    assert lines(changed(policy="steps", components={"upf-1": {"steps": [{"above": 1, "watts": 5}]}})) == []
    # One with a policy for its dynamic part alone still follows the file.
    upf, radio = {"steps": [{"above": 1, "watts": 5}]}, {"policy": {"dynamic": "packets"}}
    assert lines(changed(policy="steps", components={"upf-1": upf, "ru-1": radio})) == []
    assert lines(changed(policy="steps", components={"upf-1": upf | radio, "ru-1": {"policy": "bytes"}})) == []
    (line,) = lines(changed(policy="steps", components=dict.fromkeys(("ru-1", "du-1", "upf-1"), radio)))
    assert line == "policy: no component that follows it has steps: add some, or choose equal"


def test_a_part_that_the_host_does_not_have_is_a_warning() -> None:
    """Without static_watts a policy divides undivided power alone."""
    whole = changed(hosts={"ru-1": {"static_watts": None}})
    del whole["hosts"]["ru-1"]["static_watts"]
    own = {"static": "equal"}
    for policy, warned in (("equal", True), (own, True), ({**own, "undivided": "equal"}, False), ("bytes", False)):
        whole["components"]["ru-1"]["policy"] = policy
        line = "lets static power follow equal, but its host has no static_watts: add them"
        assert lines(whole) == [f"warning: {UNIT}policy: {line}"] * warned


def test_a_policy_of_the_file_that_no_host_can_follow_is_a_warning() -> None:
    """While one of the hosts has static watts, or the policy divides all power alike, nothing is to be said."""
    data = changed()
    data["policy"] = "static-unattributed"
    assert lines(data) == []
    for name in data["hosts"]:
        del data["hosts"][name]["static_watts"]
    whole = "but no host of a component that follows it has static_watts: add them"
    for policy, words in (
        ("static-unattributed", "leaves static power unattributed"),
        ("equal", "lets static power follow equal"),
        ({"static": {"count": 0.5, "equal": 0.5}}, "lets static power follow count and equal"),
    ):
        data["policy"] = policy
        assert lines(data) == [f"warning: policy: {words}, {whole}"]
    for quiet in ("packets-bytes", "bytes", {"static": "equal", "undivided": "equal"}, {"dynamic": "packets"}):
        data["policy"] = quiet
        assert lines(data) == []


def test_data_without_their_policy_are_a_warning() -> None:
    """They would count for nothing."""
    unused = {"steps": [{"above": 1, "watts": 5}], "capacity": 9}
    reserved = {"a": {"reservation": 7}}
    assert lines(changed(components={"ru-1": unused}, applications=reserved)) == [
        "warning: components.ru-1.steps: counts with policy steps alone",
        "warning: components.ru-1.capacity: counts with the policies capacity and reservation alone",
        "warning: applications.a.reservation: counts with policy reservation alone",
    ]


def test_a_part_without_weights_follows_the_policy_of_the_file() -> None:
    """A component gives one part, the file another; the third one is as by default."""
    data = changed(policy={"dynamic": "packets"}, components={"ru-1": {"policy": {"static": "equal"}}})
    topology, problems = examine(data)
    assert topology is not None
    assert not problems
    expected = {"static": {"equal": 1}, "dynamic": {"count": 1}, "undivided": {"volume": 1}}
    assert topology.weights("ru-1") == expected
    assert topology.weights("upf-1") == {**expected, "static": {"count": 1}}
