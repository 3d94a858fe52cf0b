# SPDX-License-Identifier: Apache-2.0
"""Findings of the doctor about `joulepath pfcp`: silent, unread, lost, unknown, in lumps, or with flows left out."""

from collections.abc import Mapping

import pytest

from joulepath_doctor.checks import cores, usage_reports
from joulepath_doctor.context import context
from joulepath_doctor.examine import Check, examine
from joulepath_doctor.finding import Finding
from joulepath_doctor.supply import families
from joulepath_prometheus.state import Target
from joulepath_topology import Topology
from tests.doctor.answers import NOW, Rows, answering, clock
from tests.rules.promtool import topology

pytestmark = pytest.mark.unit

TEXT = """
interval: 15s
window: 4m
sites: {s: {}}
hosts: {upf: {site: s, power: [{bmc: upf}]}}
components: {upf: {role: upf, policy: bytes, traffic: {core: pfcp, instances: [upf-1]}}}
applications: {camera: {core: {group: cameras}, path: [upf]}}
"""
PFCP = topology(TEXT)
PLACE = "components.upf.traffic.core"


def growth(
    *, messages: float = 1000, captured: float = 3600, unknown: float = 0, missing: float = 0, drops: float = 0,
    errors: Mapping[str, float] | None = None, interval: float = 10,
) -> dict[str, Rows]:  # fmt: skip
    """The answers of an exporter over an hour, of 1000 bytes."""
    at = r"increase\({}\["
    return {
        r'pfcp_usage_bytes_total\{group="unknown",upf="upf-1"': [({}, unknown)],
        r'increase\(pfcp_usage_bytes_total\{upf="upf-1"': [({}, 1000.0)],
        at.format("pfcp_messages_total"): [({}, messages)],
        at.format("pfcp_measured_seconds_total"): [({}, captured)],
        at.format("pfcp_missing_reports_total"): [({}, missing)],
        at.format("pfcp_capture_drops_total"): [({}, drops)],
        at.format("pfcp_decode_errors_total"): [({"reason": name}, number) for name, number in (errors or {}).items()],
        r"^max\(pfcp_report_interval_seconds": [({}, interval)],
    }


def found(queries: Mapping[str, Rows], about: Topology = PFCP) -> list[Finding]:
    with answering(queries) as server:
        return list(usage_reports.check(context(about, server, 3600, clock(NOW, NOW))))


def test_an_exporter_that_sees_all_of_n4_has_no_finding() -> None:
    assert found(growth(unknown=100, missing=5, drops=5, errors={"header": 10}, interval=120)) == []
    assert found({}) == [], "an exporter that is not scraped is another check's matter"


@pytest.mark.parametrize(
    ("answers", "kind", "words"),
    [
        (growth(messages=0), "pfcp/silent", "no message of N4 came to `joulepath pfcp` in 60 min"),
        (
            growth(errors={"fragment": 9, "header": 2}),
            "pfcp/unread",
            "11 of 1000 messages of N4 cannot be read, most for",
        ),
        (growth(errors={"fragment": 11}), "pfcp/unread", "raise the MTU"),
        (growth(errors={"header": 11}), "pfcp/unread", "Wireshark"),
        (growth(missing=6, drops=5), "pfcp/lost", "the capture lost 5 packets, and 6 usage reports are missing"),
        (growth(unknown=110), "pfcp/unknown", "11% of the reported bytes"),
        (growth(interval=121), "pfcp/lumps", "up to 2 min, and the window is 4 min"),
    ],
)
def test_each_fault_is_one_finding_with_its_numbers(answers: Mapping[str, Rows], kind: str, words: str) -> None:
    (finding,) = found(answers)
    assert (finding.kind.id, finding.where) == (kind, PLACE)
    assert words in finding.message


def test_an_exporter_that_has_just_begun_is_not_silent() -> None:
    assert found(growth(messages=0, captured=119)) == []


def test_a_silent_exporter_explains_that_the_core_counts_nothing() -> None:
    """The core's total is 0, which is a note of its own where messages come."""
    here: Rows = [({"instance": "smf-1:10480", "job": "pfcp"}, 1)]
    still = {r"^present_over_time\(pfcp": here, r"^sum\(label_replace\(rate\(pfcp|^sum\(rate\(pfcp": [({}, 0.0)]}
    checks: dict[str, Check] = {"usage reports": usage_reports.check, "cores": cores.check}
    ids = []
    for messages in (0, 1000):
        with answering({**growth(messages=messages), **still}) as server:
            findings = examine(context(PFCP, server, 3600, clock(NOW, NOW)), checks)
        ids.append({each.kind.id for each in findings})
    assert ids == [{"pfcp/silent"}, {"core/still"}]


def test_flows_that_are_left_out_are_an_error_at_the_exporter() -> None:
    flows = topology(TEXT.replace("core: pfcp, instances: [upf-1]", "ioam: 4").replace(
        "core: {group: cameras}", "flows: [cameras]"))  # fmt: skip
    answers: Mapping[str, Rows] = {
        "pfcp_flows_file_left_out_flows": [({"job": "pfcp", "instance": "smf-1:10480"}, 3.0)]
    }
    (finding,) = found(answers, flows)
    assert (finding.kind.id, finding.where) == ("pfcp/left-out", "targets.pfcp.smf-1:10480")
    assert finding.message.startswith("3 flows are not in the file")
    assert found(answers) == [], "without flows in the topology"


def test_the_port_of_pfcp_says_which_series_a_target_has() -> None:
    url = "http://smf-1:10480/metrics"
    target = Target(scrape_pool="n4", scrape_url=url, labels={"job": "n4"}, health="up")
    assert "pfcp" in families(target)
