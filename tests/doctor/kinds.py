# SPDX-License-Identifier: Apache-2.0
"""Ways to set Joulepath up, all healthy: machines with workloads, Kubernetes, GPUs, machines in machines, queries.

Two applications send through a radio unit, a central unit and a UPF, and ask a model.
"""

from tests.doctor.setups import Kind
from tests.rules.world import Rates, capture, meter, outlet, vllm

APPLICATIONS = """\
applications:
  camera: {traces: [{ioam_namespace: 123, id: "%A"}], path: [ru, cu, upf], models: ["@llm"]}
  robot: {traces: [{ioam_namespace: 123, id: "%B"}], path: [ru, cu, upf], models: ["@llm"]}
"""

# Packets/s and bytes/s of each trace.
SENT = {"%A": (300.0, 240e3), "%B": (100.0, 80e3)}


def _traffic(node: str) -> Rates:
    """All that a node sees: a fifth of it has no trace."""
    rates = capture(0, 500, 400e3, SENT)
    return {series.replace('node_id="0"', f'node_id="{node}"'): rate for series, rate in rates.items()}


def _cpu(workloads: dict[str, float], idle: float) -> Rates:
    """A workload exporter: CPU seconds a second of each workload, and of the host by mode."""
    rates = {f'workload_cpu_seconds_total{{workload="{name}"}}': rate for name, rate in workloads.items()}
    rates['workload_host_cpu_seconds_total{mode="user"}'] = sum(workloads.values())
    rates['workload_host_cpu_seconds_total{mode="idle"}'] = idle
    rates["workload_measured_seconds_total"] = 1.0
    return rates


def _register(name: str, labels: str, watts: float) -> Rates:
    """A meter with the register of its device."""
    return meter(name, labels, watts) | {f"{name}_meter_energy_joules_total{{{labels}}}": watts}


def _pods(node: str, pods: dict[str, float], watts: float) -> Rates:
    """Kepler 0.10 or later on a node: watts of each pod (NAMESPACE/POD), and of the node, half of them active."""
    rates: Rates = {}
    for zone, part in (("package", 0.8), ("dram", 0.2)):
        for name, active in pods.items():
            namespace, pod = name.split("/")
            labels = f'node_name="{node}",pod_namespace="{namespace}",pod_name="{pod}",state="running",zone="{zone}"'
            rates[f"kepler_pod_cpu_joules_total{{{labels}}}"] = active * part
        own = f'node_name="{node}",zone="{zone}",path="/sys"'
        rates[f"kepler_node_cpu_active_joules_total{{{own}}}"] = sum(pods.values()) * part
        rates[f"kepler_node_cpu_joules_total{{{own}}}"] = watts * part
    return rates


def _old_pods(node: str, pods: dict[str, float], watts: float) -> Rates:
    """Kepler 0.9 on a node; its series of pods are those of containers."""
    rates: Rates = {}
    for zone, part in (("package", 0.8), ("dram", 0.2)):
        for name, active in pods.items():
            namespace, pod = name.split("/")
            labels = f'container_namespace="{namespace}",pod_name="{pod}",container_name="{pod}-c"'
            for mode, watt in (("dynamic", active), ("idle", 1.0)):
                rates[f'kepler_container_{zone}_joules_total{{{labels},mode="{mode}"}}'] = watt * part
        rates[f'kepler_node_{zone}_joules_total{{mode="dynamic"}}'] = sum(pods.values()) * part
        rates[f'kepler_node_{zone}_joules_total{{mode="idle"}}'] = (watts - sum(pods.values())) * part
    return rates


INTENSITY = "grid_carbon_intensity_average_grams_per_kilowatt_hour"

MODEL = vllm("@llm", 2, 300, "camera") | vllm("@llm", 1, 150, "robot")

# Workloads on one machine, all meters there are.
MACHINES = Kind(
    """\
sites: {lab: {grams_per_kwh: 380}}
hosts:
  ru: {site: lab, static_watts: 60, power: [{pdu: "@pdu", outlets: ["1"]}]}
  "@edge":
    site: lab
    capacity: 8
    static_watts: 120
    power: [{pdu: "@pdu", outlets: ["2", "3"]}]
    fallback: [{bmc: "@bmc"}, {rapl: "@edge", scale: 1.2, offset_watts: 60}]
  server: {site: lab, power: [{pdu: "@pdu", outlets: ["4"]}]}
components:
  ru: {role: ru, traffic: {anchor: upf}}
  cu: {role: cu, host: "@edge", reservation: 2, share: [{workload: cu.service}], traffic: {ioam: %1}}
  upf: {role: upf, host: "@edge", reservation: 4, share: [{workload: upf.service}], traffic: {ioam: %2}}
  "@llm": {role: model, host: server, requests: vllm}
"""
    + APPLICATIONS,
    {
        "@pdu": {
            **outlet(1, 100),
            **_register("pdu_outlet", 'outlet="2"', 150),
            **_register("pdu_outlet", 'outlet="3"', 150),
            **outlet(4, 250),
            **meter("pdu_inlet", 'inlet="1"', 660),
        },
        "@bmc": _register("bmc_chassis", 'chassis="1"', 290),
        "@edge": _cpu({"cu.service": 1, "upf.service": 2, "other": 0.5}, 4.5) | meter("rapl_host", "", 180),
        "@cu": _traffic("%1"),
        "@upf": _traffic("%2"),
        "@vllm": MODEL,
    },
    {"@pdu": {"pdu_up": 1}, "@upf": {'ioam_capture_info{interface="n3",backend="ebpf"}': 1}},
)

# Pods that move between two nodes, read by Kepler.
KUBERNETES = Kind(
    """\
sites: {lab: {grams_per_kwh: 380}}
hosts:
  ru: {site: lab, power: [{watts: 'sum(mast_power_watts{instance="@mast"})'}]}
  "@node-1": {site: lab, pool: core, capacity: 8, static_watts: 80, power: [{bmc: "@bmc-1"}]}
  "@node-2": {site: lab, pool: core, capacity: 8, static_watts: 80, power: [{bmc: "@bmc-2"}]}
  server: {site: lab, power: [{joules: 'strip_energy_joules_total{instance="@mast",socket="1"}'}]}
components:
  ru: {role: ru, traffic: {anchor: upf}}
  cu: {role: cu, host: "@node-1", reservation: 2, share: [{kepler_pod: "ran/cu-.*"}], traffic: {ioam: %1}}
  upf: {role: upf, pool: core, reservation: 4, share: [{kepler_pod: "core/upf-.*"}], traffic: {ioam: %2}}
  "@llm": {role: model, host: server, requests: vllm}
"""
    + APPLICATIONS,
    {
        "@mast": {'strip_energy_joules_total{socket="1"}': 250},
        "@bmc-1": meter("bmc_chassis", 'chassis="1"', 200),
        "@bmc-2": meter("bmc_chassis", 'chassis="1"', 120),
        "@kepler-1": _pods("@node-1", {"ran/cu-5d": 10, "core/upf-7c": 20, "core/nrf-1a": 10}, 90),
        "@kepler-2": _pods("@node-2", {"core/nrf-2b": 10}, 50),
        "@cu": _traffic("%1"),
        "@upf": _traffic("%2"),
        "@vllm": MODEL,
    },
    {"@mast": {"mast_power_watts": 100}},
)

# One node with Kepler 0.9.
OLD_KEPLER = Kind(
    """\
sites: {lab: {grid_zone: "@zone", source: made}}
hosts:
  "@node":
    site: lab
    capacity: 8
    static_watts: 80
    power: [{pdu: "@pdu", outlets: ["1"]}]
    kepler: {dialect: "0.9"}
components:
  ru: {role: ru, host: "@node", reservation: 1, share: [{kepler_pod: "ran/ru-.*"}], traffic: {ioam: %1}}
  cu: {role: cu, host: "@node", reservation: 1, share: [{kepler_pod: "ran/cu-.*"}], traffic: {anchor: upf}}
  upf: {role: upf, host: "@node", reservation: 1, share: [{kepler_container: "upf-.*"}], traffic: {ioam: %2}}
  "@llm": {role: model, host: "@node", reservation: 1, share: [{kepler_pod: "ai/vllm-.*"}], requests: vllm}
"""
    + APPLICATIONS,
    {
        "@pdu": outlet(1, 200),
        "@node": _old_pods("@node", {"ran/ru-1": 5, "ran/cu-1": 5, "core/upf-1": 20, "ai/vllm-1": 10}, 90),
        "@cu": _traffic("%1"),
        "@upf": _traffic("%2"),
        "@vllm": MODEL,
    },
    {"@cu": {f'{INTENSITY}{{grid_zone="@zone",source="made",boundary="lifecycle"}}': 380}},
)

# A server with two GPUs, which two models share; another vendor's exporter reads the second one.
GPUS = Kind(
    """\
sites: {lab: {grams_per_kwh: 380}}
hosts:
  "@gpu":
    site: lab
    capacity: 16
    static_watts: 200
    power: [{pdu: "@pdu", outlets: ["1", "2"]}]
    gpus:
      "0": {gpu: "@gpu", static_watts: 40}
      "1": {dcgm: "@gpu", static_watts: 40}
  ru: {site: lab, power: [{pdu: "@pdu", outlets: ["3"]}]}
components:
  ru: {role: ru, traffic: {ioam: %1}}
  "@llm":
    role: model
    host: "@gpu"
    reservation: 8
    share: [{workload: llm.service}, {gpu: "0", workload: llm.service}, {gpu: "1"}]
    requests: vllm
  "@llava":
    role: model
    host: "@gpu"
    reservation: 4
    share: [{workload: llava.service}, {gpu: "0", workload: llava.service}]
    requests: {vllm: {application_label: user}}
applications:
  camera: {traces: [{ioam_namespace: 123, id: "%A"}], path: [ru], models: ["@llm", "@llava"]}
  robot: {traces: [{ioam_namespace: 123, id: "%B"}], path: [ru], models: ["@llm"]}
""",
    {
        "@pdu": outlet(1, 400) | outlet(2, 400) | outlet(3, 100),
        "@gpu": {
            **_cpu({"llm.service": 3, "llava.service": 1}, 12),
            **meter("gpu", 'gpu="0"', 250),
            'DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION{Hostname="@gpu",gpu="1"}': 200e3,
            'gpu_activity_seconds_total{gpu="0",workload="llm.service"}': 0.5,
            'gpu_activity_seconds_total{gpu="0",workload="llava.service"}': 0.2,
        },
        "@ru": _traffic("%1"),
        "@vllm": MODEL,
        "@vllm-2": {
            series.replace("application", "user"): rate for series, rate in vllm("@llava", 1, 90, "camera").items()
        },
    },
)

# A host with a virtual machine, inside which the workload exporter counts, too.
MACHINES_IN_MACHINES = Kind(
    """\
sites: {lab: {grams_per_kwh: 380}}
hosts:
  "@metal":
    site: lab
    capacity: 8
    static_watts: 80
    power: [{power_model: "@metal"}]
vms:
  "@vm": {host: "@metal", reservation: 4, capacity: 4, share: [{workload: qemu-vm}]}
components:
  ru: {role: ru, host: "@metal", reservation: 1, share: [{workload: ru.service}], traffic: {ioam: %1}}
  cu: {role: cu, host: "@vm", reservation: 1, share: [{workload: cu.service}], traffic: {anchor: upf}}
  upf:
    role: upf
    host: "@vm"
    reservation: 2
    share: [{workload: upf.service}]
    traffic: {ioam: {node: %2, instance: "@upf"}}
  smf: {role: core-control, host: "@vm", reservation: 1, share: [{workload: smf.service}], supports: [ru, upf]}
  "@llm": {role: model, host: "@metal", reservation: 1, share: [{workload: llm.service}], requests: vllm}
"""
    + APPLICATIONS,
    {
        "@metal": _cpu({"qemu-vm": 3, "ru.service": 1, "llm.service": 1}, 3) | meter("modelled_host", "", 180),
        "@vm": _cpu({"cu.service": 1, "upf.service": 1, "smf.service": 0.5}, 1.5),
        "@cu": _traffic("%1"),
        "@upf": _traffic("%2"),
        "@vllm": MODEL,
    },
)

# Everything by queries of the user: power, work, packets, requests, sessions.
QUERIES = Kind(
    """\
sites: {lab: {grams_per_kwh: 380}}
hosts:
  "@cell":
    site: lab
    static_watts: 50
    power: [{watts: 'bench_power_watts{bench="@cell"}'}]
    active: {query: 'sum(rate(node_cpu_seconds_total{instance="@cell",mode!="idle"}[$window]))'}
    capacity: 4
components:
  ru:
    role: ru
    host: "@cell"
    reservation: 1
    share: [{query: 'rate(namedprocess_cpu_seconds_total{instance="@cell",groupname="ru"}[$window])'}]
    traffic: {anchor: upf}
  cu:
    role: cu
    host: "@cell"
    reservation: 1
    share: [{query: 'rate(namedprocess_cpu_seconds_total{instance="@cell",groupname="cu"}[$window])'}]
    traffic: {anchor: upf}
  upf:
    role: upf
    host: "@cell"
    reservation: 1
    share: [{query: 'rate(namedprocess_cpu_seconds_total{instance="@cell",groupname="upf"}[$window])'}]
    traffic:
      query:
        packets: 'rate(core_packets_total{instance="@core"}[$window])'
        bytes: 'rate(core_bytes_total{instance="@core"}[$window])'
  "@llm":
    role: model
    host: "@cell"
    reservation: 1
    share: [{query: 'rate(namedprocess_cpu_seconds_total{instance="@cell",groupname="llm"}[$window])'}]
    requests:
      query:
        requests: |-
          label_replace(rate(mesh_requests_total{instance="@core"}[$window]), "application", "$1", "source", "(.*)")
        tokens: |-
          label_replace(rate(mesh_tokens_total{instance="@core"}[$window]), "application", "$1", "source", "(.*)")
applications:
  camera:
    path: [ru, cu, upf]
    models: ["@llm"]
    sessions: {active: 'core_sessions{instance="@core",application="camera"}'}
  robot: {path: [ru, cu, upf], models: ["@llm"]}
""",
    {
        "@cell": {
            'node_cpu_seconds_total{mode="user",cpu="0"}': 3,
            'node_cpu_seconds_total{mode="idle",cpu="0"}': 1,
            **{f'namedprocess_cpu_seconds_total{{groupname="{name}"}}': 0.5 for name in ("ru", "cu", "upf", "llm")},
        },
        "@core": {
            **{
                f'core_packets_total{{application="{name}"}}': rate
                for name, rate in (("camera", 300), ("robot", 100), ("", 100))
            },
            **{
                f'core_bytes_total{{application="{name}"}}': rate
                for name, rate in (("camera", 3e5), ("robot", 1e5), ("", 1e5))
            },
            **{f'mesh_requests_total{{source="{name}"}}': rate for name, rate in (("camera", 2), ("robot", 1))},
            **{f'mesh_tokens_total{{source="{name}"}}': rate for name, rate in (("camera", 200), ("robot", 100))},
        },
    },
    {"@cell": {'bench_power_watts{bench="@cell"}': 160}, "@core": {'core_sessions{application="camera"}': 4}},
)


def _with_a_flow(rates: Rates) -> Rates:
    """The robot sends a flow in place of its trace."""
    labels = 'ioam_namespace="123",trace_id="%B"'
    return {
        name.replace("ioam_trace", "ioam_flow").replace(labels, 'flow="@robot"') if labels in name else name: rate
        for name, rate in rates.items()
    }


# The robot sends IPv4, which carries no trace.
FLOWS = Kind(
    MACHINES.topology.replace('robot: {traces: [{ioam_namespace: 123, id: "%B"}]', 'robot: {flows: ["@robot"]'),
    {**MACHINES.exporters, **{name: _with_a_flow(MACHINES.exporters[name]) for name in ("@cu", "@upf")}},
    MACHINES.gauges,
)
