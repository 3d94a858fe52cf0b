# SPDX-License-Identifier: Apache-2.0
"""Findings of the doctor about a core: silent beside a busy interface, still, read by two, or without a key."""

from collections.abc import Mapping

import pytest

from joulepath_doctor.checks import cores
from joulepath_doctor.context import context
from joulepath_doctor.finding import Finding
from joulepath_doctor.reads import reads
from joulepath_topology import Topology
from tests.doctor.answers import NOW, Rows, answering, clock
from tests.rules.promtool import topology

pytestmark = pytest.mark.unit

PLANT = """
interval: 15s
sites: {{s: {{}}}}
hosts: {{upf: {{site: s, power: [{{bmc: upf}}]}}}}
components: {{upf: {{role: upf, policy: bytes, traffic: {{core: {core}, instances: ["upf-1:9091"]}}}}}}
applications: {{camera: {{core: {keys}, path: [upf]}}}}
"""
OPEN5GS = topology(PLANT.format(core="open5gs", keys="{qfi: 7}"))
SDCORE = topology(PLANT.format(core="sdcore", keys='{ue: "10.250.0.1"}'))

HERE: Rows = [({"instance": "upf-1:9091", "job": "open5gs"}, 1)]
THERE = {r"^present_over_time\(fivegs": HERE, r"^group by \(instance\) \(fivegs": HERE}
"""Open5GS is scraped."""
BUSY = {
    r"node_network_receive_bytes_total": [
        ({"instance": "upf-1:9100", "device": "n3"}, 10e6),
        ({"instance": "upf-1:9100", "device": "lo"}, 90e6),
        ({"instance": "another:9100", "device": "n3"}, 90e6),
    ]
}
"""Bytes/s of three interfaces, one of them of the UPF's host and not its own loop."""


def found(about: Topology, queries: Mapping[str, Rows]) -> list[Finding]:
    with answering(queries) as server:
        return list(cores.check(context(about, server, 3600, clock(NOW, NOW))))


def of_total(value: float) -> Mapping[str, Rows]:
    return {r"^sum\(label_replace\(rate\(fivegs": [({}, value)]}


def test_a_core_that_is_silent_beside_a_busy_interface_is_an_error() -> None:
    """10 MB/s are 80 Mbit/s; the cure is that of the table."""
    silent, *_ = found(OPEN5GS, {**THERE, **of_total(0), **BUSY})
    assert (silent.kind.id, silent.kind.severity, silent.where) == (
        "core/silent",
        "error",
        "components.upf.traffic.core",
    )
    assert silent.message.startswith(
        "the volume of Open5GS is 0 for 60 min, while n3 of upf-1:9100 carries 80 Mbit/s: "
    )
    assert "enable_dataplane_metrics" in silent.message


def test_packets_of_an_ioam_node_show_that_a_core_is_silent_too() -> None:
    nodes: Rows = [({"instance": "upf-1:10474", "node_id": "4"}, 2e6)]
    silent, *_ = found(OPEN5GS, {**THERE, **of_total(0), "ioam_node_bytes_total": nodes})
    assert "while node 4 of upf-1:10474 carries 16 Mbit/s" in silent.message


def test_a_core_that_is_still_without_a_witness_is_a_note() -> None:
    quiet = {name: [({"instance": "upf-1:9100", "device": "n3"}, 900.0)] for name in BUSY}
    for witness in ({}, quiet):
        still, *_ = found(OPEN5GS, {**THERE, **of_total(0), **witness})
        assert (still.kind.id, still.kind.severity) == ("core/still", "note")


def test_a_core_that_counts_is_not_silent() -> None:
    counts = found(OPEN5GS, {**THERE, **of_total(5), **BUSY})
    assert {one.kind.id for one in counts} == set()


def test_a_key_that_the_core_lacks_is_named_with_those_that_are_there() -> None:
    """QFI 7 has no series, and others have."""
    lacks = {r'^present_over_time\(fivegs.*qosleveln3upf\{[^}]*qfi="7"': [], **THERE, **of_total(5)}
    (absent,) = found(OPEN5GS, lacks)
    assert (absent.kind.id, absent.where) == ("core/key-absent", "applications.camera.core[0]")
    assert absent.message.endswith(": correct the key, unless the application has not sent yet")


@pytest.mark.parametrize(("read", "ids"), [(600.0, ["core/shared-reads"]), (800.0, [])])
def test_sessions_far_below_the_interfaces_have_a_second_reader(read: float, ids: list[str]) -> None:
    """The interfaces count 500 + 500 bytes/s; sessions of 600 are too few, 800 are headers less."""
    queries: Mapping[str, Rows] = {
        r"^present_over_time\(upf_session": HERE,
        r"^sum\(sum_over_time\(upf_session_tx_bytes": [({}, read)],
        r"^sum\(sum_over_time\(upf_session_tx_packets": [({}, 1.0)],
        r"^sum\(rate\(upf_bytes_count": [({}, 500.0)],
    }
    findings = found(SDCORE, queries)
    assert [one.kind.id for one in findings] == ids
    assert all("come to 60% of the bytes" in one.message for one in findings)


def test_totals_are_read_and_parts_may_be_absent() -> None:
    """An application that has not sent yet has no series: its selector is not one that must be there."""
    exprs = " ".join(read.expr for read in reads(OPEN5GS))
    assert "fivegs_ep_n3_gtp_indatavolumen3upf" in exprs
    assert "qfi" not in exprs
