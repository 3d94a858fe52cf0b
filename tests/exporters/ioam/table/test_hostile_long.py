# SPDX-License-Identifier: Apache-2.0
"""Ten million strange ids."""

import pytest

from tests.exporters.ioam.table.test_hostile import hostile

pytestmark = pytest.mark.long


def test_ten_million_unlisted_ids_stay_within_bounds() -> None:
    hostile(10_000_000)
