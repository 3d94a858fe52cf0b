# SPDX-License-Identifier: Apache-2.0
"""Exporters that stop, start late, restart and lose scrapes: each figure is right or absent, on both servers.

All faults happen beside each other in one world, to one exporter each; every application has a truth that never
changes. Traffic by packets: 100 W, a quarter of the bytes, 2 Mbit/s. Models: 200 W, a quarter of the tokens.
"""

from collections.abc import Iterator

import pytest

from joulepath_rules.rule import selector
from tests.conftest import Monitoring
from tests.rules.world import QUICK, WINDOW, History, Rates, Server, capture, outlet, served, vllm, watched

pytestmark = pytest.mark.lab

MODEL_FAULTS = ("steady", "stopped", "lossy", "late", "restarted")
FAULTS = (*MODEL_FAULTS, "twice")
SPLIT = ("split-traces-stop", "split-total-stops", "split-lossy")
WORK = ("work-part-stops", "work-whole-stops")
LATER = ("late", "gpu-late")
STOPPING = (
    "stopped", "gpu-stopped", "split-traces-stop", "total-split-total-stops", "part-work-part-stops",
    "whole-work-whole-stops",
)  # fmt: skip
RESTARTING = ("restarted", "gpu-restarted")
LATE, FAULT, BACK, END = 12.0, 34.0, 52.0, 84.0
RESTART_SECONDS = 3.0
TRUTH = {
    "application:power_watts": 25.0,
    "application:bits:rate": 2e6,
    "application:joules_per_bit": 12.5e-6,
}
MODEL_TRUTH = {
    "application:power_watts": 50.0,
    "application:joules_per_token": 0.5,
    "application:joules_per_inference": 25.0,
}
OFF = 0.02
"""The part by which a figure may be off."""


def trace(number: int) -> str:
    """A trace id."""
    return f"{number + 1:032x}"


def pdu(name: str) -> str:
    """The PDU of a host."""
    return "pdu-lossy" if name.endswith("lossy") else "pdu"


def loss(name: str) -> float:
    """The part of an exporter's scrapes that fails."""
    return 0.3 if name.endswith("lossy") else 0.0


def topology() -> str:
    """One host, component and application for each fault, and the same with a model."""
    hosts, components, applications = [], [], []
    for number, name in enumerate((*FAULTS, *SPLIT)):
        query = f", query: {{bytes: 'rate(upf_bytes_total{{n=\"{number}\"}}[$window])'}}" if name in SPLIT else ""
        hosts.append(f'{name}: {{site: s, power: [{{pdu: {pdu(name)}, outlets: ["{number}"]}}]}}')
        components.append(f"{name}: {{role: upf, policy: bytes, traffic: {{ioam: {number}{query}}}}}")
        applications.append(f'{name}: {{traces: [{{ioam_namespace: 123, id: "{trace(number)}"}}], path: [{name}]}}')
    for number, name in enumerate(MODEL_FAULTS):
        hosts.append(f'gpu-{name}: {{site: s, power: [{{pdu: {pdu(name)}, outlets: ["{100 + number}"]}}]}}')
        components.append(f"llm-{name}: {{role: model, host: gpu-{name}, requests: vllm}}")
        applications.append(f"chat-{name}: {{models: [llm-{name}]}}")
    for number, name in enumerate(WORK):
        active = f"active: {{query: 'sum(rate(host_work_total{{n=\"{number}\"}}[$window]))'}}"
        hosts.append(f'{name}: {{site: s, {active}, power: [{{pdu: pdu, outlets: ["{200 + number}"]}}]}}')
        share = f"share: [{{query: 'rate(job_work_total{{n=\"{number}\"}}[$window])'}}]"
        components.append(f"job-{name}: {{role: du, host: {name}, {share}}}")
    parts = {"hosts": hosts, "components": components, "applications": applications}
    text = "".join(f"{key}:\n" + "".join(f"  {line}\n" for line in lines) for key, lines in parts.items())
    return f"{QUICK}sites: {{s: {{}}}}\n{text}"


@pytest.fixture(scope="module")
def history(monitoring_programs: dict[str, Monitoring], tmp_path_factory: pytest.TempPathFactory) -> Iterator[History]:
    """The faults, one after the other, watched by every server that is here."""
    with served() as world:
        plugs: dict[str, Rates] = {"pdu": {}, "pdu-lossy": {}}
        for number, name in enumerate((*FAULTS, *SPLIT)):
            plugs[pdu(name)] |= outlet(number, 100)
            rates = capture(number, 1000, 1e6, {trace(number): (250, 250_000)})
            world.target(name, rates, "ioam", loss(name), up=name != "late")
            if name in SPLIT:
                world.target(f"total-{name}", {f'upf_bytes_total{{n="{number}"}}': 1e6}, "upf", loss(name))
        for number, name in enumerate(MODEL_FAULTS):
            plugs[pdu(name)] |= outlet(100 + number, 200)
            rates = vllm(f"llm-{name}", 2, 100, f"chat-{name}") | vllm(f"llm-{name}", 6, 300, "")
            world.target(f"gpu-{name}", rates, "vllm", loss(name), up=name != "late")
        for number, name in enumerate(WORK):
            plugs["pdu"] |= outlet(200 + number, 100)
            world.target(f"part-{name}", {f'job_work_total{{n="{number}"}}': 2}, "work")
            world.target(f"whole-{name}", {f'host_work_total{{n="{number}"}}': 8}, "work")
        for name, rates in plugs.items():
            world.target(name, rates, "pdu", loss(name))
        # Scraped by two jobs, and federated by a second server.
        world.again("twice", instance="10.0.0.7:10474", job="pods")
        world.again("twice", instance="twice", job="ioam", replica="b")

        with watched(world, monitoring_programs, tmp_path_factory, topology()) as happened:
            happened.until(LATE)
            for name in LATER:
                world.targets[name].restart()
            happened.until(FAULT)
            for name in (*STOPPING, *RESTARTING):
                world.targets[name].up = False
            happened.until(FAULT + RESTART_SECONDS)
            for name in RESTARTING:
                world.targets[name].restart()
            happened.until(BACK)
            for name in STOPPING:
                world.targets[name].up = True
            happened.until(END)
            yield happened


@pytest.fixture
def server(monitoring: Monitoring, history: History) -> Server:
    """One of the servers."""
    return history.servers[monitoring.name]


def values(server: Server, history: History, series: str, **labels: str) -> dict[float, float]:
    """The sum of what each evaluation wrote, by seconds since the beginning."""
    written = server.written(series + selector(**labels), history.began, history.began + END)
    return {at - history.began: sum(rows.values()) for at, rows in written.items()}


def hold(figures: dict[float, float], truth: float) -> None:
    """Each of the values is the truth, to OFF."""
    wrong = {round(at, 1): value / truth for at, value in figures.items() if abs(value / truth - 1) > OFF}
    assert not wrong


def calm(server: Server, history: History, name: str, figures: dict[float, float]) -> dict[float, float]:
    """The values that a busy machine did not spoil, of figures from counters without measured seconds."""
    spans = server.disturbed(f"(.*-)?{name}", history.began - WINDOW, history.began + END)
    kept = {at: figures[at] for at in figures if not any(begin <= history.began + at <= end for begin, end in spans)}
    if len(kept) < len(figures) / 4:
        pytest.skip(f"the machine is too busy: it spoilt {len(figures) - len(kept)} of {len(figures)} values")
    return kept


def between(figures: dict[float, float], begin: float, end: float) -> int:
    """How many values there are between two moments."""
    return sum(begin <= at < end for at in figures)


FIGURES = [(name, series, truth) for name in FAULTS for series, truth in TRUTH.items()]
FIGURES += [(f"chat-{name}", series, truth) for name in MODEL_FAULTS for series, truth in MODEL_TRUTH.items()]


@pytest.mark.parametrize(("application", "series", "truth"), FIGURES)
def test_a_figure_is_right_or_absent(
    server: Server, history: History, application: str, series: str, truth: float
) -> None:
    """A figure is never off; a stopped exporter's is absent after a window, and comes back."""
    figures = values(server, history, series, application=application)
    fault = application.removeprefix("chat-")
    if fault != "lossy":
        # Figures of the slower group come every fourth second.
        assert between(figures, END - 8, END) > 0
    if fault == "steady":
        assert between(figures, FAULT, END) >= 10
    if fault == "lossy":
        # Without a count of measured seconds a model's figure is there only while its window is whole.
        assert between(figures, FAULT, END) >= (1 if application.startswith("chat-") else 8)
    if fault in {"stopped", "restarted"}:
        assert between(figures, FAULT - 8, FAULT) > 0
    if fault == "stopped":
        assert between(figures, FAULT + WINDOW + 5, BACK) == 0
    hold(calm(server, history, fault, figures) if application != fault else figures, truth)


@pytest.mark.parametrize("application", SPLIT)
def test_traces_and_totals_of_two_exporters_are_right_or_absent(
    server: Server, history: History, application: str
) -> None:
    """Where the traces and the total come from two exporters, one that stops leaves a gap and never another share."""
    figures = values(server, history, "application:power_watts", application=application)
    assert between(figures, LATE, FAULT) > 0
    assert between(figures, BACK + WINDOW, END) > 0
    if "stop" in application:
        assert between(figures, FAULT + WINDOW + 2, BACK) == 0
    hold(calm(server, history, application, figures), TRUTH["application:power_watts"])


@pytest.mark.parametrize("host", WORK)
def test_work_measured_by_two_exporters_is_right_or_absent(server: Server, history: History, host: str) -> None:
    """The same for a component's work and its host's."""
    figures = values(server, history, "component:power_watts", component=f"job-{host}")
    assert between(figures, LATE, FAULT) > 0
    assert between(figures, FAULT + WINDOW + 2, BACK) == 0
    assert between(figures, BACK + WINDOW, END) > 0
    hold(calm(server, history, host, figures), 25)


def test_no_rule_fails_at_any_fault(server: Server, history: History) -> None:
    """No rule fails at any fault, and each host's watts are all given out."""
    assert server.failures() == []
    attributed = server.written("application_component:power_watts", history.began + LATE, history.began + END)
    drawn = server.written("host:power_watts", history.began + LATE, history.began + END)
    assert len(drawn) > 50
    assert {at: sum(rows.values()) for at, rows in attributed.items()} == pytest.approx(
        {at: sum(rows.values()) for at, rows in drawn.items()}, rel=1e-9
    )
