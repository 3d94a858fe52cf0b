# SPDX-License-Identifier: Apache-2.0
"""Energy of one hour, by hand: a host of 100 W, of which the application has 60 W and its component all or 80 W."""

from collections.abc import Mapping

import pytest

from joulepath_report import places
from joulepath_report.energy import Energy, energy
from joulepath_report.measured import measure
from joulepath_report.notes import notes
from joulepath_report.period import slots
from joulepath_report.questions import Key, Rows
from joulepath_topology import Topology
from tests.report.told import Told
from tests.rules.promtool import topology

pytestmark = pytest.mark.unit

HOUR = 1_767_225_600.0
ROWS = "application_component:power_watts"
APP = ("app", "upf", "h", "s", "network")
REST = ("unattributed", "upf", "h", "s", "network")
HOST = ("unattributed", "unattributed", "h", "s", "")

Rest = Mapping[tuple[str, ...], tuple[float, int]]


def ours() -> Topology:
    """An hour has 240 evaluations."""
    return topology(
        """
interval: 15s
window: 2m
sites: {s: {}}
hosts: {h: {site: s, power: [{watts: 100}, {pdu: p, outlets: ["1"]}], fallback: [{watts: 90}]}}
components: {upf: {role: upf, host: h, share: [{kepler_pod: a/upf}], traffic: {ioam: 1}}}
applications: {app: {traces: [{ioam_namespace: 1, id: "0a"}], path: [upf]}}
"""
    )


def told(
    rows: Rest, host: int = 240, *, before: bool = True, more: Mapping[tuple[str, str], Rows] | None = None
) -> Told:
    """Mean watts and number of each row in the hour; the host was known so many times."""
    answers: dict[tuple[str, str], Rows] = {
        ("count", "host:power_watts"): {("h",): {0: host}},
        ("avg", ROWS): {row: {0: watts} for row, (watts, _) in rows.items()},
        ("count", ROWS): {row: {0: count} for row, (_, count) in rows.items()},
        **(more or {}),
    }
    earlier: dict[str, set[Key]] = {"host:power_watts": {("h",)}, ROWS: set(rows)} if before else {}
    return Told(ours(), slots(HOUR, HOUR + 3600), answers, earlier)


def joules(found: Energy) -> dict[str, float]:
    """By application."""
    return {key[0]: value for key, value in found.by("application").items()}


def recorded(watts: float) -> dict[tuple[str, str], Rows]:
    """The energy of the application in the closed hour."""
    return {("hourly", "application:energy_joules:1h"): {("app", "network"): {0: watts * 3600}}}


@pytest.mark.parametrize(
    ("rows", "host", "expected"),
    [
        # All known.
        ({APP: (60, 240), REST: (40, 240)}, 240, {"app": 60 * 3600, "unattributed": 40 * 3600}),
        # The application is not known for half an hour: the rest is 40 W, then 100 W, 70 W on average.
        ({APP: (60, 120), REST: (70, 240)}, 240, {"app": 60 * 3600, "unattributed": 40 * 3600}),
        # It is known for a quarter: (40 * 60 + 100 * 180) / 240 = 85 W. Less than half is not stretched.
        ({APP: (60, 60), REST: (85, 240)}, 240, {"app": 60 * 900, "unattributed": 360_000 - 60 * 900}),
        # The meter is silent for a third of the hour: all are stretched.
        ({APP: (60, 160), REST: (40, 160)}, 160, {"app": 60 * 3600, "unattributed": 40 * 3600}),
        # The meter is known for a quarter of the hour: nothing is stretched.
        ({APP: (60, 60), REST: (40, 60)}, 60, {"app": 60 * 900, "unattributed": 40 * 900}),
        # The component (80 W) is not known for half an hour: the host's rest is 20 W, then 100 W, 60 W on average.
        (
            {APP: (60, 120), REST: (20, 120), HOST: (60, 240)},
            240,
            {"app": 60 * 3600, "unattributed": 40 * 3600},
        ),
    ],
)
def test_a_gap_is_filled_with_the_mean_of_what_is_not_known(rows: Rest, host: int, expected: dict[str, float]) -> None:
    """The sum is the host's 100 W, times the time that is charged."""
    assert joules(energy(told(rows, host), {"app": 1})) == pytest.approx(expected)


def test_the_rounding_of_a_difference_is_not_an_amount() -> None:
    found = energy(told({APP: (100, 240), REST: (1e-13, 240)}), {"app": 1})
    assert joules(found) == {"app": pytest.approx(100 * 3600), "unattributed": 0.0}
    small = energy(told({APP: (100, 240), REST: (1e-6, 240)}), {"app": 1})
    assert joules(small)["unattributed"] == pytest.approx(3.6e-3)


def test_nothing_is_charged_before_the_first_measurement() -> None:
    """The host, and with it the application, came half an hour after the hour began."""
    found = energy(told({APP: (60, 120), REST: (40, 120)}, 120, before=False), {"app": 1})
    assert joules(found) == pytest.approx({"app": 60 * 1800, "unattributed": 40 * 1800})
    assert found.known_hosts == {"h": 1800}


def test_a_recorded_hour_takes_its_energy_from_the_rest() -> None:
    """The rules recorded 65 W."""
    found = energy(told({APP: (60, 240), REST: (40, 240)}, more=recorded(65)), {"app": 1})
    assert joules(found) == pytest.approx({"app": 65 * 3600, "unattributed": 35 * 3600})
    assert found.short["app"] == pytest.approx(0)


def test_more_than_the_meter_has_is_never_charged() -> None:
    """The rules recorded 130 W of an hour in which the application was known while it was busy alone."""
    asked = told({APP: (60, 240), REST: (40, 240)}, more=recorded(130))
    found = energy(asked, {"app": 1})
    assert joules(found) == pytest.approx({"app": 100 * 3600, "unattributed": 0})
    assert found.short["app"] == pytest.approx(30 * 3600)
    assert any("1.08e+05 J more for app" in note for note in notes(measure(asked)))


def test_the_coverage_of_an_application_needs_each_of_its_places() -> None:
    """At one of two places it was never known, so that it was never complete."""
    asked = told({APP: (60, 120), REST: (70, 240)})
    assert energy(asked, {"app": 1}).known_applications == {"app": 1800}
    assert energy(asked, {"app": 2}).known_applications == {"app": 0}


def test_guesses_and_fallbacks_are_noted() -> None:
    """A quarter of the time the fallback counted, which is a stated number."""
    counted: Rows = {("h", "declared"): {0: 60}, ("h", "measured"): {0: 180}}
    tiers: Rows = {("h", "2"): {0: 60}, ("h", "1"): {0: 180}}

    info = "host:power_source:info by host"
    more: dict[tuple[str, str], Rows] = {("count", f"{info},method"): counted, ("count", f"{info},tier"): tiers}
    found = list(notes(measure(told({APP: (60, 240), REST: (40, 240)}, more=more))))
    assert "25.0 % of the energy of h is declared." in found
    assert "25.0 % of the energy of h was read by a fallback: `power` was not complete." in found


def moved(first: int, second: int) -> Told:
    """The site of the host was called s for so many evaluations of the hour, and t for the others."""
    rows: Rest = {
        (*row[:3], site, row[4]): (watts, count)
        for site, count in (("s", first), ("t", second))
        for row, watts in ((APP, 60.0), (REST, 40.0))
    }
    hosts: Rows = {("h", "s"): {0: first}, ("h", "t"): {0: second}}
    return told(rows, more={("count", "host:power_watts"): hosts})


@pytest.mark.parametrize(("first", "site"), [(120, "s"), (180, "s"), (60, "t")])
def test_a_site_that_changes_within_an_hour_counts_once(first: int, site: str) -> None:
    """100 W for an hour, of which the application has 60 W; the hour is that of the site of most of it."""
    found = energy(moved(first, 240 - first), {"app": 1})
    assert joules(found) == pytest.approx({"app": 216_000, "unattributed": 144_000})
    assert found.known_hosts["h"] == pytest.approx(3600)
    assert {cell.row.site for cell in found.cells} == {site}


def test_a_site_that_the_file_no_longer_has_is_in_the_table() -> None:
    """Its overhead is not known, so energy with overhead has no sum."""
    table = next(table for table in places.tables(measure(moved(60, 180))) if table.id == "sites")
    assert table.column("energy_joules") == {"s": None, "t": pytest.approx(360_000)}
    assert table.column("facility_joules")["t"] is None
    assert table.total == ("total", *(pytest.approx(value) for value in (360_000, 0.1, 1)), None)


def test_a_part_of_an_hour_before_does_not_hide_what_was_known_earlier() -> None:
    """The period begins 10 seconds before the hour, without an evaluation: the host was known before all the same."""
    rows: Rows = {APP: {1: 60.0}, REST: {1: 40.0}}
    counts: Rows = {row: {1: 150} for row in rows}
    hosts: Rows = {("h", "s"): {1: 150}}
    answers = {("count", "host:power_watts"): hosts, ("avg", ROWS): rows, ("count", ROWS): counts}
    period = slots(HOUR - 10, HOUR + 3600)
    earlier: dict[str, set[Key]] = {"host:power_watts": {("h", "s")}, ROWS: set(rows)}
    assert joules(energy(Told(ours(), period, answers, earlier, early=period[1:]), {})) == pytest.approx(
        {"app": 216_000, "unattributed": 144_000}
    )


def test_rows_without_their_host_are_known_as_long_as_the_longest() -> None:
    """A server that keeps other series for another time."""
    found = energy(told({APP: (60, 120), REST: (40, 240)}, more={("count", "host:power_watts"): {}}), {})
    assert sum(joules(found).values()) == pytest.approx(60 * 1800 + 40 * 3600)
