# SPDX-License-Identifier: Apache-2.0
"""The chain in promtool, against numbers worked out by hand; `tests/rules/factory.py` holds the common ones."""

import re
from pathlib import Path

import pytest

from tests.rules import factory
from tests.rules.promtool import Case, grow, measured, meter, node, outlet, run, topology, trace

pytestmark = pytest.mark.unit

TOTALS = {
    'application="a",segment="network"': 123,
    'application="b",segment="network"': 88.5,
    'application="unattributed",segment="network"': 35.5 + 48 + 22,
    'application="unattributed"': 83,
}
COMPONENTS = {
    'component="ru-1",host="ru-1",segment="network",site="factory"': 100,
    'component="du-1",host="edge-1",segment="network",site="edge"': 150,
    'component="upf-1",host="edge-1",segment="network",site="edge"': 67,
    'component="unattributed",host="edge-1",site="edge"': 83,
}
PAIRS = {
    factory.watts("a", "ru-1", "ru-1", "factory"): 42.5,
    factory.watts("b", "ru-1", "ru-1", "factory"): 22,
    factory.watts("unattributed", "ru-1", "ru-1", "factory"): 35.5,
    factory.watts("a", "du-1"): 55,
    factory.watts("b", "du-1"): 47,
    factory.watts("unattributed", "du-1"): 48,
    factory.watts("a", "upf-1"): 25.5,
    factory.watts("b", "upf-1"): 19.5,
    factory.watts("unattributed", "upf-1"): 22,
    'application="unattributed",component="unattributed",host="edge-1",site="edge"': 83,
}


def whole() -> Case:
    """Every series of the chain at once."""
    # CO2 by place: a 42.5 W * 380 + 80.5 W * 1.5 * 100 = 16150 + 12075 = 28225 g/h per kW, / 3.6e6 g/s.
    # By contract: the factory takes its grid's, the edge 1.5 * 40: a 16150 + 80.5 * 60 = 20980.
    # b: 22 * 380 + 66.5 * 150 = 18335; by contract 22 * 380 + 66.5 * 60 = 12350.
    grams = 'application="{}",basis="{}",segment="network"'.format
    return Case(
        "whole",
        topology(factory.TOPOLOGY),
        factory.everything(),
        {
            (3, "host:power_watts"): {'host="ru-1",site="factory"': 100, 'host="edge-1",site="edge"': 300},
            (3, "host:power_source:info"): {
                'host="ru-1",method="measured",tier="1"': 1,
                'host="edge-1",method="measured",tier="1"': 1,
            },
            (3, "sum by (component, host, segment, site) (component:power_watts)"): COMPONENTS,
            (3, 'component:power_watts{component="du-1"}'): {
                'component="du-1",host="edge-1",part="static",segment="network",site="edge"': 70,
                'component="du-1",host="edge-1",part="dynamic",segment="network",site="edge"': 80,
            },
            (3, "application_component:power_watts"): PAIRS,
            (3, "application:power_watts"): TOTALS,
            (3, "application:power_covered_watts"): TOTALS,
            # In micrograms, so that the comparison to 1e-6 sees every digit.
            (3, 'application:co2_grams_per_second{application!="unattributed"} * 1e6'): {
                grams("a", "location"): 28225 / 3.6,
                grams("a", "market"): 20980 / 3.6,
                grams("b", "location"): 18335 / 3.6,
                grams("b", "market"): 12350 / 3.6,
            },
            (3, "component:unmeasured:info"): {},
            (3, "attribution:heartbeat"): {"": 1},
            # a moves 250,000 bytes/s = 2 Mbit/s: 123 W / 2e6 = 61.5 uJ a bit; b 88.5 / 4e6 = 22.125.
            (3, "application:bits:rate"): {'application="a"': 2e6, 'application="b"': 4e6},
            (4, "application:joules_per_bit * 1e6"): {'application="a"': 61.5, 'application="b"': 22.125},
            # Nor was it ever another, though at 2:00 half of the window was counted.
            (4, 'max_over_time(application:joules_per_bit{application="a"}[4m]) * 1e6'): {'application="a"': 61.5},
            (3, "application:network_power:ratio"): {'application="a"': 1, 'application="b"': 1},
            (3, "application:network_co2:ratio"): {'application="a"': 1, 'application="b"': 1},
            (3, "application:power_modelled:ratio"): {'application="a"': 0, 'application="b"': 0},
            # a: static 35 + 35 + 17.5, dynamic 7.5 + 20 + 8.
            (3, 'application:power_part_watts{application="a"}'): {
                'application="a",part="static",segment="network"': 87.5,
                'application="a",part="dynamic",segment="network"': 35.5,
            },
            (3, "abs(host:conservation_error_watts) > 1e-9 or count(host:conservation_error_watts)"): {"": 2},
            (3, "abs(component:conservation_error_watts) > 1e-9 or count(component:conservation_error_watts)"): {"": 4},
        },
    )


FACTORY = topology(factory.TOPOLOGY)
A, B = 'application="a"', 'application="b"'
TOTAL = "sum by (application) (application:power_watts)"
COVERED = 'application:power_covered_watts{application="a"}'
A_COVERED = 'application="a",segment="network"'
ATTRIBUTED = 'sum by (component) (application_component:power_watts{application!="unattributed"})'
PAIR = 'sum by (application, component) (application_component:power_watts{{component="{}"}})'.format


def pair(application: str, component: str) -> str:
    """The labels of one row of PAIR."""
    return f'application="{application}",component="{component}"'


def replace_in_factory(*changes: tuple[str, str]) -> str:
    """The factory's topology with some text replaced; each text must be there."""
    text = factory.TOPOLOGY
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    return text


def dark_outlet() -> Case:
    """One of two outlets of edge-1 is not read from 3:00 to 6:00; the exporter withdraws it after 30 s.

    Never half the watts: the host, what runs on it and every total that needs it are gaps, ru-1 is not.
    """
    stalled = "_ 0+{step}x11 {top}x2 _x10 {top}+{step}x20".format
    series = factory.everything()
    labels = 'instance="pdu-2",outlet="2"'
    series[f"pdu_outlet_energy_joules_total{{{labels}}}"] = stalled(step=140 * 15, top=140 * 15 * 11)
    series[f"pdu_outlet_measured_seconds_total{{{labels}}}"] = stalled(step=15, top=15 * 11)
    # The last reading is that of 3:00 (12th step); at 4:15 less than half of the window of 2 min was measured.
    return Case(
        "dark-outlet",
        FACTORY,
        series,
        {
            (3, "host:power_watts"): {'host="ru-1",site="factory"': 100, 'host="edge-1",site="edge"': 300},
            (3, TOTAL): {A: 123, B: 88.5, 'application="unattributed"': 188.5},
            (5, "host:power_watts"): {'host="ru-1",site="factory"': 100},
            (5, "host:power_source:info"): {'host="ru-1",method="measured",tier="1"': 1},
            (5, "count by (host) (component:power_watts)"): {'host="ru-1"': 2},
            (5, "count by (host) (application_component:power_watts)"): {'host="ru-1"': 3},
            (5, TOTAL): {},
            (5, "application:co2_grams_per_second"): {},
            (5, "application:power_part_watts"): {},
            (5, "application:joules_per_bit"): {},
            (5, COVERED): {A_COVERED: 42.5},
            (5, "component:unmeasured:info"): {},
            # Back at once and in full: both counters move together.
            (8, "host:power_watts"): {'host="ru-1",site="factory"': 100, 'host="edge-1",site="edge"': 300},
            (8, TOTAL): {A: 123, B: 88.5, 'application="unattributed"': 188.5},
            # At no moment half of it.
            (9, 'min_over_time(host:power_watts{host="edge-1"}[8m])'): {'host="edge-1",site="edge"': 300},
            (9, 'max_over_time(host:power_watts{host="edge-1"}[8m])'): {'host="edge-1",site="edge"': 300},
        },
    )


def fallback() -> Case:
    """edge-1 without its outlets: the BMC's 280 W * 1.05 + 6 = 300 W, idle 130 W; a guess, and said to be one.

    static 130: du-1 65, upf-1 32.5; dynamic 170: du-1 85, upf-1 34.
    a: ru-1 42.5, du-1 32.5 + 21.25, upf-1 16.25 + 8.5 = 121. Modelled: 78.5 / 121.
    """
    text = replace_in_factory(
        (
            'outlets: ["1", "2"]}]}',
            """outlets: ["1", "2"]}], fallback: [
    {bmc: edge-1, scale: 1.05, offset_watts: 6, static_watts: 130},
    {rapl: edge-1, scale: 1.5, offset_watts: 60}]}""",
        )
    )
    series = {
        **factory.everything(),
        **meter("bmc_chassis", 'instance="edge-1",chassis="1"', 280),
        **meter("rapl_host", 'instance="edge-1"', 100),
    }
    without_outlet = {name: values for name, values in series.items() if 'pdu-2",outlet="1"' not in name}
    return Case(
        "fallback",
        topology(text),
        without_outlet,
        {
            (3, "host:power_watts"): {'host="ru-1",site="factory"': 100, 'host="edge-1",site="edge"': 300},
            (3, "host:power_source:info"): {
                'host="ru-1",method="measured",tier="1"': 1,
                'host="edge-1",method="modelled",tier="2"': 1,
            },
            (3, 'component:power_watts{component="du-1",part="static"}'): {
                'component="du-1",host="edge-1",part="static",segment="network",site="edge"': 65
            },
            (3, 'application:power_watts{application="a"}'): {A_COVERED: 121},
            (3, 'application:power_modelled:ratio{application="a"}'): {A: 78.5 / 121},
        },
    )


def last_tier() -> Case:
    """edge-1 with nothing but RAPL: 100 W * 1.5 + 60 = 210 W, idle watts as at the plug."""
    case = fallback()
    series = {name: values for name, values in case.series.items() if not name.startswith("bmc_")}
    return Case(
        "last-tier",
        case.topology,
        series,
        {
            (3, 'host:power_watts{host="edge-1"}'): {'host="edge-1",site="edge"': 210},
            (3, 'host:power_source:info{host="edge-1"}'): {'host="edge-1",method="modelled",tier="3"': 1},
            (3, 'host:power_part_watts{host="edge-1",part="static"}'): {'host="edge-1",part="static",site="edge"': 140},
        },
    )


def several_chassis() -> Case:
    """A BMC with two chassis: unnamed it is a gap, since one may contain the other; named it is that one."""
    text = """
sites: {{s: {{}}}}
hosts:
  h1: {{site: s, power: [{{bmc: blades}}]}}
  h2: {{site: s, power: [{{bmc: rack, chassis: "2"}}]}}
components: {{h1: {{role: router}}, h2: {{role: router}}}}
""".format()
    return Case(
        "several-chassis",
        topology(text),
        {
            **meter("bmc_chassis", 'instance="blades",chassis="1"', 100),
            **meter("bmc_chassis", 'instance="blades",chassis="2"', 40),
            **meter("bmc_chassis", 'instance="rack",chassis="1"', 100),
            **meter("bmc_chassis", 'instance="rack",chassis="2"', 40),
        },
        {(3, "host:power_watts"): {'host="h2",site="s"': 40}},
    )


def anchors() -> Case:
    """Two radio units at one UPF: a uses ru-1, b uses ru-2.

    Of the UPF's 1000 packets/s 900 can have passed ru-1 (all but b's 100), 500 ru-2 (all but a's 500).
    ru-1: 70 W * 500/900 + 30 W * 250,000/500,000 = 38.889 + 15
    ru-2: 20 W * 100/500 + 10 W * 500,000/750,000 = 4 + 6.667
    """
    text = replace_in_factory(
        (
            "components:",
            """  ru-2: {site: factory, static_watts: 20, power: [{pdu: pdu-1, outlets: ["4"]}]}
components:
  ru-2: {role: ru, traffic: {anchor: upf-1}}""",
        ),
        (f"""id: "{factory.B}"}}], path: [ru-1,""", f"""id: "{factory.B}"}}], path: [ru-2,"""),
    )
    return Case(
        "anchors",
        topology(text),
        {**factory.everything(), **outlet("pdu-1", "4", 30)},
        {
            (3, PAIR("ru-1")): {
                pair("a", "ru-1"): 70 * 5 / 9 + 15,
                pair("unattributed", "ru-1"): 100 - 70 * 5 / 9 - 15,
            },
            (3, PAIR("ru-2")): {
                pair("b", "ru-2"): 4 + 10 * 2 / 3,
                pair("unattributed", "ru-2"): 26 - 10 * 2 / 3,
            },
            (3, PAIR("du-1")): {pair("a", "du-1"): 55, pair("b", "du-1"): 47, pair("unattributed", "du-1"): 48},
        },
    )


SUPPORT = replace_in_factory(
    (
        "applications:",
        """  amf: {role: core-control, host: edge-1, reservation: 2, share: [{kepler_pod: "core/amf-.*"}],
    supports: [ru-1, upf-1]}
applications:""",
    ),
)


def supporting() -> Case:
    """An AMF of 140 * 2/16 + 160 * 5/50 = 33.5 W behind ru-1 and upf-1, 167 W of which a has 68 and b 41.5."""
    return Case(
        "supporting",
        topology(SUPPORT),
        {**factory.everything(), **factory.pod("core", "amf-0", 5)},
        {
            (3, PAIR("amf")): {
                pair("a", "amf"): 33.5 * 68 / 167,
                pair("b", "amf"): 33.5 * 41.5 / 167,
                pair("unattributed", "amf"): 33.5 * 57.5 / 167,
            },
            (3, 'application:power_watts{application="a"}'): {
                A_COVERED: 123,
                'application="a",segment="support"': 33.5 * 68 / 167,
            },
            # Its static part is 17.5 of 33.5 W.
            (3, 'application:power_part_watts{application="a",segment="support"}'): {
                'application="a",part="static",segment="support"': 17.5 * 68 / 167,
                'application="a",part="dynamic",segment="support"': 16 * 68 / 167,
            },
            (3, "sum(application_component:power_watts)"): {"": 400},
        },
    )


def supporting_the_idle() -> Case:
    """A supported component draws 0 W: an application's part of 40 W is 0 W, not 40 W / 0 W * 0 W; the rest adds up."""
    text = f"""
sites: {{s: {{}}}}
hosts:
  h: {{site: s, power: [{{pdu: p, outlets: ["1"]}}]}}
  m: {{site: s, power: [{{pdu: p, outlets: ["2"]}}]}}
components:
  upf: {{role: upf, host: h, share: [{{workload: upf}}], traffic: {{ioam: 4}}}}
  amf: {{role: core-control, host: m, supports: [upf]}}
applications:
  a: {{traces: [{{ioam_namespace: 123, id: "{factory.A}"}}], path: [upf]}}
"""
    return Case(
        "supporting-the-idle",
        topology(text),
        {
            **outlet("p", "1", 100),
            **outlet("p", "2", 40),
            'workload_cpu_seconds_total{instance="h",workload="upf"}': grow(0),
            'workload_host_cpu_seconds_total{instance="h",mode="user"}': grow(1),
            **trace(factory.A, 4, 500, 250_000),
            **node(4, 1000, 1e6),
        },
        {
            (3, PAIR("amf")): {pair("a", "amf"): 0, pair("unattributed", "amf"): 40},
            (3, TOTAL): {A: 0, 'application="unattributed"': 140},
        },
    )


def supporting_the_dark() -> Case:
    """A supported component is not measured (ru-1 is dark): it attributes nothing, and no application is complete."""
    series = {**factory.everything(), **factory.pod("core", "amf-0", 5)}
    return Case(
        "supporting-the-dark",
        topology(SUPPORT),
        {name: values for name, values in series.items() if "pdu-1" not in name},
        {
            (3, PAIR("amf")): {pair("unattributed", "amf"): 33.5},
            (3, TOTAL): {},
            (3, "sum(application_component:power_watts)"): {"": 300},
        },
    )


MODEL = replace_in_factory(
    (
        "components:",
        """  gpu-1: {site: edge, static_watts: 90, power: [{pdu: pdu-3, outlets: ["1"]}]}
components:
  llm: {role: model, host: gpu-1, requests: vllm}""",
    ),
    ("path: [ru-1, du-1, upf-1]}", "path: [ru-1, du-1, upf-1], models: [llm]}"),
)


def serving(model: str = "llm", label: str = "application") -> dict[str, str]:
    """vLLM's counters: a 3 requests/s of 5 and 100 tokens/s of 500, b 1 and 300, somebody else the rest."""
    series = {}
    for application, requests, tokens in (("a", 3, 100), ("b", 1, 300), ("z", 1, 100)):
        labels = f'model_name="{model}",engine="0",{label}="{application}"'
        series[f'vllm:request_success_total{{{labels},finished_reason="stop"}}'] = grow(requests)
        series[f"vllm:generation_tokens_total{{{labels}}}"] = grow(tokens)
    return series


def model() -> Case:
    """A model of 400 W, idle 90 W: a 90 * 3/5 + 310 * 1/5 = 116, b 90 * 1/5 + 310 * 3/5 = 204, rest 80."""
    return Case(
        "model",
        topology(MODEL),
        {**factory.everything(), **outlet("pdu-3", "1", 400), **serving()},
        {
            (3, PAIR("llm")): {pair("a", "llm"): 116, pair("b", "llm"): 204, pair("unattributed", "llm"): 80},
            (3, 'application:power_watts{application="a"}'): {A_COVERED: 123, 'application="a",segment="model"': 116},
            (3, "application:inferences:rate"): {A: 3, B: 1},
            (3, "application:tokens:rate"): {A: 100, B: 300},
            # End to end: a 239 W, b 292.5 W; a bit is the network's alone.
            (4, "application:joules_per_inference"): {A: 239 / 3, B: 292.5},
            (4, "application:joules_per_token"): {A: 2.39, B: 0.975},
            (4, "application:joules_per_bit * 1e6"): {A: 61.5, B: 22.125},
            (3, 'application:network_power:ratio{application="a"}'): {A: 123 / 239},
            # a: the model's 116 W * 150 g/kWh on top of 28225.
            (3, 'application:network_co2:ratio{application="a"}'): {A: 28225 / (28225 + 116 * 150)},
        },
    )


def model_without_requests() -> Case:
    """An application without a row in the model's counters is a gap; one counter with another label."""
    text = MODEL.replace("requests: vllm", "requests: {vllm: {model_name: org/llm, application_label: user}}")
    series = {name: values for name, values in serving("org/llm", "user").items() if 'user="b"' not in name}
    return Case(
        "model-without-requests",
        topology(text),
        {**factory.everything(), **outlet("pdu-3", "1", 400), **series},
        {
            # a has 3 of 4 requests/s and 100 of 200 tokens/s.
            (3, PAIR("llm")): {pair("a", "llm"): 222.5, pair("unattributed", "llm"): 177.5},
            (3, 'sum by (application) (application:power_watts{application="b"})'): {},
            (3, "application:missing:info"): {'application="b",component="llm",host="gpu-1"': 1},
            (4, 'application:joules_per_token{application="b"}'): {},
        },
    )


def no_traffic() -> Case:
    """Counters stand still: 0 W is a measurement, all power is unattributed, nothing is divided by 0."""
    series = factory.everything()
    return Case(
        "no-traffic",
        FACTORY,
        {name: "7x40" if re.match("ioam_.*_(packets|bytes)_", name) else values for name, values in series.items()},
        {
            (3, TOTAL): {A: 0, B: 0, 'application="unattributed"': 400},
            (4, "application:joules_per_bit"): {},
            (3, "application:network_power:ratio"): {},
            (3, "application:power_modelled:ratio"): {},
            (3, 'application:co2_grams_per_second{application="a",basis="location"}'): {
                'application="a",basis="location",segment="network"': 0
            },
        },
    )


def no_capture() -> Case:
    """The ioam exporter is gone: applications are gaps, all power is unattributed, not lost."""
    series = factory.everything()
    return Case(
        "no-capture",
        FACTORY,
        {name: values for name, values in series.items() if not name.startswith("ioam_")},
        {
            (3, TOTAL): {'application="unattributed"': 400},
            (3, "sum by (host) (application_component:power_watts)"): {'host="ru-1"': 100, 'host="edge-1"': 300},
        },
    )


def no_total() -> Case:
    """Traces without all user packets beside them: a share of an unknown whole is not attributed."""
    series = factory.everything()
    return Case(
        "no-total",
        FACTORY,
        {name: values for name, values in series.items() if not name.startswith("ioam_node_packets")},
        {(3, TOTAL): {'application="unattributed"': 400}, (3, ATTRIBUTED): {}},
    )


def no_factor() -> Case:
    """No carbon factor at the edge: no CO2 by place for anyone who touches it; by contract it is known."""
    series = {name: values for name, values in factory.everything().items() if name != factory.INTENSITY}
    return Case(
        "no-factor",
        FACTORY,
        series,
        {
            (3, 'application:co2_grams_per_second{basis="location"}'): {},
            (3, 'application:co2_grams_per_second{application="a",basis="market"} * 1e6'): {
                'application="a",basis="market",segment="network"': 20980 / 3.6
            },
            (3, TOTAL): {A: 123, B: 88.5, 'application="unattributed"': 188.5},
        },
    )


def pod_gone() -> Case:
    """Kepler no longer shows the DU: its watts, idle ones too, are the host's unattributed; covered stays."""
    series = {name: values for name, values in factory.everything().items() if '"du-' not in name}
    return Case(
        "pod-gone",
        FACTORY,
        series,
        {
            (3, "component:unmeasured:info"): {'component="du-1",host="edge-1"': 1},
            (3, "sum by (component) (component:power_watts)"): {
                'component="ru-1"': 100,
                'component="upf-1"': 67,
                'component="unattributed"': 83 + 150,
            },
            (3, TOTAL): {'application="unattributed"': 35.5 + 22 + 233},
            (3, COVERED): {A_COVERED: 68},
        },
    )


def exporter_gone() -> Case:
    """The ioam exporter's last scrape is that of 2:45: from 4:00 on less than half of the window was counted.

    The derived rules at 5:00 read the chain of 4:45.
    """
    series = factory.everything()
    for name, values in series.items():
        if name.startswith("ioam_"):
            series[name] = f"{values.rpartition('x')[0]}x11"
    return Case(
        "exporter-gone",
        FACTORY,
        series,
        {
            (3.75, TOTAL): {A: 123, B: 88.5, 'application="unattributed"': 188.5},
            (4, TOTAL): {'application="unattributed"': 400},
            (5, "abs(host:conservation_error_watts) > 1e-9 or count(host:conservation_error_watts)"): {"": 2},
            (5, "abs(component:conservation_error_watts) > 1e-9 or count(component:conservation_error_watts)"): {"": 4},
            (5, "application:joules_per_bit"): {},
        },
    )


def two_exporters() -> Case:
    """Another exporter reads the same PDU, and another server scrapes the same exporter: the watts do not double."""
    series = factory.everything()
    for name, values in list(series.items()):
        if "pdu-2" in name:
            series[name.replace("{", '{job="second",')] = values
    return Case(
        "two-exporters",
        FACTORY,
        series,
        {(3, TOTAL): {A: 123, B: 88.5, 'application="unattributed"': 188.5}},
    )


def policy_bytes() -> Case:
    """All by bytes at du-1 alone: a 150/4, b 150/2; the others as before."""
    text = replace_in_factory(("du-1: {role: du,", "du-1: {role: du, policy: bytes,"))
    return Case(
        "policy-bytes",
        topology(text),
        factory.everything(),
        {
            (3, PAIR("du-1")): {pair("a", "du-1"): 37.5, pair("b", "du-1"): 75, pair("unattributed", "du-1"): 37.5},
            (3, PAIR("upf-1")): {pair("a", "upf-1"): 25.5, pair("b", "upf-1"): 19.5, pair("unattributed", "upf-1"): 22},
        },
    )


def policy_packets() -> Case:
    """All by packets everywhere: a half, b a tenth."""
    return Case(
        "policy-packets",
        topology("policy: packets\n" + factory.TOPOLOGY),
        factory.everything(),
        {(3, PAIR("du-1")): {pair("a", "du-1"): 75, pair("b", "du-1"): 15, pair("unattributed", "du-1"): 60}},
    )


def reset() -> Case:
    """Exporters restart one by one: meters at 4:00, traces at 4:30, nodes at 5:00. Nothing spikes, all adds up."""

    def restart_series(values: str, at: int) -> str:
        step = float(values.removeprefix("0+").removesuffix("x40"))
        return f"0+{step!r}x{at - 1} 0+{step!r}x{40 - at}"

    series = factory.everything()
    for name, values in list(series.items()):
        for prefix, at in (("pdu_", 16), ("ioam_trace", 18), ("ioam_node", 20)):
            if name.startswith(prefix):
                series[name] = restart_series(values, at)
    error = "abs(sum(host:power_watts) - sum(application_component:power_watts))"
    return Case(
        "reset",
        FACTORY,
        series,
        {
            (8, f"max_over_time({error}[4m:15s])"): {"": 0},
            (8, 'max_over_time(host:power_watts{host="edge-1"}[4m])'): {'host="edge-1",site="edge"': 300},
            (8, "count_over_time(attribution:heartbeat[415s])"): {"": 28},
            # No evaluation took more from a component than it has.
            (8, "min(min_over_time(application_component:power_watts[4m])) < 0"): {},
            (8, TOTAL): {A: 123, B: 88.5, 'application="unattributed"': 188.5},
        },
    )


def returning() -> Case:
    """Counters of IOAM begin at 3:00: shares wait until half a window was counted, machines do not."""
    series = {
        name: values.replace("0+", "_x12 0+") if name.startswith("ioam_") else values
        for name, values in factory.everything().items()
    }
    return Case(
        "returning",
        FACTORY,
        series,
        {
            (3.75, TOTAL): {'application="unattributed"': 400},
            (3.75, "sum(host:power_watts)"): {"": 400},
            (4.5, TOTAL): {A: 123, B: 88.5, 'application="unattributed"': 188.5},
        },
    )


def started_anew() -> Case:
    """The same with an exporter that says when it started: half of a window is enough, as its seconds began with it."""
    series = {**returning().series, "process_start_time_seconds": "_x12 170x40"}
    return Case(
        "started-anew",
        FACTORY,
        series,
        {
            (3.75, TOTAL): {'application="unattributed"': 400},
            (4.5, TOTAL): {A: 123, B: 88.5, 'application="unattributed"': 188.5},
        },
    )


def started_anew_elsewhere(ioam: str, name: str, total: str) -> Case:
    """The same where the total is not the node's plain one: a has half of the bytes, as soon as it is known."""
    text = f"""
policy: bytes
sites: {{s: {{}}}}
hosts: {{h: {{site: s, power: [{{watts: vector(100)}}]}}}}
components: {{h: {{role: upf, traffic: {ioam}}}}}
applications: {{a: {{traces: [{{ioam_namespace: 123, id: "{factory.A}"}}], path: [h]}}}}
"""
    exporter = 'instance="upf",job="ioam"'
    trace_of = f'{exporter},node_id="4",ioam_namespace="123",trace_id="{{}}"'.format
    series = {f"process_start_time_seconds{{{exporter}}}": "_x12 180x20", "upf_bytes_total": "0+15000x40"}
    for unit in ("packets", "bytes"):
        series[f"ioam_trace_{unit}_total{{{trace_of(factory.A)}}}"] = "_x12 7500+7500x20"
        series[f"ioam_trace_{unit}_total{{{trace_of('other')}}}"] = "_x12 7500+7500x20"
        series[f'ioam_node_{unit}_total{{{exporter},node_id="4"}}'] = total
    series[f'ioam_node_measured_seconds_total{{{exporter},node_id="4"}}'] = "_x12 15+15x20"
    rows = {minute: {pair("a", "h"): 50, pair("unattributed", "h"): 50} for minute in (4.25, 5, 6)}
    early = {minute: {pair("unattributed", "h"): 100} for minute in (3.25, 3.5)}
    return Case(
        f"started-anew-{name}",
        topology(text),
        series,
        {(minute, PAIR("h")): expected for minute, expected in {**early, **rows}.items()},
    )


def restarted_without_a_gap() -> Case:
    """An exporter that is back before the next scrape: no counter was away, and there is no gap."""
    series = {
        name: values.replace("x40", f"x12 {values.replace('x40', 'x27')}") if name.startswith("ioam_") else values
        for name, values in factory.everything().items()
    }
    return Case(
        "restarted-without-a-gap",
        FACTORY,
        {**series, "process_start_time_seconds": "1x12 190x27"},
        {(4, TOTAL): {A: 123, B: 88.5, 'application="unattributed"': 188.5}},
    )


def restart() -> Case:
    """The server came back with a changed topology: edge-1 moved here from another site, where it had one outlet more.

    Series of the former life, here between the first two evaluations, stay visible to the server for five minutes,
    and nothing of it is counted.
    """
    old = 'host="edge-1",site="elsewhere"'
    left = {
        f'joulepath_topology_source{{{old},tier="1",method="measured",kind="pdu",source="1",'
        'instance="pdu-2",outlet="9"}': 1,
        f'joulepath_topology_tier{{{old},tier="2",method="measured"}}': 2,
        'joulepath_topology_application{application="a"}': 2,
        f'source:power_watts{{{old},tier="1",method="measured",outlet="9"}}': 50,
        f"host:power_watts{{{old}}}": 350,
        f'host_tier:power_watts{{{old},tier="1",method="measured"}}': 350,
        f'host:power_part_watts{{{old},part="static"}}': 140,
        f'component:power_watts{{component="du-1",{old},segment="network",part="static"}}': 70,
        f"application_component:power_watts{{{factory.watts('a', 'du-1', site='elsewhere')}}}": 99,
    }
    series = {**factory.everything(), **outlet("pdu-2", "9", 50)}
    for name, values in series.items():
        # Samples 5 s apart, so that what is left can lie between two evaluations.
        step = re.fullmatch(r"0\+(.+)x40", values)
        series[name] = f"0+{float(step[1]) / 3!r}x120" if step else values.replace("x40", "x120")
    return Case(
        "restart",
        FACTORY,
        {**series, **{name.replace("{", '{topology="joulepath",', 1): f"_ {value}" for name, value in left.items()}},
        {
            # Who asks plainly still sees what was: hence "change topologies by reload".
            (2, "count(host:power_watts)"): {"": 3},
            (2, 'last_over_time(host:power_watts{host="edge-1"}[15s])'): {'host="edge-1",site="edge"': 300},
            (2, "sum by (application) (last_over_time(application:power_watts[15s]))"): {
                A: 123,
                B: 88.5,
                'application="unattributed"': 188.5,
            },
            (3, "abs(host:conservation_error_watts) > 1e-9 or count(host:conservation_error_watts)"): {"": 2},
        },
        step=5,
    )


def more_traced_than_all() -> Case:
    """The node counts less than its traces: 1000 packets/s of 1500 + 100 + 200. Shares are taken of what was traced."""
    series = {**factory.everything(), **trace(factory.A, 4, 1500, 250_000)}
    return Case(
        "more-traced-than-all",
        FACTORY,
        series,
        {
            (3, PAIR("upf-1")): {
                pair("a", "upf-1"): 35 * 15 / 18 + 8,
                pair("b", "upf-1"): 35 / 18 + 16,
                pair("unattributed", "upf-1"): 35 * 2 / 18 + 8,
            }
        },
    )


def quiet_host() -> Case:
    """All of edge-1's pods idle, and it draws less than its idle watts: all static, shares of work are 0."""
    series = {name: "5x40" if name.startswith("kepler") else values for name, values in factory.everything().items()}
    return Case(
        "quiet-host",
        FACTORY,
        {**series, **outlet("pdu-2", "1", 60), **outlet("pdu-2", "2", 60)},
        {
            (3, 'sum by (component) (component:power_watts{host="edge-1"})'): {
                'component="du-1"': 60,
                'component="upf-1"': 30,
                'component="unattributed"': 30,
            },
            (3, 'sum by (part) (host:power_part_watts{host="edge-1"})'): {'part="static"': 120, 'part="dynamic"': 0},
        },
    )


def undivided() -> Case:
    """The idle watts of edge-1 are unknown: its power is one part, follows the work and then the bytes.

    du-1 300 * 25/50 = 150: a 37.5, b 75. upf-1 60: a 15, b 30.
    """
    text = replace_in_factory(
        (" static_watts: 140, capacity: 16,", ""), (" reservation: 8,", ""), (" reservation: 4,", "")
    )
    return Case(
        "undivided",
        topology(text),
        factory.everything(),
        {
            (3, PAIR("du-1")): {pair("a", "du-1"): 37.5, pair("b", "du-1"): 75, pair("unattributed", "du-1"): 37.5},
            (3, PAIR("upf-1")): {pair("a", "upf-1"): 15, pair("b", "upf-1"): 30, pair("unattributed", "upf-1"): 15},
            (3, 'application:power_part_watts{application="a"}'): {
                'application="a",part="static",segment="network"': 35,
                'application="a",part="dynamic",segment="network"': 7.5,
                'application="a",part="undivided",segment="network"': 52.5,
            },
        },
    )


def feeder() -> Case:
    """A PoE switch draws 60 W from its plug and feeds two radio units 12 and 9 W: 39 W are its own."""
    text = """
sites: {s: {}}
hosts:
  sw: {site: s, power: [{pdu: p, outlets: ["1"]}], feeds: [r1, r2]}
  r1: {site: s, power: [{watts: 'poe_port_watts{port="1"}'}]}
  r2: {site: s, power: [{joules: 'poe_port_joules_total{port="2"}'}]}
  bad: {site: s, power: [{pdu: p, outlets: ["2"]}], feeds: [r3]}
  r3: {site: s, power: [{pdu: p, outlets: ["3"]}]}
components: {sw: {role: switch}, r1: {role: ru}, r2: {role: ru}, bad: {role: switch}, r3: {role: ru}}
"""
    return Case(
        "feeder",
        topology(text),
        {
            **outlet("p", "1", 60),
            **outlet("p", "2", 5),
            **outlet("p", "3", 9),
            'poe_port_watts{port="1"}': "12x40",
            'poe_port_joules_total{port="2"}': grow(9),
        },
        {
            # bad would draw 5 - 9 W: nonsense is a gap.
            (3, "sum by (host) (host:power_watts)"): {
                'host="sw"': 39,
                'host="r1"': 12,
                'host="r2"': 9,
                'host="r3"': 9,
            }
        },
    )


def shares() -> Case:
    """Every kind of share on one host of 100 W: a quarter of the pods' joules, of CPU seconds and of a query's unit.

    h2: pods 60 of 100 J/s, and CPU time 1.2 of 2 s/s: 60 % + 60 % are cut down to 50 % each.
    """
    text = """
sites: {s: {}}
hosts:
  h1: {site: s, power: [{rapl: h1}], active: {query: 'sum(rate(jobs_total[$window]))'}}
  h2: {site: s, power: [{rapl: h2}], kepler: {node_name: node-2, zones: [psys]}}
components:
  pod: {role: du, host: h1, share: [{kepler_pod: "n/du-.*"}]}
  cpu: {role: cu, host: h1, share: [{workload: cu}]}
  job: {role: upf, host: h1, share: [{query: 'sum(rate(jobs_total{job_class="upf"}[$window]))'}]}
  p2: {role: du, host: h2, share: [{kepler_pod: "n/.*"}]}
  c2: {role: cu, host: h2, share: [{workload: cu}, {workload: helper}]}
"""
    pods = 'kepler_pod_cpu_joules_total{{pod_namespace="n",pod_name="{}",node_name="{}",zone="{}"}}'.format
    cpu, modes = 'workload_cpu_seconds_total{{instance="{}",workload="{}"}}'.format, "workload_host_cpu_seconds_total"
    return Case(
        "shares",
        topology(text),
        {
            **meter("rapl_host", 'instance="h1"', 100),
            **meter("rapl_host", 'instance="h2"', 100),
            pods("du-1", "h1", "package"): grow(10),
            pods("xx-1", "h1", "package"): grow(7),
            'kepler_node_cpu_active_joules_total{node_name="h1",zone="package"}': grow(40),
            cpu("h1", "cu"): grow(1),
            f'{modes}{{instance="h1",mode="user"}}': grow(3),
            f'{modes}{{instance="h1",mode="system"}}': grow(1),
            f'{modes}{{instance="h1",mode="idle"}}': grow(50),
            f'{modes}{{instance="h1",mode="iowait"}}': grow(9),
            'jobs_total{job_class="upf"}': grow(5),
            'jobs_total{job_class="other"}': grow(15),
            pods("du-1", "node-2", "psys"): grow(60),
            pods("du-1", "node-2", "package"): grow(6),
            'kepler_node_cpu_active_joules_total{node_name="node-2",zone="psys"}': grow(100),
            cpu("h2", "cu"): grow(1),
            cpu("h2", "helper"): grow(0.2),
            f'{modes}{{instance="h2",mode="user"}}': grow(2),
        },
        {
            (3, "sum by (component, host) (component:power_watts)"): {
                'component="pod",host="h1"': 25,
                'component="cpu",host="h1"': 25,
                'component="job",host="h1"': 25,
                'component="unattributed",host="h1"': 25,
                'component="p2",host="h2"': 50,
                'component="c2",host="h2"': 50,
                'component="unattributed",host="h2"': 0,
            }
        },
    )


def counters() -> Case:
    """Every way to count traffic; each component draws 100 W, all of it by bytes; a sends 200 of 1000 bytes/s.

    two nodes with one id are told apart by their exporter; `total` takes its whole from the UPF's own counter of 800;
    `traced` has nothing but traces (200 + 300); `cell` counts by a query with rows, `volumes` with bytes alone.
    """
    text = f"""
policy: bytes
sites: {{s: {{}}}}
hosts:
  one: {{site: s, power: [{{watts: vector(100)}}]}}
  two: {{site: s, power: [{{watts: vector(100)}}]}}
  total: {{site: s, power: [{{watts: vector(100)}}]}}
  traced: {{site: s, power: [{{watts: vector(100)}}]}}
  cell: {{site: s, power: [{{watts: vector(100)}}]}}
  volumes: {{site: s, power: [{{watts: vector(100)}}]}}
  behind: {{site: s, power: [{{watts: vector(100)}}]}}
components:
  one: {{role: upf, traffic: {{ioam: {{node: 7, instance: upf-one}}}}}}
  two: {{role: upf, traffic: {{ioam: {{node: 7, instance: upf-two}}}}}}
  total: {{role: upf, traffic: {{ioam: 8, query: {{bytes: 'rate(upf_bytes_total[$window])'}}}}}}
  traced: {{role: router, traffic: {{ioam: 9, traced: true}}}}
  cell: {{role: du, traffic: {{query: {{packets: 'sum by (application) (rate(cell_packets_total[$window]))',
    bytes: 'rate(cell_bytes_total[$window])'}}}}}}
  volumes: {{role: du, traffic: {{query: {{bytes: 'rate(cell_bytes_total[$window])'}}}}}}
  behind: {{role: ru, traffic: {{anchor: cell}}}}
applications:
  a: {{traces: [{{ioam_namespace: 123, id: "{factory.A}"}}, {{ioam_namespace: 123, id: "{factory.B}"}}],
    path: [one, two, total, traced, cell, volumes, behind]}}
  idle: {{path: [cell, behind]}}
"""
    series = {
        'upf_bytes_total{direction="uplink"}': grow(500),
        'upf_bytes_total{direction="downlink"}': grow(300),
        'cell_packets_total{application="a"}': grow(1),
        'cell_packets_total{application=""}': grow(9),
        'cell_bytes_total{application="a"}': grow(200),
        'cell_bytes_total{application="else"}': grow(100),
        "cell_bytes_total": grow(700),
        **trace(factory.A, 8, 1, 150),
        **trace(factory.B, 8, 1, 50),
        **trace(factory.A, 9, 1, 200),
        **trace(factory.OTHER, 9, 1, 300),
        **measured(8),
        **measured(9),
    }
    for exporter, volume in (("upf-one", 200), ("upf-two", 500)):
        both = {**trace(factory.A, 7, 1, volume), **node(7, 10, 1000)}
        series |= {name.replace("{", f'{{instance="{exporter}",'): values for name, values in both.items()}
    expected = {"one": 20, "two": 50, "total": 25, "traced": 40, "cell": 20, "volumes": 20, "behind": 20}
    return Case(
        "counters",
        topology(text),
        series,
        {
            (3, 'sum by (component) (application_component:power_watts{application="a"})'): {
                f'component="{component}"': watts for component, watts in expected.items()
            },
            (3, "sum by (component) (application_component:power_watts)"): {
                f'component="{component}"': 100 for component in expected
            },
            (3, TOTAL): {A: sum(expected.values()), 'application="idle"': 0, 'application="unattributed"': 505},
            # Bits: of each trace at the hop that sees most, 500 and 50 bytes/s.
            (3, "application:bits:rate"): {A: 4400, 'application="idle"': 0},
        },
    )


def nonsense() -> Case:
    """A query that divides by 0 or subtracts too much gives a gap: NaN, Inf and negative results count as missing.

    The fallback counts instead of infinite watts. A share that is NaN or negative leaves the other component its own
    5 of 10; a host's work that is NaN leaves both without. Traffic of which one row is nonsense is not divided.
    """
    text = f"""
policy: bytes
sites: {{s: {{}}}}
hosts:
  inf: {{site: s, power: [{{watts: 'one / zero'}}], fallback: [{{pdu: p, outlets: ["1"]}}]}}
  work: {{site: s, power: [{{pdu: p, outlets: ["2"]}}], active: {{query: vector(10)}}}}
  lost: {{site: s, power: [{{pdu: p, outlets: ["3"]}}], active: {{query: 'zero / zero'}}}}
  sum: {{site: s, power: [{{pdu: p, outlets: ["4"]}}]}}
components:
  inf: {{role: upf, traffic: {{query: {{bytes: 'bad_bytes'}}}}}}
  nan: {{role: du, host: work, share: [{{query: 'zero / zero'}}]}}
  negative: {{role: du, host: work, share: [{{query: '0 - one'}}, {{query: 'zero'}}]}}
  good: {{role: du, host: work, share: [{{query: 'vector(2)'}}, {{query: 'vector(3)'}}]}}
  left: {{role: du, host: lost, share: [{{query: 'vector(1)'}}]}}
  right: {{role: du, host: lost, share: [{{query: 'vector(1)'}}]}}
  sum: {{role: upf, traffic: {{ioam: 4, query: {{bytes: 'zero / zero'}}}}}}
applications:
  a: {{traces: [{{ioam_namespace: 123, id: "{factory.A}"}}], path: [inf, sum]}}
  b: {{path: [inf]}}
"""
    watts = "sum by (component) (component:power_watts)"
    rows = "sum by (application) (application_component:power_watts)"
    return Case(
        "nonsense",
        topology(text),
        {
            "one": "1x40",
            "zero": "0x40",
            **outlet("p", "1", 50),
            **outlet("p", "2", 100),
            **outlet("p", "3", 20),
            **outlet("p", "4", 30),
            'bad_bytes{application="a"}': "0-1x40",
            'bad_bytes{application="b"}': "500x40",
            **trace(factory.A, 4, 1, 200),
            **measured(4),
        },
        {
            (3, watts): {
                'component="inf"': 50,
                'component="good"': 50,
                'component="sum"': 30,
                'component="unattributed"': 50 + 20,
            },
            (3, "sum by (component) (component:unmeasured:info)"): {
                'component="nan"': 1,
                'component="negative"': 1,
                'component="left"': 1,
                'component="right"': 1,
            },
            (3, rows): {'application="unattributed"': 200},
            # Counted work is known, whatever it is a part of.
            (3, "application:bits:rate"): {A: 1600, B: 4000},
        },
    )


def unused_amount() -> Case:
    """All by bytes, and the query for packets finds nothing: it is not needed, and no watt is lost for it."""
    text = """
policy: bytes
sites: {s: {}}
hosts: {h: {site: s, power: [{watts: vector(100)}]}}
components: {h: {role: upf, traffic: {query: {packets: 'cell_packets', bytes: 'cell_bytes'}}}}
applications: {a: {path: [h]}, b: {path: [h]}}
"""
    return Case(
        "unused-amount",
        topology(text),
        {'cell_bytes{application="a"}': "60x40", 'cell_bytes{application=""}': "40x40"},
        {(3, PAIR("h")): {pair("a", "h"): 60, pair("b", "h"): 0, pair("unattributed", "h"): 40}},
    )


def returning_at_a_slower_pace() -> Case:
    """At 1 min and 4 min: counters are away from 5:00 to 9:00; then shares wait until half a window was counted."""
    series = {}
    for name, values in factory.everything().items():
        step = 4 * float(values.removeprefix("0+").removesuffix("x40")) if values.startswith("0+") else 0
        series[name] = f"0+{step!r}x30" if step else values
        if name.startswith("ioam_"):
            series[name] = f"0+{step!r}x5 _x4 {10 * step!r}+{step!r}x20"
    return Case(
        "returning-at-a-slower-pace",
        topology("interval: 1m\nwindow: 4m" + factory.TOPOLOGY),
        series,
        {
            (5, TOTAL): {A: 123, B: 88.5, 'application="unattributed"': 188.5},
            (11, TOTAL): {'application="unattributed"': 400},
            (12, TOTAL): {A: 123, B: 88.5, 'application="unattributed"': 188.5},
        },
        step=60,
    )


def two_traces() -> Case:
    """One application with the robot's and the camera's trace: 600 packets/s and 750,000 bytes/s of the UPF's."""
    text = replace_in_factory(
        (f'id: "{factory.A}"}}]', f'id: "{factory.A}"}}, {{ioam_namespace: 123, id: "{factory.B}"}}]'),
        (f'  b: {{traces: [{{ioam_namespace: 123, id: "{factory.B}"}}], path: [ru-1, du-1, upf-1]}}\n', ""),
    )
    return Case(
        "two-traces",
        topology(text),
        factory.everything(),
        {
            (3, TOTAL): {A: 211.5, 'application="unattributed"': 188.5},
            (3, "application:bits:rate"): {A: 6e6},
        },
    )


CASES = [
    whole(),
    dark_outlet(),
    fallback(),
    last_tier(),
    several_chassis(),
    anchors(),
    supporting(),
    supporting_the_idle(),
    supporting_the_dark(),
    model(),
    model_without_requests(),
    no_traffic(),
    no_capture(),
    no_total(),
    no_factor(),
    pod_gone(),
    exporter_gone(),
    two_exporters(),
    policy_bytes(),
    policy_packets(),
    reset(),
    returning(),
    returning_at_a_slower_pace(),
    started_anew(),
    started_anew_elsewhere("{ioam: {node: 4, instance: upf}}", "of-one-exporter", "_x12 15000+15000x20"),
    started_anew_elsewhere("{ioam: 4, traced: true}", "traced", "_x12 15000+15000x20"),
    started_anew_elsewhere(
        "{ioam: 4, query: {bytes: 'rate(upf_bytes_total[$window])'}}", "by-query", "_x12 15000+15000x20"
    ),
    restarted_without_a_gap(),
    restart(),
    more_traced_than_all(),
    quiet_host(),
    undivided(),
    feeder(),
    shares(),
    counters(),
    nonsense(),
    unused_amount(),
    two_traces(),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_promtool_computes_the_numbers_of_the_case(case: Case, promtool: Path, tmp_path: Path) -> None:
    """promtool computes the numbers of the arithmetic."""
    run(promtool, tmp_path, [case])
