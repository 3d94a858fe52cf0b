# SPDX-License-Identifier: Apache-2.0
"""The words below the tables, where the meters of the hosts show the same."""

from typing import Any

import pytest

from joulepath_whatif import output
from joulepath_whatif.effect import effect
from joulepath_whatif.scenario import Scenario
from tests.whatif import house

pytestmark = pytest.mark.unit

SAME = "The meters of the hosts show the same: "


def words(**sections: Any) -> list[str]:
    scenario = Scenario.model_validate(sections)
    answer = effect(house.topology(), house.present(), scenario)
    return output.text(house.topology(), scenario, house.present(), answer).splitlines()


@pytest.mark.parametrize("change", [{"grams_per_kwh": 48}, {"overhead": 1.1}, {"price_per_kwh": 0.1}])
def test_another_grid_saves_no_watts_and_yet_something(change: dict[str, float]) -> None:
    """Grams and money fall beside it, so `nothing` would be wrong."""
    assert f"{SAME}no watts are saved." in words(sites={"edge": change})


def test_a_scenario_that_changes_no_figure_saves_nothing() -> None:
    assert f"{SAME}nothing is saved." in words(applications={"camera": {"frame_rate": {"from": 30, "to": 30.0}}})
