# SPDX-License-Identifier: Apache-2.0
"""Components that move, meet and scale, in promtool, with numbers worked out by hand.

Two hosts: e1 has 100 W, 40 W of them idle; e2 has 200 W, 60 W of them idle. Kepler sees 40 W of work on each, of which
a pod does 10 W where it runs. The capacity of each is 8.
"""

from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.rules.promtool import Case, grow, meter, outlet, run, topology
from tests.rules.test_placements import ERROR, WATTS, activity, requests, rows

pytestmark = pytest.mark.unit

Expect = dict[tuple[float, str], Mapping[str, float]]

HOSTS = """
sites: {s: {}}
hosts:
  e1: {site: s, pool: edge, capacity: 8, static_watts: 40, power: [{pdu: p, outlets: ["1"]}]}
  e2: {site: s, pool: edge, capacity: 8, static_watts: 60, power: [{pdu: p, outlets: ["2"]}]}
"""
RUNNING = "0+150x40"
"""The joules of a pod at 10 W."""


def pod(name: str, node: str) -> str:
    """The counter of a pod on a node."""
    labels = f'pod_namespace="core",pod_name="{name}",node_name="{node}",zone="package"'
    return f"kepler_pod_cpu_joules_total{{{labels}}}"


def hosts() -> dict[str, str]:
    """Plugs and all work of both hosts."""
    whole = 'kepler_node_cpu_active_joules_total{{node_name="{}",zone="package"}}'.format
    return {**outlet("p", "1", 100), **outlet("p", "2", 200), whole("e1"): grow(40), whole("e2"): grow(40)}


def watts(name: str) -> str:
    """The watts of a component on each host."""
    return f'sum by (component, host) (component:power_watts{{component="{name}"}})'


def apart() -> Case:
    """A component of two kinds of pods, of which one runs on each host: neither makes 0 of the other."""
    text = (
        "upf: {role: upf, pool: edge, reservation: 2, share: [{kepler_pod: core/user-.*}, {kepler_pod: core/proxy-.*}]}"
    )
    series = {**hosts(), pod("user-1", "e1"): RUNNING, pod("proxy-1", "e2"): "0+75x40"}
    # On e1 40 * 2/8 + 60 * 10/40 = 25 W, on e2 60 * 2/8 + 140 * 5/40 = 32.5 W.
    expect: Expect = {(4.0, watts("upf")): rows({("upf", "e1"): 25, ("upf", "e2"): 32.5}, "component", "host")}
    return Case("apart", topology(f"{HOSTS}components:\n  {text}\n"), series, expect)


def met() -> Case:
    """Two components that meet on one host reserve more than it has: they share its idle watts, and no more."""
    text = (
        "upf: {role: upf, pool: edge, reservation: 6, share: [{kepler_pod: core/upf-.*}]}\n"
        "  cu: {role: cu, pool: edge, reservation: 6, share: [{kepler_pod: core/cu-.*}]}"
    )
    series = {**hosts(), pod("upf-1", "e1"): RUNNING, pod("cu-1", "e1"): RUNNING}
    # Each holds a half of 40 W in place of three quarters, and does a quarter of the work.
    expect: Expect = {
        (4, WATTS): rows(
            {
                ("upf", "e1"): 20 + 15, ("cu", "e1"): 20 + 15, ("unattributed", "e1"): 30,
                ("upf", "e2"): 0, ("cu", "e2"): 0, ("unattributed", "e2"): 200,
            },
            "component", "host",
        ),
        (4, ERROR): {},
    }  # fmt: skip
    return Case("met", topology(f"{HOSTS}components:\n  {text}\n"), series, expect)


def passing() -> Case:
    """A component that was on e1 in the first half of the window, and on e2 in the second, holds a half on each."""
    text = "upf: {role: upf, pool: edge, reservation: 4, share: [{workload: upf}]}"
    busy = {f'workload_host_cpu_seconds_total{{instance="{host}",mode="user"}}': grow(4) for host in ("e1", "e2")}
    series = {
        **outlet("p", "1", 100), **outlet("p", "2", 200), **busy,
        'workload_cpu_seconds_total{instance="e1",workload="upf"}': "0+15x16 240x24",
        'workload_cpu_seconds_total{instance="e2",workload="upf"}': "0x16 15+15x24",
    }  # fmt: skip
    # At 5:00, since 3:00: 60 s on each, at 1 s/s of 4. Static 40 * 4/8 / 2 = 10 W on e1, 60 * 4/8 / 2 = 15 W on e2.
    # Dynamic 60 * 1/4 / 2 = 7.5 W, and 140 * 1/4 / 2 = 17.5 W.
    static = 'sum(component:power_watts{component="upf",part="static"})'
    expect: Expect = {
        (3.5, watts("upf")): rows({("upf", "e1"): 35, ("upf", "e2"): 0}, "component", "host"),
        (5, 'sum by (host) (component:power_watts{component="upf",part="dynamic"})'): rows(
            {("e1",): 7.5, ("e2",): 17.5}, "host"
        ),
        (9, watts("upf")): rows({("upf", "e1"): 0, ("upf", "e2"): 65}, "component", "host"),
        # Never both at once: 20 W on e1, 30 W on e2, or a mean. A step that saw both counts on both: a ninth at most.
        (9, f"count(max_over_time(({static} > 33.34 or {static} < 19)[6m:15s]))"): {},
    }
    return Case("passing", topology(f"{HOSTS}components:\n  {text}\n"), series, expect)


def named() -> Case:
    """A query names the host, and so reads the work there alone. While its exporter is not read, it is a gap, not 0."""
    query = """'rate(work_total{node="$host",app="upf"}[$window])'"""
    text = f"{HOSTS}components:\n  upf: {{role: upf, pool: edge, reservation: 2, share: [{{query: {query}}}]}}\n"
    for host in ("e1", "e2"):
        active = f"active: {{query: 'rate(all_work_total{{node=\"{host}\"}}[$window])'}}"
        text = text.replace(f"{host}: {{", f"{host}: {{{active}, ")
    series = {
        **outlet("p", "1", 100), **outlet("p", "2", 200),
        'all_work_total{instance="n",node="e1"}': grow(8), 'all_work_total{instance="n",node="e2"}': grow(8),
        'work_total{instance="c",node="e1",app="upf"}': "0+30x20 stale 630+30x19",
    }  # fmt: skip
    expect: Expect = {
        (4.0, watts("upf")): rows({("upf", "e1"): 10 + 15, ("upf", "e2"): 0}, "component", "host"),
        (5.25, watts("upf")): rows({("upf", "e2"): 0}, "component", "host"),
        (9.0, watts("upf")): rows({("upf", "e1"): 25, ("upf", "e2"): 0}, "component", "host"),
    }
    return Case("named", topology(text), series, expect)


PODS = f"""{HOSTS}components:
  upf: {{role: upf, pool: edge, reservation: {{kube: cpu}}, share: [{{kepler_pod: "core/upf-.*"}}]}}
"""


def state(instance: str, length: str = "x40") -> dict[str, str]:
    """The series of kube-state-metrics: of four pods on e1 two run, one of them with two containers; one runs on e2.

    upf-d moved to e2 and kept its name.
    """
    series = {f'kube_node_info{{instance="{instance}",node="{node}"}}': f"1{length}" for node in ("e1", "e2")}
    pods = {
        ("upf-a", "1", "e1", "Running"): {"upf": 1.0, "log": 0.5},
        ("upf-b", "2", "e1", "Running"): {"upf": 0.5},
        ("upf-c", "3", "e1", "Pending"): {"upf": 2.0},
        ("upf-d", "4", "e1", "Failed"): {"upf": 4.0},
        ("upf-d", "5", "e2", "Running"): {"upf": 4.0},
        ("cu-a", "6", "e1", "Running"): {"cu": 1.0},
    }
    for (pod_name, uid, node, phase), containers in pods.items():
        labels = f'instance="{instance}",namespace="core",pod="{pod_name}",uid="{uid}"'
        for each in ("Pending", "Running", "Succeeded", "Failed", "Unknown"):
            series[f'kube_pod_status_phase{{{labels},phase="{each}"}}'] = f"{int(each == phase)}{length}"
        for container, cores in containers.items():
            more = f'container="{container}",node="{node}",resource="cpu",unit="core"'
            series[f"kube_pod_container_resource_requests{{{labels},{more}}}"] = f"{cores}{length}"
            more = f'container="{container}",node="{node}",resource="memory",unit="byte"'
            series[f"kube_pod_container_resource_requests{{{labels},{more}}}"] = f"1e9{length}"
    return series


def working() -> dict[str, str]:
    """Hosts, with pods that do 10 W on each."""
    return {**hosts(), pod("upf-a", "e1"): RUNNING, pod("upf-d", "e2"): RUNNING}


# Of 8 cores 2 are requested on e1 and 4 on e2: 40 * 2/8 + 15 = 25 W, and 60 * 4/8 + 35 = 65 W.
REQUESTED = rows({("upf", "e1"): 25, ("upf", "e2"): 65}, "component", "host")


def asked() -> Case:
    """The requests of the running pods, on each host, however often kube-state-metrics is scraped and restarted."""
    series = {**working(), **state("a", "x16 stale"), **state("twice", "x16 stale")}
    series |= {name: f"_x21 {values}" for name, values in state("b", "x19").items()}
    expect: Expect = {(minute, watts("upf")): REQUESTED for minute in (4.0, 4.5, 5.0, 5.5, 9.0)}
    return Case("asked", topology(PODS), series, expect)


def unasked() -> Case:
    """Without kube-state-metrics for longer than half of the window all of the component is a gap, and not a part."""
    series = {**working(), **state("a", "x16 stale")}
    expect: Expect = {
        (4.75, watts("upf")): REQUESTED,
        (6.0, watts("upf")): {},
        (6.0, "component:unmeasured:info"): rows({("upf", "e1"): 1, ("upf", "e2"): 1}, "component", "host"),
        (6.0, ERROR): {},
    }
    return Case("unasked", topology(PODS), series, expect)


def otherwise() -> Case:
    """The number of the file stands in, on each host where pods are."""
    text = PODS.replace("kube: cpu", 'kube: cpu, pods: "core/upf-.*", fallback: 1')
    series = {**working(), **state("a", "x16 stale")}
    expect: Expect = {
        (4.75, watts("upf")): REQUESTED,
        (6.0, watts("upf")): rows({("upf", "e1"): 5 + 15, ("upf", "e2"): 7.5 + 35}, "component", "host"),
    }
    return Case("otherwise", topology(text), series, expect)


GPU = """
sites: {s: {}}
hosts:
  g: {site: s, power: [{pdu: p, outlets: ["1"]}], gpus: {"0": {gpu: g, static_watts: 60}}}
components:
  one: {role: model, host: g, share: [{gpu: "0", workload: one, reservation: 0.5}], requests: vllm}
  two: {role: model, host: g, share: [{gpu: "0", workload: two}], requests: vllm}
  three: {role: model, host: g, share: [{gpu: "0", workload: three}], requests: vllm}
"""


def held() -> Case:
    """Those without a reservation of a GPU hold equal parts of what the others leave."""
    series = {
        **outlet("p", "1", 300), **meter("gpu", 'instance="g",gpu="0"', 200),
        **activity("g", "0", one=0.1, two=0.1, three=0.1, other=0.1),
    }  # fmt: skip
    # 60 W idle: 30, 15, 15. 140 W at work: a quarter each.
    expect: Expect = {
        (3.0, 'sum by (component) (component:power_watts{host="g/gpu-0"})'): rows(
            {("one",): 65, ("two",): 50, ("three",): 50, ("unattributed",): 35}, "component"
        )
    }
    return Case("held", topology(GPU), series, expect)


SCALED = f"""{HOSTS}components:
  qwen: {{role: model, pool: edge, reservation: 2, share: [{{kepler_pod: "core/qwen-.*"}}], requests: vllm}}
applications:
  a: {{models: [qwen]}}
"""


def scaled() -> Case:
    """A model that runs from 2:30 to 5:00 alone: a has a quarter of its tokens, and 0 W before and after."""
    series = {**hosts(), pod("qwen-1", "e1"): "_x10 0+150x10 stale"}
    for name, rate in {**requests("qwen", "a", 1, 25), **requests("qwen", "b", 3, 75)}.items():
        step = float(rate.removeprefix("0+").removesuffix("x40"))
        series[name] = f"_x10 0+{step}x10 stale"
    # 40 * 2/8 + 60 * 10/40 = 25 W while it runs for a whole window.
    figure = 'sum(application:power_watts{application="a"})'
    model = 'sum(component:power_watts{component="qwen"})'
    expect: Expect = {
        (2.25, figure): {"": 0},
        (5, figure): {"": 25 / 4},
        (9, figure): {"": 0},
        # Never another part than a quarter, and never a gap for longer than two steps.
        (9, f"count(max_over_time((abs({figure} / ({model} > 0) - 0.25) > 1e-9)[9m:15s]))"): {},
        (
            9,
            "count(max_over_time((absent_over_time(application:power_watts{application='a'}[45s]))[6m30s:15s]))",
        ): {},
    }
    return Case("scaled", topology(SCALED), series, expect)


def restarted() -> Case:
    """A component holds its reservation over a restart of the exporter that loses a scrape at 5:00."""
    text = "upf: {role: upf, pool: edge, reservation: 2, share: [{workload: upf}]}"
    series = {**outlet("p", "1", 100), **outlet("p", "2", 200)}
    for host, rate in (("e1", 1), ("e2", 0)):
        for name, seconds in (
            (f'workload_cpu_seconds_total{{instance="{host}",workload="upf"}}', rate * 15),
            (f'workload_host_cpu_seconds_total{{instance="{host}",mode="user"}}', 60),
        ):
            series[name] = f"0+{seconds}x19 stale 0+{seconds}x20"
    # On e1 40 * 2/8 + 60 * 1/4 = 25 W, on e2 0 W; between the restart and its second scrape a gap.
    wrong = 'abs(sum by (topology) (component:power_watts{component="upf"}) - 25) > 1e-6'
    expect: Expect = {
        (4.0, watts("upf")): rows({("upf", "e1"): 25, ("upf", "e2"): 0}, "component", "host"),
        (9.0, f"count(max_over_time(({wrong})[5m:15s]))"): {},
        (9.0, watts("upf")): rows({("upf", "e1"): 25, ("upf", "e2"): 0}, "component", "host"),
    }
    return Case("restarted", topology(f"{HOSTS}components:\n  {text}\n"), series, expect)


CASES = [restarted(), apart(), met(), passing(), named(), asked(), unasked(), otherwise(), held(), scaled()]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_moving_components_have_the_watts_worked_out(case: Case, promtool: Path, tmp_path: Path) -> None:
    """Each case in promtool."""
    run(promtool, tmp_path, [case])
