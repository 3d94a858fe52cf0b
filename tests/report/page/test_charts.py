# SPDX-License-Identifier: Apache-2.0
"""The labels in the drawings of charts."""

import dataclasses
import re

import pytest

from joulepath_report.page.charts import steps_svg
from joulepath_report.page.looks import looks
from tests.report import example

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("watts", "expected"),
    [
        (0.004, ["0", "0.002", "0.004", "0.006"]),
        (320.0, ["0", "200", "400", "600", "800", "1,000"]),
        (1000.0, ["0", "500", "1,000", "1,500", "2,000"]),
        (90_000.0, ["0", "50k", "100k", "150k", "200k"]),
    ],
)
def test_the_axis_of_power_is_in_watts_up_to_100_kw(watts: float, expected: list[str]) -> None:
    """Three applications are stacked; from 100 kW on the numbers would be too wide."""
    steps = [dataclasses.replace(step, watts=watts) for step in example.STEPS]
    svg = steps_svg(example.REPORT, steps, looks(example.REPORT), "power")
    labels = re.findall(r"<text[^>]*>([^<]*)</text>", svg)
    assert labels[: len(expected)] == expected
