# SPDX-License-Identifier: Apache-2.0
"""Applications that are counted by flows, in promtool, with numbers worked out by hand from those of the factory."""

from pathlib import Path

import pytest

from joulepath_topology import read
from tests.conftest import ROOT
from tests.rules import factory
from tests.rules.promtool import Case, flow, grow, measured, node, outlet, run, topology, trace
from tests.rules.test_chain import PAIRS, TOTAL, replace_in_factory
from tests.rules.worlds import of_instance

pytestmark = pytest.mark.unit

OF_A = f'a: {{traces: [{{ioam_namespace: 123, id: "{factory.A}"}}], '
OF_B = f'b: {{traces: [{{ioam_namespace: 123, id: "{factory.B}"}}], '
BITS = "application:bits:rate"
HOW = "application:counted:info"
CONSERVED = "abs(host:conservation_error_watts) > 1e-9"


def row(application: str) -> str:
    """Its label."""
    return f'application="{application}"'


def how(application: str, way: str, counter: str = "upf-1") -> str:
    """The labels of a row of `application:counted:info`."""
    return f'application="{application}",counter="{counter}",way="{way}"'


def around(*counted: dict[str, str]) -> dict[str, str]:
    """The factory with this traffic in place of its own."""
    series = {**factory.power(), **factory.work(), **factory.carbon(), **node(4, 1000, 1e6)}
    for each in counted:
        series |= each
    return series


def a_flow_beside_a_trace() -> Case:
    """`b` sends a flow in place of its trace: every figure stays."""
    return Case(
        "flow-beside-trace",
        topology(replace_in_factory((OF_B, "b: {flows: [camera-v4], "))),
        around(trace(factory.A, 4, 500, 250_000), flow("camera-v4", 4, 100, 500_000), flow("another", 4, 200, 100_000)),
        {
            (3, "application_component:power_watts"): PAIRS,
            (3, BITS): {row("a"): 2e6, row("b"): 4e6},
            (3, HOW): {how("a", "trace"): 1, how("b", "flow"): 1},
            (3, CONSERVED): {},
        },
    )


def flows_alone() -> Case:
    """No exporter shows a trace, and `b` has sent nothing yet: it has 0 W, not a gap."""
    return Case(
        "flows-alone",
        topology(replace_in_factory((OF_A, "a: {flows: [robot], "), (OF_B, "b: {flows: [camera-v4], "))),
        around(flow("robot", 4, 500, 250_000), flow("camera-v4", 4, 0, 0)),
        {
            (3, TOTAL): {row("a"): 123, row("b"): 0, row("unattributed"): 277},
            (3, BITS): {row("a"): 2e6, row("b"): 0},
            (3, HOW): {how("a", "flow"): 1, how("b", "flow"): 1},
        },
    )


def traces_and_flows_of_one_application() -> Case:
    """`a` has a trace (500 packets/s, 250,000 bytes/s) and two flows: one on its path (200, 100,000), and one that
    passes the UPF alone (100, 50,000).

    upf-1 all three: packets 800 of 1000, bytes 400,000 of 1,000,000: 0.8 * 35 + 0.4 * 32 = 40.8 W.
    ru-1 and du-1, anchored there, without the third, and of 900 packets and 950,000 bytes that pass them:
    packets 7/9, bytes 350/950: 70 * 7/9 + 30 * 35/95 at ru-1, 70 * 7/9 + 80 * 35/95 at du-1.
    """
    flows = "flows: [robot-v4, {flow: robot-lan, path: [upf-1]}], "
    packets, volume = 7 / 9, 35 / 95
    return Case(
        "trace-and-flows",
        topology(replace_in_factory((OF_A, OF_A + flows), ("  b: {", "  # b: {"))),
        around(
            trace(factory.A, 4, 500, 250_000),
            flow("robot-v4", 4, 200, 100_000),
            flow("robot-lan", 4, 100, 50_000),
        ),
        {
            (3, 'application_component:power_watts{application="a"}'): {
                factory.watts("a", "ru-1", "ru-1", "factory"): 70 * packets + 30 * volume,
                factory.watts("a", "du-1"): 70 * packets + 80 * volume,
                factory.watts("a", "upf-1"): 40.8,
            },
            (3, BITS): {row("a"): 8 * 400_000},
            (3, HOW): {how("a", "trace"): 1, how("a", "flow"): 1},
            (3, CONSERVED): {},
        },
    )


def a_flow_that_one_exporter_lacks() -> Case:
    """`a` has a trace and a flow; the exporter at the UPF shows the trace alone: never half of the watts, but a gap."""
    text = replace_in_factory((OF_A, OF_A + "flows: [robot-v4], "), (OF_B, "b: {flows: [camera-v4], "))
    return Case(
        "flow-lacking",
        topology(text),
        around(trace(factory.A, 4, 500, 250_000), flow("camera-v4", 4, 100, 500_000)),
        {
            (3, TOTAL): {row("b"): 88.5, row("unattributed"): 311.5},
            (3, 'sum by (application) (application_component:power_watts{component="upf-1"})'): {
                row("b"): 19.5, row("unattributed"): 67 - 19.5,
            },
            (3, CONSERVED): {},
        },
    )  # fmt: skip


def a_flow_that_a_named_instance_lacks() -> Case:
    """The same where the instance is named."""
    text = ONE_HOST.replace("TRAFFIC", "{node: 4, instances: [x]}")
    series = of_instance("x", {**node(4, 300, 3e5), **flow("a-v4", 4, 75, 75e3), **trace("0b", 4, 150, 150e3)})
    watts = {(3.0, TOTAL): {row("b"): 50, row("unattributed"): 50}}
    return Case("instance-lacking", topology(text), {**outlet("p", "1", 100), **series}, {**watts})


def a_flow_that_is_lacking_at_rest() -> Case:
    """A component that draws nothing has 0 W for all, counted or not."""
    series = {**outlet("p", "1", 0), **node(4, 300, 3e5), **flow("a-v4", 4, 75, 75e3), **trace("0b", 4, 150, 150e3)}
    watts = {(3.0, TOTAL): {row("a"): 0, row("b"): 0, row("unattributed"): 0}}
    return Case("lacking-at-rest", topology(ONE_HOST.replace("TRAFFIC", "4")), series, {**watts})


ONE_HOST = """
sites: {s: {}}
hosts: {upf-1: {site: s, power: [{pdu: p, outlets: ["1"]}]}}
components: {upf-1: {role: upf, policy: packets, traffic: {ioam: TRAFFIC}}}
applications:
  a: {flows: [a-v4, a-v6], path: [upf-1]}
  b: {traces: [{ioam_namespace: 123, id: "0b"}], path: [upf-1]}
"""


def a_total_that_lags_behind_its_parts() -> Case:
    """A node counts 300 packets/s, its marks 100 + 100 + 200: the total is never less than these 400. 100 W."""
    return Case(
        "total-behind",
        topology(ONE_HOST.replace("TRAFFIC", "4")),
        {
            **outlet("p", "1", 100),
            **node(4, 300, 3e5),
            **flow("a-v4", 4, 100, 1e5),
            **flow("a-v6", 4, 100, 1e5),
            **trace("0b", 4, 200, 2e5),
        },
        {
            (3, TOTAL): {row("a"): 50, row("b"): 50, row("unattributed"): 0},
            (3, 'node:user:rate{by="count"}'): {'by="count",node_id="4"': 400},
        },
    )


def the_same_total_of_a_named_instance() -> Case:
    """As above: 100 W, and never more."""
    series = {**node(4, 300, 3e5), **flow("a-v4", 4, 100, 1e5), **flow("a-v6", 4, 100, 1e5), **trace("0b", 4, 200, 2e5)}
    return Case(
        "instance-behind",
        topology(ONE_HOST.replace("TRAFFIC", "{node: 4, instances: [x]}")),
        {**outlet("p", "1", 100), **of_instance("x", series)},
        {(3, TOTAL): {row("a"): 50, row("b"): 50, row("unattributed"): 0}},
    )


def a_flow_of_packets_with_an_unlisted_trace() -> Case:
    """All packets of a's flows have a trace that no exporter lists: they count in `other`, too, and once in the whole.

    Of 400 packets/s, 100 and 100 are of a's flows, and 100 are b's: of 100 W a has 50, b 25.
    """
    return Case(
        "unlisted-trace",
        topology(ONE_HOST.replace("TRAFFIC", "4")),
        {
            **outlet("p", "1", 100),
            **node(4, 400, 4e5),
            **flow("a-v4", 4, 100, 1e5),
            **flow("a-v6", 4, 100, 1e5),
            **flow("of-others", 4, 100, 1e5),
            **trace("0b", 4, 100, 1e5),
            **trace("other", 4, 300, 3e5),
        },
        {
            (3, TOTAL): {row("a"): 50, row("b"): 25, row("unattributed"): 25},
            (3, 'node:user:rate{by="count"}'): {'by="count",node_id="4"': 400},
        },
    )


def half_measured_nodes_and_named_instances() -> Case:
    """One of two instances was measured in three quarters of the time, and counted as much in that.

    x: 300 packets/s in all, 75 of a's flows. y, in 0.75 of the time: 225 a second of the window, so 300 a second
    measured, of which 150 are a's and 150 b's. 600 in all: a 225, b 150. 100 W: a 37.5, b 25, the rest 37.5.
    a has 1000 bytes in each packet: 8 * 225,000 bit/s.
    """
    series = {**outlet("p", "1", 100)}
    series |= of_instance("x", {**node(4, 300, 3e5), **flow("a-v4", 4, 75, 75e3), **trace("0b", 4, 0, 0)})
    y = {**node(4, 225, 225e3), **flow("a-v6", 4, 112.5, 112_500), **trace("0b", 4, 112.5, 112_500)}
    seconds = next(iter(measured(4)))
    series |= of_instance("y", {**y, seconds: f"0+{0.75 * 15}x40"})
    return Case(
        "instances",
        topology(ONE_HOST.replace("TRAFFIC", "{node: 4, instances: [x, y]}")),
        series,
        {
            (3, TOTAL): {row("a"): 37.5, row("b"): 25, row("unattributed"): 37.5},
            (3, BITS): {row("a"): 1.8e6, row("b"): 1.2e6},
            (3, HOW): {how("a", "flow"): 1, how("b", "trace"): 1},
        },
    )


def a_query_beside_flows() -> Case:
    """Rows of a query know the application alone: bits are the larger of both, and each way has its row."""
    text = f"""
sites: {{s: {{}}}}
hosts:
  upf-1: {{site: s, power: [{{pdu: p, outlets: ["1"]}}]}}
  sw-1: {{site: s, power: [{{pdu: p, outlets: ["2"]}}]}}
components:
  upf-1: {{role: upf, traffic: {{ioam: 4}}}}
  sw-1: {{role: switch, traffic: {{query: {{packets: by_packets, bytes: by_bytes}}}}}}
applications:
  a: {{flows: [a-v4], path: [upf-1, sw-1]}}
  b: {{traces: [{{ioam_namespace: 123, id: "{factory.B}"}}], path: [upf-1]}}
"""
    return Case(
        "query-beside",
        topology(text),
        {
            **outlet("p", "1", 100),
            **outlet("p", "2", 20),
            **node(4, 1000, 1e6),
            **flow("a-v4", 4, 500, 500_000),
            **trace(factory.B, 4, 100, 1e5),
            'by_packets{application="a"}': "300x40",
            'by_packets{application=""}': "100x40",
            'by_bytes{application="a"}': "600000x40",
            'by_bytes{application=""}': "200000x40",
        },
        {
            (3, TOTAL): {row("a"): 50 + 15, row("b"): 10, row("unattributed"): 45},
            (3, BITS): {row("a"): 4.8e6, row("b"): 8e5},
            (3, HOW): {how("a", "flow"): 1, how("a", "query", "sw-1"): 1, how("b", "trace"): 1},
        },
    )


def the_example() -> Case:
    """The file in `examples`. Watts, static and dynamic: ru-1 70 + 30, ru-2 70 + 20, server-1 140 + 160.

    gnb-1 reserves 8 of 16 and works 2.5 of 4 CPU seconds a second: 70 + 100. upf-1 4 of 16 and 1 of 4: 35 + 40.
    The UPF counts 2000 packets/s and 2 MB/s: camera 500 and 1 MB, shuttles in the hall 200 and 0.2 MB, in the yard 300
    and 0.1 MB, the robot's trace 400 and 0.2 MB and its flow 100 and 0.1 MB.
    ru-1: all but the yard, 1700 packets and 1.9 MB. ru-2: without what passes ru-1, 800 packets and 0.5 MB.
    """
    on_server = {"camera": (0.25, 0.5), "shuttle": (0.25, 0.15), "robot": (0.25, 0.15)}
    on_mast = {"camera": (500 / 1700, 1 / 1.9), "shuttle": (200 / 1700, 0.2 / 1.9), "robot": (500 / 1700, 0.3 / 1.9)}
    pairs = {("shuttle", "ru-2"): 70 * 300 / 800 + 20 * 0.1 / 0.5}
    for name, (packets, volume) in on_server.items():
        pairs[name, "gnb-1"] = 70 * packets + 100 * volume
        pairs[name, "upf-1"] = 35 * packets + 40 * volume
    for name, (packets, volume) in on_mast.items():
        pairs[name, "ru-1"] = 70 * packets + 30 * volume
    series = {**node(4, 2000, 2e6)}
    for outlet_number, watts in (("1", 100), ("2", 90), ("3", 170), ("4", 130)):
        series |= outlet("pdu-1", outlet_number, watts)
    for name, (sent, volume) in {
        "camera-v4": (500, 1e6), "shuttle-hall": (200, 2e5), "shuttle-yard": (300, 1e5), "robot-v4": (100, 1e5),
    }.items():  # fmt: skip
        series |= flow(name, 4, sent, volume)
    series |= trace("4bf92f3577b34da6a3ce929d0e0e4736", 4, 400, 2e5)
    for workload, seconds in (("gnb.service", 2.5), ("open5gs-upfd.service", 0.6), ("softirq", 0.4)):
        series[f'workload_cpu_seconds_total{{instance="server-1",workload="{workload}"}}'] = grow(seconds)
    for mode, seconds in (("user", 3.6), ("softirq", 0.4), ("idle", 12.0)):
        series[f'workload_host_cpu_seconds_total{{instance="server-1",mode="{mode}"}}'] = grow(seconds)
    series['workload_measured_seconds_total{instance="server-1"}'] = grow(1)
    query = 'sum by (application, component) (application_component:power_watts{application!="unattributed"})'
    return Case(
        "example",
        read(ROOT / "examples" / "ipv4-flows.yaml"),
        series,
        {
            (3, query): {
                f'application="{name}",component="{component}"': watts for (name, component), watts in pairs.items()
            },
            (3, "sum(host:power_watts) - on () sum(application_component:power_watts)"): {"": 0},
            (3, BITS): {row("camera"): 8e6, row("shuttle"): 2.4e6, row("robot"): 2.4e6},
            (3, HOW): {
                how("camera", "flow"): 1, how("shuttle", "flow"): 1, how("robot", "flow"): 1, how("robot", "trace"): 1,
            },
        },
    )  # fmt: skip


def test_flows_are_attributed_as_traces_are(promtool: Path, tmp_path: Path) -> None:
    run(
        promtool,
        tmp_path,
        [
            a_flow_beside_a_trace(),
            flows_alone(),
            traces_and_flows_of_one_application(),
            a_total_that_lags_behind_its_parts(),
            the_same_total_of_a_named_instance(),
            a_flow_of_packets_with_an_unlisted_trace(),
            half_measured_nodes_and_named_instances(),
            a_query_beside_flows(),
            the_example(),
            a_flow_that_one_exporter_lacks(),
            a_flow_that_a_named_instance_lacks(),
            a_flow_that_is_lacking_at_rest(),
        ],
    )
