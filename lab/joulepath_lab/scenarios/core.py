# SPDX-License-Identifier: Apache-2.0
"""A 5G core in which only one of four applications carries IOAM.

All packets pass the first UPF, an uplink classifier (3GPP TS 23.501, clause 5.6.4.2); those of two data networks go on
to an anchor of their own. `assembly-line` is counted by its trace, `inspection` by a flow of its IPv4 addresses and
ports; `forklifts` by its QFI, at its anchor from the counters of an Open5GS; and `press`, an Ethernet session, by PFCP:
its tunnels and usage are known from N4 alone.
"""

from joulepath_lab.scenarios import gtpu, native
from joulepath_lab.scenarios.scenario import OCTETS, Core, Machine, Scenario
from joulepath_lab.scenarios.sessions import Session
from joulepath_lab.scenarios.streams import UPLINKS, Stream

_NETWORK = ("ru-1", "du-1", "cu-1", "upf-1", "upf-2", "upf-3")
_BOTH_WAYS = {"sent": "uplink", "received": "downlink"}

WAYS = ("trace", "flow", "qfi", "pfcp")
"""How its applications are counted. A lie in each: a stranger sends under an application's trace, a flow matches all
ports of a user, the Open5GS counts too much of an application, the reports of usage say too much."""
EVERY_WAY = "ways"
MUTATIONS = (*WAYS, EVERY_WAY)


def lies(mutation: str | None, way: str) -> bool:
    """Whether a mutation is a lie in that way of counting."""
    return mutation in {way, EVERY_WAY}


SCENARIO = Scenario(
    name="core",
    robot_address="fd4a:50:ff::1",
    stamping=("upf",),
    counters={"cu": {"core": _BOTH_WAYS}, "upf": {"access": {"received": "uplink", "sent": "downlink"}}},
    counted={"cu-1": "cu", "upf-1": "upf"},
    machines={
        **{name: native.SCENARIO.machines[name] for name in ("ru-1", "edge-1")},
        "core-1": Machine(
            150.0,
            {
                "upf-1": {"packets": 0.04, "bytes": 6e-5},
                "upf-2": {"packets": 0.05, "bytes": 9e-5},
                "upf-3": {"packets": 0.07, "bytes": 8e-5},
            },
            {"upf-1": 4 / 16, "upf-2": 4 / 16, "upf-3": 4 / 16},
            housekeeping_watts=11.0,
        ),
        "control-1": Machine(60.0, {"smf": {}}, {"smf": 4 / 8}, housekeeping_watts=6.0, signalling_watts={"smf": 14.0}),
        "gpu-1": native.SCENARIO.machines["gpu-1"],
    },
    outlets={**native.SCENARIO.outlets, 5: {"control-1": 1.0}, 6: {"core-1": 1.0}},
    pods={"edge-1": "ran", "core-1": "core", "control-1": "core"},
    model=native.MODEL,
    # Open5GS counts packets of the whole, but not of a QFI.
    amounts={**native.SCENARIO.amounts, "upf-2": (OCTETS, OCTETS)},
    supports={"smf": _NETWORK},
    relays=gtpu.SCENARIO.relays,
    streams=(
        Stream("assembly-camera", 5001, "assembly-line", UPLINKS[0].trace_id, 20, 8, 1200, 5, 60, 900),
        Stream("stranger", 5004, None, "f" * 32, 10, 3, 900),
        Stream("inspection-camera", 5002, "inspection", None, 10, 14, 700, 2, 150, 300, session=2),
        Stream("background", 5003, None, None, 20, 4, 400, session=2),
        Stream("forklift-cameras", 5005, "forklifts", None, 20, 6, 500, 10, 80, 200, session=3),
        Stream("scanners", 5006, None, None, 10, 5, 300, session=4),
        Stream("press-sensors", 5007, "press", None, 25, 4, 1000, 25, 200, 400, session=5),
        Stream("guests", 5008, None, None, 10, 5, 800, session=6),
    ),
    passing={
        "upf-2": frozenset({"forklift-cameras", "scanners"}),
        "upf-3": frozenset({"press-sensors", "guests"}),
    },
    sessions=(
        Session(1, "ipv6", "fd4a:50:ff::1", 9, "internet", "upf-1"),
        Session(2, "ipv4", "10.45.0.2", 9, "internet", "upf-1"),
        Session(3, "ipv4", "10.45.0.3", 5, "logistics", "upf-2"),
        Session(4, "ipv4", "10.45.0.4", 8, "logistics", "upf-2"),
        Session(5, "ethernet", "192.168.77.2", 7, "press", "upf-3", reported=True),
        Session(6, "ipv4", "10.45.0.6", 6, "guests", "upf-3", reported=True),
    ),
    flows={
        "inspection-v4": {"ue": ["10.45.0.2/32"], "protocol": "udp", "ports": [5002]},
        "forklifts-qfi": {"qfi": [5]},
    },
    core=Core(open5gs="upf-2", groups={"press": {"dnn": "press"}}),
)
