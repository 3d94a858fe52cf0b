# SPDX-License-Identifier: Apache-2.0
"""The decoder with a memory says what the decoder says."""

import random
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from joulepath.ioam.wire import decode
from joulepath.ioam.wire.memo import Memo
from tests.exporters.ioam.encoder import Node, hop_by_hop, option, trace_data
from tests.exporters.ioam.wire.test_decode import PAD2, headers

pytestmark = pytest.mark.unit


def outcome(read: Callable[[bytes], decode.Options], header: bytes) -> decode.Options | str:
    """The options, or the reason for their absence."""
    try:
        return read(header)
    except decode.Malformed as fault:
        return fault.reason


def same(memo: Memo, header: bytes) -> None:
    assert outcome(memo.options, header) == outcome(decode.options, header)


@given(headers(), st.data())
def test_the_memo_agrees_for_headers_that_differ_a_little(case: tuple[bytes, object], data: st.DataObject) -> None:
    """Anywhere, so in their timestamps too; each twice, that it may be remembered."""
    memo, header = Memo(), bytearray(case[0])
    for _ in range(4):
        for _ in range(2):
            same(memo, bytes(header))
        at = data.draw(st.integers(2, len(header) - 1))
        header[at : at + 8] = data.draw(st.binary(min_size=8, max_size=8))[: len(header) - at]


def header_with_time(seconds: int, fraction: int, *snapshots: bytes) -> bytes:
    nodes = [Node({0: (64, at), 2: (seconds,), 3: (fraction,)}, snapshot) for at, snapshot in enumerate(snapshots)]
    return hop_by_hop(PAD2, option(trace_data(123, [0, 2, 3, 22], nodes)))


def test_the_memo_agrees_where_snapshots_move_the_timestamps() -> None:
    """All begin alike and are of one length; in some the last node says more, in some the first."""
    memo, chance = Memo(), random.Random(3)
    for _ in range(300):
        snapshots = chance.choice([(b"abcd", b""), (b"", b"abcd")])
        same(memo, header_with_time(chance.choice([0x61626364, 6]), chance.choice([0x61626364, 7]), *snapshots))


def test_unlisted_headers_take_bounded_memory() -> None:
    memo = Memo()
    for number in range(10_000):
        memo.options(header_with_time(1, 2, number.to_bytes(16, "big")))
        memo.options(hop_by_hop(PAD2, option(trace_data(123, [22], [Node(snapshot=number.to_bytes(16, "big"))]))))
    assert len(memo._rests) <= 4096
    assert len(memo._same) <= 4096
