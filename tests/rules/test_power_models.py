# SPDX-License-Identifier: Apache-2.0
"""A host without a meter, in promtool: the watts of its power model, and their method up to the applications."""

from pathlib import Path

import pytest

from tests.rules.promtool import Case, meter, node, outlet, run, topology, trace

pytestmark = pytest.mark.unit

A = "0000000000000000000000000000000a"
TRACES = f'[{{ioam_namespace: 123, id: "{A}"}}]'
TEXT = f"""
sites: {{s: {{}}}}
hosts:
  h:
    site: s
    static_watts: 60
    capacity: 8
    power: [{{power_model: h}}]
    gpus: {{"0": {{gpu: h}}}}
  m: {{site: s, power: [{{pdu: p, outlets: ["1"]}}], fallback: [{{power_model: m}}]}}
components:
  upf: {{role: upf, host: h, reservation: 4, traffic: {{ioam: 4}}, share: [{{workload: upf}}]}}
  du: {{role: du, host: m, traffic: {{ioam: 2}}}}
applications:
  a: {{traces: {TRACES}, path: [du, upf]}}
"""
HOST = 'host="h",site="s"'
ERROR = "abs(host:conservation_error_watts) > 1e-9 or abs(component:conservation_error_watts) > 1e-9"


def modelled() -> Case:
    """h draws 100 W by its model, and its GPU 40 W by its own meter, which the model does not hold.

    Idle 60 W, of which upf reserves a half: 30 W. Of 40 W beyond idle upf, half of the busy time, has 20 W: 50 W.
    The trace has a tenth of the node's packets and bytes: 5 W of upf. m draws 200 W by its plug, a tenth is 20 W.
    Modelled: 5 of 25 W.
    """
    cpu = {
        'workload_host_cpu_seconds_total{instance="h",mode="user"}': "0+30x40",
        'workload_host_cpu_seconds_total{instance="h",mode="idle"}': "0+30x40",
        'workload_cpu_seconds_total{instance="h",workload="upf"}': "0+15x40",
        'workload_cpu_seconds_total{instance="h",workload="other"}': "0+15x40",
    }
    series = {
        **meter("modelled_host", 'instance="h"', 100),
        **meter("modelled_host", 'instance="m"', 180),
        **meter("gpu", 'instance="h",gpu="0"', 40),
        **outlet("p", "1", 200),
        **cpu,
        **trace(A, 4, 1, 1000),
        **node(4, 10, 10_000),
        **trace(A, 2, 1, 1000),
        **node(2, 10, 10_000),
    }
    return Case(
        "power-model",
        topology(TEXT),
        series,
        {
            (4, "host:power_watts"): {HOST: 100, 'host="h/gpu-0",site="s"': 40, 'host="m",site="s"': 200},
            (4, "host:power_source:info"): {
                'host="h",method="modelled",tier="1"': 1,
                'host="h/gpu-0",method="measured",tier="1"': 1,
                'host="m",method="measured",tier="1"': 1,
            },
            (4, 'sum by (component, part) (component:power_watts{component="upf"})'): {
                'component="upf",part="static"': 30,
                'component="upf",part="dynamic"': 20,
            },
            (4, 'sum by (application) (application:power_watts{application="a"})'): {'application="a"': 25},
            (4, 'application:power_modelled:ratio{application="a"}'): {'application="a"': 0.2},
            (4, "sum(application_component:power_watts)"): {"": 340},
            (4, ERROR): {},
        },
    )


def wrong_machine() -> Case:
    """The exporter of h has no model: h is a gap and said to be missing. m's plug is dark: 180 W by its model."""
    case = modelled()
    series = {
        name: values
        for name, values in case.series.items()
        if not name.startswith(("pdu_", 'modelled_host_energy_joules_total{instance="h"'))
        and name != 'modelled_host_measured_seconds_total{instance="h"}'
    }
    return Case(
        "power-model-of-another-machine",
        case.topology,
        series,
        {
            (4, "host:power_watts"): {'host="h/gpu-0",site="s"': 40, 'host="m",site="s"': 180},
            (4, 'host:power_source:info{host="m"}'): {'host="m",method="modelled",tier="2"': 1},
            (4, 'host:missing:info{host="h"}'): {'host="h",source="1",tier="1"': 1},
            (4, 'component:power_watts{component="upf"}'): {},
            (4, 'application:power_watts{application="a"}'): {},
        },
    )


@pytest.mark.parametrize("case", [modelled(), wrong_machine()], ids=lambda case: case.name)
def test_watts_of_a_model_keep_their_method_and_sum(case: Case, promtool: Path, tmp_path: Path) -> None:
    run(promtool, tmp_path, [case])
