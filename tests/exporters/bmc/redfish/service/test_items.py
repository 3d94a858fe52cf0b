# SPDX-License-Identifier: Apache-2.0
"""Any JSON at all in place of a resource: a value that could be one, or a reason, and never a traceback."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from joulepath.bmc.choice.best import QUALITY
from joulepath.bmc.ipmi.sensors import sensors
from joulepath.bmc.names import feed_of, is_inside, names_itself, stem
from joulepath.bmc.redfish.service.items import Item, value
from joulepath.bmc.redfish.survey.sensors import Owner, items
from joulepath.bmc.vendors import load_shipped
from joulepath.reading.energy import MAX_WATTS
from joulepath.reading.rejected import NotMeasuredError

pytestmark = pytest.mark.unit

KEYS = st.sampled_from(
    ["Reading", "ReadingTime", "Status", "State", "PowerMetrics", "IntervalInMin", "@odata.id", "Id"]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)
POINTERS = st.lists(KEYS | st.integers(0, 2), min_size=1, max_size=3).map(tuple)


@given(JSON.filter(lambda value: isinstance(value, dict)), POINTERS, st.sampled_from(["", *QUALITY]))
def test_a_value_is_plausible_or_rejected(resource: Any, pointer: tuple[str | int, ...], source: str) -> None:
    item = Item("power", "1", "/x", pointer, source=source)
    try:
        watts = value(item, resource)
    except NotMeasuredError:
        return
    assert math.isfinite(watts)
    assert 0 <= watts <= MAX_WATTS


@pytest.mark.parametrize(
    "name", ["System Power Limit", "Sys Pwr Cap", "Total_Power_Max", "Node Power Peak", "PSU1 Max PIN"]
)
def test_limits_that_ipmi_lists_as_watts_are_not_measurements(name: str) -> None:
    named = [("1", name, "W"), ("2", "Total_Power", "W"), ("3", "PSU2 PIN", "W")]
    assert [sensor.key for sensor in sensors(named, load_shipped())] == ["2", "3"]


@given(st.text(max_size=20), st.text(max_size=20))
def test_any_two_names_stay_apart(name: str, other: str) -> None:
    feed_of(name, other)
    names_itself(name, other)
    assert not is_inside(stem(name), {stem(name)})


@given(st.lists(st.dictionaries(KEYS | st.sampled_from(["ReadingType", "PhysicalContext", "Oem"]), JSON), max_size=5))
def test_any_sensors_are_classified_or_left_out(sensors: list[dict[str, Any]]) -> None:
    for sensor in sensors:
        sensor["ReadingType"] = "Power"
    list(items(Owner("1", "1", is_part=True), sensors, load_shipped()))
