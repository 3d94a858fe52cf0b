# SPDX-License-Identifier: Apache-2.0
"""A settled factor stands in place of the recorded one of its hour, so that no gram is there twice."""

import pytest

from joulepath_report.carbon import Carbon
from joulepath_report.energy import Cell
from joulepath_report.known import Row
from joulepath_report.questions import Rows

pytestmark = pytest.mark.unit

FACTORS: Rows = {("mast", "location"): {0: 1e-4, 1: 2e-4}, ("room", "location"): {0: 5e-5, 1: 5e-5}}
ROW = Row("camera", "upf", "edge", "mast", "network")


def test_settled_factor_replaces_that_of_its_hour() -> None:
    carbon = Carbon(FACTORS, {("mast", "location"): {1: 3e-4, 2: 4e-4}})
    # 1 MJ in each hour: 100 g as recorded, 300 g as settled in place of 200 g, and 400 g where nothing was recorded
    assert [carbon.grams(Cell(hour, ROW, 1e6), "location") for hour in range(3)] == pytest.approx([100, 300, 400])
    assert carbon.bases == ["location"]
    # Two of three hours at one of two sites.
    assert carbon.settled(3) == pytest.approx(2 / 6)


def test_report_without_settled_hours_is_as_before() -> None:
    carbon = Carbon(FACTORS)
    assert [carbon.grams(Cell(hour, ROW, 1e6), "location") for hour in range(2)] == pytest.approx([100, 200])
    assert carbon.settled(2) == 0
