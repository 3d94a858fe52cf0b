# SPDX-License-Identifier: Apache-2.0
"""Labels of applications and components in a topology file."""

from typing import Any

import pytest

from joulepath_topology.labels import RESERVED, UNLABELLED
from tests.topology.examined import changed, lines, sound

pytestmark = pytest.mark.unit

PLACES = ({"applications": "a"}, {"components": "upf-1"})


def labelled(place: dict[str, str], labels: dict[Any, Any]) -> tuple[dict[str, Any], str]:
    """The factory with these labels at an entry, and the place of the entry."""
    ((section, name),) = place.items()
    return changed(**{section: {name: {"labels": labels}}}), f"{section}.{name}.labels"


@pytest.mark.parametrize("place", PLACES)
def test_labels_are_names_with_values(place: dict[str, str]) -> None:
    data, _ = labelled(place, {"team": "vision", "slice_1": "embb/1"})
    sound(data)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize(
    "name",
    [
        "1st",
        "cost-centre",
        "__team",
        "te am",
        "größe",
        "inf",
        "NaN",
        "without",
        "joulepath_topology_team",
        *sorted(RESERVED)[::9],
    ],
)
def test_a_label_that_prometheus_or_the_rules_cannot_take_is_an_error(place: dict[str, str], name: str) -> None:
    data, where = labelled(place, {name: "vision"})
    (line,) = lines(data)
    assert line.startswith(f"{where}.{name}: {name!r} is ")


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("value", [UNLABELLED, "unattributed", "", "two words"])
def test_a_value_that_the_rules_use_themselves_is_an_error(place: dict[str, str], value: str) -> None:
    data, where = labelled(place, {"team": value})
    (line,) = lines(data)
    assert line.startswith(f"{where}.team: {value!r} is ")
