# SPDX-License-Identifier: Apache-2.0
"""A smart factory: network functions, models and a virtual machine on one server behind one plug.

The topology is `examples/smart-factory.yaml`. It runs three times side by side, in topologies of their own: as it is,
with Kepler 0.9, and with `joulepath workload` in place of Kepler.
"""

from copy import deepcopy
from typing import Any

from joulepath_lab.network import nodes
from joulepath_lab.scenarios import native
from joulepath_lab.scenarios.scenario import Machine, Scenario
from joulepath_lab.scenarios.server import Graphics, Guest, Server

MODEL, DETECTOR = native.MODEL, "detector"
_RESERVED = {"du-1": 16 / 64, "cu-1": 8 / 64, "upf-1": 8 / 64, DETECTOR: 8 / 64, MODEL: 8 / 64}
# The machine holds 8 of 64 of the server, and its units 4 and 2 of its own 8.
_RESERVED_INSIDE = {"firewall": 8 / 64 * 4 / 8, "smf": 8 / 64 * 2 / 8}

SERVER = Server(
    machine="edge-1",
    cpus=64,
    joules_per_cpu_second=14.0,
    pods={"du-1": "ran/du-0", "cu-1": "ran/cu-0", "upf-1": "core/upf-0", DETECTOR: "ai/detector-0", MODEL: "ai/qwen-0"},
    guest=Guest(
        name="vm-1",
        cpus=8,
        units={"firewall": "firewall.service", "smf": "open5gs-smfd.service"},
        kernel_watts=6.0,
        overhead=1.15,
    ),
    gpu=Graphics(
        machine="edge-1/gpu-0",
        uuid="GPU-5e4a1f0c-7d0b-4a52-9a3e-b1f1b4f3c0de",
        name="NVIDIA L40S",
        busy_watts=450.0,
        component=MODEL,
        other_pod="ai/training-0",
    ),
)


def _derive(written: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The three ways, at the lab's pace. The first one has a budget that is soon exceeded."""
    found = {}
    for name in ("kepler", "kepler-0.9", "workload"):
        way = deepcopy(written) | {"name": name, "interval": "1s", "window": "10s"}
        if name == "kepler-0.9":
            way["hosts"][SERVER.machine]["kepler"] = {"dialect": "0.9"}
        elif name == "workload":
            _without_kepler(way)
        found[name] = way
    small = {"application": "assembly-line", "energy": "1Wh", "per": "hour"}
    found["kepler"]["budgets"]["assembly-line-hour"] = small
    return found


def _without_kepler(way: dict[str, Any]) -> None:
    for vm in way["vms"].values():
        vm["share"] = [{"workload": share["kepler_vm"]} for share in vm["share"]]
    for name, component in way["components"].items():
        for share in component.get("share", ()):
            if share.pop("kepler_pod", None):
                share["workload"] = SERVER.pods[name]


SCENARIO = Scenario(
    name="factory",
    robot_address=nodes.address("robot"),
    stamping=native.SCENARIO.stamping,
    counters=native.SCENARIO.counters,
    counted=native.SCENARIO.counted,
    machines={
        "robot-1": Machine(60.0, {"robot-1": {"packets": 0.02, "bytes": 2e-5}}, {"robot-1": 1.0}),
        "ru-1": native.SCENARIO.machines["ru-1"],
        "edge-1": Machine(
            220.0,
            {
                "du-1": {"packets": 0.05, "bytes": 9e-5},
                "cu-1": {"packets": 0.09, "bytes": 2e-5},
                "upf-1": {"packets": 0.06, "bytes": 5e-5},
                DETECTOR: {"detections": 1.1},
                MODEL: {"requests": 2.0},
                "firewall": {"packets": 0.03},
                "smf": {},
            },
            _RESERVED | _RESERVED_INSIDE,
            housekeeping_watts=22.0,
            signalling_watts={"smf": 9.0},
        ),
        "edge-1/gpu-0": Machine(
            60.0, {MODEL: {"tokens": 0.13, "prompts": 0.013}}, {MODEL: 0.75}, housekeeping_watts=35.0
        ),
    },
    outlets={1: {"robot-1": 1.0}, 2: {"ru-1": 1.0}, 3: {"edge-1": 1.0, "edge-1/gpu-0": 1.0}},
    model=MODEL,
    detector=DETECTOR,
    amounts={
        MODEL: ({"requests": 1}, {"tokens": 1, "prompts": 0.1}),
        DETECTOR: ({"detections": 1}, {"detections": 1}),
    },
    supports={"smf": ("du-1", "cu-1", "upf-1", "firewall")},
    server=SERVER,
    derive=_derive,
)
