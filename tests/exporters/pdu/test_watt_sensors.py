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

ENTITY = "1.3.6.1.2.1.99.1.1.1"
CISCO = "1.3.6.1.4.1.9.9.91.1.1.1.1"
SENSORS = {  # type, scale, precision, value, status
    1001: (6, 9, 1, 1235, 1),
    1002: (6, 8, 0, 98_500, 1),
    1003: (8, 9, 1, 312, 1),  # celsius
    1004: (5, 8, 0, 540, 1),
    1005: (6, 9, -3, 412, 1),  # three accurate digits, no decimal places
    1006: (6, 9, 0, 77, 2),  # unavailable
    1007: (6, 9, 0, 1_000_000_000, 1),  # overflow
    1008: (6, 9, 12, 5, 1),  # no precision of the MIB
    1009: (6, 3, 0, 5, 1),  # atto
}


def objects(table: str) -> dict[str, Value]:
    found: dict[str, Value] = {
        f"{table}.{column}.{entity}": value
        for entity, values in SENSORS.items()
        for column, value in enumerate(values, 1)
    }
    return {"1.3.6.1.2.1.1.3.0": 100, **found}


@pytest.mark.parametrize(("table", "profile"), [(ENTITY, "watt-sensors"), (CISCO, "watt-sensors-cisco")])
def test_scale_and_precision_are_data(profiles: Mapping[str, Profile], table: str, profile: str) -> None:
    with Agent({oid: lambda value=value: value for oid, value in objects(table).items()}) as agent:  # type: ignore[misc]
        reading = read(PduSource("switch", client(agent.address), profiles))
    assert reading.profile == profile
    assert reading.values["branch"]["power"] == {"1001": 123.5, "1002": 98.5, "1005": 412}
    assert reading.values["branch"]["current"] == {"1004": 0.54}
    assert reading.rejected == {"not_available": 1}


def test_agents_that_leave_the_status_out_are_read(profiles: Mapping[str, Profile]) -> None:
    kept = {oid: value for oid, value in objects(ENTITY).items() if not oid.startswith(f"{ENTITY}.5.")}
    with Agent({oid: lambda value=value: value for oid, value in kept.items()}) as agent:  # type: ignore[misc]
        reading = read(PduSource("switch", client(agent.address), profiles))
    assert reading.values["branch"]["power"]["1006"] == 77


def test_every_other_profile_is_tried_before(profiles: Mapping[str, Profile]) -> None:
    assert candidates(profiles, (1, 3, 6, 1, 4, 1, 30065, 1))[-1] == "watt-sensors"
