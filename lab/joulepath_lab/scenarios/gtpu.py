# SPDX-License-Identifier: Apache-2.0
"""A 5G path: ciphered from the device to the central unit, GTP-U from there to the user plane function.

Radio and distributed unit forward what they cannot read (PDCP's ciphering ends in the central unit: 3GPP TS 38.323), so
their traffic is that of an anchor, the UPF. On N3 the users' packets are clear inside GTP-U (TS 29.281), and bare on
N6. AMF and SMF see none of them: supporting components, with watts that hang on signalling alone.
"""

from joulepath_lab.network import nodes
from joulepath_lab.scenarios import native
from joulepath_lab.scenarios.scenario import End, Machine, Scenario
from joulepath_lab.scenarios.sessions import Session

_ROBOT, _CU_F1 = nodes.link_address("robot", "core"), nodes.link_address("cu", "access")
_CU_N3, _UPF = nodes.link_address("cu", "core"), nodes.link_address("upf", "access")
_NETWORK = ("ru-1", "du-1", "cu-1", "upf-1")

SCENARIO = Scenario(
    name="gtpu",
    robot_address="fd4a:50:ff::1",
    stamping=("upf",),
    counters={
        "cu": {"core": {"sent": "uplink", "received": "downlink"}},
        "upf": {"access": "uplink", "core": "downlink"},
    },
    counted={"cu-1": "cu", "upf-1": "upf"},
    machines={
        **native.SCENARIO.machines,
        "control-1": Machine(
            60.0,
            {"amf": {}, "smf": {}},
            {"amf": 2 / 8, "smf": 2 / 8},
            housekeeping_watts=6.0,
            signalling_watts={"amf": 14.0, "smf": 9.0},
        ),
    },
    outlets={**native.SCENARIO.outlets, 5: {"control-1": 1.0}},
    pods={"edge-1": "ran", "control-1": "core"},
    rapl="core-1",
    model=native.MODEL,
    amounts=native.SCENARIO.amounts,
    supports={"amf": _NETWORK, "smf": _NETWORK},
    sessions=(Session(1, "ipv6", "fd4a:50:ff::1", 9, "internet", "upf-1"),),
    relays={
        "robot": (End("user"), End("opaque", _ROBOT, _CU_F1)),
        "cu": (End("opaque", _CU_F1, _ROBOT), End("gtpu", _CU_N3, _UPF)),
        "upf": (End("gtpu", _UPF, _CU_N3), End("user")),
    },
)
