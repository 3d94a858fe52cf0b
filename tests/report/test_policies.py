# SPDX-License-Identifier: Apache-2.0
"""The table of policies, against topologies that really have these policies, in one server."""

from collections.abc import Iterator, Mapping

import pytest

from joulepath_report.build import build
from joulepath_report.model import Report, Table
from tests.conftest import Monitoring
from tests.rules.promtool import topology
from tests.rules.world import QUICK, History, capture, outlet, served, vllm, watched

pytestmark = [pytest.mark.lab, pytest.mark.long]

A = "a" * 32
WINDOW, TIME, SETTLED = 10.0, 45.0, 16.0


POLICIES = ("packets-bytes", "bytes", "packets", "equal", "static-unattributed")
"""Those that are compared with a topology that really has them."""


def text(policy: str) -> str:
    """A user plane, a radio that is counted there, a model, and a chiller for the three. One application is a flow."""
    return f"""{QUICK}
name: {policy}
policy: {policy}
sites: {{s: {{}}}}
hosts:
  mast: {{site: s, static_watts: 300, power: [{{pdu: pdu, outlets: ["1"]}}]}}
  edge: {{site: s, static_watts: 80, power: [{{pdu: pdu, outlets: ["2"]}}]}}
  gpu: {{site: s, static_watts: 120, power: [{{pdu: pdu, outlets: ["3"]}}]}}
  chiller: {{site: s, power: [{{pdu: pdu, outlets: ["4"]}}]}}
components:
  ru: {{role: ru, host: mast, traffic: {{anchor: upf}}}}
  upf: {{role: upf, host: edge, traffic: {{ioam: 4}}}}
  qwen: {{role: model, host: gpu, requests: {{vllm: {{}}}}}}
  chiller: {{role: timing, supports: [ru, upf, qwen]}}
applications:
  a: {{traces: [{{ioam_namespace: 123, id: "{A}"}}], path: [ru, upf], models: [qwen]}}
  b: {{flows: [b-v4], path: [ru, upf], models: [qwen]}}
"""


@pytest.fixture(scope="module")
def history(monitoring_programs: dict[str, Monitoring], tmp_path_factory: pytest.TempPathFactory) -> Iterator[History]:
    """Application a has many small packets and requests, b few large ones; others have some traffic, too."""
    with served() as world:
        world.target("pdu", outlet(1, 400) | outlet(2, 200) | outlet(3, 300) | outlet(4, 90), "pdu")
        world.target("up", capture(4, 1000, 1e6, {A: (600, 100_000)}, {"b-v4": (300, 800_000)}), "ioam")
        world.target("llm", vllm("qwen", 8, 100, "a") | vllm("qwen", 2, 300, "b"), "vllm")
        with watched(world, monitoring_programs, tmp_path_factory, *map(text, POLICIES)) as happened:
            happened.until(TIME)
            yield happened


@pytest.fixture
def reports(monitoring: Monitoring, history: History) -> Mapping[str, Report]:
    """The report of each topology, by its policy, of the same time."""
    server = history.servers[monitoring.name]
    begin, end = history.began + SETTLED, history.began + TIME - WINDOW / 2 - 1
    return {policy: build(server, topology(text(policy)), begin, end, compare=True) for policy in POLICIES}


def table(report: Report, name: str) -> Table:
    """A table that must be there."""
    found = report.table(name)
    assert found is not None
    return found


def test_each_policy_is_what_a_topology_with_it_records(reports: Mapping[str, Report]) -> None:
    """Also at an anchored component, a model, and at what supports them."""
    both = table(reports["packets-bytes"], "policies")
    for policy, report in reports.items():
        energies = table(report, "applications").column("energy_joules")
        assert both.column(f"{policy.replace('-', '_')}_joules") == pytest.approx(energies, rel=0.01), policy
    packets, volume = (both.column(f"{policy}_joules") for policy in ("packets", "bytes"))
    assert float(packets["a"] or 0) > 1.5 * float(volume["a"] or 0)


def test_the_spread_is_the_part_that_is_a_choice(reports: Mapping[str, Report]) -> None:
    """(largest - smallest) / the energy of this report."""
    both = table(reports["packets-bytes"], "policies")
    for row in both.rows:
        own, energies, spread = row[1], [float(value) for value in row[2:-1] if value is not None], row[-1]
        assert isinstance(own, float)
        assert len(energies) == len(POLICIES) + len(["3gpp-eif", "steps"])
        assert spread == pytest.approx((max(energies) - min(energies)) / own)


def test_a_policy_without_its_amount_is_not_known(reports: Mapping[str, Report]) -> None:
    """Under `bytes` no rule needs packets, so that the whole of them is not recorded."""
    only = table(reports["bytes"], "policies")
    assert set(only.column("packets_joules").values()) == {None}
    assert only.column("bytes_joules") == pytest.approx(only.column("energy_joules"))
    assert "`packets`" in only.note


def test_data_that_a_policy_lacks_are_named(reports: Mapping[str, Report]) -> None:
    """No component has a capacity, and no application a reservation: no number stands there."""
    both = table(reports["packets-bytes"], "policies")
    assert set(both.column("capacity_joules").values()) == {None}
    assert "Energy under `capacity` is not known: there is no `capacity` for ru, upf and qwen." in both.note
    assert "Energy under `reservation` is not known: there is no `reservation` for ru, upf and qwen." in both.note
