# SPDX-License-Identifier: Apache-2.0
"""Sessions begin and end as their nodes agree, and each usage report counts once."""

import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from joulepath.pfcp.settings import Bounds
from joulepath_lab.devices import pfcp as lab
from tests.exporters.pfcp.n4 import N4, SETTINGS, SMF, UPF, WHOLE

pytestmark = pytest.mark.unit

FIRST = lab.Usage(1, 0, 100, 200, start=1000, end=1010)


def test_a_report_counts_by_direction_for_the_session_of_its_seid() -> None:
    n4 = N4()
    n4.establish(1, WHOLE, lab.dnn("internet"), lab.s_nssai(1, 0x010203))
    n4.establish(2, WHOLE, lab.dnn("ims"))
    n4.report(1, FIRST)
    n4.report(2, replace(FIRST, uplink=7, downlink=0, packets=(3, 0)))
    assert n4.usage == {
        ("other", "internet", "1-010203", "uplink"): 100,
        ("other", "internet", "1-010203", "downlink"): 200,
        ("other", "ims", "", "uplink"): 7,
    }
    assert {direction: number for (_, direction), number in n4.tracker.counts.packets.items()} == {
        "uplink": 3,
        "downlink": 0,
    }
    assert n4.sessions == {"other": 2}


def test_series_stand_at_zero_before_the_first_report() -> None:
    n4 = N4()
    n4.establish(1)
    assert sorted((direction, octets) for (_, direction), octets in n4.tracker.counts.octets.items()) == [
        ("downlink", 0),
        ("uplink", 0),
    ]
    without = N4()
    without.establish(1, (lab.Rule(1, lab.ACCESS),))
    assert without.tracker.counts.octets == {}  # nothing measures it


@pytest.mark.parametrize("cause", [64, 75])
def test_a_rejected_request_does_not_make_a_session(cause: int) -> None:
    n4 = N4()
    n4.establish(1, cause=cause)
    assert (n4.sessions, n4.event("rejected_sessions")) == ({}, 1)
    n4.report(1, FIRST)
    assert {group for group, *_ in n4.usage} == {"unknown"}


def test_an_unanswered_request_is_not_a_session() -> None:
    n4 = N4()
    n4.down(lab.message(lab.ESTABLISH, 1, lab.seid(1, SMF), *map(lab.pdr, WHOLE), lab.urr(1), seid=0))
    assert n4.sessions == {}
    n4.moment = 61  # longer than any node waits: the response belongs to nothing
    n4.up(lab.message(1, 3, lab.recovery(1)))
    n4.down(lab.message(1, 9, lab.recovery(1)))
    n4.up(lab.message(lab.ESTABLISH + 1, 1, lab.cause(), lab.seid(1001, UPF), seid=1))
    assert n4.sessions == {}


def test_messages_that_are_sent_again_count_once() -> None:
    n4 = N4()
    request = lab.message(lab.ESTABLISH, 1, lab.seid(1, SMF), *map(lab.pdr, WHOLE), lab.urr(1), seid=0)
    response = lab.message(lab.ESTABLISH + 1, 1, lab.cause(), lab.seid(1001, UPF), seid=1)
    report = lab.message(lab.REPORT, 5, lab.usage(80, FIRST), seid=1)
    for octets in (request, request):
        n4.down(octets)
    for octets in (response, response, report, report, report):
        n4.up(octets)
    assert (n4.total, n4.sessions) == (300, {"other": 1})
    assert n4.event("retransmissions") == 4
    n4.sequence = 5
    n4.report(1, FIRST)  # the same usage in a message of its own
    assert (n4.total, n4.event("duplicate_reports")) == (300, 1)


def test_usage_counts_in_all_three_messages_that_carry_it() -> None:
    n4 = N4()
    n4.establish(1)
    n4.report(1, FIRST)
    n4.ask(lab.MODIFY, 1, [], [lab.cause(), lab.usage(78, replace(FIRST, sequence=1, uplink=10))])
    n4.ask(lab.DELETE, 1, [], [lab.cause(), lab.usage(79, replace(FIRST, sequence=2, uplink=1))])
    assert n4.usage == {("other", "", "", "uplink"): 111, ("other", "", "", "downlink"): 600}
    assert n4.sessions == {}


def test_a_report_after_the_end_of_its_session_is_unknown() -> None:
    n4 = N4()
    n4.establish(1)
    n4.ask(lab.DELETE, 1, [], [lab.cause()])
    n4.report(1, FIRST)
    assert set(n4.usage) == {("unknown", "", "", "uplink"), ("unknown", "", "", "downlink")}
    assert n4.tracker.strangers == 1


def test_of_an_unknown_session_one_urr_counts_in_each_direction() -> None:
    """URR 1 measures uplink, URR 2 downlink, URR 3 both: it may be the sum of the others."""
    n4 = N4()
    n4.report(8, lab.Usage(1, 0, 100, 0), lab.Usage(2, 0, 0, 50), lab.Usage(3, 0, 100, 50))
    n4.report(8, lab.Usage(1, 1, 10, 0), lab.Usage(2, 1, 0, 5), lab.Usage(3, 1, 10, 5))
    assert n4.usage == {("unknown", "", "", "uplink"): 110, ("unknown", "", "", "downlink"): 55}
    assert n4.event("overlapping_reports") == 4


def test_a_gap_in_the_numbers_of_reports_is_counted() -> None:
    n4 = N4()
    n4.establish(1)
    for sequence in (0, 1, 4, 3, 3):
        n4.report(1, replace(FIRST, sequence=sequence))
    assert (n4.event("missing_reports"), n4.event("duplicate_reports"), n4.total) == (2, 1, 4 * 300)


def test_a_urr_that_is_made_anew_begins_to_number_anew() -> None:
    n4 = N4()
    n4.establish(1)
    n4.report(1, FIRST)
    n4.ask(lab.MODIFY, 1, [lab.removed_urr(1)], [lab.cause(), lab.usage(78, replace(FIRST, sequence=1))])
    n4.report(1, replace(FIRST, sequence=2))  # the last of the removed one, on its own
    n4.ask(lab.MODIFY, 1, [lab.urr(1)], [lab.cause()])
    n4.report(1, FIRST)
    assert (n4.total, n4.event("missing_reports")) == (4 * 300, 0)


@pytest.mark.parametrize("restart", ["heartbeat", "association", "release"])
def test_a_restart_of_a_node_ends_its_sessions(restart: str) -> None:
    n4 = N4()
    n4.up(lab.message(1, 900, lab.recovery(1000)))
    n4.establish(1)
    n4.up(lab.message(1, 901, lab.recovery(1000)))
    assert n4.sessions == {"other": 1}
    if restart == "heartbeat":
        n4.up(lab.message(1, 902, lab.recovery(1001)))
        assert n4.event("restarts") == 1
    else:
        kind = lab.ASSOCIATION if restart == "association" else lab.RELEASE
        n4.down(lab.message(kind, 903, lab.node(SMF), lab.recovery(1)))
        n4.up(lab.message(kind + 1, 903, lab.cause(), lab.node(UPF), lab.recovery(1000)))
    assert n4.sessions == {}


def test_the_same_message_after_a_restart_is_a_new_one() -> None:
    n4 = N4()
    n4.down(lab.message(1, 900, lab.recovery(1000)))
    n4.establish(1)
    n4.down(lab.message(1, 901, lab.recovery(1001)))
    n4.sequence = 0
    n4.establish(1)
    assert n4.sessions == {"other": 1}


def test_sessions_outlive_an_association_that_retains_them() -> None:
    n4 = N4()
    n4.establish(1)
    n4.down(lab.message(lab.ASSOCIATION, 90, lab.node(SMF), lab.recovery(1), lab.element(183)))
    n4.up(lab.message(lab.ASSOCIATION + 1, 90, lab.cause(), lab.node(UPF), lab.recovery(1)))
    assert n4.sessions == {"other": 1}


def test_a_session_at_the_same_place_replaces_the_one_before() -> None:
    n4 = N4()
    n4.establish(1, WHOLE, lab.dnn("old"))
    n4.establish(1, WHOLE, lab.dnn("new"))
    n4.report(1, FIRST)
    assert (n4.sessions, {dnn for _, dnn, *_ in n4.usage}) == ({"other": 1}, {"new"})


def test_the_upf_may_end_a_session_by_itself() -> None:
    n4 = N4()
    n4.establish(1)
    n4.up(lab.message(lab.REPORT, 70, lab.usage(80, FIRST), lab.element(161, b"\1"), seid=1))
    assert (n4.total, n4.sessions) == (300, {})


def test_sessions_beyond_the_bound_are_refused_and_their_usage_is_unknown() -> None:
    n4 = N4(replace(SETTINGS, bounds=Bounds(sessions=3)))
    for seid in range(5):
        n4.establish(seid)
        n4.report(seid, FIRST)
    assert (n4.sessions, n4.event("refused_sessions"), n4.total) == ({"other": 3}, 2, 5 * 300)
    assert sum(octets for (group, *_), octets in n4.usage.items() if group == "unknown") == 2 * 300


def test_labels_are_bounded_whatever_the_messages_say() -> None:
    n4 = N4(replace(SETTINGS, bounds=Bounds(series=4)))
    for seid in range(20):
        n4.establish(seid, WHOLE, lab.dnn(f"dnn{seid}"))
        n4.report(seid, FIRST)
    assert len({dnn for _, dnn, *_ in n4.usage}) == 5
    assert (n4.total, n4.tracker.groups.folded > 0) == (20 * 300, True)


def test_reports_of_urrs_that_no_message_made_take_bounded_memory() -> None:
    """Of all sessions together: 16 rules for each possible one. The sum is that of the sessions."""
    n4 = N4(replace(SETTINGS, bounds=Bounds(sessions=2)))
    n4.establish(1)
    for urr in range(2, 100):
        n4.report(1, replace(FIRST, urr=urr))
    (session,) = n4.tracker.sessions
    assert (session.rules(), n4.tracker.counts.rules) == (32, 32)
    n4.report(1, FIRST)
    assert n4.usage["other", "", "", "uplink"] == 100
    n4.ask(lab.DELETE, 1, [], [lab.cause()])
    assert n4.tracker.counts.rules == 0


def test_waiting_requests_take_bounded_memory() -> None:
    n4 = N4(replace(SETTINGS, bounds=Bounds(transactions=100)))
    for sequence in range(1000):
        n4.down(lab.message(lab.ESTABLISH, sequence, lab.seid(1, SMF), lab.pdr(WHOLE[0]), seid=0))
    assert len(n4.tracker._transactions) == 100


@given(st.binary(max_size=80), st.integers(0, 60))
def test_damage_in_one_message_does_not_change_the_sums_of_others(junk: bytes, kind: int) -> None:
    n4 = N4()
    n4.establish(1)
    n4.down(junk)
    n4.up(lab.message(kind, 77, junk, seid=99))
    n4.report(1, FIRST)
    assert sum(octets for (group, *_), octets in n4.usage.items() if group == "other") == 300


@given(st.randoms(use_true_random=False))
def test_sums_are_those_of_the_reports_whatever_is_sent_again(rng: random.Random) -> None:
    """Conservation: sessions come and go, every message may come twice; what was reported once is counted once."""
    n4 = N4()
    truth, numbers = 0, dict[int, int]()
    for _ in range(40):
        seid = rng.randrange(1, 5)
        if seid not in numbers:
            n4.establish(seid)
            numbers[seid] = 0
        elif rng.random() < 0.2:
            usage = lab.Usage(1, numbers.pop(seid), rng.randrange(100))
            truth += usage.uplink
            n4.ask(lab.DELETE, seid, [], [lab.cause(), lab.usage(79, usage)])
        else:
            usage = lab.Usage(1, numbers[seid], rng.randrange(1000), rng.randrange(1000))
            numbers[seid] += 1
            truth += usage.uplink + usage.downlink
            n4.report(seid, usage)
            if rng.random() < 0.5:
                n4.sequence -= rng.random() < 0.5  # the same message, or the same report in another
                n4.report(seid, usage)
    assert (n4.total, n4.sessions.get("other", 0)) == (truth, len(numbers))
