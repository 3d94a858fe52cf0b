# SPDX-License-Identifier: Apache-2.0
"""Derived metrics (docs/reference/derived-metrics.md) in promtool, with numbers worked out by hand."""

import re
from pathlib import Path

import pytest
import yaml

from joulepath_topology.reading import examine
from tests.conftest import ROOT
from tests.rules.promtool import Case, grow, node, outlet, run, topology, trace
from tests.rules.test_placements import activity, cpu, requests, rows

pytestmark = pytest.mark.unit

PAGE = ROOT / "docs" / "reference" / "derived-metrics.md"
A, B, C = (f"{number:032x}" for number in (10, 11, 12))

PLANT = f"""
sites: {{mast: {{overhead: 1.5}}, hall: {{overhead: 1.2}}}}
hosts:
  ru: {{site: mast, power: [{{pdu: p, outlets: ["1"]}}], static_watts: 60}}
  edge: {{site: hall, power: [{{pdu: p, outlets: ["2"]}}], static_watts: 100}}
  core: {{site: hall, power: [{{pdu: p, outlets: ["3"]}}]}}
  gpu: {{site: mast, power: [{{pdu: p, outlets: ["4"]}}]}}
  robot: {{site: mast, power: [{{watts: 'shelly_power_watts{{name="dock"}}'}}]}}
components:
  ru: {{role: ru, traffic: {{ioam: 1}}}}
  upf: {{role: upf, host: edge, traffic: {{ioam: 4}}}}
  amf: {{role: core-control, host: core, supports: [ru, upf]}}
  robot: {{role: device, traffic: {{ioam: 9}}}}
  qwen: {{role: model, host: gpu, requests: vllm}}
policy: bytes
applications:
  camera:
    labels: {{slice: video}}
    traces: [{{ioam_namespace: 123, id: "{A}"}}]
    path: [robot, ru, upf]
    sessions:
      active: sum(sessions{{dnn="camera"}})
      ended: sum(rate(session_ends_total{{dnn="camera"}}[$window]))
  stream: {{labels: {{slice: video}}, traces: [{{ioam_namespace: 123, id: "{B}"}}], path: [ru, upf]}}
  chat: {{labels: {{slice: video}}, models: [qwen]}}
  sensor: {{labels: {{slice: things}}, traces: [{{ioam_namespace: 123, id: "{C}"}}], path: [ru, upf]}}
"""


def plant() -> dict[str, str]:
    """The RU has 120 W, the edge 400 W, the core 52 W, and the robot's smart plug 30 W.

    Bytes/s at nodes 1 and 4: camera 600, stream 200, sensor 200, all 1000. Node 9 is the robot's own: camera alone.
    """
    series = {
        **outlet("p", "1", 120),
        **outlet("p", "2", 400),
        **outlet("p", "3", 52),
        **outlet("p", "4", 300),
        **requests("qwen", "chat", 1, 100),
        'shelly_power_watts{name="dock"}': "30x40",
        'sessions{dnn="camera"}': "12x40",
        'session_ends_total{dnn="camera"}': grow(0.1),
    }
    for number in (1, 4):
        series |= node(number, 10, 1000)
        for identifier, packets, volume in ((A, 6, 600), (B, 2, 200), (C, 2, 200)):
            series |= trace(identifier, number, packets, volume)
    return series | node(9, 6, 600) | trace(A, 9, 6, 600)


# Watts: camera robot 30, ru 72, upf 240; stream and sensor ru 24, upf 80 each. The AMF's 52 W follow 520 W:
# camera 31.2, stream and sensor 10.4 each.
CAMERA, OTHER = 30 + 72 + 240 + 31.2, 24 + 80 + 10.4


def everything() -> Case:
    """Segments, sessions, overhead, idle power and slices of one plant."""
    return Case(
        "derived",
        topology(PLANT),
        plant(),
        {
            (8, 'application:power_watts{application="camera"}'): {
                'application="camera",segment="device"': 30,
                'application="camera",segment="network"': 312,
                'application="camera",segment="support"': 31.2,
            },
            (8, "application:watts_per_session"): {'application="camera"': CAMERA / 12},
            (8, "application:joules_per_session"): {'application="camera"': CAMERA / 0.1},
            # The robot stands at the mast, with the RU.
            (8, 'sum by (application) (application:facility_power_watts{application!="unattributed"})'): rows(
                {
                    ("camera",): 1.5 * (30 + 72) + 1.2 * (240 + 31.2),
                    ("stream",): 1.5 * 24 + 1.2 * (80 + 10.4),
                    ("sensor",): 1.5 * 24 + 1.2 * (80 + 10.4),
                    ("chat",): 1.5 * 300,
                },
                "application",
            ),
            (8, "sum(application:facility_power_watts)"): {"": 1.5 * (120 + 30 + 300) + 1.2 * (400 + 52)},
            (8, "host:idle_to_load:ratio"): {'host="ru",site="mast"': 60 / 120, 'host="edge",site="hall"': 100 / 400},
            (8, "application:support_power:ratio"): rows(
                {("camera",): 31.2 / CAMERA, ("stream",): 10.4 / OTHER, ("sensor",): 10.4 / OTHER}, "application"
            ),
            # Without the robot, which is not a network function, and without chat, which only asks a model.
            (8, "slice:application_bits_per_joule"): {
                'slice="video"': 8 * 800 / (312 + 31.2 + OTHER),
                'slice="things"': 8 * 200 / OTHER,
            },
        },
    )


def without_one() -> Case:
    """A slice is a gap while one of its applications is; one that is whole stays. Sessions of 0 give no quotient."""
    series = plant()
    series['sessions{dnn="camera"}'] = "0x40"
    for name in [name for name in series if 'node_id="9"' in name]:
        del series[name]
    return Case(
        "derived-without-one",
        topology(PLANT),
        series,
        {
            (8, "slice:application_bits_per_joule"): {'slice="things"': 8 * 200 / OTHER},
            (8, 'application:facility_power_watts{application="camera"}'): {},
            (8, "application:watts_per_session"): {},
            (8, "application:joules_per_session"): {},
        },
    )


MACHINES = """
sites: {s: {}}
hosts:
  hv: {site: s, capacity: 32, static_watts: 160, power: [{pdu: p, outlets: ["1"]}]}
  bare: {site: s, power: [{pdu: p, outlets: ["2"]}]}
vms:
  vm-1: {host: hv, reservation: 8, capacity: 4, share: [{workload: machine_vm_1}]}
  vm-2: {host: hv, share: [{workload: machine_vm_2}]}
  vm-3: {host: bare, share: [{workload: machine_vm_3}]}
  empty: {host: hv, share: [{workload: machine_empty}]}
components:
  upf: {role: upf, host: vm-1, reservation: 1, share: [{workload: upf}], traffic: {ioam: 4}}
  cu: {role: cu, host: vm-1, reservation: 2, share: [{workload: cu}], traffic: {ioam: 5}}
  amf: {role: core-control, host: vm-2, supports: [upf]}
  smf: {role: core-control, host: vm-3, supports: [upf]}
"""


def machines() -> Case:
    """A machine has the watts of its components, and those that are left inside it."""
    series = {
        **outlet("p", "1", 400),
        **outlet("p", "2", 90),
        **cpu("hv", 10, machine_vm_1=5, machine_vm_2=1, machine_empty=1),
        **cpu("bare", 3, machine_vm_3=2),
        **cpu("vm-1", 4, upf=2, cu=1),
    }
    return Case(
        "machines",
        topology(MACHINES),
        series,
        {
            (3, "vm:power_watts"): rows(
                {
                    ("vm-1", "hv", "s", "static"): 160 * 8 / 32,
                    ("vm-1", "hv", "s", "dynamic"): 240 * 5 / 10,
                    ("vm-2", "hv", "s", "dynamic"): 240 * 1 / 10,
                    ("vm-3", "bare", "s", "undivided"): 90 * 2 / 3,
                },
                "vm", "host", "site", "part",
            ),
            # upf and cu are three quarters of the reservation and of the work inside vm-1.
            (3, 'sum(component:power_watts{component=~"upf|cu"})'): {"": (40 + 120) * 3 / 4},
        },
    )  # fmt: skip


def busy_guest() -> Case:
    """Where clocks differ, and a guest's components claim more than the host worked, the machine is the whole."""
    series = {
        **outlet("p", "1", 400),
        **outlet("p", "2", 90),
        **cpu("hv", 4, machine_vm_1=5, machine_vm_2=0, machine_empty=0),
        **cpu("bare", 3, machine_vm_3=2),
        **cpu("vm-1", 4, upf=3, cu=1),
    }
    return Case(
        "busy-guest",
        topology(MACHINES),
        series,
        {
            (3, 'vm:power_watts{vm="vm-1",part="dynamic"}'): {'vm="vm-1",host="hv",site="s",part="dynamic"': 240},
            (3, 'sum(component:power_watts{component=~"upf|cu",part="dynamic"})'): {"": 240},
        },
    )


TENSOR_PARALLEL = """
sites: {s: {}}
hosts:
  a:
    site: s
    static_watts: 100
    power: [{pdu: p, outlets: ["1"]}]
    gpus: {"0": {gpu: a, static_watts: 30}, "1": {gpu: a, static_watts: 30}}
  b: {site: s, power: [{pdu: p, outlets: ["2"]}], gpus: {"0": {gpu: b, in_plug: false}}}
  c: {site: s, power: [{pdu: p, outlets: ["3"]}]}
components:
  proxy: {role: gateway, host: c, supports: [qwen, llava]}
  qwen: {role: model, hosts: [a, b], share: [{workload: vllm}, {gpu: "0", workload: vllm}], requests: vllm}
  llava: {role: model, host: a, share: [{workload: llava}, {gpu: "1"}], requests: vllm}
applications:
  x: {models: [qwen]}
  y: {models: [qwen, llava]}
"""


def tensor_parallel() -> Case:
    """One model on a GPU of each of two servers: its watts on both follow its tokens, and the proxy's watts theirs."""
    series = {
        **outlet("p", "1", 500),
        **outlet("p", "2", 200),
        **outlet("p", "3", 40),
        **{
            f'gpu_{what}_total{{instance="{host}",gpu="{gpu}"}}': grow(rate)
            for host, gpu, watts in (("a", "0", 150), ("a", "1", 90), ("b", "0", 170))
            for what, rate in (("energy_joules", watts), ("measured_seconds", 1))
        },
        **cpu("a", 8, vllm=4, llava=2),
        **cpu("b", 5, vllm=5),
        **activity("a", "0", vllm=0.5),
        **activity("b", "0", vllm=0.8, other=0.2),
        **requests("qwen", "x", 3, 300),
        **requests("qwen", "y", 1, 100),
        **requests("llava", "y", 2, 50),
    }
    # Board of a: 500 - 150 - 90 = 260 W, 40 W of it idle, held by none: qwen 220 * 4/8, llava 220 * 2/8.
    # GPU 0 of a: qwen alone, 30 + 120. GPU 1: all of it llava's. Board of b: 200 W, all of its work qwen's.
    # GPU of b beside the plug: 170 W without idle watts, 0.8 of its work qwen's.
    qwen = {"a": 110, "a/gpu-0": 150, "b": 200, "b/gpu-0": 170 * 0.8}
    llava = {"a": 55, "a/gpu-1": 90}
    total = sum(qwen.values())
    models = {"x": total * 3 / 4, "y": total / 4 + 145}
    proxy = {name: 40 * watts / (total + 145) for name, watts in models.items()}
    return Case(
        "tensor-parallel",
        topology(TENSOR_PARALLEL),
        series,
        {
            (8, "sum by (component, host) (component:power_watts{component!='unattributed'})"): rows(
                {
                    **{("qwen", host): watts for host, watts in qwen.items()},
                    **{("llava", host): watts for host, watts in llava.items()},
                    ("proxy", "c"): 40,
                },
                "component", "host",
            ),
            (8, "application:power_watts{application!='unattributed'}"): rows(
                {
                    **{(name, "model"): watts for name, watts in models.items()},
                    **{(name, "support"): watts for name, watts in proxy.items()},
                },
                "application", "segment",
            ),
            (8, "application:joules_per_token"): rows(
                {("x",): (models["x"] + proxy["x"]) / 300, ("y",): (models["y"] + proxy["y"]) / 150}, "application"
            ),
            (8, "application:joules_per_inference"): rows(
                {("x",): (models["x"] + proxy["x"]) / 3, ("y",): (models["y"] + proxy["y"]) / 3}, "application"
            ),
        },
    )  # fmt: skip


def test_the_devices_of_the_page_make_a_sound_topology() -> None:
    """The page shows the devices alone; the rest is a site."""
    (text,) = re.findall(r"^```yaml\n(.*?)^```", PAGE.read_text(), flags=re.MULTILINE | re.DOTALL)
    _, problems = examine({"sites": {"hall": {}}, **yaml.safe_load(text)})
    assert not problems, [str(problem) for problem in problems]


DEVICES = f"""
sites: {{hall: {{}}}}
hosts:
  robot: {{site: hall, power: [{{watts: 'homeassistant_sensor_power_w{{entity="sensor.dock_power"}}'}}]}}
  camera: {{site: hall, power: [{{watts: 6}}]}}
  modem: {{site: hall, power: [{{watts: 'shelly_power_watts{{name="modem"}}'}}]}}
  edge: {{site: hall, power: [{{pdu: p, outlets: ["1"]}}]}}
components:
  robot:
    role: device
    policy: packets
    traffic: {{query: {{packets: 'label_replace(vector(1), "application", "a", "", "")'}}}}
  camera: {{role: device, traffic: {{ioam: 9}}}}
  modem: {{role: device, traffic: {{anchor: upf}}}}
  upf: {{role: upf, host: edge, traffic: {{ioam: 4}}}}
policy: bytes
applications:
  a: {{traces: [{{ioam_namespace: 123, id: "{A}"}}], path: [robot, camera, modem, upf]}}
  b: {{traces: [{{ioam_namespace: 123, id: "{B}"}}], path: [camera, upf]}}
"""


def devices() -> Case:
    """A robot on a smart plug is a's alone; a camera on a constant counts packets itself; a modem has an anchor."""
    series = {
        'homeassistant_sensor_power_w{entity="sensor.dock_power"}': "30x28 stale",
        'shelly_power_watts{name="modem"}': "8x40",
        **outlet("p", "1", 100),
        **node(4, 10, 1000),
        **trace(A, 4, 6, 600),
        **trace(B, 4, 2, 200),
        **node(9, 10, 500),
        **trace(A, 9, 3, 300),
        **trace(B, 9, 2, 200),
    }
    # Through the modem go 800 bytes/s: all of the UPF's but those of b, which has another path. a has 600 of them.
    devices = 30 + 6 * 300 / 500 + 8 * 600 / 800
    return Case(
        "devices",
        topology(DEVICES),
        series,
        {
            (6, 'application:power_watts{application="a"}'): {
                'application="a",segment="device"': devices,
                'application="a",segment="network"': 60,
            },
            (6, 'application:power_watts{application="b"}'): {
                'application="b",segment="device"': 6 * 200 / 500,
                'application="b",segment="network"': 20,
            },
            (6, 'application:power_modelled:ratio{application="a"}'): {'application="a"': 3.6 / (devices + 60)},
            # The packet that the robot's query makes up has no bits.
            (6, "application:bits:rate"): {'application="a"': 8 * 600, 'application="b"': 8 * 200},
            # The plug is lost at 7:00: its application is a gap, not one without a robot.
            (9, "application:power_watts{application!='unattributed',segment='device'}"): {
                'application="b",segment="device"': 2.4
            },
        },
    )


MODELS = """
sites: {north: {grams_per_kwh: 360, overhead: 1.5}, south: {grams_per_kwh: 36}}
hosts:
  a: {site: north, power: [{pdu: p, outlets: ["1"]}]}
  b: {site: north, power: [{pdu: p, outlets: ["2"]}]}
  c: {site: south, power: [{pdu: p, outlets: ["3"]}]}
components:
  qwen: {role: model, hosts: [a, b], requests: vllm}
  llava: {role: model, host: c, requests: vllm}
applications:
  x: {models: [qwen]}
"""


def models(dark: bool) -> Case:
    """One model on two hosts, which a stranger asks, too, beside one that x does not ask; `dark`: without a's meter."""
    watts = {"1": 250, "2": 350, "3": 90}
    series = {
        name: values for plug, each in watts.items() if not (dark and plug == "1")
        for name, values in outlet("p", plug, each).items()
    }  # fmt: skip
    series |= requests("qwen", "x", 2, 150) | requests("qwen", "stranger", 1, 50) | requests("llava", "stranger", 3, 30)
    qwen = {} if dark else {'component="qwen"': 600 / 3}
    tokens = {} if dark else {'component="qwen"': 600 / 200}
    north = {} if dark else {'basis="location",site="north"': 600 * 1.5 * 360 / 3.6e6}
    return Case(
        f"models-{dark}",
        topology(MODELS),
        series,
        {
            (8, "component:inferences:rate"): {'component="qwen"': 3, 'component="llava"': 3},
            (8, "component:tokens:rate"): {'component="qwen"': 200, 'component="llava"': 30},
            (8, "component:joules_per_inference"): {**qwen, 'component="llava"': 90 / 3},
            (8, "component:joules_per_token"): {**tokens, 'component="llava"': 90 / 30},
            (8, "site:co2_grams_per_second"): {**north, 'basis="location",site="south"': 90 * 36 / 3.6e6},
        },
    )


CASES = [
    models(dark=False),
    models(dark=True),
    everything(),
    without_one(),
    machines(),
    busy_guest(),
    tensor_parallel(),
    devices(),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_derived_figures_are_those_worked_out_by_hand(case: Case, promtool: Path, tmp_path: Path) -> None:
    """Each case in promtool."""
    run(promtool, tmp_path, [case])
