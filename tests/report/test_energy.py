# SPDX-License-Identifier: Apache-2.0
"""Energy of one hour, by hand: a host of 100 W, of which the application has 60 W and its component all or 80 W."""

from collections.abc import Mapping

import pytest

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
    assert "25.0 % of the energy of h was read by a fallback: its `power` was not complete." in found
