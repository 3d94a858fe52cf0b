# SPDX-License-Identifier: Apache-2.0
"""An IOAM-native transport: every node of the path forwards users' packets bare, and its kernel stamps them."""

from joulepath_lab.network import nodes
from joulepath_lab.scenarios.scenario import Machine, Scenario

_BOTH_WAYS = {"access": "uplink", "core": "downlink"}
MODEL = "qwen2.5-vl-7b"

SCENARIO = Scenario(
    name="native",
    robot_address=nodes.address("robot"),
    stamping=("ru", "du", "cu", "upf"),
    counters={"du": _BOTH_WAYS, "cu": _BOTH_WAYS, "upf": _BOTH_WAYS},
    counted={"du-1": "du", "cu-1": "cu", "upf-1": "upf"},
    machines={
        "ru-1": Machine(140.0, {"ru-1": {"packets": 0.08, "bytes": 8e-5}}, {"ru-1": 1.0}),
        "edge-1": Machine(
            220.0,
            {"du-1": {"packets": 0.05, "bytes": 9e-5}, "cu-1": {"packets": 0.09, "bytes": 2e-5}},
            {"du-1": 4 / 8, "cu-1": 2 / 8},
            housekeeping_watts=18.0,
        ),
        "core-1": Machine(85.0, {"upf-1": {"packets": 0.06, "bytes": 5e-5}}, {"upf-1": 1.0}),
        "gpu-1": Machine(180.0, {MODEL: {"tokens": 0.13, "prompts": 0.013}}, {MODEL: 1.0}),
    },
    outlets={1: {"ru-1": 1.0}, 2: {"edge-1": 0.55}, 3: {"edge-1": 0.45}, 4: {"gpu-1": 1.0}},
    rapl="core-1",
    pods={"edge-1": "ran"},
    model=MODEL,
    amounts={MODEL: ({"requests": 1}, {"tokens": 1, "prompts": 0.1})},
)
