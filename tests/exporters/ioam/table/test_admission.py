# SPDX-License-Identifier: Apache-2.0
"""Trace ids are untrusted input: which of them become labels."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from joulepath.ioam.settings import Bounds, Namespace
from joulepath.ioam.table.admission import Admission

pytestmark = pytest.mark.unit

ID = bytes(range(16))


def test_ids_are_admitted_in_full_by_prefix_or_by_namespace() -> None:
    admission = Admission(
        {
            1: Namespace(ids=frozenset({ID})),
            2: Namespace(octets=4, ids=frozenset({ID[:4]})),
            3: Namespace(octets=0, ids=frozenset({b""})),
        },
        bounds=None,
    )
    assert admission.label(1, ID) == ("1", ID.hex())
    assert admission.label(2, ID[:4] + b"\xff" * 12) == ("2", "00010203")
    assert admission.label(3, None) == admission.label(3, ID) == ("3", "all")
    assert admission.label(1, ID[:8]) == admission.label(1, None) == ("1", "other")
    assert admission.label(2, ID[:2]) == admission.label(2, bytes(16)) == ("2", "other")
    assert admission.label(9, ID) == ("other", "other")
    assert admission.folded == 0


def test_any_is_bounded_by_count_and_by_the_hour() -> None:
    now = [0.0]
    admission = Admission({1: Namespace(ids=frozenset({ID}))}, Bounds(5, 2), clock=lambda: now[0])
    names = [bytes([number]) * 16 for number in range(16)]
    assert admission.label(9, names[1]) == ("9", names[1].hex())
    assert admission.label(1, names[2]) == ("1", names[2].hex())
    assert admission.label(1, names[3], packets=7) == ("1", "other")
    assert admission.label(9, names[3]) == ("other", "other")
    assert admission.folded == 8
    assert admission.label(9, names[1]) == ("9", names[1].hex())
    assert admission.label(1, ID) == ("1", ID.hex())
    now[0] = 3600.0
    assert admission.label(1, names[3]) == ("1", names[3].hex())
    assert admission.label(1, names[4]) == ("1", names[4].hex())
    now[0] = 7200.0
    assert admission.label(1, names[5]) == ("1", names[5].hex())
    assert admission.label(1, names[6]) == ("1", "other")
    assert len(admission.labels) == 6


@given(st.lists(st.tuples(st.integers(0, 0xFFFF), st.binary(max_size=16)), max_size=200))
def test_unlisted_ids_never_exceed_the_bounds(seen: list[tuple[int, bytes]]) -> None:
    admission = Admission({}, Bounds(20, 10), clock=lambda: 0.0)
    labels = {admission.label(*item) for item in seen}
    assert len(labels - {("other", "other")}) <= 10
    assert len(admission.labels) <= 10
