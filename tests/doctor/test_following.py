# SPDX-License-Identifier: Apache-2.0
"""The note about a component of which the work does not follow its traffic, over an hour of 60 points."""

import math
import re

import pytest

from joulepath_doctor.checks import following
from joulepath_doctor.context import context
from tests.doctor.answers import NOW, Course, answering, clock
from tests.rules.promtool import topology

pytestmark = pytest.mark.unit

UPF = topology("""
interval: 15s
sites: {s: {grams_per_kwh: 380}}
hosts: {edge: {site: s, capacity: 8, static_watts: 60, power: [{bmc: edge}]}}
components:
  upf: {role: upf, host: edge, reservation: 4, share: [{workload: upf.service}], traffic: {ioam: 2}}
  smf: {role: core-control, host: edge, reservation: 1, share: [{workload: smf.service}]}
applications: {}
""")
HOUR = 3600.0


def found(traffic: Course, work: Course) -> list[tuple[str, str, str]]:
    courses = {'component:counted:rate.*"upf"': traffic, 'adapter:active:ratio.*"upf"': work}
    with answering(courses=courses) as server:
        findings = list(following.check(context(UPF, server, HOUR, clock(NOW, NOW))))
    return [(one.kind.id, one.where, one.message) for one in findings]


def day(at: float) -> float:
    """Traffic that rises from 100 to 2,000 packets/s and falls again."""
    return 1050 - 950 * math.cos(2 * math.pi * at / HOUR)


def test_a_user_plane_that_polls_is_a_note() -> None:
    """The lowest and the highest quarter of a cosine are 2 sqrt(2) / pi of its height away from its mean."""
    ((name, where, message),) = found(day, lambda _: 2.0)
    assert (name, where) == ("traffic/cpu-does-not-follow", "components.upf.share")
    low, high = (float(each) for each in re.findall(r"([\d.e+]+)/s", message))
    assert (low, high) == pytest.approx((1050 - 855, 1050 + 855), rel=0.05)
    assert "in 60 min, its work by +0%: " in message


def test_work_that_varies_by_less_than_the_noise_of_rates_is_flat() -> None:
    """Noise of 10 % that has nothing to do with the traffic."""
    assert found(day, lambda at: 2.0 + 0.2 * (-1) ** round(at / 60))


def test_work_that_follows_its_traffic_is_well() -> None:
    assert found(day, lambda at: 0.5 + day(at) / 2000) == []


def test_steady_traffic_says_nothing_of_the_work() -> None:
    assert found(lambda at: 1000 + 300 * math.sin(at), lambda _: 2.0) == []


def test_few_points_say_nothing() -> None:
    assert found(day, lambda at: 2.0 if at > HOUR - 200 else math.nan) == []
