# SPDX-License-Identifier: Apache-2.0
"""Supporting functions that move, that are in virtual machines and on GPUs, with numbers worked out by hand."""

from pathlib import Path

import pytest

from tests.rules.promtool import Case, meter, node, outlet, run, topology, trace
from tests.rules.test_placements import ERROR, activity, cpu, requests, rows

pytestmark = pytest.mark.unit

A, B = (f"{number:032x}" for number in (10, 11))
SUPPORT = 'sum by (application, component, host) (application_component:power_watts{segment="support"})'
SHAPE = "application", "component", "host"


def traffic() -> dict[str, str]:
    """Bytes/s at node 4: a 600, b 200, all 1000. At node 5: a 500, all 1000."""
    return {
        **node(4, 10, 1000),
        **trace(A, 4, 6, 600),
        **trace(B, 4, 2, 200),
        **node(5, 10, 1000),
        **trace(A, 5, 5, 500),
    }


APPLICATIONS = f"""
policy: bytes
applications:
  a: {{traces: [{{ioam_namespace: 123, id: "{A}"}}], path: [upf, cu]}}
  b: {{traces: [{{ioam_namespace: 123, id: "{B}"}}], path: [upf]}}
"""

POOL = f"""
sites: {{s: {{}}}}
hosts:
  e1: {{site: s, pool: edge, capacity: 8, static_watts: 80, power: [{{pdu: p, outlets: ["1"]}}]}}
  e2: {{site: s, pool: edge, capacity: 8, static_watts: 80, power: [{{pdu: p, outlets: ["2"]}}]}}
components:
  upf: {{role: upf, pool: edge, reservation: 2, share: [{{workload: upf}}], traffic: {{ioam: 4}}}}
  cu: {{role: cu, host: e1, share: [{{workload: cu}}], traffic: {{ioam: 5}}}}
  smf: {{role: core-control, pool: edge, reservation: 1, share: [{{workload: smf}}], supports: [upf]}}
  clock: {{role: timing, host: e2, share: [{{workload: clock}}], supports: [upf, cu]}}
{APPLICATIONS}
"""


def pool(upf: float = 1) -> dict[str, str]:
    """e1 has 200 W, e2 160 W; `upf` is a factor of the UPF's work. The SMF runs on e2 alone until 5:00, then on e1."""
    still, moves = "0x20 0+15x20", "0+15x20 300x20"
    return {
        **outlet("p", "1", 200),
        **outlet("p", "2", 160),
        **cpu("e1", 10, upf=4 * upf, cu=2),
        **cpu("e2", 8, upf=2 * upf, clock=1),
        'workload_cpu_seconds_total{instance="e1",workload="smf"}': still,
        'workload_cpu_seconds_total{instance="e2",workload="smf"}': moves,
        **traffic(),
    }


def moving() -> Case:
    """An SMF that moves follows its UPF, which runs on two hosts, wherever each of them is."""
    # Static 80 W on both. upf: on e1 80 * 2/8 + 120 * 4/10 = 68, on e2 80 * 2/8 + 80 * 2/8 = 40. cu 120 * 2/10 = 24.
    # smf: on e2 80 * 1/8 + 80 * 1/8 = 20, later on e1 80 * 1/8 + 120 * 1/10 = 22. clock 80 * 1/8 = 10.
    a, b = 108 * 0.6 + 24 * 0.5, 108 * 0.2
    clock = {"a": 10 * a / 132, "b": 10 * b / 132, "unattributed": 10 * (1 - (a + b) / 132)}
    parts = {"a": 0.6, "b": 0.2, "unattributed": 0.2}

    def expected(e1: float, e2: float) -> dict[str, float]:
        """The rows while the SMF has these watts on each host."""
        return rows(
            {
                **{(name, "smf", "e1"): e1 * part for name, part in parts.items()},
                **{(name, "smf", "e2"): e2 * part for name, part in parts.items()},
                **{(name, "clock", "e2"): watts for name, watts in clock.items()},
            },
            *SHAPE,
        )

    return Case(
        "moving",
        topology(POOL),
        pool(),
        {
            (4.75, SUPPORT): expected(0, 20),
            (9, SUPPORT): expected(22, 0),
            # Never a gap on the way, and never a watt too many.
            (9, 'count_over_time(application:complete:info{application="a"}[6m])'): {'application="a"': 25},
            (9, f"max_over_time(({ERROR})[6m:15s])"): {},
            (9, "sum(application_component:power_watts)"): {"": 360},
        },
    )


def idle() -> Case:
    """A UPF without a pod needs no SMF: its watts belong to no application. The clock follows what is left."""
    # upf 0 W; on e1 cu 120 * 2/10 = 24. a has half of cu.
    return Case(
        "idle",
        topology(POOL),
        pool(upf=0),
        {
            (4.75, SUPPORT): rows(
                {
                    **{(name, "smf", "e1"): 0 for name in ("a", "b", "unattributed")},
                    **{(name, "smf", "e2"): 0 for name in ("a", "b")},
                    ("unattributed", "smf", "e2"): 20,
                    ("a", "clock", "e2"): 5,
                    ("b", "clock", "e2"): 0,
                    ("unattributed", "clock", "e2"): 5,
                },
                *SHAPE,
            ),
            (4.75, ERROR): {},
        },
    )


MACHINES = f"""
sites: {{s: {{}}}}
hosts: {{hv: {{site: s, capacity: 32, static_watts: 160, power: [{{pdu: p, outlets: ["1"]}}]}}}}
vms:
  vm-1: {{host: hv, reservation: 8, capacity: 4, share: [{{workload: machine_1}}]}}
  vm-2: {{host: hv, reservation: 4, share: [{{workload: machine_2}}]}}
components:
  upf: {{role: upf, host: vm-1, reservation: 1, share: [{{workload: upf}}], traffic: {{ioam: 4}}}}
  cu: {{role: cu, host: vm-1, reservation: 2, share: [{{workload: cu}}], traffic: {{ioam: 5}}}}
  amf: {{role: core-control, host: vm-2, supports: [upf, cu]}}
{APPLICATIONS}
"""


def machines(amf: float = 2) -> dict[str, str]:
    """The host has 400 W; vm-1 does half of its work, and vm-2 does `amf` of 10 s/s."""
    return {
        **outlet("p", "1", 400),
        **cpu("hv", 10, machine_1=5, machine_2=amf),
        **cpu("vm-1", 4, upf=2, cu=1),
        **traffic(),
    }


def virtual() -> Case:
    """An AMF alone in a virtual machine follows the functions in another one."""
    # vm-1: static 160 * 8/32 = 40, dynamic 240 * 5/10 = 120. upf 10 + 60 = 70, cu 20 + 30 = 50.
    # vm-2, all of it the AMF's: 160 * 4/32 + 240 * 2/10 = 68.
    a, b = 70 * 0.6 + 50 * 0.5, 70 * 0.2
    return Case(
        "virtual",
        topology(MACHINES),
        machines(),
        {
            (3, SUPPORT): rows(
                {
                    ("a", "amf", "hv"): 68 * a / 120,
                    ("b", "amf", "hv"): 68 * b / 120,
                    ("unattributed", "amf", "hv"): 68 * (120 - a - b) / 120,
                },
                *SHAPE,
            ),
            (3, "sum(application_component:power_watts)"): {"": 400},
            (3, ERROR): {},
        },
    )


GPU = """
sites: {s: {}}
hosts:
  srv: {site: s, static_watts: 200, power: [{pdu: p, outlets: ["1"]}], gpus: {"0": {gpu: srv, static_watts: 50}}}
components:
  qwen: {role: model, host: srv, share: [{workload: qwen}, {gpu: "0", workload: qwen}], requests: vllm}
  llava: {role: model, host: srv, share: [{gpu: "0", workload: llava}], requests: vllm}
  guard: {role: model, host: srv, share: [{workload: guard}, {gpu: "0", workload: guard}], supports: [qwen]}
policy: bytes
applications:
  a: {models: [qwen]}
  b: {models: [qwen, llava]}
"""


def on_gpu() -> Case:
    """A safety model on the GPU of the model that it guards has watts on board and GPU; both follow that model's."""
    series = {
        **outlet("p", "1", 600),
        **meter("gpu", 'instance="srv",gpu="0"', 300),
        **cpu("srv", 8, qwen=3, guard=1),
        **activity("srv", "0", qwen=0.3, llava=0.1, guard=0.1),
        **requests("qwen", "a", 3, 300),
        **requests("qwen", "b", 1, 100),
        **requests("llava", "b", 2, 50),
    }
    # Board: 300 W, 150 W of it at work. GPU: 50 W idle in three equal parts, 250 W at work.
    # guard: board 150 * 1/8 = 18.75; GPU 50/3 + 250 * 0.1/0.5 = 66.667. a has three quarters of qwen's tokens.
    board, gpu = 18.75, 50 / 3 + 50
    return Case(
        "on-gpu",
        topology(GPU),
        series,
        {
            (3, SUPPORT): rows(
                {
                    ("a", "guard", "srv"): board * 3 / 4,
                    ("b", "guard", "srv"): board / 4,
                    ("unattributed", "guard", "srv"): 0,
                    ("a", "guard", "srv/gpu-0"): gpu * 3 / 4,
                    ("b", "guard", "srv/gpu-0"): gpu / 4,
                    ("unattributed", "guard", "srv/gpu-0"): 0,
                },
                *SHAPE,
            ),
            # qwen: board 150 * 3/8, GPU 50/3 + 150. The guard's energy is in that of an inference.
            (8, "application:joules_per_inference"): {
                'application="a"': (56.25 + 50 / 3 + 150 + board + gpu) * 3 / 4 / 3,
                'application="b"': ((56.25 + 50 / 3 + 150 + board + gpu) / 4 + 50 / 3 + 50) / 3,
            },
            (3, ERROR): {},
        },
    )


def unread() -> Case:
    """A gap in one supporting function makes its applications incomplete, and loses no watt of the host."""
    series = {name: values for name, values in machines().items() if "machine_2" not in name}
    return Case(
        "unread",
        topology(MACHINES),
        series,
        {
            (3, SUPPORT): {},
            (3, 'application:power_watts{application!="unattributed"}'): {},
            (3, "application:missing:info"): rows({("a", "amf", "hv"): 1, ("b", "amf", "hv"): 1}, *SHAPE),
            (3, "sum(application_component:power_watts)"): {"": 400},
            (3, ERROR): {},
        },
    )


CASES = [moving(), idle(), virtual(), on_gpu(), unread()]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_supporting_functions_follow_what_they_support(case: Case, promtool: Path, tmp_path: Path) -> None:
    """Each case in promtool."""
    run(promtool, tmp_path, [case])
