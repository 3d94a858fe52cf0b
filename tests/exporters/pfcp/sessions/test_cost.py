# SPDX-License-Identifier: Apache-2.0
"""The cost of an establishment, in numbers that other load on the machine does not change (speed: benchmarks)."""

import gc
import sys
import weakref
from types import FrameType

import pytest
from benchmarks.pfcp import GROUPS, establishments, feed

from joulepath.pfcp.sessions.tracker import Tracker
from joulepath.pfcp.settings import Settings

pytestmark = pytest.mark.unit

MOST_CALLS = 500
"""Of functions, those of C included, for a request of 9 elements with two PDRs, and its response. They were 555 when
establishments alone came at 17,000 messages/s, and are 463 at 38,000 on the same machine."""


def test_an_establishment_takes_few_calls() -> None:
    sessions = establishments()
    tracker = feed(sessions[:100], Tracker(Settings(groups=GROUPS)))
    calls = 0

    def count(_: FrameType, event: str, __: object) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    sys.setprofile(count)
    try:
        feed(sessions[100:200], tracker)
    finally:
        sys.setprofile(None)
    assert len(tracker.sessions) == 100
    assert calls / 50 < MOST_CALLS


def test_a_tracker_that_ends_leaves_nothing_to_the_garbage_collector() -> None:
    gc.disable()
    try:
        tracker = feed(establishments()[:10])
        left = weakref.ref(tracker)
        del tracker
        assert left() is None
    finally:
        gc.enable()
