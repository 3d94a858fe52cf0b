# SPDX-License-Identifier: Apache-2.0
"""The factory that the tests of the chain share, with its numbers worked out by hand.

Hosts
    ru-1    outlet 3: 100 W, idle 70 W                            static  70, dynamic  30
    edge-1  outlets 1 and 2: 160 + 140 = 300 W, idle 140 W        static 140, dynamic 160
Components
    ru-1    all of its host                                       static  70, dynamic  30        100 W
    du-1    reserves 8 of 16, works 25 of 50 J/s                  static  70, dynamic  80        150 W
    upf-1   reserves 4 of 16, works 10 of 50 J/s                  static  35, dynamic  32         67 W
    rest of edge-1                                                static  35, dynamic  48         83 W
Traffic at node 4: 1000 packets/s, 1,000,000 bytes/s, of which
    a (robot)    500 packets/s, 250,000 bytes/s                   packets 1/2,  bytes 1/4
    b (camera)   100 packets/s, 500,000 bytes/s                   packets 1/10, bytes 1/2
    no application's trace: 200 packets/s, 100,000 bytes/s, and packets without a trace
Applications (policy packets-bytes: static by packets, dynamic by bytes)
    ru-1    a 35 + 7.5 = 42.5     b 7 + 15 = 22       rest 35.5
    du-1    a 35 + 20  = 55       b 7 + 40 = 47       rest 48
    upf-1   a 17.5 + 8 = 25.5     b 3.5 + 16 = 19.5   rest 22
    in all  a 123                 b 88.5              rest 35.5 + 48 + 22 + 83 = 188.5         400 W
"""

from tests.rules.promtool import STEP, grow, node, outlet, trace

A = "0000000000000000000000000000000a"
B = "0000000000000000000000000000000b"
OTHER = "000000000000000000000000000000ff"

TOPOLOGY = f"""
sites:
  factory: {{grams_per_kwh: 380, market: location}}
  edge: {{grid_zone: DE, source: ember, overhead: 1.5, market: {{grams_per_kwh: 40}}}}
hosts:
  ru-1: {{site: factory, static_watts: 70, power: [{{pdu: pdu-1, outlets: ["3"]}}]}}
  edge-1: {{site: edge, static_watts: 140, capacity: 16, power: [{{pdu: pdu-2, outlets: ["1", "2"]}}]}}
components:
  ru-1: {{role: ru, traffic: {{anchor: upf-1}}}}
  du-1: {{role: du, host: edge-1, reservation: 8, share: [{{kepler_pod: "ran/du-.*"}}], traffic: {{anchor: upf-1}}}}
  upf-1: {{role: upf, host: edge-1, reservation: 4, share: [{{kepler_pod: "core/upf-.*"}}], traffic: {{ioam: 4}}}}
applications:
  a: {{traces: [{{ioam_namespace: 123, id: "{A}"}}], path: [ru-1, du-1, upf-1]}}
  b: {{traces: [{{ioam_namespace: 123, id: "{B}"}}], path: [ru-1, du-1, upf-1]}}
"""

INTENSITY = 'grid_carbon_intensity_average_grams_per_kilowatt_hour{grid_zone="DE",source="ember",boundary="lifecycle"}'


def pod(namespace: str, name: str, watts: float, zone: str = "package", state: str = "running") -> dict[str, str]:
    """The active power of a pod of Kepler's on edge-1."""
    labels = f'pod_namespace="{namespace}",pod_name="{name}",node_name="edge-1",zone="{zone}",state="{state}"'
    return {f"kepler_pod_cpu_joules_total{{{labels}}}": grow(watts)}


def kepler(watts: float, zone: str = "package") -> dict[str, str]:
    """The active power of edge-1 as Kepler sees it."""
    return {f'kepler_node_cpu_active_joules_total{{node_name="edge-1",zone="{zone}"}}': grow(watts)}


def power() -> dict[str, str]:
    """The plugs."""
    return {**outlet("pdu-1", "3", 100), **outlet("pdu-2", "1", 160), **outlet("pdu-2", "2", 140)}


def work() -> dict[str, str]:
    """The pods: a DU that was restarted, package and dram beside each other, and psys, which counts both again."""
    return {
        **pod("ran", "du-7c9", 18),
        **pod("ran", "du-5f1", 2, state="terminated"),
        **pod("ran", "du-7c9", 5, zone="dram"),
        **pod("core", "upf-0", 10),
        **pod("core", "upf-0", 400, zone="psys"),
        **pod("other", "du-x", 3),
        **kepler(40),
        **kepler(10, zone="dram"),
        **kepler(900, zone="psys"),
    }


def traffic() -> dict[str, str]:
    """The packets."""
    return {
        **trace(A, 4, 500, 250_000),
        **trace(B, 4, 100, 500_000),
        **trace(OTHER, 4, 200, 100_000),
        **node(4, 1000, 1e6),
    }


def carbon() -> dict[str, str]:
    """A live factor of 100 g/kWh for the edge."""
    return {INTENSITY: "100x40"}


def everything() -> dict[str, str]:
    """All series."""
    return {**power(), **work(), **traffic(), **carbon()}


def rates() -> dict[str, float]:
    """The counters, with what each grows by in a second."""
    steps = {name: values.removesuffix("x40") for name, values in everything().items()}
    return {name: float(step.removeprefix("0+")) / STEP for name, step in steps.items() if step.startswith("0+")}


def gauges() -> dict[str, float]:
    """The gauges, with their values."""
    counters = rates()
    return {name: float(text.removesuffix("x40")) for name, text in everything().items() if name not in counters}


def watts(application: str, component: str, host: str = "edge-1", site: str = "edge", segment: str = "network") -> str:
    """The labels of one row of `application_component:power_watts`."""
    ours = f'application="{application}",component="{component}",host="{host}",segment="{segment}",site="{site}"'
    return f"{ours}"
