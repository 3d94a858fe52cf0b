# SPDX-License-Identifier: Apache-2.0
"""The chain on unusual topologies and on series that go wrong, in promtool: the truth or a gap."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

import pytest

from joulepath_rules.constants import constants
from tests.rules.promtool import STEP, Case, grow, meter, node, outlet, run, topology, trace

pytestmark = pytest.mark.unit

TOTAL = "sum by (application) (application:power_watts)"
PAIRS = "sum by (application, component) (application_component:power_watts)"
IDS = [f"{number:032x}" for number in range(1, 401)]
A, B, C = IDS[:3]


def row(application: str, component: str | None = None) -> str:
    """The labels of one row of TOTAL or of PAIRS."""
    return f'application="{application}"' + (f',component="{component}"' if component else "")


def traced(*ids: str) -> str:
    """The traces of an application, as YAML."""
    return "[" + ", ".join(f'{{ioam_namespace: 123, id: "{each}"}}' for each in ids) + "]"


def one(traffic: str, applications: str, head: str = "") -> str:
    """One host of 100 W, all of it one UPF's; its idle watts are not known, so its power follows the bytes."""
    return f"""{head}
sites: {{s: {{}}}}
hosts: {{h: {{site: s, power: [{{pdu: p, outlets: ["1"]}}]}}}}
components: {{h: {{role: upf, traffic: {traffic}}}}}
applications: {{{applications}}}
"""


def label_series(series: dict[str, str], **labels: str) -> dict[str, str]:
    """The series as one target shows them."""
    own = ",".join(f'{name}="{value}"' for name, value in labels.items())
    return {name.replace("{", f"{{{own},", 1): values for name, values in series.items()}


def lossy(values: str, lost: Iterable[int]) -> str:
    """A counter that grows steadily, without the samples of some scrapes."""
    step = float(values.removeprefix("0+").removesuffix("x40"))
    return " ".join("_" if number in lost else repr(step * number) for number in range(41))


def start_time(at: float = -1000, **labels: str) -> dict[str, str]:
    """When an exporter's process was started."""
    own = ",".join(f'{name}="{value}"' for name, value in labels.items())
    return {f"process_start_time_seconds{{{own}}}": f"{at:g}x40"}


def one_node_of_several() -> Case:
    """Two components count one node at every exporter, which `check` warns of: each is shared by the node's traffic."""
    text = f"""
sites: {{s: {{}}}}
hosts:
  h1: {{site: s, static_watts: 40, power: [{{pdu: p, outlets: ["1"]}}]}}
  h2: {{site: s, power: [{{pdu: p, outlets: ["2"]}}]}}
  h3: {{site: s, power: [{{pdu: p, outlets: ["3"]}}]}}
components:
  h1: {{role: upf, traffic: {{ioam: 4}}}}
  h2: {{role: router, policy: packets, traffic: {{ioam: 4}}}}
  h3: {{role: router, traffic: {{ioam: 5}}}}
applications: {{a: {{traces: {traced(A)}, path: [h1, h2, h3]}}, b: {{traces: {traced(B)}, path: [h2]}}}}
"""
    return Case(
        "one-node-of-several",
        topology(text),
        {
            **outlet("p", "1", 100),
            **outlet("p", "2", 50),
            **outlet("p", "3", 10),
            **trace(A, 4, 500, 250_000),
            **trace(B, 4, 100, 500_000),
            **trace(A, 5, 500, 250_000),
            **node(4, 1000, 1e6),
            **node(5, 1000, 1e6),
        },
        {
            # h1: 40 W * 1/2 + 60 W * 1/4; h2: 50 W * 1/2 and 50 W * 1/10; h3: 10 W * 1/4.
            (3, PAIRS): {
                row("a", "h1"): 35,
                row("unattributed", "h1"): 65,
                row("a", "h2"): 25,
                row("b", "h2"): 5,
                row("unattributed", "h2"): 20,
                row("a", "h3"): 2.5,
                row("unattributed", "h3"): 7.5,
            },
            (3, 'application:power_part_watts{application="a",part="static"}'): {
                'application="a",part="static",segment="network"': 20
            },
        },
    )


def feeds_and_paths() -> Case:
    """Two PoE switches, each with a radio unit; a robot behind each, and both belong to one application.

    sw-1 60 - 12 = 48 W, sw-2 50 - 10 = 40 W, anchored with their radio units at the UPF of 200 W. Robot 1 sends
    300 kB/s, robot 2 100 kB/s, all others 600 kB/s. r-1: all but robot 2's can have passed: 300/900.
    """
    text = f"""
sites: {{s: {{}}}}
hosts:
  sw-1: {{site: s, power: [{{pdu: p, outlets: ["1"]}}], feeds: [r-1]}}
  sw-2: {{site: s, power: [{{pdu: p, outlets: ["2"]}}], feeds: [r-2]}}
  r-1: {{site: s, power: [{{joules: 'poe_joules_total{{port="1"}}'}}]}}
  r-2: {{site: s, power: [{{joules: 'poe_joules_total{{port="2"}}'}}]}}
  u: {{site: s, power: [{{pdu: p, outlets: ["3"]}}]}}
components:
  sw-1: {{role: switch, traffic: {{anchor: u}}}}
  sw-2: {{role: switch, traffic: {{anchor: u}}}}
  r-1: {{role: ru, traffic: {{anchor: u}}}}
  r-2: {{role: ru, traffic: {{anchor: u}}}}
  u: {{role: upf, traffic: {{ioam: 4}}}}
applications:
  fleet:
    traces:
      - {{ioam_namespace: 123, id: "{A}", path: [r-1, sw-1, u]}}
      - {{ioam_namespace: 123, id: "{B}", path: [r-2, sw-2, u]}}
"""
    return Case(
        "feeds-and-paths",
        topology(text),
        {
            **outlet("p", "1", 60),
            **outlet("p", "2", 50),
            **outlet("p", "3", 200),
            'poe_joules_total{port="1"}': grow(12),
            'poe_joules_total{port="2"}': grow(10),
            **trace(A, 4, 100, 300_000),
            **trace(B, 4, 100, 100_000),
            **node(4, 1000, 1e6),
        },
        {
            (3, "sum by (host) (host:power_watts)"): {
                'host="sw-1"': 48,
                'host="sw-2"': 40,
                'host="r-1"': 12,
                'host="r-2"': 10,
                'host="u"': 200,
            },
            (3, PAIRS.replace("power_watts", 'power_watts{application="fleet"}')): {
                row("fleet", "sw-1"): 16,
                row("fleet", "r-1"): 4,
                row("fleet", "sw-2"): 40 / 7,
                row("fleet", "r-2"): 10 / 7,
                row("fleet", "u"): 80,
            },
            (3, TOTAL): {row("fleet"): 100 + 50 / 7, row("unattributed"): 210 - 50 / 7},
            # Each robot at the one hop that counts it.
            (3, "application:bits:rate"): {row("fleet"): 3.2e6},
        },
    )


def a_fleet() -> Case:
    """An application of 400 robots: each sends 1 packet/s and 2,000 bytes/s of 1,000 and 1,000,000."""
    series = {**outlet("p", "1", 100), **node(4, 1000, 1e6)}
    for each in IDS:
        series |= trace(each, 4, 1, 2000)
    return Case(
        "fleet",
        topology(one("{ioam: 4}", f"a: {{traces: {traced(*IDS)}, path: [h]}}")),
        series,
        {
            (3, TOTAL): {row("a"): 80, row("unattributed"): 20},
            (3, "application:bits:rate"): {row("a"): 6.4e6},
            (3, "application:complete:info"): {row("a"): 1, row("unattributed"): 1},
        },
    )


def two_targets(**rates: dict[str, str]) -> dict[str, str]:
    """The series of several exporters, by their instance."""
    series: dict[str, str] = {}
    for instance, own in rates.items():
        series |= label_series(own, instance=instance, job="ioam") | start_time(
            len(instance), instance=instance, job="ioam"
        )
    return series


ANCHORED = f"""
sites: {{s: {{}}}}
hosts:
  r: {{site: s, static_watts: 30, power: [{{pdu: p, outlets: ["1"]}}]}}
  u: {{site: s, power: [{{pdu: p, outlets: ["2"]}}]}}
components:
  r: {{role: ru, traffic: {{anchor: u}}}}
  u: {{role: upf, traffic: {{ioam: {{node: 4, instances: [one, three]}}}}}}
applications: {{a: {{traces: {traced(A)}, path: [r, u]}}, b: {{traces: {traced(B)}, path: [u]}}}}
"""


def anchor_of_named_instances() -> Case:
    """A radio unit is anchored at a UPF that two named exporters count: a 300 of 1000 packets/s, 200 of 1000 kB/s.

    b sends 100 packets/s and 500 kB/s past the radio unit, so r: a 30 * 300/900 + 70 * 200/500 = 38; u: a 40, b 100.
    """
    series = two_targets(
        one={**trace(A, 4, 300, 200_000), **trace(B, 4, 0, 0), **node(4, 400, 400_000)},
        three={**trace(A, 4, 0, 0), **trace(B, 4, 100, 500_000), **node(4, 600, 600_000)},
    )
    return Case(
        "anchor-of-named-instances",
        topology(ANCHORED),
        {**outlet("p", "1", 100), **outlet("p", "2", 200), **series},
        {
            (3, PAIRS): {
                row("a", "r"): 38,
                row("unattributed", "r"): 62,
                row("a", "u"): 40,
                row("b", "u"): 100,
                row("unattributed", "u"): 60,
            },
            (3, 'application:power_part_watts{application="a",part="static"}'): {
                'application="a",part="static",segment="network"': 10
            },
            (3, "application:bits:rate"): {row("a"): 1.6e6, row("b"): 4e6},
        },
    )


def one_named_instance_gone() -> Case:
    """The same, and the second exporter's last scrape is that of 2:30: from half a window on there are gaps."""
    case = anchor_of_named_instances()
    series = {
        name: values.replace("x40", "x10 stale") if 'instance="three"' in name else values
        for name, values in case.series.items()
    }
    return Case(
        "one-named-instance-gone",
        case.topology,
        series,
        {(3, TOTAL): {row("a"): 78, row("b"): 100, row("unattributed"): 122}, (4, TOTAL): {row("unattributed"): 300}},
    )


def a_model_of_three() -> Case:
    """A model of 600 W, idle 100 W, for three applications: one has no row and is a gap, the others are right."""
    text = """
sites: {s: {}}
hosts: {g: {site: s, static_watts: 100, power: [{pdu: p, outlets: ["1"]}]}}
components: {llm: {role: model, host: g, requests: vllm}}
applications: {x: {models: [llm]}, y: {models: [llm]}, z: {models: [llm]}}
"""
    series = outlet("p", "1", 600)
    for application, requests, tokens in (("x", 1, 100), ("y", 2, 150), ("", 1, 250)):
        labels = f'model_name="llm",application="{application}"'
        series[f'vllm:request_success_total{{{labels},finished_reason="stop"}}'] = grow(requests)
        series[f"vllm:generation_tokens_total{{{labels}}}"] = grow(tokens)
    return Case(
        "model-of-three",
        topology(text),
        series,
        {
            # x 100 * 1/4 + 500 * 1/5, y 100 * 1/2 + 500 * 3/10.
            (3, TOTAL): {row("x"): 125, row("y"): 200, row("unattributed"): 275},
            (3, "application:missing:info"): {'application="z",component="llm",host="g"': 1},
            (3, "application:tokens:rate"): {row("x"): 100, row("y"): 150},
        },
    )


def mixed() -> Case:
    """Three policies on hosts with and without idle watts in one file, one of them shared with a reservation.

    h1 (100 W, idle 60) by bytes: a 100/4. h2 (80 W) by packets: a 80/2. h3 (200 W, idle 100, 10 cores): c does half of
    the work with 5 cores and follows packets-bytes: static 50 * 1/2 + dynamic 50 * 1/4; d has no traffic.
    """
    text = f"""
sites: {{s: {{}}}}
hosts:
  h1: {{site: s, static_watts: 60, power: [{{pdu: p, outlets: ["1"]}}]}}
  h2: {{site: s, power: [{{pdu: p, outlets: ["2"]}}]}}
  h3: {{site: s, static_watts: 100, capacity: 10, power: [{{pdu: p, outlets: ["3"]}}]}}
components:
  h1: {{role: upf, policy: bytes, traffic: {{ioam: 1}}}}
  h2: {{role: router, policy: packets, traffic: {{ioam: 2}}}}
  c: {{role: du, host: h3, reservation: 5, share: [{{workload: c}}], traffic: {{ioam: 3}}}}
  d: {{role: management, host: h3, share: [{{workload: d}}]}}
applications: {{a: {{traces: {traced(A)}, path: [h1, h2, c]}}}}
"""
    series = {
        **outlet("p", "1", 100),
        **outlet("p", "2", 80),
        **outlet("p", "3", 200),
        'workload_cpu_seconds_total{instance="h3",workload="c"}': grow(1),
        'workload_cpu_seconds_total{instance="h3",workload="d"}': grow(0.5),
        'workload_host_cpu_seconds_total{instance="h3",mode="user"}': grow(2),
        'workload_host_cpu_seconds_total{instance="h3",mode="idle"}': grow(8),
    }
    for number in (1, 2, 3):
        series |= {**trace(A, number, 500, 250_000), **node(number, 1000, 1e6)}
    part = 'application="a",part="{}",segment="network"'.format
    return Case(
        "mixed",
        topology(text),
        series,
        {
            (3, "sum by (component, part) (component:power_watts{host='h3'})"): {
                'component="c",part="static"': 50,
                'component="c",part="dynamic"': 50,
                'component="d",part="dynamic"': 25,
                'component="unattributed",part="static"': 50,
                'component="unattributed",part="dynamic"': 25,
            },
            (3, PAIRS.replace("power_watts", 'power_watts{application="a"}')): {
                row("a", "h1"): 25,
                row("a", "h2"): 40,
                row("a", "c"): 37.5,
            },
            (3, 'application:power_part_watts{application="a"}'): {
                part("static"): 15 + 25,
                part("undivided"): 40,
                part("dynamic"): 10 + 12.5,
            },
        },
    )


def at_pace(interval: str, window: str, name: str) -> Case:
    """The plain case at another pace, and with a name that needs care in a regular expression."""
    seconds = {"5s": 5, "30s": 30, "1m": 60}[interval]
    head = f"name: {name}\ninterval: {interval}\nwindow: {window}"
    series = {**outlet("p", "1", 100), **trace(A, 4, 1, 200_000), **node(4, 10, 1e6)}
    rescaled = {}
    for each, values in series.items():
        step = float(values.removeprefix("0+").removesuffix("x40")) * seconds / STEP
        rescaled[each] = f"0+{step!r}x{40 * STEP // min(seconds, STEP)}"
    return Case(
        f"pace-{interval}",
        topology(one("{ioam: 4}", f"a: {{traces: {traced(A)}, path: [h]}}", head)),
        rescaled,
        {
            (10, TOTAL): {row("a"): 20, row("unattributed"): 80},
            (10, "application:joules_per_bit * 1e6"): {row("a"): 12.5},
            (10, "count(attribution:heartbeat) and on () (time() - timestamp(attribution:heartbeat) < 1)"): {"": 1},
        },
        step=seconds,
    )


def scraped_twice_with_losses() -> Case:
    """Two jobs scrape one exporter and one of them loses two of three scrapes: all counts once, all lost together."""
    own = {**trace(A, 4, 1, 200_000), **trace(B, 4, 1, 300_000), **node(4, 10, 1e6)}
    lost = {name: lossy(values, {each for each in range(41) if each % 3}) for name, values in own.items()}
    figures: dict[str, Mapping[str, float]] = {
        TOTAL: {row("a"): 20, row("b"): 30, row("unattributed"): 50},
        "round(application:bits:rate, 1000)": {row("a"): 1.6e6, row("b"): 2.4e6},
    }
    return Case(
        "scraped-twice-with-losses",
        topology(one("{ioam: 4}", f"a: {{traces: {traced(A)}, path: [h]}}, b: {{traces: {traced(B)}, path: [h]}}")),
        {
            **outlet("p", "1", 100),
            **label_series(own, instance="upf", job="ioam"),
            **start_time(instance="upf", job="ioam"),
            **label_series(lost, instance="10.0.0.7:9100", job="pods"),
            **start_time(instance="10.0.0.7:9100", job="pods"),
        },
        {(minute, query): rows for minute in (4, 4.25, 4.5, 4.75, 5) for query, rows in figures.items()},
    )


def two_processes_of_one_node() -> Case:
    """Two exporters of which nothing is said count one node: each may see the other's packets, so that is a gap."""
    own = {**trace(A, 4, 1, 200_000), **node(4, 10, 1e6)}
    return Case(
        "two-processes-of-one-node",
        topology(one("{ioam: 4}", f"a: {{traces: {traced(A)}, path: [h]}}")),
        {
            **outlet("p", "1", 100),
            **label_series(own, instance="upf", job="ioam"),
            **start_time(-1000, instance="upf", job="ioam"),
            **label_series(own, instance="other", job="ioam"),
            **start_time(-900, instance="other", job="ioam"),
        },
        {(3, TOTAL): {row("unattributed"): 100}, (4, "application:bits:rate"): {}, (3, "node:measured:ratio"): {}},
    )


def lost_scrapes() -> Case:
    """A third of the scrapes of everything is lost, meters and packets at different times: nothing moves by 2 %."""
    ours, theirs = {each for each in range(41) if each % 3 == 1}, {each for each in range(41) if each % 3 == 2}
    series = {
        **{name: lossy(values, ours) for name, values in outlet("p", "1", 100).items()},
        **{name: lossy(values, theirs) for name, values in {**trace(A, 4, 500, 200_000), **node(4, 1000, 1e6)}.items()},
    }
    span = "[3m:15s]"
    worst = "max_over_time(abs({0} / {1} - 1){2}) < bool 0.02".format
    return Case(
        "lost-scrapes",
        topology(one("{ioam: 4}", f"a: {{traces: {traced(A)}, path: [h]}}")),
        series,
        {
            (8, f"sum({worst(f'sum({query})', truth, span)})"): {"": 1}
            for query, truth in {
                'application:power_watts{application="a"}': 20,
                "application:bits:rate": 1.6e6,
                "application:joules_per_bit": 12.5e-6,
                "host:power_watts": 100,
            }.items()
        },
    )


def renamed() -> Case:
    """The file was changed while the server ran: a is called z now, and another outlet is its host's.

    Series that the former rules of the same topology left between two evaluations are not counted.
    """
    source = 'host="h",site="s",tier="1",method="measured",kind="pdu",source="1"'
    path = 'component="h",host="h",site="s",segment="network",node_id="4",coverage="own",amounts="volume"'
    left = {
        f'joulepath_topology_source{{{source},instance="p",outlet="9"}}': 1,
        'joulepath_topology_tier{host="h",tier="2",method="measured"}': 2,
        'joulepath_topology_application{application="a"}': 1,
        f'joulepath_topology_path{{application="a",{path},ioam_namespace="123",trace_id="{A}"}}': 1,
        f'source:power_watts{{{source},outlet="9"}}': 50,
        'host:power_watts{host="h",site="elsewhere"}': 150,
        'component:power_watts{component="h",host="h",site="elsewhere",segment="network",part="undivided"}': 150,
        'component:watts_per_amount{component="h",node_id="4",coverage="own",by="volume"}': 99,
        'application_component:power_watts{application="a",component="h",host="h",site="s",segment="network"}': 30,
        'application:complete:info{application="a"}': 1,
    }
    series = {**outlet("p", "1", 100), **outlet("p", "9", 50), **trace(A, 4, 1, 200_000), **node(4, 10, 1e6)}
    spaced = {
        name: f"0+{float(values.removeprefix('0+').removesuffix('x40')) / 3!r}x120" for name, values in series.items()
    }
    spaced |= {name.replace("{", '{topology="joulepath",', 1): f"_x37 {value}" for name, value in left.items()}
    return Case(
        "renamed",
        topology(one("{ioam: 4}", f"z: {{traces: {traced(A)}, path: [h]}}")),
        spaced,
        {
            **{
                (minute, f"sum by (application) (last_over_time(application:power_watts[{STEP - 1}s]))"): {
                    row("z"): 20,
                    row("unattributed"): 80,
                }
                for minute in (3, 3.25, 3.5, 4, 5)
            },
            (5, "abs(host:conservation_error_watts) > 1e-9 or count(host:conservation_error_watts)"): {"": 1},
        },
        step=5,
    )


def declared_and_modelled() -> Case:
    """Where the plug is dark the data sheet's 65 W count, and every figure that rests on them says so."""
    text = one("{ioam: 4}", f"a: {{traces: {traced(A)}, path: [h]}}").replace(
        '["1"]}]', '["1"]}], fallback: [{watts: vector(65)}]'
    )
    return Case(
        "declared",
        topology(text),
        {**trace(A, 4, 1, 200_000), **node(4, 10, 1e6)},
        {
            (3, "host:power_source:info"): {'host="h",method="declared",tier="2"': 1},
            (3, TOTAL): {row("a"): 13, row("unattributed"): 52},
            (4, "application:power_modelled:ratio"): {row("a"): 1},
            (3, "host:missing:info"): {'host="h",source="1",tier="1"': 1},
        },
    )


def nonsense_in_a_sum() -> Case:
    """A sensor of -50 W beside one of 200 W, one of NaN beside 7 W, one of Inf: gaps, never 150 W."""
    hosts = {"n": ("1", "2"), "m": ("3", "2"), "i": ("4", "2"), "ok": ("2", "2b")}
    sensors = {"1": "-50", "2": "200", "2b": "7", "3": "NaN", "4": "Inf"}
    power = {
        name: ", ".join(f"{{watts: 'sensor_watts{{n=\"{each}\"}}'}}" for each in pair) for name, pair in hosts.items()
    }
    text = "sites: {s: {}}\nhosts:\n" + "".join(
        f"  {name}: {{site: s, power: [{each}]}}\n" for name, each in power.items()
    )
    text += "components: {n: {role: upf}, m: {role: upf}, i: {role: upf}, ok: {role: upf}}\n"
    return Case(
        "nonsense-in-a-sum",
        topology(text),
        {f'sensor_watts{{n="{number}"}}': " ".join([value] * 41) for number, value in sensors.items()},
        {(3, "sum by (host) (host:power_watts)"): {'host="ok"': 207}},
    )


def half_of_the_amounts() -> Case:
    """a's packets come without its bytes: a gap, since its dynamic part is not known. b has both."""
    text = one("{ioam: 4}", f"a: {{traces: {traced(A)}, path: [h]}}, b: {{traces: {traced(B)}, path: [h]}}")
    series = {**trace(A, 4, 100, 100_000), **trace(B, 4, 500, 300_000), **node(4, 1000, 1e6)}
    return Case(
        "half-of-the-amounts",
        topology(text.replace("site: s, power", "site: s, static_watts: 40, power")),
        {
            **outlet("p", "1", 100),
            **{
                name: values
                for name, values in series.items()
                if not (name.startswith("ioam_trace_bytes") and A in name)
            },
        },
        {
            # b 40 * 500/1000 + 60 * 300/1000.
            (3, TOTAL): {row("b"): 38, row("unattributed"): 62},
            (3, "application:missing:info"): {'application="a",component="h",host="h"': 1},
        },
    )


def total_goes_first() -> Case:
    """The total's own exporter stops at 3:30, the traces' does not: a has 20 W or a gap at every evaluation."""
    text = one("{ioam: 4, query: {bytes: 'rate(upf_bytes_total[$window])'}}", f"a: {{traces: {traced(A)}, path: [h]}}")
    return Case(
        "total-goes-first",
        topology("policy: bytes\n" + text),
        {
            **outlet("p", "1", 100),
            **trace(A, 4, 1, 200_000),
            'ioam_node_measured_seconds_total{node_id="4"}': grow(1),
            'upf_bytes_total{instance="upf",job="upf"}': grow(1e6).replace("x40", "x14 stale"),
        },
        {
            (3.5, TOTAL): {row("a"): 20, row("unattributed"): 80},
            (9, 'max_over_time(application:power_watts{application="a"}[8m])'): {
                'application="a",segment="network"': 20
            },
            (9, 'min_over_time(application:power_watts{application="a"}[8m])'): {
                'application="a",segment="network"': 20
            },
            (5, TOTAL): {row("unattributed"): 100},
        },
    )


def foreign_restart() -> Case:
    """A model server restarts between two scrapes, at 5:07: a token costs the same all the time, or it is a gap."""
    text = """
sites: {s: {}}
hosts: {g: {site: s, power: [{pdu: p, outlets: ["1"]}]}}
components: {llm: {role: model, host: g, requests: vllm}}
applications: {x: {models: [llm]}}
"""
    series = outlet("p", "1", 600)
    for application, requests, tokens in (("x", 1, 100), ("", 1, 200)):
        labels = f'instance="gpu",job="vllm",model_name="llm",application="{application}"'
        for name, rate in (("request_success", requests), ("generation_tokens", tokens)):
            values = f"0+{rate * STEP}x20 {rate * 7}+{rate * STEP}x20"
            series[f"vllm:{name}_total{{{labels}}}"] = values
    figure = 'application:joules_per_{}{{application="x"}}'.format
    expect: dict[tuple[float, str], Mapping[str, float]] = {
        (7, figure("token")): {},
        (10, figure("token")): {row("x"): 2},
    }
    return Case(
        "foreign-restart",
        topology(text),
        series,
        expect
        | {
            (minute, f"{function}_over_time({figure(unit)}[{span}])"): {row("x"): truth}
            for minute, span in ((5, "5m"), (10, "10m"))
            for function in ("min", "max")
            for unit, truth in (("token", 2), ("inference", 200))
        },
    )


def begun_anew() -> Case:
    """Foreign counters are away from 2:30 to 4:30 and begin anew at 0: one that has not counted yet gives no share."""
    text = """
sites: {s: {}}
hosts:
  g: {site: s, power: [{pdu: p, outlets: ["1"]}]}
  h: {site: s, power: [{pdu: p, outlets: ["2"]}]}
components:
  llm: {role: model, host: g, requests: vllm}
  du: {role: du, host: h, share: [{kepler_pod: "ran/du"}]}
applications: {x: {models: [llm]}}
"""
    rates = {'vllm:request_success_total{model_name="llm",application="x"}': 1.0}
    rates['vllm:request_success_total{model_name="llm",application=""}'] = 1.0
    rates['vllm:generation_tokens_total{model_name="llm",application="x"}'] = 100.0
    rates['vllm:generation_tokens_total{model_name="llm",application=""}'] = 300.0
    rates['kepler_node_cpu_active_joules_total{node_name="h",zone="package"}'] = 50.0
    rates['kepler_pod_cpu_joules_total{node_name="h",zone="package",pod_namespace="ran",pod_name="du"}'] = 10.0
    anew = {name: f"0+{rate * STEP}x10 _x7 0+{rate * STEP}x22" for name, rate in rates.items()}
    return Case(
        "begun-anew",
        topology(text),
        {**outlet("p", "1", 600), **outlet("p", "2", 100), **anew},
        {
            (10, f"{function}_over_time({series}[10m])"): {labels: truth}
            for function in ("min", "max")
            for series, labels, truth in (
                ('application:power_watts{application="x"}', 'application="x",segment="model"', 150),
                (
                    'component:power_watts{component="du"}',
                    'component="du",host="h",part="undivided",segment="network",site="s"',
                    20,
                ),
            )
        },
    )


def half_measured() -> Case:
    """Every kind of meter, and a node, measured for 55 % of the time: right. For 45 %: a gap."""
    kinds = {
        "pdu": ("{{pdu: {0}, outlets: ['1']}}", 'pdu_outlet{{}} instance="{0}",outlet="1"'),
        "chassis": ("{{bmc: {0}, chassis: '1'}}", 'bmc_chassis{{}} instance="{0}",chassis="1"'),
        "bmc": ("{{bmc: {0}}}", 'bmc_chassis{{}} instance="{0}",chassis="1"'),
        "rapl": ("{{rapl: {0}}}", 'rapl_host{{}} instance="{0}"'),
    }
    hosts, series = [], dict(outlet("u", "1", 100))
    for kind, (source, meters) in kinds.items():
        for part in (45, 55):
            name = f"{kind}-{part}"
            hosts.append(f"  {name}: {{site: s, power: [{source.format(name)}]}}")
            metric, _, labels = meters.format(name).replace("{}", "").partition(" ")
            series[f"{metric}_energy_joules_total{{{labels}}}"] = grow(200 * part / 100)
            series[f"{metric}_measured_seconds_total{{{labels}}}"] = grow(part / 100)
    for number, part in ((4, 45), (5, 55)):
        amounts = {**trace(A, number, 5 * part, 2000 * part), **node(number, 10 * part, 10_000 * part)}
        series |= amounts | {f'ioam_node_measured_seconds_total{{node_id="{number}"}}': grow(part / 100)}
    text = f"""
sites: {{s: {{}}}}
hosts:
{chr(10).join(hosts)}
  u: {{site: s, power: [{{pdu: u, outlets: ["1"]}}]}}
  w: {{site: s, power: [{{watts: vector(100)}}]}}
components:
  u: {{role: upf, traffic: {{ioam: 5}}}}
  w: {{role: upf, traffic: {{ioam: 4}}}}
  pdu-55: {{role: router}}
applications:
  a: {{traces: {traced(A)}, path: [u]}}
  b: {{traces: {traced(B)}, path: [w]}}
"""
    return Case(
        "half-measured",
        topology(text),
        series,
        {
            (4, "sum by (host) (host:power_watts)"): {
                **{f'host="{kind}-55"': 200 for kind in kinds},
                'host="u"': 100,
                'host="w"': 100,
            },
            (4, "sum by (node_id) (node:measured:ratio)"): {'node_id="5"': 0.55},
            (4, 'sum by (application) (application:power_watts{application!="unattributed"})'): {row("a"): 20},
            # a's 200,000 bytes/s, though 110,000 of them were counted.
            (4, "application:bits:rate"): {row("a"): 1.6e6},
        },
    )


def alike_and_dark() -> Case:
    """Two hosts with alike outlets, one of which is dark: that host is a gap, and never what the rest of it draws."""
    text = """
sites: {s: {}}
hosts:
  h1: {site: s, power: [{pdu: p, outlets: ["1", "2"]}, {bmc: b, chassis: "1"}]}
  h2: {site: s, power: [{pdu: q, outlets: ["1", "2"]}, {bmc: c, chassis: "1"}]}
components: {h1: {role: router}, h2: {role: router}}
"""
    return Case(
        "alike-and-dark",
        topology(text),
        {
            **outlet("p", "1", 60),
            **outlet("q", "1", 50),
            **outlet("q", "2", 40),
            **meter("bmc_chassis", 'instance="b",chassis="1"', 10),
            **meter("bmc_chassis", 'instance="c",chassis="1"', 20),
        },
        {
            (3, "sum by (host) (host:power_watts)"): {'host="h2"': 110},
            (3, "host:missing:info"): {'host="h1",source="1",tier="1"': 1},
        },
    )


def a_step_beside_a_gauge() -> Case:
    """A switch of 38 W feeds a radio unit that a gauge shows: it steps by 30 W, and the switch hardly moves.

    A mean of scrapes knows a step to one interval of the window: 30 W * 15 s / 120 s.
    """
    text = """
sites: {s: {}}
hosts:
  sw: {site: s, power: [{pdu: p, outlets: ["1"]}], feeds: [r]}
  r: {site: s, power: [{watts: 'poe_watts{port="3"}'}]}
components: {sw: {role: switch}, r: {role: ru}}
"""
    switch = 'host:power_watts{host="sw"}'
    return Case(
        "step-beside-a-gauge",
        topology(text),
        {
            **meter("pdu_outlet", 'instance="p",outlet="1"', 50),
            'pdu_outlet_energy_joules_total{instance="p",outlet="1"}': "0+750x16 12750+1200x24",
            'poe_watts{port="3"}': "12x16 42x24",
        },
        {
            (4, switch): {'host="sw",site="s"': 38},
            (9, switch): {'host="sw",site="s"': 38},
            (9, f"max_over_time(abs({switch} - 38)[7m:15s]) < bool 4"): {'host="sw",site="s"': 1},
            (9, f"count_over_time({switch}[350s])"): {'host="sw",site="s"': 24},
        },
    )


def constants_from_both() -> Case:
    """`joulepath rules serve` publishes the constants that the rules write: each counts once.

    100 W * 360 g/kWh / 3.6e6 J/kWh = 0.01 g/s.
    """
    text = """
sites: {s: {grams_per_kwh: 360}}
hosts: {h: {site: s, power: [{pdu: p, outlets: ["1"]}]}}
components: {h: {role: upf, traffic: {ioam: 1}}}
applications: {}
"""
    plant = topology(text)
    published = {}
    for each in constants(plant):
        labels = {**each.labels, "topology": plant.name, "generation": plant.hash}
        text = ",".join(f"{name}={json.dumps(value)}" for name, value in labels.items())
        published[f"{each.name}{{{text}}}"] = f"{each.value:g}x40"
    return Case(
        "constants-from-both",
        plant,
        {**outlet("p", "1", 100), **published},
        {
            (9, "host:power_watts"): {'host="h",site="s"': 100},
            (9, TOTAL): {row("unattributed"): 100},
            (9, 'sum(application:co2_grams_per_second{basis="location"})'): {"": 0.01},
        },
    )


def disjoint_hops() -> Case:
    """Two traces of one application, each through its own UPF: their bits add up. A hop seen twice does not."""
    text = f"""
sites: {{s: {{}}}}
hosts: {{h1: {{site: s, power: [{{pdu: p, outlets: ["1"]}}]}}, h2: {{site: s, power: [{{pdu: p, outlets: ["2"]}}]}}}}
components: {{h1: {{role: upf, traffic: {{ioam: 4}}}}, h2: {{role: upf, traffic: {{ioam: 5}}}}}}
applications: {{fleet: {{traces: {traced(A, B)}, path: [h1, h2]}}, c: {{traces: {traced(C)}, path: [h1, h2]}}}}
"""
    return Case(
        "disjoint-hops",
        topology(text),
        {
            **outlet("p", "1", 100),
            **outlet("p", "2", 100),
            **trace(A, 4, 100, 250_000),
            **trace(B, 4, 0, 0),
            **trace(A, 5, 0, 0),
            **trace(B, 5, 100, 150_000),
            **trace(C, 4, 100, 100_000),
            **trace(C, 5, 90, 90_000),
            **node(4, 1000, 1e6),
            **node(5, 1000, 1e6),
        },
        {
            (3, "application:bits:rate"): {row("fleet"): 3.2e6, row("c"): 0.8e6},
            (4, "application:joules_per_bit * 1e6"): {row("fleet"): 12.5, row("c"): 23.75},
        },
    )


def hops_of_queries() -> Case:
    """Two hops that count applications, and two that named exporters count: the bits of a hop never count twice."""
    rate = "{{query: {{bytes: 'rate(upf_bytes_total{{upf=\"{0}\"}}[$window])'}}}}".format
    text = f"""
policy: bytes
sites: {{s: {{}}}}
hosts:
  q1: {{site: s, power: [{{watts: vector(10)}}]}}
  q2: {{site: s, power: [{{watts: vector(20)}}]}}
  n1: {{site: s, power: [{{watts: vector(30)}}]}}
  n2: {{site: s, power: [{{watts: vector(40)}}]}}
components:
  q1: {{role: upf, traffic: {rate("q1")}}}
  q2: {{role: upf, traffic: {rate("q2")}}}
  n1: {{role: upf, traffic: {{ioam: {{node: 1, instances: [one]}}}}}}
  n2: {{role: upf, traffic: {{ioam: {{node: 2, instances: [three]}}}}}}
applications:
  a: {{path: [q1, q2]}}
  b: {{traces: {traced(B)}, path: [n1, n2]}}
"""
    series = two_targets(
        one={**trace(B, 1, 1, 200_000), **node(1, 10, 1e6)},
        three={**trace(B, 2, 1, 190_000), **node(2, 10, 1e6)},
    )
    for name, ours in (("q1", 100_000), ("q2", 90_000)):
        for application, amount in (("a", ours), ("", 100_000)):
            labels = f'instance="{name}",job="upf",upf="{name}",application="{application}"'
            series[f"upf_bytes_total{{{labels}}}"] = grow(amount)
    return Case(
        "hops-of-queries",
        topology(text),
        series,
        {
            (4, "application:bits:rate"): {row("a"): 0.8e6, row("b"): 1.6e6},
            (4, 'sum by (application) (application:power_watts{application!="unattributed"})'): {
                row("a"): 5 + 20 * 90 / 190,
                row("b"): 6 + 40 * 0.19,
            },
        },
    )


def queried_bits() -> Case:
    """A counter of applications stops at 5:00: its bits are the truth or a gap at each evaluation."""
    rate = "rate(upf_bytes_total[$window])"
    text = one(f"{{query: {{bytes: '{rate}'}}}}", "a: {path: [h]}", "policy: bytes")
    labels = 'instance="u",job="upf",application="{}"'.format
    return Case(
        "queried-bits",
        topology(text),
        {
            **outlet("p", "1", 100),
            **{f"upf_bytes_total{{{labels(each)}}}": "0+1500000x20 stale" for each in ("a", "")},
        },
        {(10, f"{function}_over_time(application:bits:rate[10m])"): {row("a"): 0.8e6} for function in ("min", "max")},
    )


CASES = [
    one_node_of_several(),
    feeds_and_paths(),
    a_fleet(),
    anchor_of_named_instances(),
    one_named_instance_gone(),
    a_model_of_three(),
    mixed(),
    at_pace("5s", "30s", "site.one"),
    at_pace("30s", "2m", "site-two"),
    at_pace("1m", "5m", "three"),
    scraped_twice_with_losses(),
    two_processes_of_one_node(),
    lost_scrapes(),
    renamed(),
    declared_and_modelled(),
    nonsense_in_a_sum(),
    half_of_the_amounts(),
    total_goes_first(),
    foreign_restart(),
    begun_anew(),
    half_measured(),
    alike_and_dark(),
    hops_of_queries(),
    queried_bits(),
    a_step_beside_a_gauge(),
    disjoint_hops(),
    constants_from_both(),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_promtool_computes_the_numbers_of_the_edge_case(case: Case, promtool: Path, tmp_path: Path) -> None:
    """promtool computes the numbers of the arithmetic."""
    run(promtool, tmp_path, [case])
