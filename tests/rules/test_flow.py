# SPDX-License-Identifier: Apache-2.0
"""The chain as a list of edges, in promtool: watts of plugs, hosts, components and applications, worked out by hand."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.rules import factory
from tests.rules.promtool import Case, grow, node, outlet, run, topology, trace

pytestmark = pytest.mark.unit

A = f"{10:032x}"


def edges(kind: str, watts: Mapping[tuple[str, str], float]) -> dict[str, float]:
    """The rows of a kind."""
    return {f'kind="{kind}",source="{source}",target="{target}"': each for (source, target), each in watts.items()}


def of_kind(name: str) -> str:
    """The query for a kind."""
    return f'flow:power_watts{{kind="{name}"}}'


def of_the_factory() -> Case:
    """The numbers are those of factory.py. A host and its component have one name, and stay apart."""
    return Case(
        "factory",
        topology(factory.TOPOLOGY),
        factory.everything(),
        {
            (8, of_kind("plug")): edges(
                "plug",
                {
                    ("plug/pdu pdu-1 outlet 3", "host/ru-1"): 100,
                    ("plug/pdu pdu-2 outlet 1", "host/edge-1"): 160,
                    ("plug/pdu pdu-2 outlet 2", "host/edge-1"): 140,
                },
            ),
            (8, of_kind("feed")): {},
            (8, of_kind("host")): edges(
                "host",
                {
                    ("host/ru-1", "component/ru-1"): 100,
                    ("host/edge-1", "component/du-1"): 150,
                    ("host/edge-1", "component/upf-1"): 67,
                    ("host/edge-1", "component/unattributed"): 83,
                },
            ),
            (8, of_kind("component")): edges(
                "component",
                {
                    ("component/ru-1", "application/a"): 42.5,
                    ("component/ru-1", "application/b"): 22,
                    ("component/ru-1", "application/unattributed"): 35.5,
                    ("component/du-1", "application/a"): 55,
                    ("component/du-1", "application/b"): 47,
                    ("component/du-1", "application/unattributed"): 48,
                    ("component/upf-1", "application/a"): 25.5,
                    ("component/upf-1", "application/b"): 19.5,
                    ("component/upf-1", "application/unattributed"): 22,
                    ("component/unattributed", "application/unattributed"): 83,
                },
            ),
        },
    )


FED = f"""
sites: {{s: {{}}}}
hosts:
  sw: {{site: s, power: [{{pdu: p, outlets: ["1", "2"], scale: 2, offset_watts: 5}}], feeds: [r]}}
  r: {{site: s, power: [{{watts: 'poe_port_watts{{port="1"}}'}}]}}
  dark: {{site: s, power: [{{pdu: p, outlets: ["3"]}}], feeds: [lone]}}
  lone: {{site: s, power: [{{bmc: b, chassis: left}}]}}
  spare: {{site: s, power: [{{pdu: p, outlets: ["8", "9"]}}], fallback: [{{rapl: spare}}]}}
components:
  radio: {{role: ru, hosts: [r, lone], traffic: {{ioam: 1}}}}
  sw: {{role: switch}}
applications:
  a: {{traces: [{{ioam_namespace: 123, id: "{A}"}}], path: [radio]}}
"""


def of_fed_hosts() -> Case:
    """A switch with two plugs of 20 and 10 W, which are doubled, and 5 W more: 65 W, of which 12 W feed r.

    `dark` is a gap, so `lone` has its own meter as plug. `spare` is read by its fallback, since one of its two
    outlets is not read. Half of the packets are a's.
    """
    return Case(
        "fed",
        topology(FED),
        {
            **outlet("p", "1", 20),
            **outlet("p", "2", 10),
            **outlet("p", "8", 7),
            'poe_port_watts{port="1"}': "12x40",
            'bmc_chassis_energy_joules_total{instance="b",chassis="left"}': grow(30),
            'bmc_chassis_measured_seconds_total{instance="b",chassis="left"}': grow(1),
            'rapl_host_energy_joules_total{instance="spare"}': grow(25),
            'rapl_host_measured_seconds_total{instance="spare"}': grow(1),
            **node(1, 10, 1000),
            **trace(A, 1, 5, 500),
        },
        {
            (8, of_kind("plug")): edges(
                "plug",
                {
                    ("plug/pdu p outlet 1", "host/sw"): 2 * 20 + 5,
                    ("plug/pdu p outlet 2", "host/sw"): 2 * 10,
                    ("plug/bmc b chassis left", "host/lone"): 30,
                    ("plug/rapl spare", "host/spare"): 25,
                },
            ),
            (8, of_kind("feed")): edges("feed", {("host/sw", "host/r"): 12}),
            (8, of_kind("host")): edges(
                "host",
                {
                    ("host/sw", "component/sw"): 65 - 12,
                    ("host/r", "component/radio"): 12,
                    ("host/lone", "component/radio"): 30,
                    ("host/spare", "component/unattributed"): 25,
                },
            ),
            (8, of_kind("component")): edges(
                "component",
                {
                    ("component/radio", "application/a"): 21,
                    ("component/radio", "application/unattributed"): 21,
                    ("component/sw", "application/unattributed"): 53,
                    ("component/unattributed", "application/unattributed"): 25,
                },
            ),
        },
    )


SPARE = """
sites: {s: {}}
hosts:
  h: {site: s, power: [{pdu: p, outlets: ["1"]}], fallback: [{rapl: h}]}
  h/2: {site: s, power: [{pdu: p, outlets: ["2", "3"]}], fallback: [{rapl: h/2}]}
components:
  component/h: {role: upf, host: h}
  h: {role: upf, host: h/2}
"""


def of_spare_meters() -> Case:
    """Both meters of h are read, and the first one counts. Outlet 3 of h/2 is not read, so its other meter counts."""
    return Case(
        "spare",
        topology(SPARE),
        {
            **outlet("p", "1", 20),
            **outlet("p", "2", 10),
            'rapl_host_energy_joules_total{instance="h"}': grow(15),
            'rapl_host_measured_seconds_total{instance="h"}': grow(1),
            'rapl_host_energy_joules_total{instance="h/2"}': grow(25),
            'rapl_host_measured_seconds_total{instance="h/2"}': grow(1),
        },
        {
            (8, of_kind("plug")): edges(
                "plug", {("plug/pdu p outlet 1", "host/h"): 20, ("plug/rapl h/2", "host/h/2"): 25}
            ),
            (8, of_kind("host")): edges(
                "host", {("host/h", "component/component/h"): 20, ("host/h/2", "component/h"): 25}
            ),
        },
    )


CASES = [of_the_factory(), of_fed_hosts(), of_spare_meters()]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_edges_have_the_watts_worked_out_by_hand(case: Case, promtool: Path, tmp_path: Path) -> None:
    """Each case in promtool."""
    run(promtool, tmp_path, [case])
