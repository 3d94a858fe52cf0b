# SPDX-License-Identifier: Apache-2.0
"""Two tasks, two models, two data rates: a camera counts parts, and another one describes the scene.

The coefficients are illustrative: they are chosen so that the network draws as much as the small model for the simple
task, and about a quarter of what the large model draws for the complex one. No device was measured for them. The grid
of the network emits eight times as much as that of the models.
"""

from dataclasses import replace

from joulepath_lab.network import nodes
from joulepath_lab.scenarios import native
from joulepath_lab.scenarios.scenario import Machine, Question, Scenario
from joulepath_lab.scenarios.streams import UPLINKS, Stream

LARGE, SMALL = native.MODEL, "detector"
SIMPLE, WASTEFUL, COMPLEX = "count-parts", "count-parts-large", "describe-scene"
"""The simple task with the small model, the same with the large one and twice the data, and the complex task."""

SCENARIO = Scenario(
    name="choice",
    robot_address=nodes.address("robot"),
    stamping=native.SCENARIO.stamping,
    counters=native.SCENARIO.counters,
    counted=native.SCENARIO.counted,
    machines={
        "ru-1": Machine(60.0, {"ru-1": {"packets": 0.1, "bytes": 5e-5}}, {"ru-1": 1.0}),
        "edge-1": Machine(
            60.0,
            {"du-1": {"packets": 0.08, "bytes": 3e-5}, "cu-1": {"packets": 0.05, "bytes": 1e-5}},
            {"du-1": 5 / 8, "cu-1": 3 / 8},
        ),
        "core-1": Machine(25.0, {"upf-1": {"packets": 0.06, "bytes": 3e-5}}, {"upf-1": 1.0}),
        "gpu-1": Machine(100.0, {LARGE: {"tokens": 0.887}}, {LARGE: 1.0}),
        "gpu-2": Machine(21.0, {SMALL: {"detections": 4.2}}, {SMALL: 1.0}),
    },
    outlets={**native.SCENARIO.outlets, 5: {"gpu-2": 1.0}},
    rapl="core-1",
    pods={"edge-1": "ran"},
    model=LARGE,
    detector=SMALL,
    amounts={LARGE: ({"tokens": 1}, {"tokens": 1}), SMALL: ({"detections": 1}, {"detections": 1})},
    streams=(
        Stream("simple-camera", 5001, SIMPLE, "4bf92f3577b34da6a3ce929d0e0e4736", 20, 3, 1200, detection_every=2),
        Stream("wasteful-camera", 5002, WASTEFUL, "0af7651916cd43dd8448eb211c80319c", 20, 6, 1200, 5, 32),
        Stream("complex-camera", 5005, COMPLEX, "b7ad6b7169203331b7ad6b7169203331", 20, 3, 1200, 20, 200),
        replace(UPLINKS[2], packets_per_frame=1, detection_every=0),
    ),
    illustrative=True,
    questions=(
        Question("simple", WASTEFUL, data_rate=0.43, instead=(LARGE, SMALL)),
        Question("complex", COMPLEX, data_rate=0.43),
    ),
)
