# SPDX-License-Identifier: Apache-2.0
"""Of several URRs on one packet, one counts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from joulepath.pfcp.sessions.choice import choose
from joulepath.pfcp.settings import Group, Match, Settings
from joulepath_lab.devices import pfcp as lab
from tests.exporters.pfcp.n4 import N4

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("covers", "chosen"),
    [
        ({1: {1, 2}}, [1]),
        ({1: {1}, 2: {2}}, [1, 2]),  # one for each direction
        ({1: {1, 2, 3, 4}, 2: {1, 2}, 3: {3, 4}}, [2, 3]),  # the session, and all of its QoS flows
        ({1: {1, 2, 3, 4}, 2: {1, 2}}, [1]),  # the session, and one of its QoS flows
        ({1: {1, 2}, 2: {1, 2}}, [1]),  # a linked one that measures the same
        ({1: {1, 2}, 2: {2, 3}, 3: {3, 4}}, [1, 3]),
        ({1: {1, 2, 3, 4}, 2: {1}, 3: {1, 2}, 4: {3, 4}}, [3, 4]),
        ({1: set(), 2: {1}}, [2]),
        ({2: set(), 1: set()}, [1]),  # rules that are predefined in the UPF
        ({}, []),
    ],
)
def test_no_packet_counts_twice_and_most_count_once(covers: dict[int, set[int]], chosen: list[int]) -> None:
    assert sorted(choose(covers)) == chosen


def test_a_urr_that_counts_goes_on_counting() -> None:
    """Its next report is about a time that has begun: a change would lose or double it."""
    assert choose({1: {1, 2}, 2: {1}, 3: {2}}, [1]) == [1]
    assert choose({2: {1}, 3: {2}}, [1]) == [2, 3]


@given(st.dictionaries(st.integers(1, 9), st.sets(st.integers(1, 6)), max_size=8), st.lists(st.integers(1, 9)))
def test_chosen_urrs_never_have_a_pdr_in_common(covers: dict[int, set[int]], counted: list[int]) -> None:
    chosen = choose(covers, dict.fromkeys(counted))
    taken = [pdr for urr in chosen for pdr in covers[urr]]
    assert len(taken) == len(set(taken))
    assert chosen or not covers
    # None is left out that could be added.
    assert not [urr for urr, pdrs in covers.items() if pdrs and not pdrs & set(taken) and taken]


def test_usage_of_a_session_and_of_its_qos_flows_counts_once() -> None:
    rules = (
        lab.Rule(1, lab.ACCESS, (1, 2), qfi=5),
        lab.Rule(2, lab.CORE, (1, 2), qfi=5),
        lab.Rule(3, lab.ACCESS, (1, 3), qfi=9),
        lab.Rule(4, lab.CORE, (1, 3), qfi=9),
    )
    groups = (Group("video", (Match(qfi=frozenset({5})),)), Group("rest", (Match(),)))
    n4 = N4(Settings(groups=groups))
    n4.establish(1, rules)
    n4.report(1, lab.Usage(1, 0, 30, 60), lab.Usage(2, 0, 10, 20), lab.Usage(3, 0, 20, 40))
    assert n4.usage == {
        ("video", "", "", "uplink"): 10, ("video", "", "", "downlink"): 20,
        ("rest", "", "", "uplink"): 20, ("rest", "", "", "downlink"): 40,
    }  # fmt: skip
    assert n4.event("overlapping_reports") == 1


def test_a_total_without_directions_has_that_of_its_pdrs() -> None:
    n4 = N4()
    n4.establish(1, (lab.Rule(1, lab.ACCESS, (1,)), lab.Rule(2, lab.CORE, (2,)), lab.Rule(3, lab.CORE, (3,)),
                     lab.Rule(4, lab.ACCESS, (3,))))  # fmt: skip
    for urr, octets in ((1, 10), (2, 20), (3, 40)):
        total = lab.element(66, b"\1", octets.to_bytes(8, "big"))
        report = lab.element(80, lab.element(81, urr.to_bytes(4, "big")), lab.element(104, bytes(4)), total)
        n4.up(lab.message(lab.REPORT, 50 + urr, report, seid=1))
    assert {direction: octets for (*_, direction), octets in n4.usage.items()} == {
        "uplink": 10, "downlink": 20, "unknown": 40,
    }  # fmt: skip
