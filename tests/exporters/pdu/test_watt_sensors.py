# SPDX-License-Identifier: Apache-2.0
"""ENTITY-SENSOR-MIB on a real agent: watts by type, with scale and precision of each sensor."""

from collections.abc import Mapping

import pytest

from joulepath.pdu.profile import candidates
from joulepath.pdu.schema import Profile
from joulepath.pdu.source import PduSource
from joulepath_lab.snmp_agent import Agent, Value

from .conftest import client, read

pytestmark = pytest.mark.unit

TABLE = "1.3.6.1.2.1.99.1.1.1"
SENSORS = {  # entPhySensorType, Scale, Precision, Value
    1001: (6, 9, 1, 1235),
    1002: (6, 8, 0, 98_500),
    1003: (8, 9, 1, 312),  # celsius
    1004: (5, 8, 0, 540),
}


def objects() -> dict[str, Value]:
    found: dict[str, Value] = {
        f"{TABLE}.{column}.{entity}": value
        for entity, values in SENSORS.items()
        for column, value in enumerate(values, 1)
    }
    return {"1.3.6.1.2.1.1.3.0": 100, **found}


def test_scale_and_precision_are_data(profiles: Mapping[str, Profile]) -> None:
    with Agent({oid: lambda value=value: value for oid, value in objects().items()}) as agent:  # type: ignore[misc]
        reading = read(PduSource("switch", client(agent.address), profiles, "watt-sensors"))
    assert reading.values["branch"]["power"] == {"1001": 123.5, "1002": 98.5}
    assert reading.values["branch"]["current"] == {"1004": 0.54}


def test_every_other_profile_is_tried_before(profiles: Mapping[str, Profile]) -> None:
    assert candidates(profiles, (1, 3, 6, 1, 4, 1, 30065, 1))[-1] == "watt-sensors"
