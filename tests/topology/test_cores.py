# SPDX-License-Identifier: Apache-2.0
"""Cores of a topology: what tables may say, which keys fit which core, and mistakes that would give wrong shares."""

from typing import Any

import pytest
from pydantic import ValidationError

from joulepath_topology.cores.catalogue import CORES
from joulepath_topology.cores.schema import Amount, Core
from joulepath_topology.ways import ways
from tests.topology.examined import lines, sound

pytestmark = pytest.mark.unit


def plant(traffic: dict[str, Any], policy: str = "bytes", **applications: dict[str, Any]) -> dict[str, Any]:
    """A UPF on a host of its own, which the applications pass."""
    return {
        "sites": {"s": {}},
        "hosts": {"upf": {"site": "s", "power": [{"pdu": "p", "outlets": ["1"]}]}},
        "components": {"upf": {"role": "upf", "policy": policy, "traffic": traffic}},
        "applications": {name: {"path": ["upf"], **entry} for name, entry in applications.items()},
    }


def test_an_application_is_counted_by_its_key() -> None:
    """One value is short for a list, one entry for a list of them, and numbers need no quotes."""
    short = sound(plant({"core": "open5gs"}, a={"core": {"qfi": 5}}))
    long = sound(plant({"core": "open5gs"}, a={"core": [{"qfi": ["5"]}]}))
    assert short.hash == long.hash
    assert [(one.at, one.way.name) for one in ways(short, "a")] == [("upf", "core")]


def test_a_core_beside_ioam_gives_the_total_alone() -> None:
    """The way of counting stays that of the marks."""
    traces = [{"ioam_namespace": 1, "id": "0a"}]
    found = sound(plant({"core": "eupf", "ioam": 4}, "packets", a={"traces": traces}))
    assert [(one.at, one.way.name) for one in ways(found, "a")] == [("upf", "trace")]


@pytest.mark.parametrize(
    ("traffic", "policy", "line"),
    [
        (
            {"core": "open5gs"},
            "packets",
            "policy packets needs packets, which Open5GS does not count for an application",
        ),
        ({"core": "magma"}, "packets-bytes", "policy packets-bytes needs packets, which Magma does not count"),
        (
            {"core": "eupf", "ioam": 4},
            "bytes",
            "eUPF does not count for the whole: give this component `policy: packets`",
        ),
        (
            {"core": "sdcore", "ioam": 4},
            "bytes",
            "SD-Core and Aether UPF does not count for the whole: leave `core` out",
        ),
        ({"core": "kpm_prb", "ioam": 4}, "bytes", "PRBs does not count for the whole: leave `core` out here"),
    ],
)
def test_an_amount_that_a_core_does_not_count_is_an_error(traffic: dict[str, Any], policy: str, line: str) -> None:
    """A gauge of parts is never the total of bytes/s that an IOAM node counts."""
    found = lines(plant(traffic, policy))
    assert any(each.startswith("components.upf.traffic: ") and line in each for each in found), found


@pytest.mark.parametrize(
    ("traffic", "line"),
    [
        ({"core": "open5g"}, "components.upf.traffic.core: must be 'ella'"),
        ({"instances": ["i"], "ioam": 4}, "components.upf.traffic: instances belong to core"),
        ({"core": "open5gs", "query": {"bytes": "x"}}, "components.upf.traffic: has query and core"),
        ({"core": "open5gs", "anchor": "upf"}, "components.upf.traffic: anchor stands alone"),
        ({"core": "eupf", "ioam": 4, "traced": True}, "components.upf.traffic: traced: true goes with ioam alone"),
    ],
)
def test_a_core_stands_where_it_means_something(traffic: dict[str, Any], line: str) -> None:
    found = lines(plant(traffic))
    assert any(each.startswith(line) for each in found), found


@pytest.mark.parametrize(
    ("core", "entry", "line"),
    [
        ("open5gs", {}, "applications.a: needs core: 'upf' knows applications by `qfi`, as Open5GS counts them"),
        ("open5gs", {"core": {"ue": "10.0.0.1"}}, "applications.a.core: needs core: 'upf' knows applications by `qfi`"),
        ("ella", {}, "applications.a: 'upf' cannot tell applications apart: Ella Core counts its whole traffic"),
        ("open5gs", {"core": {}}, "applications.a.core[0]: needs one of qfi, ue, dnn, slice, group, session"),
        ("open5gs", {"core": {"qfi": []}}, "applications.a.core[0]: qfi has no entry: give a value, or leave the key"),
        ("open5gs", {"core": {"qfi": "5-7"}}, "applications.a.core[0]: qfi: '5-7' is not a number from 0 to 63"),
        ("open5gs", {"core": {"qfi": [5, 64]}}, "applications.a.core[0]: qfi: '64' is not a number from 0 to 63"),
        ("sdcore", {"core": {"ue": "10.0.0.0/24"}}, "applications.a.core[0]: ue: '10.0.0.0/24' is compared as it is"),
        ("pfcp", {"core": {"dnn": "video*"}}, "applications.a.core[0]: dnn: 'video*' is compared as it is: list the"),
        ("pfcp", {"core": {"slice": "1-00000A"}}, "applications.a.core[0]: slice: '1-00000A' is not an SST, or an SST"),
        ("pfcp", {"core": {"group": [], "dnn": "video"}}, "applications.a.core[0]: group has no entry: give a value"),
    ],
)
def test_an_application_without_a_key_that_fits_is_an_error(core: str, entry: dict[str, Any], line: str) -> None:
    found = lines(plant({"core": core}, a=entry))
    assert any(each.startswith(line) for each in found), found


def test_traffic_of_two_applications_is_claimed_once() -> None:
    """The same keys with a value in common count twice; other keys may."""
    core = {"core": "pfcp"}
    twice = plant(core, a={"core": {"group": ["x", "y"]}}, b={"core": {"group": "y"}})
    assert lines(twice) == ["applications.b.core[0]: is traffic that counts already for 'a'"]
    within = plant(core, a={"core": {"group": "x"}}, b={"core": {"group": "x", "dnn": "video"}})
    assert lines(within) == ["applications.b.core[0]: is traffic that counts already for 'a'"]
    perhaps = plant(core, a={"core": {"group": "x"}}, b={"core": {"dnn": "video"}})
    assert lines(perhaps) == ["warning: applications.b.core[0]: may be the same traffic as that of 'a'"]
    sound(plant(core, a={"core": {"group": "x", "dnn": "video"}}, b={"core": {"group": "y", "dnn": "video"}}))
    sound(plant(core, a={"core": [{"group": "x"}, {"dnn": "video"}]}))


@pytest.mark.parametrize(
    ("first", "second", "line"),
    [
        (
            [],
            [],
            "warning: $ already counts for 'upf': if one place counts for both, write `anchor: upf`; if not, give ",
        ),
        (["i"], [], "$ of every instance counts for 'two': give that its `instances`, too"),
        ([], ["i"], "$ of every instance counts for 'upf': give that its `instances`, too"),
        (["i", "j"], ["j", "k"], "$ of instance 'j' already counts for 'upf'"),
        (["i"], ["j"], None),
    ],
)
def test_two_components_do_not_count_the_traffic_of_both(first: list[str], second: list[str], line: str | None) -> None:
    data = plant({"core": "open5gs", "instances": first}, a={"core": {"qfi": 5}})
    data["hosts"]["two"] = {"site": "s", "power": [{"pdu": "p", "outlets": ["2"]}]}
    data["components"]["two"] = {"role": "upf", "policy": "bytes", "traffic": {"core": "open5gs", "instances": second}}
    data["applications"]["a"]["path"] = ["upf", "two"]
    found = [each.replace("components.two.traffic: open5gs", "$") for each in lines(data) if "two.traffic:" in each]
    assert [each.startswith(line or "none") for each in found] == ([True] if line else []), found


def test_a_key_that_no_core_of_the_path_knows_is_a_doubt() -> None:
    found = lines(plant({"core": "open5gs"}, a={"core": [{"qfi": 5}, {"dnn": "video"}]}))
    assert found == [
        "warning: applications.a.core[1]: no component of its path counts by dnn: see `core` of their traffic"
    ]


COUNTER = {"unit": "bytes", "kind": "counter", "parts": [{"metric": "m"}]}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"parts": []}, "needs parts, total or both"),
        ({"kind": "since_read", "total": [{"metric": "t"}]}, "total must be the parts"),
        ({"kind": "period"}, "a unit of bytes promises bytes/s"),
    ],
)
def test_a_table_cannot_promise_what_a_gauge_does_not_hold(change: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        Amount.model_validate(COUNTER | change)


@pytest.mark.parametrize(
    ("change", "words"),
    [({"keys": {}}, "keys and parts go together"), ({"values": {}}, "keys and values have the same names")],
)
def test_the_keys_of_a_table_are_labels_of_its_parts(change: dict[str, Any], words: str) -> None:
    texts = dict.fromkeys(("title", "counts", "octets", "version", "source", "needs", "trap"), "x")
    table = {**texts, "keys": {"ue": "l"}, "values": {"ue": "x"}, "amounts": {"volume": COUNTER}}
    Core.model_validate(table)
    with pytest.raises(ValidationError, match=words):
        Core.model_validate(table | change)


@pytest.mark.parametrize("name", CORES)
def test_each_table_states_its_trap_in_one_sentence(name: str) -> None:
    """And bytes/s come only from counters and from gauges of a rate."""
    core = CORES[name]
    assert core.trap.endswith(".")
    assert ". " not in core.trap
    assert core.source.startswith("https://")
    for amount in core.amounts.values():
        assert amount.absolute == (amount.label in {"packets", "bytes"})
        assert amount.absolute or amount.label.startswith("parts_of_")
