# SPDX-License-Identifier: Apache-2.0
"""The numbers at the head of the page, and the order in which applications get their looks."""

import dataclasses

import pytest

from joulepath_report.model import Edge
from joulepath_report.page.figures import Figure, figures
from joulepath_report.page.looks import looks
from tests.report import example

pytestmark = pytest.mark.unit

SPACE = "\N{NARROW NO-BREAK SPACE}"


def test_the_head_has_energy_its_attribution_and_carbon() -> None:
    """Of 1 kWh, camera has half, and 30 % is unattributed; the table of applications has 380 g."""
    assert list(figures(example.REPORT)) == [
        Figure("Energy", f"1.00{SPACE}kWh", f"3{SPACE}600{SPACE}000 J at the plugs"),
        Figure("Attributed to applications", "70.0 %", f"700{SPACE}Wh"),
        Figure("Unattributed", "30.0 %", f"300{SPACE}Wh"),
        Figure("Largest application", "camera", f"500{SPACE}Wh, 50.0 %"),
        Figure("CO2 (location)", f"380{SPACE}g", "of all of this energy"),
    ]


@pytest.mark.parametrize("flow", [(), (Edge("upf", "camera", 0.0, "application"),)])
def test_without_energy_the_head_has_no_figures(flow: tuple[Edge, ...]) -> None:
    assert list(figures(dataclasses.replace(example.REPORT, flow=flow))) == []


def test_the_largest_application_has_the_first_look() -> None:
    assert list(looks(example.REPORT).patterns) == ["camera", "robot_2 & 3", "unattributed"]
    swapped = [dataclasses.replace(step, watts=1 / step.watts) for step in example.STEPS]
    report = dataclasses.replace(example.REPORT, flow=(), steps=tuple(swapped))
    assert list(looks(report).patterns) == ["robot_2 & 3", "camera", "unattributed"]
