# SPDX-License-Identifier: Apache-2.0
"""Each policy by hand: the example of docs/reference/policies.md.

A switch draws 160 W, of which 100 W are static. It carries 1000 packets/s and 1,000,000 bytes/s:
    a            500 packets/s, 200,000 bytes/s: 180,000 uplink,  20,000 downlink
    b            100 packets/s, 600,000 bytes/s:  60,000 uplink, 540,000 downlink
    c            nothing
    undeclared   400 packets/s, 200,000 bytes/s:  60,000 uplink, 140,000 downlink
The 60 W that are dynamic are by bytes a 12, b 36, rest 12.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from joulepath_topology import Topology
from joulepath_topology.policies import POLICIES
from tests.conftest import ROOT
from tests.rules.promtool import Case, grow, measured, outlet, run
from tests.topology.examined import sound

pytestmark = pytest.mark.unit

IDS = {name: f"{number:032x}" for number, name in enumerate("abc", 1)}
DIRECTIONS = ("uplink", "downlink")
BYTES = {"a": (180_000, 20_000), "b": (60_000, 540_000), "c": (0, 0)}
PACKETS = {"a": 500, "b": 100, "c": 0}
RESERVED = {"a": 500_000, "b": 400_000, "c": 300_000}


def data(policy: Any, **more: Any) -> dict[str, Any]:
    """The switch, with more keys of the component."""
    return {
        "policy": policy,
        "sites": {"s": {}},
        "hosts": {"sw": {"site": "s", "static_watts": 100, "power": [{"pdu": "pdu", "outlets": ["1"]}]}},
        "components": {"sw": {"role": "switch", "traffic": {"ioam": 7}, **more}},
        "applications": {
            name: {
                "traces": [{"ioam_namespace": 123, "id": IDS[name]}],
                "path": ["sw"],
                **({"reservation": RESERVED[name]} if policy == "reservation" else {}),
            }
            for name in IDS
        },
    }


def series(watts: float = 160) -> dict[str, str]:
    """The plug and the packets."""
    found = {**outlet("pdu", "1", watts), **measured(7)}
    for name, identifier in IDS.items():
        for direction, octets in zip(DIRECTIONS, BYTES[name], strict=True):
            labels = f'ioam_namespace="123",trace_id="{identifier}",node_id="7",direction="{direction}"'
            found[f"ioam_trace_bytes_total{{{labels}}}"] = grow(octets)
            found[f"ioam_trace_packets_total{{{labels}}}"] = grow(PACKETS[name] / 2)
    for direction, octets in zip(DIRECTIONS, (300_000, 700_000), strict=True):
        labels = f'node_id="7",direction="{direction}"'
        found[f"ioam_node_bytes_total{{{labels}}}"] = grow(octets)
        found[f"ioam_node_packets_total{{{labels}}}"] = grow(500)
    return found


def watts(*of: float) -> Mapping[str, float]:
    """The rows of a, b, c and unattributed, and so the whole."""
    return {
        f'application="{name}",component="sw",host="sw",segment="network",site="s"': each
        for name, each in zip((*IDS, "unattributed"), of, strict=True)
    }


STEPS: dict[str, list[dict[str, float]]] = {"steps": [{"above": 150_000, "watts": 12}, {"above": 500_000, "watts": 18}]}
CAPACITY = {"capacity": 2_000_000}
OWN = {"static": {"count": 0.5, "equal": 0.3, "unattributed": 0.2}, "dynamic": {"uplink": 0.25, "downlink": 0.75}}

# Static watts + dynamic watts.
EXAMPLES: dict[str, tuple[Any, dict[str, Any], Mapping[str, float]]] = {
    "packets-bytes": ("packets-bytes", {}, watts(50 + 12, 10 + 36, 0, 40 + 12)),
    "bytes": ("bytes", {}, watts(20 + 12, 60 + 36, 0, 20 + 12)),
    "3gpp-eif": ("3gpp-eif", {}, watts(20 + 12, 60 + 36, 0, 20 + 12)),
    "packets": ("packets", {}, watts(50 + 30, 10 + 6, 0, 40 + 24)),
    # Three send: a, b and all that is undeclared.
    "equal": ("equal", {}, watts(100 / 3 + 12, 100 / 3 + 36, 0, 100 / 3 + 12)),
    # 12 W are for three, 18 W for b alone; 30 W are left for bytes.
    "steps": (
        "steps", STEPS, watts(100 / 3 + 12 / 3 + 6, 100 / 3 + 12 / 3 + 18 + 18, 0, 100 / 3 + 12 / 3 + 6),
    ),
    # In any order; one that is never reached costs nothing.
    "steps-unsorted": (
        "steps",
        {"steps": [{"above": 5_000_000, "watts": 50}, *reversed(STEPS["steps"])]},
        watts(100 / 3 + 12 / 3 + 6, 100 / 3 + 12 / 3 + 18 + 18, 0, 100 / 3 + 12 / 3 + 6),
    ),
    # No application sends so much: as equal.
    "steps-below": (
        "steps", {"steps": [{"above": 700_000, "watts": 50}]}, watts(100 / 3 + 12, 100 / 3 + 36, 0, 100 / 3 + 12),
    ),
    # From the first byte/s: of all who send.
    "steps-from-0": (
        "steps",
        {"steps": [{"above": 0, "watts": 30}]},
        watts(100 / 3 + 10 + 6, 100 / 3 + 10 + 18, 0, 100 / 3 + 10 + 6),
    ),
    # Of 60 W that are not static, two steps of 90 W and 30 W have 45 W and 15 W.
    "steps-of-more": (
        "steps",
        {"steps": [{"above": 150_000, "watts": 90}, {"above": 500_000, "watts": 30}]},
        watts(100 / 3 + 15, 100 / 3 + 15 + 15, 0, 100 / 3 + 15),
    ),
    # Of 2,000,000 bytes/s a quarter, a fifth and 15 %.
    "reservation": ("reservation", CAPACITY, watts(25 + 12, 20 + 36, 15, 40 + 12)),
    # Without a capacity they divide all of it: 5, 4 and 3 twelfths.
    "reservation-of-all": ("reservation", {}, watts(500 / 12 + 12, 400 / 12 + 36, 300 / 12, 12)),
    "capacity": ("capacity", CAPACITY, watts(10 + 12, 30 + 36, 0, 60 + 12)),
    # Less than what passes: then as by bytes.
    "capacity-exceeded": ("capacity", {"capacity": 500_000}, watts(20 + 12, 60 + 36, 0, 20 + 12)),
    "static-unattributed": ("static-unattributed", {}, watts(12, 36, 0, 100 + 12)),
    # 50 W by packets, 30 W equally; 15 W by uplink of 300,000, 45 W by downlink of 700,000.
    "own": (
        OWN,
        {},
        watts(
            25 + 10 + 15 * 180 / 300 + 45 * 20 / 700,
            5 + 10 + 15 * 60 / 300 + 45 * 540 / 700,
            0,
            20 + 10 + 20 + 15 * 60 / 300 + 45 * 140 / 700,
        ),
    ),
    "by-part": ({"static": "equal", "dynamic": "packets"}, {}, watts(100 / 3 + 30, 100 / 3 + 6, 0, 100 / 3 + 24)),
}  # fmt: skip

# Of the 100 W those of a, b and c.
STATIC = {
    "packets-bytes": 50 + 10,
    "bytes": 20 + 60,
    "3gpp-eif": 20 + 60,
    "packets": 50 + 10,
    "equal": 200 / 3,
    **dict.fromkeys(("steps", "steps-unsorted", "steps-below", "steps-from-0", "steps-of-more"), 200 / 3),
    "reservation": 25 + 20 + 15,
    "reservation-of-all": 100,
    "capacity": 10 + 30,
    "capacity-exceeded": 20 + 60,
    "static-unattributed": 0,
    "own": 25 + 10 + 5 + 10,
    "by-part": 200 / 3,
}


def test_every_policy_has_an_example() -> None:
    """Also one that is added later."""
    assert EXAMPLES.keys() >= POLICIES.keys()


def in_one() -> tuple[Topology, dict[str, str]]:
    """The switch of each example in one file, with an outlet, a node and applications of its own; and all series."""
    every: dict[str, Any] = {"sites": {"s": {}}, "hosts": {}, "components": {}, "applications": {}}
    counters: dict[str, str] = {}
    for number, (name, (policy, more, _)) in enumerate(EXAMPLES.items(), 1):
        # The first digits of an id are free.
        own = {identifier: f"{number:02x}{identifier[2:]}" for identifier in IDS.values()}
        one = data(policy, **more)
        every["hosts"][name] = {**one["hosts"]["sw"], "power": [{"pdu": "pdu", "outlets": [str(number)]}]}
        every["components"][name] = {**one["components"]["sw"], "policy": policy, "traffic": {"ioam": number}}
        for application, entry in one["applications"].items():
            traces = [{"ioam_namespace": 123, "id": own[IDS[application]]}]
            every["applications"][f"{application}-{name}"] = {**entry, "traces": traces, "path": [name]}
        for each, values in series().items():
            mine = each.replace('node_id="7"', f'node_id="{number}"').replace('outlet="1"', f'outlet="{number}"')
            for identifier, new in own.items():
                mine = mine.replace(identifier, new)
            counters[mine] = values
    return sound(every), counters


def test_each_policy_gives_the_watts_by_hand(promtool: Path, tmp_path: Path) -> None:
    """Together they are the 160 W; static watts of applications are those that the policy gives them of the 100 W."""
    topology, counters = in_one()
    shares: dict[str, float] = {}
    for name, (_, _, rows) in EXAMPLES.items():
        place = f'component="{name}",host="{name}",segment="network",site="s"'
        for application, share in zip((*IDS, "unattributed"), rows.values(), strict=True):
            of = application if application == "unattributed" else f"{application}-{name}"
            shares[f'application="{of}",{place}'] = share
    static = 'label_replace(application:power_part_watts{part="static"}, "example", "$1", "application", "[abc]-(.+)")'
    expect: dict[tuple[float, str], Mapping[str, float]] = {
        (4, "application_component:power_watts"): shares,
        (4, "sum by (host) (application_component:power_watts) != 160"): {},
        (4, f"sum by (example) ({static})"): {f'example="{name}"': of for name, of in STATIC.items()},
    }
    run(promtool, tmp_path, [Case("policies", topology, counters, expect)])


def weights(**parts: Mapping[str, float]) -> Mapping[str, float]:
    """The recorded weights, by part and amount."""
    return {
        f'by="{by}",component="sw",part="{part.replace("_", "-")}"': weight
        for part, amounts in parts.items()
        for by, weight in amounts.items()
    }


RECORDED: dict[str, Mapping[str, float]] = {
    "packets-bytes": weights(static={"count": 1}, dynamic={"volume": 1}),
    # The static part is one equal step for all that send.
    "steps": weights(
        static={"equal": 1}, dynamic={"volume": 1}, step_1={"step-1": 1}, step_2={"step-2": 1}
    ),
    "static-unattributed": weights(static={"unattributed": 1}, dynamic={"volume": 1}),
    "own": weights(
        static={"count": 0.5, "equal": 0.3, "unattributed": 0.2}, dynamic={"uplink": 0.25, "downlink": 0.75}
    ),
}  # fmt: skip


def test_the_weights_of_a_policy_are_recorded_with_their_rest(promtool: Path, tmp_path: Path) -> None:
    cases = []
    for name, rows in RECORDED.items():
        policy, more, _ = EXAMPLES[name]
        now = "component:policy:ratio unless on (component, part) (component:policy:ratio{part='undivided'})"
        cases.append(Case(f"weights-{name}", sound(data(policy, **more)), series(), {(4, now): rows}))
    run(promtool, tmp_path, cases)


@pytest.mark.parametrize("number", [0, 1, 2])
def test_pieces_of_the_page_can_be_pasted(number: int) -> None:
    """Each piece of YAML beside sites and hosts of these names."""
    page = (ROOT / "docs" / "reference" / "policies.md").read_text("utf-8")
    pieces = re.findall(r"^```yaml\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    assert len(pieces) == 3
    host = {"site": "s", "static_watts": 100}
    names = ("ru-1", "edge-1", "sw")
    hosts = {name: {**host, "power": [{"pdu": "pdu", "outlets": [name]}]} for name in names}
    sound({"sites": {"s": {}}, "hosts": hosts, **yaml.safe_load(pieces[number])})
