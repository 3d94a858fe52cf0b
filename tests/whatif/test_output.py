# SPDX-License-Identifier: Apache-2.0
"""The words below the tables of `joulepath whatif`."""

from typing import Any

import pytest

from joulepath_whatif import output
from joulepath_whatif.effect import effect
from joulepath_whatif.scenario import Scenario
from tests.whatif import house

pytestmark = pytest.mark.unit


def words(**sections: Any) -> list[str]:
    scenario = Scenario.model_validate(sections)
    answer = effect(house.topology(), house.present(), scenario)
    return output.text(house.topology(), scenario, house.present(), answer).splitlines()


@pytest.mark.parametrize(
    "sections",
    [
        {"sites": {"edge": {"grams_per_kwh": 48}}},
        {"sites": {"edge": {"overhead": 1.1}}},
        {"sites": {"edge": {"price_per_kwh": 0.1}}},
        {"applications": {"camera": {"frame_rate": {"from": 30, "to": 30.0}}}},
    ],
)
def test_the_words_of_the_same_meters_are_about_power(sections: dict[str, Any]) -> None:
    """Grams and money may fall beside it, so `nothing` would be wrong."""
    assert "The meters show the same watts: no power is saved." in words(**sections)
