# SPDX-License-Identifier: Apache-2.0
"""Set-ups with one thing broken, and the one finding that names it."""

from tests.doctor.kinds import FLOWS, GPUS, KUBERNETES, MACHINES, MACHINES_IN_MACHINES, OLD_KEPLER, QUERIES
from tests.doctor.setups import Setup
from tests.rules.world import meter, vllm

WATTS = 'bench_power_watts{bench="@cell"}'

METERS = [
    Setup(
        "outlet-that-the-pdu-lacks",
        MACHINES,
        topology={'outlets: ["2", "3"]': 'outlets: ["2", "9"]'},
        finds={"source/absent": "hosts.@edge.power[0]"},
    ),
    Setup(
        "pdu-of-another-name",
        MACHINES,
        topology={'"@pdu", outlets: ["1"]': '"@pud", outlets: ["1"]'},
        finds={"source/absent": "hosts.ru.power[0]"},
    ),
    Setup(
        "outlet-that-is-gone",
        MACHINES,
        away={"@pdu": 'outlet="4"'},
        finds={"source/stale": "hosts.server.power[0]"},
    ),
    Setup(
        "outlet-measured-seldom",
        MACHINES,
        counters={
            "@pdu": meter("pdu_outlet", 'outlet="4"', 75) | {'pdu_outlet_measured_seconds_total{outlet="4"}': 0.3}
        },
        finds={"source/sparse": "hosts.server.power[0]"},
    ),
    Setup(
        "device-that-is-not-reached",
        MACHINES,
        counters={
            "@pdu": {
                f'pdu_outlet_{name}_total{{outlet="{outlet}"}}': 0
                for name in ("energy_joules", "measured_seconds")
                for outlet in "1234"
            }
        },
        gauges={"@pdu": {"pdu_up{}": 0}},
        finds={"meter/unread": "targets.pdu.@pdu"},
    ),
    Setup(
        "outlet-without-a-plug",
        MACHINES,
        counters={
            "@pdu": {'pdu_outlet_energy_joules_total{outlet="4"}': 0, 'pdu_inlet_energy_joules_total{inlet="1"}': 410}
        },
        finds={"source/still": "hosts.server.power[0]"},
    ),
    Setup(
        "bmc-with-two-chassis",
        KUBERNETES,
        counters={"@bmc-1": meter("bmc_chassis", 'chassis="2"', 90)},
        finds={"source/ambiguous": "hosts.@node-1.power[0]"},
    ),
    Setup(
        "power-model-that-stands-still",
        MACHINES_IN_MACHINES,
        topology={"static_watts: 80": "static_watts: 0"},
        counters={"@metal": {"modelled_host_energy_joules_total{}": 0}},
        finds={"source/still": "hosts.@metal.power[0]"},
    ),
    Setup(
        "gpu-of-another-host",
        GPUS,
        topology={'{dcgm: "@gpu", static': '{dcgm: "@gup", static'},
        finds={"source/absent": "hosts.@gpu.gpus.1.dcgm"},
    ),
]

QUERIED = [
    Setup(
        "counter-with-another-label",
        KUBERNETES,
        topology={'socket="1"': 'socket="7"'},
        finds={"source/absent": "hosts.server.power[0].joules"},
    ),
    Setup(
        "metric-that-nobody-shows",
        KUBERNETES,
        topology={"sum(mast_power_watts{": "sum(mast_power_watt{"},
        finds={"source/absent": "hosts.ru.power[0].watts"},
    ),
    Setup(
        "query-that-divides-by-zero",
        QUERIES,
        topology={WATTS: f"{WATTS} / 0"},
        finds={"source/no-amount": "hosts.@cell.power[0].watts"},
    ),
    Setup(
        "query-of-which-the-sides-differ",
        QUERIES,
        topology={WATTS: f'{WATTS} * core_sessions{{instance="@core"}}'},
        finds={"source/no-amount": "hosts.@cell.power[0].watts"},
    ),
    Setup(
        "traffic-of-another-core",
        QUERIES,
        topology={'core_packets_total{instance="@core"}': 'core_packets_total{instance="@edge-core"}'},
        finds={"source/absent": "components.upf.traffic.query.packets"},
    ),
    Setup(
        "sessions-that-ended",
        QUERIES,
        topology={
            'core_sessions{instance="@core",application="camera"}': 'core_sessions{instance="@core",application="cam"}'
        },
        finds={"source/absent": "applications.camera.sessions.active"},
    ),
    Setup(
        "factor-of-another-source",
        OLD_KEPLER,
        topology={"source: made": "source: entsoe"},
        finds={"source/absent": "sites.lab.grid_zone"},
    ),
]

WORK = [
    Setup(
        "workload-of-another-name",
        MACHINES,
        topology={"workload: cu.service": "workload: central.service"},
        finds={"source/absent": "components.cu.share[0].workload"},
    ),
    Setup(
        "machine-without-the-workload-exporter",
        MACHINES,
        without={"@edge": "workload_"},
        finds={"source/absent": "hosts.@edge.active"},
    ),
    Setup(
        "pods-of-another-name",
        KUBERNETES,
        topology={"ran/cu-.*": "ran/central-.*"},
        finds={"source/absent": "components.cu.share[0].kepler_pod"},
    ),
    Setup(
        "node-that-kepler-calls-otherwise",
        KUBERNETES,
        topology={'power: [{bmc: "@bmc-1"}]': 'power: [{bmc: "@bmc-1"}], kepler: {node_name: "@node-1.example"}'},
        finds={"source/absent": "hosts.@node-1.kepler"},
    ),
    Setup(
        "kepler-in-the-other-dialect",
        OLD_KEPLER,
        topology={'    kepler: {dialect: "0.9"}\n': ""},
        finds={"source/absent": "hosts.@node.kepler"},
    ),
    Setup(
        "kepler-without-joules",
        OLD_KEPLER,
        counters={
            "@node": {
                f'kepler_node_{zone}_joules_total{{mode="{mode}"}}': 0
                for zone in ("package", "dram")
                for mode in ("dynamic", "idle")
            }
        },
        finds={"source/still": "hosts.@node.kepler"},
    ),
    Setup(
        "pods-that-run-nowhere",
        KUBERNETES,
        without={"@kepler-1": "core.*upf-7c"},
        finds={"component/away": "components.upf.share[0].kepler_pod"},
    ),
    Setup(
        "workload-that-is-not-on-the-gpu",
        GPUS,
        topology={'{gpu: "0", workload: llava.service}': '{gpu: "0", workload: llava}'},
        finds={"source/absent": "components.@llava.share[1].workload"},
    ),
    Setup(
        "virtual-machine-of-another-name",
        MACHINES_IN_MACHINES,
        topology={"workload: qemu-vm": "workload: qemu-vm-1"},
        finds={"source/absent": "vms.@vm.share[0].workload"},
    ),
    Setup(
        "workload-inside-a-virtual-machine",
        MACHINES_IN_MACHINES,
        topology={"workload: cu.service": "workload: cu"},
        finds={"source/absent": "components.cu.share[0].workload"},
    ),
]

TRAFFIC = [
    Setup(
        "node-of-another-id",
        MACHINES,
        topology={"traffic: {ioam: %2}": "traffic: {ioam: %7}"},
        finds={"traffic/node-absent": "components.upf.traffic.ioam"},
    ),
    Setup(
        "node-of-another-exporter",
        MACHINES_IN_MACHINES,
        topology={'instance: "@upf"': 'instance: "@upf-1"'},
        finds={"traffic/node-absent": "components.upf.traffic.ioam"},
    ),
    Setup(
        "node-that-two-exporters-count",
        MACHINES,
        counters={"@other": dict(MACHINES.exporters["@upf"])},
        finds={"source/ambiguous": "components.upf.traffic.ioam"},
    ),
    Setup(
        "trace-of-another-id",
        MACHINES,
        topology={"%B": "%C"},
        finds={"traffic/trace-absent": "applications.robot.traces[0]"},
    ),
    Setup(
        "trace-that-one-node-lacks",
        MACHINES,
        without={"@upf": "%A"},
        finds={"traffic/trace-absent": "applications.camera.traces[0]"},
    ),
    Setup(
        "trace-that-is-lost-on-its-way",
        MACHINES,
        counters={"@upf": dict.fromkeys((name for name in MACHINES.exporters["@upf"] if "%A" in name), 0.0)},
        finds={"traffic/trace-lost": "applications.camera.traces[0]"},
    ),
    Setup(
        "flow-of-another-name",
        FLOWS,
        topology={'flows: ["@robot"]': 'flows: ["@robots"]'},
        finds={"traffic/flow-absent": "applications.robot.flows[0]"},
    ),
    Setup(
        "flow-that-one-node-lacks",
        FLOWS,
        without={"@upf": "flow"},
        finds={"traffic/flow-absent": "applications.robot.flows[0]"},
    ),
    Setup(
        "flow-with-other-addresses-at-one-node",
        FLOWS,
        counters={"@upf": dict.fromkeys((name for name in FLOWS.exporters["@upf"] if "flow" in name), 0.0)},
        finds={"traffic/flow-lost": "applications.robot.flows[0]"},
    ),
    Setup(
        "flow-that-fits-no-packet",
        FLOWS,
        counters={
            node: dict.fromkeys((name for name in FLOWS.exporters[node] if "flow" in name), 0.0)
            for node in ("@cu", "@upf")
        },
        finds={"traffic/flow-silent": "applications.robot.flows[0]"},
    ),
    Setup(
        "packets-that-pass-unseen",
        MACHINES,
        counters={"@upf": {'ioam_interface_unseen_packets_total{interface="n3"}': 50}},
        finds={"traffic/unseen": "components.upf.traffic"},
    ),
    Setup(
        "interface-without-packets",
        MACHINES,
        counters={
            "@upf": {
                **dict.fromkeys((name for name in MACHINES.exporters["@upf"] if "seconds" not in name), 0.0),
                'ioam_interface_unseen_packets_total{interface="n3"}': 500,
            }
        },
        finds={"traffic/interface-silent": "components.upf.traffic"},
    ),
    Setup(
        "user-plane-that-polls",
        MACHINES,
        later={"@upf": {name: rate / 20 for name, rate in MACHINES.exporters["@upf"].items() if "seconds" not in name}},
        finds={"traffic/cpu-does-not-follow": "components.upf.share"},
    ),
    Setup(
        "model-of-another-name",
        MACHINES,
        topology={"requests: vllm": "requests: {vllm: {model_name: qwen}}"},
        finds={"source/absent": "components.@llm.requests"},
    ),
    Setup(
        "model-without-applications",
        MACHINES,
        without={"@vllm": "."},
        counters={
            "@vllm": {
                name.replace(',application="camera"', ""): rate for name, rate in vllm("@llm", 3, 450, "camera").items()
            }
        },
        finds={"model/unlabelled": "components.@llm.requests"},
    ),
    Setup(
        "application-of-another-name",
        MACHINES,
        without={"@vllm": "camera"},
        counters={"@vllm": vllm("@llm", 2, 300, "Cameras")},
        finds={"model/application-absent": "components.@llm.requests"},
    ),
    Setup(
        "traces-of-another-namespace",
        MACHINES,
        without={"@upf": "ioam_trace"},
        counters={
            "@upf": {
                name.replace('"123"', '"0"'): rate
                for name, rate in MACHINES.exporters["@upf"].items()
                if "trace" in name
            }
        },
        finds={"traffic/trace-absent": "applications.camera.traces[0]"},
    ),
    Setup(
        "bytes-that-are-dropped",
        MACHINES,
        without={"@upf": "ioam_node_bytes"},
        finds={"traffic/node-absent": "components.upf.traffic.ioam"},
    ),
    Setup(
        "joules-that-are-dropped",
        MACHINES,
        without={"@pdu": "pdu_outlet_energy"},
        finds={"source/absent": "hosts.ru.power[0]"},
    ),
    Setup(
        "packets-without-applications",
        QUERIES,
        without={"@core": "core_.*(camera|robot)"},
        topology={'    sessions: {active: \'core_sessions{instance="@core",application="camera"}\'}\n': ""},
        finds={"model/unlabelled": "components.upf.traffic"},
    ),
]

HOSTS = [
    Setup(
        "pdu-exporter-that-is-down",
        MACHINES,
        down=("@pdu",),
        finds={"target/down": "targets.pdu.@pdu"},
    ),
    Setup(
        "ioam-exporter-that-is-down",
        KUBERNETES,
        down=("@upf",),
        finds={"target/down": "targets.ioam.@upf"},
    ),
    Setup(
        "kepler-that-is-down",
        KUBERNETES,
        down=("@kepler-1",),
        finds={"target/down": "targets.kepler.@kepler-1"},
    ),
    Setup(
        "idle-power-above-all-power",
        MACHINES,
        topology={"static_watts: 60,": "static_watts: 600,"},
        finds={"host/static-above-power": "hosts.ru.static_watts"},
    ),
    Setup(
        "more-than-the-host-can-draw",
        MACHINES,
        topology={"static_watts: 60,": "static_watts: 60, max_watts: 80,"},
        finds={"host/power-above-max": "hosts.ru.max_watts"},
    ),
    Setup(
        "switch-that-feeds-more-than-it-draws",
        MACHINES,
        topology={"static_watts: 60,": "static_watts: 60, feeds: [server],"},
        finds={"host/negative": "hosts.ru.feeds"},
    ),
    Setup(
        "gpu-beside-the-plug",
        GPUS,
        counters={"@gpu": meter("gpu", 'gpu="0"', 2000)},
        finds={"host/negative": "hosts.@gpu.gpus"},
    ),
    Setup(
        "outlets-above-the-inlet",
        MACHINES,
        counters={"@pdu": meter("pdu_inlet", 'inlet="1"', 400)},
        finds={"sum/outlets-inlet": "hosts.ru.power[0]"},
    ),
    Setup(
        "outlets-in-milliwatts",
        MACHINES,
        counters={
            "@pdu": {
                name: 1000 * rate for name, rate in MACHINES.exporters["@pdu"].items() if "pdu_outlet_energy" in name
            }
        },
        finds={"sum/outlets-inlet": "hosts.ru.power[0]"},
    ),
    Setup(
        "components-that-work-more-than-their-host",
        QUERIES,
        counters={"@cell": {'namedprocess_cpu_seconds_total{groupname="cu"}': 50}},
        finds={"sum/work-host": "hosts.@cell"},
    ),
    Setup(
        "processor-above-the-plug",
        MACHINES,
        counters={"@edge": meter("rapl_host", "", 900)},
        finds={"sum/rapl-plug": "hosts.@edge.fallback[1]"},
    ),
    Setup(
        "kepler-above-the-plug",
        KUBERNETES,
        counters={"@kepler-1": {'kepler_node_cpu_joules_total{node_name="@node-1",zone="package",path="/sys"}': 900}},
        finds={"sum/kepler-plug": "hosts.@node-1.power"},
    ),
    Setup(
        "bmc-of-another-machine",
        MACHINES,
        counters={"@bmc": dict.fromkeys((name for name in MACHINES.exporters["@bmc"] if "joules" in name), 100.0)},
        finds={"sum/bmc-plug": "hosts.@edge.fallback[0]"},
    ),
    Setup(
        "register-in-another-unit",
        MACHINES,
        counters={"@pdu": {'pdu_outlet_meter_energy_joules_total{outlet="2"}': 1500}},
        finds={"sum/register-integral": "hosts.@edge.power[0]"},
    ),
]

BROKEN = [*METERS, *QUERIED, *WORK, *TRAFFIC, *HOSTS]
