# SPDX-License-Identifier: Apache-2.0
"""Whether a flow's packets get their trace, over a minute."""

import logging
from ipaddress import IPv6Address

import pytest

from joulepath.tag.coverage import Coverage
from joulepath.tag.program import FlowCount, NarrowPath

pytestmark = pytest.mark.unit


def count(packets: int, **untagged: int) -> FlowCount:
    return FlowCount(packets, 1000 * packets, untagged)


def test_most_packets_of_the_last_minute_decide() -> None:
    now = [0.0]
    coverage = Coverage(lambda: now[0])
    assert coverage.mostly_tagged("video", count(0))
    assert coverage.mostly_tagged("video", count(5, mtu=5))
    assert not coverage.mostly_tagged("video", count(5, mtu=3, ipv4=3))
    coverage.add({"video": count(100)}, {})
    now[0] = 30
    coverage.add({"video": count(100, mtu=50)}, {})
    assert not coverage.mostly_tagged("video", count(140, mtu=50))
    now[0] = 89
    coverage.add({"video": count(140, mtu=50)}, {})  # the minute begins at 30
    assert coverage.mostly_tagged("video", count(140, mtu=50))
    assert not coverage.mostly_tagged("video", count(140, mtu=91))
    # A flow that the minute's first look did not know.
    assert not coverage.mostly_tagged("new", count(0, protocol=1))


def test_packets_without_an_id_do_not_count_as_uncovered() -> None:
    assert Coverage().mostly_tagged("video", count(0, no_id=10))


def test_each_reason_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    coverage = Coverage()
    with caplog.at_level(logging.INFO):
        for number in (0, 1, 2):
            coverage.add({"video": count(9, mtu=number, no_id=number)}, {})
        coverage.add({"video": count(9, mtu=3, ipv4=1), "audio": count(9, mtu=1)}, {})
    assert [record.getMessage() for record in caplog.records] == [
        "flow video: packets pass without a trace, reason mtu: the packet would become larger than the interface's MTU",
        "flow video: packets pass without a trace, reason ipv4: IPv4 packets cannot carry a trace",
        "flow audio: packets pass without a trace, reason mtu: the packet would become larger than the interface's MTU",
    ]


def test_each_narrow_path_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    coverage = Coverage()
    with caplog.at_level(logging.INFO):
        for _ in range(2):
            coverage.add({}, {IPv6Address("fd02::3"): NarrowPath(1400, from_router=True)})
        coverage.add({}, {IPv6Address("fd02::4"): NarrowPath(1495, from_router=False)})
        coverage.add({}, {IPv6Address(number): NarrowPath(1400, from_router=True) for number in range(1000)})
    lines = [record.getMessage() for record in caplog.records]
    assert lines[:2] == [
        "the path to fd02::3 carries packets of 1400 octets at most, as a router says",
        "the path to fd02::4 carries packets of 1495 octets at most, as lost packets suggest",
    ]
    assert len(lines) == 256


def test_video_that_is_cut_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    coverage = Coverage()
    with caplog.at_level(logging.INFO):
        for nodes, cuts in (5, True), (5, True), (1, False), (5, True):
            coverage.note_header(nodes, 40 + 8 * nodes, cuts=cuts)
    assert [record.getMessage() for record in caplog.records] == [
        (
            "datagrams of 1400 octets, as video has, are cut in two: with room for 5 nodes the trace takes 80 octets; "
            "set `nodes` to fewer"
        )
    ] * 2
