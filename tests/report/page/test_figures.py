# SPDX-License-Identifier: Apache-2.0
"""The numbers at the head of the page, and the order in which applications get their looks."""

import dataclasses

import pytest

from joulepath_report.model import Edge
from joulepath_report.page.digits import Scale
from joulepath_report.page.figures import Figure, figures
from joulepath_report.page.looks import looks
from tests.report import example

pytestmark = pytest.mark.unit

SPACE = "\N{NARROW NO-BREAK SPACE}"
WHOLE = 3_600_000.0


def test_the_head_has_energy_its_attribution_and_carbon() -> None:
    """Of 1 kWh, camera has half, and 30 % is unattributed; the table of applications has 380 g."""
    assert list(figures(example.REPORT, Scale.of(WHOLE))) == [
        Figure("Energy", f"1.00{SPACE}kWh", f"3{SPACE}600{SPACE}000 J at the plugs"),
        Figure("Attributed to applications", "70.0 %", f"0.70{SPACE}kWh"),
        Figure("Unattributed", "30.0 %", f"0.30{SPACE}kWh"),
        Figure("Largest application", "camera", f"0.50{SPACE}kWh, 50.0 %"),
        Figure("CO2 (location)", "0.380 kg", "of all of this energy"),
    ]


@pytest.mark.parametrize("flow", [(), (Edge("upf", "camera", 0.0, "application"),)])
def test_without_energy_the_head_has_no_figures(flow: tuple[Edge, ...]) -> None:
    assert list(figures(dataclasses.replace(example.REPORT, flow=flow), Scale.of(0.0))) == []


def test_the_largest_application_has_the_first_look() -> None:
    assert list(looks(example.REPORT).patterns) == ["camera", "robot_2 & 3", "unattributed"]
    swapped = [dataclasses.replace(step, watts=1 / step.watts) for step in example.STEPS]
    report = dataclasses.replace(example.REPORT, flow=(), steps=tuple(swapped))
    assert list(looks(report).patterns) == ["robot_2 & 3", "camera", "unattributed"]
