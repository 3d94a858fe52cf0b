# SPDX-License-Identifier: Apache-2.0
"""Sessions get the labels of the configured groups; identities of subscribers stay out of them."""

from ipaddress import ip_network

import pytest

from joulepath.pfcp.settings import Group, Match, Settings
from joulepath_lab.devices import pfcp as lab
from tests.exporters.pfcp.n4 import N4, WHOLE

pytestmark = pytest.mark.unit

IMSI = "001010123456789"


def group_of(match: Match, *described: bytes) -> str:
    n4 = N4(Settings(groups=(Group("fits", (match,)),)))
    n4.establish(1, WHOLE, *described)
    (label,) = n4.tracker.counts.sessions
    return label.group


@pytest.mark.parametrize(
    ("match", "group"),
    [
        (Match(dnn=("video",)), "fits"),
        (Match(dnn=("VID*",)), "fits"),
        (Match(dnn=("ideo",)), "other"),
        (Match(dnn=("v.deo",)), "other"),  # a dot is a dot
        (Match(slice=("1-010203",)), "fits"),
        (Match(slice=("1",)), "other"),
        (Match(slice=("2", "1-*")), "fits"),
        (Match(ue=(ip_network("10.45.0.0/16"),)), "fits"),
        (Match(ue=(ip_network("2001:db8::/32"), ip_network("10.46.0.0/16"))), "other"),
        (Match(subscriber=("imsi-00101*",)), "fits"),
        (Match(subscriber=("imsi-00102*",)), "other"),
        (Match(dnn=("video",), slice=("2",)), "other"),  # all keys must fit
        (Match(qfi=frozenset({5})), "other"),  # a part of the session is not the session
    ],
)
def test_a_session_has_the_group_that_fits(match: Match, group: str) -> None:
    described = lab.dnn("video.mnc001.mcc001.gprs"), lab.s_nssai(1, 0x010203), lab.imsi(IMSI)
    assert group_of(match, *described) == group


def test_the_first_group_that_fits_has_the_session() -> None:
    groups = Group("first", (Match(dnn=("none",)), Match(dnn=("video",)))), Group("second", (Match(dnn=("*",)),))
    n4 = N4(Settings(groups=groups))
    n4.establish(1, WHOLE, lab.dnn("video"))
    n4.establish(2, WHOLE, lab.dnn("ims"))
    assert n4.sessions == {"first": 1, "second": 1}


def test_without_a_dnn_the_network_instance_of_the_core_side_counts() -> None:
    n4 = N4()
    n4.establish(1, (lab.Rule(1, lab.ACCESS, (1,), network="n3"), lab.Rule(2, lab.CORE, (1,), network="internet")))
    assert {label.dnn for label in n4.tracker.counts.sessions} == {"internet"}


def test_a_upf_has_its_configured_name() -> None:
    n4 = N4(Settings(upfs={"upf-1": (ip_network("192.0.2.0/24"),)}))
    n4.establish(1)
    assert {label.upf for label in n4.tracker.counts.sessions} == {"upf-1"}


def test_an_identity_is_never_a_label_but_its_keyed_hash_may_be() -> None:
    plain = N4(Settings(groups=(Group("fleet", (Match(),)),)))
    hashed, other = (N4(Settings(groups=(Group("fleet", (Match(),), "subscriber"),), secret=key)) for key in "ab")
    names = []
    for n4 in (plain, hashed, other):
        n4.establish(1, WHOLE, lab.imsi(IMSI))
        n4.establish(2, WHOLE, lab.imsi(IMSI))
        (label,) = n4.tracker.counts.sessions
        assert IMSI not in "".join(label)
        names.append(label.group)
    assert names[0] == "fleet"
    assert names[1].startswith("fleet/")
    assert len(names[1]) == len("fleet/") + 12
    assert names[1] != names[2], "without the key it cannot be guessed"


def test_a_reload_counts_present_sessions_by_the_new_groups() -> None:
    n4 = N4()
    n4.establish(1, WHOLE, lab.dnn("video"))
    n4.report(1, lab.Usage(1, 0, 10))
    n4.tracker.apply(Settings(groups=(Group("cameras", (Match(dnn=("video",)),)),)))
    n4.report(1, lab.Usage(1, 1, 5))
    assert n4.usage == {("other", "video", "", "uplink"): 10, ("cameras", "video", "", "uplink"): 5}
    assert n4.sessions == {"cameras": 1}
    assert n4.tracker.counts.longest_periods() == {"cameras": 10}


def test_periods_and_intervals_are_the_longest_of_a_group() -> None:
    n4 = N4(Settings(groups=(Group("cameras", (Match(dnn=("video",)),)),)))
    n4.establish(1, WHOLE, lab.dnn("video"), period=30)
    n4.establish(2, WHOLE, lab.dnn("video"), period=60)
    n4.establish(3, WHOLE, period=5)
    assert n4.tracker.counts.longest_periods() == {"cameras": 60, "other": 5}
    n4.report(1, lab.Usage(1, 0, 1, start=100, end=131))
    n4.report(2, lab.Usage(1, 0, 1, start=100, end=158))
    assert n4.tracker.counts.intervals() == {"cameras": 58}
    n4.ask(lab.DELETE, 2, [], [lab.cause()])
    assert n4.tracker.counts.longest_periods() == {"cameras": 30, "other": 5}
    for hours, seconds in ((1.5, 31), (3, 31)):  # the long one is forgotten in the second hour after it
        n4.moment = hours * 3600
        n4.report(1, lab.Usage(1, int(hours), 1, start=100, end=100 + seconds))
    assert n4.tracker.counts.intervals() == {"cameras": 31}
