# SPDX-License-Identifier: Apache-2.0
"""One cause gives one finding: a gap explains what rests on it, and nothing else does."""

import pytest

from joulepath_doctor.finding import Finding, Kind, alike, causes, joined
from joulepath_topology.problem import Place

pytestmark = pytest.mark.unit

GAP = Kind("source/gone", "error", "a gap", gap=True)
DOUBT = Kind("source/odd", "warning", "a doubt")
METER: Place = ("hosts", "h", "power", 0)
HOST: Place = ("hosts", "h")


def finding(kind: Kind, place: Place, *because: Place, message: str = "m") -> Finding:
    return Finding(kind, place, message, because)


@pytest.mark.parametrize("because", [METER, HOST, (*METER, "pdu")])
def test_a_gap_explains_its_place_its_parts_and_wholes(because: Place) -> None:
    first = finding(GAP, METER)
    assert list(causes([first, finding(GAP, ("applications", "a"), because)])) == [first]


@pytest.mark.parametrize("because", [("hosts", "other"), ("hosts", "h", "power", 1), ("hosts", "h", "fallback")])
def test_a_gap_elsewhere_explains_nothing_of_this_place(because: Place) -> None:
    both = [finding(GAP, METER), finding(GAP, ("applications", "a"), because)]
    assert list(causes(both)) == both


def test_a_doubt_about_a_place_explains_no_gap() -> None:
    both = [finding(DOUBT, METER), finding(GAP, ("applications", "a"), METER)]
    assert list(causes(both)) == both


def test_a_gap_that_is_explained_explains_others_in_turn() -> None:
    target = finding(GAP, ("targets", "pdu", "p"))
    meter = finding(GAP, METER, ("targets", "pdu", "p"))
    application = finding(GAP, ("applications", "a"), HOST)
    assert list(causes([target, meter, application])) == [target]


def test_the_same_finding_stands_there_once() -> None:
    assert len(list(causes([finding(DOUBT, METER), finding(DOUBT, METER)]))) == 1


def test_findings_that_differ_in_numbers_alone_are_one_line() -> None:
    many = [finding(GAP, ("hosts", f"h-{number}"), message=f"{number} W: look") for number in range(5)]
    other = finding(GAP, ("hosts", "h-9"), message="no sample: look")
    assert [one.message for one in alike([*many, other])] == ["0 W: look (and 4 more like this)", "no sample: look"]


def test_places_that_share_a_cause_are_one_finding() -> None:
    """So many places that a message does not have them all."""
    many = [Finding(GAP, ("hosts", f"h-{number}"), f"{number}: look", cause="pdu rack") for number in range(7)]
    alone = [finding(GAP, ("hosts", "a"), message="m"), finding(GAP, ("hosts", "b"), message="m")]
    assert [(one.where, one.message) for one in joined([*many, *alone])] == [
        ("hosts.h-0", "0: look (the same holds for hosts.h-1, hosts.h-2, hosts.h-3, hosts.h-4 and 2 more)"),
        ("hosts.a", "m"),
        ("hosts.b", "m"),
    ]
