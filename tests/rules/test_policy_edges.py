# SPDX-License-Identifier: Apache-2.0
"""Policies beyond packets and bytes with anchors, queries, models, several hosts and leaves."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from joulepath_rules.division import Global, Leaf
from joulepath_rules.generate import generate
from joulepath_rules.rule import Rule
from tests.rules.promtool import Case, grow, measured, outlet, run, trace
from tests.rules.test_policies import CAPACITY, IDS, STEPS, data, series
from tests.topology.examined import sound

pytestmark = pytest.mark.unit

TRACES = {name: [{"ioam_namespace": 123, "id": IDS[name]}] for name in IDS}
ROWS = "sum by (application, component) (application_component:power_watts)"


def host(outlet: str, static: float | None = 60) -> dict[str, Any]:
    """A host of 100 W at an outlet."""
    return {
        "site": "s",
        "power": [{"pdu": "pdu", "outlets": [outlet]}],
        **({} if static is None else {"static_watts": static}),
    }


def node(packets: float, volume: float, start: int = 0) -> dict[str, str]:
    """All packets and bytes at node 7; `start` scrapes later than all others."""
    gone = f"_x{start} " if start else ""
    every = {
        'ioam_node_packets_total{node_id="7",direction="uplink"}': grow(packets),
        'ioam_node_bytes_total{node_id="7",direction="uplink"}': grow(volume),
    }
    return {name: gone + values for name, values in every.items()}


def anchored() -> Case:
    """A radio unit is counted at the UPF, which c alone passes.

    At the UPF a, c and the undeclared send: 60/3 = 20 W each. At the radio a and the undeclared: 30 W each. The 40 W
    by bytes: at the UPF of 1000 a 16 (400), c 16 (400), rest 8 (200); at the radio of 1000 - 400 a 40 * 400/600, rest
    40 * 200/600.
    """
    topology = sound(
        {
            "policy": "equal",
            "sites": {"s": {}},
            "hosts": {"ru": host("1"), "upf": host("2")},
            "components": {
                "ru": {"role": "ru", "traffic": {"anchor": "upf"}},
                "upf": {"role": "upf", "traffic": {"ioam": 7}},
            },
            "applications": {
                "a": {"traces": TRACES["a"], "path": ["ru", "upf"]},
                "b": {"traces": TRACES["b"], "path": ["ru", "upf"]},
                "c": {"traces": TRACES["c"], "path": ["upf"]},
            },
        }
    )
    sent = trace(IDS["a"], 7, 10, 400) | trace(IDS["b"], 7, 0, 0) | trace(IDS["c"], 7, 10, 400)
    expect = {
        'application="a",component="ru"': 30 + 40 * 400 / 600,
        'application="b",component="ru"': 0,
        'application="unattributed",component="ru"': 30 + 40 * 200 / 600,
        'application="a",component="upf"': 20 + 16,
        'application="b",component="upf"': 0,
        'application="c",component="upf"': 20 + 16,
        'application="unattributed",component="upf"': 20 + 8,
    }
    power = outlet("pdu", "1", 100) | outlet("pdu", "2", 100)
    return Case("anchored", topology, power | sent | node(30, 1000) | measured(7), {(4, ROWS): expect})


def directed() -> Case:
    """A radio unit that is counted at the UPF, half by uplink and half by packets; the UPF by uplink and equally.

    Uplink a 300 of 1000 bytes/s (three quarters of 400), c 300; packets a 10 of 30, c 10. c does not pass the radio.
    There a has of 60 W by uplink 30 * 300/700 and by packets 30 * 10/20; of 40 W by bytes 40 * 400/600. At the UPF 60 W
    are half by uplink, a and c 9 each, and half equally for a, c and the others, 10 each; of 40 W a and c 16 each.
    """
    topology = sound(
        {
            "sites": {"s": {}},
            "hosts": {"ru": host("1"), "upf": host("2")},
            "components": {
                "ru": {
                    "role": "ru",
                    "traffic": {"anchor": "upf"},
                    "policy": {"static": {"uplink": 0.5, "count": 0.5}},
                },
                "upf": {"role": "upf", "traffic": {"ioam": 7}, "policy": {"static": {"uplink": 0.5, "equal": 0.5}}},
            },
            "applications": {
                "a": {"traces": TRACES["a"], "path": ["ru", "upf"]},
                "c": {"traces": TRACES["c"], "path": ["upf"]},
            },
        }
    )
    sent = trace(IDS["a"], 7, 10, 400) | trace(IDS["c"], 7, 10, 400)
    radio = 30 * 300 / 700 + 30 * 10 / 20 + 40 * 400 / 600
    expect = {
        'application="a",component="ru"': radio,
        'application="unattributed",component="ru"': 100 - radio,
        'application="a",component="upf"': 9 + 10 + 16,
        'application="c",component="upf"': 9 + 10 + 16,
        'application="unattributed",component="upf"': 100 - 2 * 35,
    }
    # Static watts: as above, without those by bytes.
    static = {'application="a"': radio - 40 * 400 / 600 + 19, 'application="c"': 19}
    parts = 'sum by (application) (application:power_part_watts{part="static"})'
    power = outlet("pdu", "1", 100) | outlet("pdu", "2", 100)
    series = power | sent | node(30, 1000) | measured(7)
    return Case("directed", topology, series, {(4, ROWS): expect, (4, parts): static})


def lacking() -> Case:
    """The node shows all bytes uplink, and none of the direction that one part follows: no part has a share."""
    policy = {"static": "equal", "dynamic": {"downlink": 1}}
    topology = sound(
        {
            "sites": {"s": {}},
            "hosts": {"sw": host("1")},
            "components": {"sw": {"role": "switch", "traffic": {"ioam": 7}, "policy": policy}},
            "applications": {"a": {"traces": TRACES["a"], "path": ["sw"]}},
        }
    )
    sent = trace(IDS["a"], 7, 10, 400) | node(30, 1000) | measured(7)
    expect = {'application="unattributed",component="sw"': 100}
    return Case("lacking", topology, outlet("pdu", "1", 100) | sent, {(4, ROWS): expect})


def queried() -> Case:
    """A switch with rows of applications in bytes alone: a 300, others 100; b has no row, and reserves.

    Static 60 W: half equally, so a 15 and others 15; half by reservation, b 1 and a 2 of 4. Dynamic 40 W by bytes: a
    30.
    """
    policy = {"static": {"equal": 0.5, "reservation": 0.5}, "dynamic": "bytes"}
    topology = sound(
        {
            "sites": {"s": {}},
            "hosts": {"sw": host("1")},
            "components": {
                "sw": {
                    "role": "switch",
                    "traffic": {"query": {"bytes": "sum by (application) (rate(other_bytes[$window]))"}},
                    "policy": policy,
                    "capacity": 4,
                }
            },
            "applications": {"a": {"path": ["sw"], "reservation": 2}, "b": {"path": ["sw"], "reservation": 1}},
        }
    )
    sent = {'other_bytes{application="a"}': grow(300), 'other_bytes{application="x"}': grow(100)}
    expect = {
        'application="a",component="sw"': 15 + 15 + 30,
        'application="b",component="sw"': 7.5,
        'application="unattributed",component="sw"': 15 + 7.5 + 10,
    }
    return Case("queried", topology, outlet("pdu", "1", 100) | sent, {(4, ROWS): expect})


def asked() -> Case:
    """A model, static power equally, the rest half by requests and half by tokens. b has requests and no tokens: a gap.

    Static 60 W for a and for the undeclared tokens: 30 W. Requests a 3 of 4, tokens 30 of 50: 40 * (0.375 + 0.3) = 27.
    """
    topology = sound(
        {
            "policy": {"static": "equal", "dynamic": {"count": 0.5, "volume": 0.5}},
            "sites": {"s": {}},
            "hosts": {"m": host("1")},
            "components": {
                "m": {
                    "role": "model",
                    "requests": {
                        "query": {
                            "requests": "sum by (application) (rate(other_requests[$window]))",
                            "tokens": "sum by (application) (rate(other_tokens[$window]))",
                        }
                    },
                }
            },
            "applications": {"a": {"models": ["m"]}, "b": {"models": ["m"]}},
        }
    )
    sent = {
        'other_requests{application="a"}': grow(3),
        'other_requests{application="b"}': grow(1),
        'other_tokens{application="a"}': grow(30),
        'other_tokens{application="x"}': grow(20),
    }
    expect = {'application="a",component="m"': 30 + 27, 'application="unattributed",component="m"': 43}
    return Case("asked", topology, outlet("pdu", "1", 100) | sent, {(4, ROWS): expect})


def spread() -> Case:
    """A component on two hosts: a and all others halve the static part of each, 30 W; a has a quarter of 40 W."""
    share = [{"query": 'rate(other_seconds{node="$host"}[$window])'}]
    active = {"active": {"query": "vector(1)"}, "capacity": 1}
    topology = sound(
        {
            "policy": "equal",
            "sites": {"s": {}},
            "hosts": {"h1": host("1") | active, "h2": host("2") | active},
            "components": {
                "upf": {
                    "role": "upf",
                    "hosts": ["h1", "h2"],
                    "reservation": 1,
                    "share": share,
                    "traffic": {"ioam": 7},
                }
            },
            "applications": {"a": {"traces": TRACES["a"], "path": ["upf"]}},
        }
    )
    sent = trace(IDS["a"], 7, 10, 250) | node(40, 1000) | measured(7)
    busy = {f'other_seconds{{node="{name}"}}': grow(1) for name in ("h1", "h2")}
    rest = 'application="unattributed",component="unattributed"'
    expect = {'application="a",component="upf"': 80, 'application="unattributed",component="upf"': 120, rest: 0}
    power = outlet("pdu", "1", 100) | outlet("pdu", "2", 100)
    rows = 'sum by (host) (application_component:power_watts{application="a"})'
    return Case(
        "spread", topology, power | sent | busy, {(4, ROWS): expect, (4, rows): {'host="h1"': 40, 'host="h2"': 40}}
    )


def late() -> Case:
    """Counting began in the window: a capacity compares with true bytes/s, as by hand in test_policies.py."""
    topology = sound(data("capacity", **CAPACITY))
    of = {name: values if "pdu" in name else "_x9 " + values for name, values in series().items()}
    expect = {
        'application="a",component="sw"': 22,
        'application="b",component="sw"': 66,
        'application="c",component="sw"': 0,
        'application="unattributed",component="sw"': 72,
    }
    # Counted since 2:30, for 90 s of the window.
    return Case("late", topology, of, {(4, ROWS): expect})


def models() -> Case:
    """A model under each policy. a has 3 of 4 requests/s and 30 of 50 tokens/s; b asks nothing.

    Of 60 W a has by requests 45, by tokens 36, equally with the undeclared 30; of 40 W by tokens 24, by requests 30.
    """
    by_hand = {
        "packets-bytes": 45 + 24,
        "bytes": 36 + 24,
        "packets": 45 + 30,
        "equal": 30 + 24,
        # Above 25 tokens/s a alone needs 10 W; by tokens are 30.
        "steps": 30 + 10 + 18,
        # Of 4 that can be reserved a holds 1.
        "reservation": 15 + 24,
        # Of 100 tokens/s.
        "capacity": 18 + 24,
        "static-unattributed": 24,
        "3gpp-eif": 36 + 24,
    }
    needs: dict[str, Any] = {
        "steps": {"steps": [{"above": 25, "watts": 10}]},
        "reservation": {"capacity": 4},
        "capacity": {"capacity": 100},
    }
    query = {
        "requests": "sum by (application) (rate(other_requests[$window]))",
        "tokens": "sum by (application) (rate(other_tokens[$window]))",
    }
    topology = sound(
        {
            "sites": {"s": {}},
            "hosts": {name: host(str(number)) for number, name in enumerate(by_hand)},
            "components": {
                name: {
                    "role": "model",
                    "host": name,
                    "policy": name,
                    "requests": {"query": query},
                    **needs.get(name, {}),
                }
                for name in by_hand
            },
            "applications": {
                "a": {"models": list(by_hand), "reservation": 1},
                "b": {"models": list(by_hand), "reservation": 2},
            },
        }
    )
    sent = {"a": (3, 30), "b": (0, 0), "x": (1, 20)}
    asked = {
        f'other_{name}{{application="{application}"}}': grow(both[number])
        for application, both in sent.items()
        for number, name in enumerate(("requests", "tokens"))
    }
    held = {"reservation": 30}
    expect = {
        f'application="{application}",component="{name}"': share
        for name, own in by_hand.items()
        for application, share in (
            ("a", own),
            ("b", held.get(name, 0)),
            ("unattributed", 100 - own - held.get(name, 0)),
        )
    }
    power = {name: value for number, _ in enumerate(by_hand) for name, value in outlet("pdu", str(number), 100).items()}
    return Case("models", topology, power | asked, {(4, ROWS): expect})


def cored() -> Case:
    """A UPF of usage reports, and a router on a host without idle watts: a 300 of 400 bytes/s, 6 of 8 packets/s.

    Equally 60 W for a and for the undeclared, and by bytes 3/4 of 40 W. Undivided: 100 W half equally, half by packets.
    """
    topology = sound(
        {
            "sites": {"s": {}},
            "hosts": {"upf": host("1"), "whole": host("2", None)},
            "components": {
                "upf": {"role": "upf", "traffic": {"core": "pfcp", "instances": ["x"]}, "policy": "equal"},
                "whole": {
                    "role": "router",
                    "traffic": {"anchor": "upf"},
                    "policy": {"undivided": {"equal": 0.5, "count": 0.5}},
                },
            },
            "applications": {"a": {"core": [{"group": "a"}], "path": ["upf", "whole"]}},
        }
    )
    labels = 'instance="smf",upf="x"'
    sent = {
        f'pfcp_usage_{unit}_total{{{labels},group="{group}",direction="uplink"}}': grow(rate)
        for unit, group, rate in (("bytes", "a", 300), ("bytes", "", 100), ("packets", "a", 6), ("packets", "", 2))
    }
    expect = {
        'application="a",component="upf"': 30 + 30,
        'application="unattributed",component="upf"': 30 + 10,
        'application="a",component="whole"': 25 + 37.5,
        'application="unattributed",component="whole"': 25 + 12.5,
    }
    power = outlet("pdu", "1", 100) | outlet("pdu", "2", 100)
    return Case("cored", topology, power | sent, {(4, ROWS): expect})


def away(policy: str, more: dict[str, Any]) -> Case:
    """At 5:00 the exporter of packets goes, at 10:00 that of the plug: all is unattributed, then nothing is known."""
    topology = sound(data(policy, **more))
    of = {name: f"{values.removesuffix('x40')}x{40 if 'pdu' in name else 20}" for name, values in series().items()}
    every = {'application="unattributed",component="sw"': 160.0}
    return Case(f"away-{policy}", topology, of, {(9, ROWS): every, (14, ROWS): {}}, only=frozenset({"attribution"}))


PARTS = 'application:power_part_watts{application="b"}'


def unreserved() -> Case:
    """b reserves nothing at a switch where static power follows reservations alone: its static watts are 0.

    Of 40 W by bytes it has a quarter.
    """
    topology = sound(
        {
            "policy": "reservation",
            "sites": {"s": {}},
            "hosts": {"sw": host("1")},
            "components": {"sw": {"role": "switch", "traffic": {"ioam": 7}}},
            "applications": {
                "a": {"traces": TRACES["a"], "path": ["sw"], "reservation": 1},
                "b": {"traces": TRACES["b"], "path": ["sw"]},
            },
        }
    )
    sent = trace(IDS["a"], 7, 10, 750) | trace(IDS["b"], 7, 10, 250) | node(20, 1000) | measured(7)
    expect = {
        'application="b",part="static",segment="network"': 0,
        'application="b",part="dynamic",segment="network"': 10,
    }
    return Case("unreserved", topology, outlet("pdu", "1", 100) | sent, {(4, PARTS): expect})


def silent() -> Case:
    """b has no row at a switch with rows of applications, and its chiller draws nothing: each of its parts is 0 W."""
    query = {"packets": "sum by (application) (rate(other_packets[$window]))"}
    topology = sound(
        {
            "policy": "packets",
            "sites": {"s": {}},
            "hosts": {"sw": host("1"), "chiller": host("2")},
            "components": {
                "sw": {"role": "switch", "traffic": {"query": query}},
                "chiller": {"role": "timing", "supports": ["sw"]},
            },
            "applications": {"a": {"path": ["sw"]}, "b": {"path": ["sw"]}},
        }
    )
    expect = {
        f'application="b",part="{part}",segment="{segment}"': 0.0
        for part in ("static", "dynamic")
        for segment in ("network", "support")
    }
    power = outlet("pdu", "1", 100) | outlet("pdu", "2", 0)
    sent = {'other_packets{application="a"}': grow(3)}
    return Case("silent", topology, power | sent, {(4, PARTS): expect})


def rounded() -> Case:
    """A step of 200 W where the meter shows 14 W beyond idle: 200 * (14 / 200) is above 14 in the last digit.

    Applications have no watts below 0 of what is left by bytes.
    """
    more = {"steps": [{"above": 100, "watts": 200}]}
    topology = sound(data("steps", **more))
    expect = {
        'application="a",component="sw"': 100 / 3 + 14 / 3,
        'application="b",component="sw"': 100 / 3 + 14 / 3,
        'application="c",component="sw"': 0,
        'application="unattributed",component="sw"': 100 / 3 + 14 / 3,
    }
    below = "application_component:power_watts < 0 or component_part:policy:watts < 0"
    return Case("rounded", topology, series(114), {(4, ROWS): expect, (4, below): {}})


def test_policies_hold_wherever_traffic_is_counted(promtool: Path, tmp_path: Path) -> None:
    """All parts of a component add up in each."""
    cases = [anchored(), directed(), lacking(), queried(), asked(), spread(), late(), models(), cored()]
    cases += [unreserved(), silent(), rounded()]
    cases += [away("reservation", CAPACITY), away("steps", STEPS)]
    apart = "abs(sum by (component) (component:conservation_error_watts)) > 1e-9"
    run(promtool, tmp_path, [replace(case, expect={**case.expect, (4, apart): {}}) for case in cases])


def test_a_leaf_records_nothing_of_policies() -> None:
    """It has hosts and components; the server above divides them, with all rules of the policy."""
    topology = sound(data("steps", steps=[{"above": 1, "watts": 5}]))

    def records(part: Any) -> set[str]:
        return {
            rule.record for group in generate(topology, part=part) for rule in group.rules if isinstance(rule, Rule)
        }

    of_policies = {record for record in records(None) if ":policy:" in record or record == "component:step_watts"}
    assert len(of_policies) > 3
    assert not of_policies & records(Leaf("s"))
    assert of_policies <= records(Global())
