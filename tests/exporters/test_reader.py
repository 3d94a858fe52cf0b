# SPDX-License-Identifier: Apache-2.0
import pytest

from joulepath.reader import ScrapeReader

pytestmark = pytest.mark.unit


def test_two_scrapers_within_half_a_second_share_one_reading() -> None:
    now, reads = [100.0], []

    def read() -> int:
        reads.append(now[0])
        return len(reads)

    reader = ScrapeReader(read, clock=lambda: now[0])
    assert reader.get() == 1
    now[0] += 0.49
    assert reader.get() == 1
    now[0] += 0.02
    assert reader.get() == 2
    assert len(reads) == 2
