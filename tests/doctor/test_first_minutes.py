# SPDX-License-Identifier: Apache-2.0
"""The doctor in the first minutes of a plant, and about devices that exporters do not reach."""

from collections.abc import Mapping
from typing import Any

import pytest

from joulepath_doctor.checks import meters, sources, targets, traffic
from joulepath_doctor.context import context
from joulepath_doctor.examine import Check, examine
from joulepath_doctor.finding import Finding
from tests.doctor.answers import NOW, Rows, answering, clock
from tests.rules.promtool import topology

pytestmark = pytest.mark.unit

PLANT = topology("""
name: plant
window: 120s
sites: {s: {grams_per_kwh: 380}}
hosts:
  robot: {site: s, power: [{pdu: pdu-1, outlets: ["1"]}]}
  upf: {site: s, power: [{pdu: pdu-1, outlets: ["2", "3"]}]}
  cam: {site: s, power: [{joules: plug_joules_total}]}
components:
  robot: {role: device}
  upf: {role: upf, traffic: {ioam: 4}}
  cam: {role: device}
""")
JOB = {"job": "pdu", "instance": "pdu-1"}
OUTLETS = [({**JOB, "outlet": number}, 1.0) for number in "123"]
PRESENT = "^present_over_time\\(pdu_outlet_energy_joules_total\\[2m"
MEASURED = "^rate\\(pdu_outlet_measured_seconds_total"
UP = "^avg_over_time\\(pdu_up\\[2m\\]\\)$"
EARLIER = "offset 2m"


def target(health: str, **labels: str) -> dict[str, Any]:
    """A target of the pdu exporter, as Prometheus tells it."""
    return {
        "scrapePool": "pdu",
        "scrapeUrl": "http://meters.example:10471/probe?target=pdu-1",
        "labels": {**JOB, **labels},
        "health": health,
    }


def started(ago: float) -> dict[str, Any]:
    """A server that started so many seconds ago."""
    moment = f"2027-01-15T{(8 * 3600 - ago) // 3600:02.0f}:{(8 * 3600 - ago) % 3600 // 60:02.0f}:{-ago % 60:02.0f}Z"
    return {"status/runtimeinfo": {"storageRetention": "15d", "startTime": moment}}


def found(
    check: Check, queries: Mapping[str, Rows] | None = None, paths: Mapping[str, Any] | None = None
) -> list[Finding]:
    """The findings of a check, each with a cause of its own."""
    with answering(queries, paths) as server:
        return list(examine(context(PLANT, server, 3600, clock(NOW, NOW)), {"check": check}))


def told(findings: list[Finding]) -> set[tuple[str, str]]:
    return {(one.kind.id, one.where) for one in findings}


def test_a_device_that_is_not_reached_is_found_once() -> None:
    rows = {PRESENT: OUTLETS, MEASURED: [(labels, 0.0) for labels, _ in OUTLETS], UP: [(JOB, 0.0)]}
    (one,) = found(meters.check, rows, {"targets": {"activeTargets": [target("up")]}})
    assert (one.kind.id, one.place) == ("meter/unread", ("targets", "pdu", "pdu-1"))
    assert one.message == (
        "0% of the polls of pdu-1 in the last 2m succeeded (pdu_up): "
        "the page http://meters.example:10471/?target=pdu-1 says why"
    )


def test_a_device_never_reached_explains_that_it_has_no_outlets() -> None:
    rows = {UP: [(JOB, 0.0)], "^up\\{": [(JOB, 1.0)]}
    (one,) = found(meters.check, rows, {"targets": {"activeTargets": [target("up")]}})
    assert one.kind.id == "meter/unread"


def test_a_device_that_answers_is_not_blamed_for_slow_polls() -> None:
    rows = {
        PRESENT: OUTLETS,
        MEASURED: [(labels, 0.3) for labels, _ in OUTLETS],
        UP: [(JOB, 1.0), ({**JOB, "job": "again"}, 0.0)],
        EARLIER: OUTLETS,
    }
    assert {one.kind.id for one in found(meters.check, rows)} == {"source/sparse"}


def test_a_meter_that_just_began_is_a_note() -> None:
    rows = {PRESENT: OUTLETS, MEASURED: [(labels, 0.45) for labels, _ in OUTLETS], UP: [(JOB, 1.0)]}
    findings = found(meters.check, rows)
    assert told(findings) == {("source/young", "targets.pdu.pdu-1")}
    assert {one.kind.severity for one in findings} == {"note"}


@pytest.mark.parametrize(("ago", "expected"), [(7, "source/young"), (119, "source/young"), (121, "source/absent")])
def test_nothing_is_absent_before_a_server_ran_for_a_window(ago: float, expected: str) -> None:
    for check in (meters.check, sources.check):
        findings = found(check, paths=started(ago))
        assert {one.kind.id for one in findings} == {expected}
        assert expected != "source/young" or told(findings) == {(expected, "server")}


def test_a_target_that_waits_for_its_first_scrape_is_a_note() -> None:
    paths = {"targets": {"activeTargets": [target("unknown")]}}
    findings = found(meters.check, paths={**started(9000), **paths})
    assert {one.kind.id for one in findings} == {"source/young"}
    assert "http://meters.example:10471/probe?target=pdu-1 was not scraped yet" in findings[0].message


def test_a_wrong_outlet_is_found_in_the_first_minutes_too() -> None:
    paths = started(7) | {"label/__name__/values": ["pdu_outlet_energy_joules_total"]}
    assert {one.kind.id for one in found(meters.check, paths=paths)} == {"source/absent"}


def test_a_node_that_just_began_is_a_note() -> None:
    node = {"node_id": "4", "job": "ioam", "instance": "upf"}
    rows: dict[str, Rows] = {
        EARLIER: [],
        "^present_over_time\\(ioam_": [(node, 1.0)],
        "^max\\(rate\\(ioam_": [({}, 0.2)],
    }
    assert told(found(traffic.check, rows)) == {("source/young", "targets.ioam.upf")}
    assert told(found(traffic.check, {**rows, EARLIER: [(node, 1.0)]})) == {
        ("source/sparse", "components.upf.traffic.ioam")
    }


def test_a_job_that_another_replaces_is_not_missed() -> None:
    """The cure of a target that is scraped twice is to leave out one job."""
    name = "pdu_outlet_energy_joules_total"
    series = [{"__name__": name, **JOB, "outlet": "1"}, {"__name__": name, **JOB, "job": "again", "outlet": "1"}]
    paths = {"series": series, "targets": {"activeTargets": [target("up")]}}
    assert found(targets.check, {}, paths) == []
    paths["series"] = [*series, {"__name__": name, "job": "again", "instance": "pdu-2", "outlet": "1"}]
    assert told(found(targets.check, {}, paths)) == {("target/gone", "targets.again")}
