# SPDX-License-Identifier: Apache-2.0
"""ENTITY-SENSOR-MIB on a real agent: watts by type, with scale and precision of each sensor."""

from collections.abc import Mapping

import pytest

from joulepath.pdu.profiles.catalogue import candidates
from joulepath.pdu.profiles.schema import Profile
from joulepath.pdu.source import PduSource
from joulepath_lab.devices.snmp_agent import Agent, Value
from tests.exporters.pdu.conftest import client, read

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
    values_by_oid: dict[str, Value] = {
        f"{table}.{column}.{entity}": value
        for entity, values in SENSORS.items()
        for column, value in enumerate(values, 1)
    }
    return {"1.3.6.1.2.1.1.3.0": 100, **values_by_oid}


@pytest.mark.parametrize(("table", "profile"), [(ENTITY, "watt-sensors"), (CISCO, "watt-sensors-cisco")])
def test_the_device_states_scale_and_precision(profiles: Mapping[str, Profile], table: str, profile: str) -> None:
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


NAMED = {  # name, description, type, where it is read
    1: ("PS1 POWin", "Power supply 1", 6, "inlet"),
    2: ("PS1 CURin", "Power supply 1", 5, "inlet"),
    3: ("PS1 POWout", "Power supply 1", 6, "branch"),
    4: ("P: In pwr", "P: In pwr", 6, "inlet"),
    5: ("P: Out pwr", "P: Out pwr", 6, "branch"),
    6: ("sensor 6", "PSU 2 Input Power Sensor", 6, "inlet"),
    7: ("", "Power sensor for power supply 1/2", 6, "branch"),
    8: ("Linecard 1 input power", "", 6, "branch"),
    9: ("Backplane power", "", 6, "branch"),
    16: ("0/PM0-PS_IIN", "", 5, "inlet"),
    17: ("0/RP0/CPU0-P1V15_CPU_CORE_IIN", "", 5, "branch"),
    # Lasers, and what is rated or allowed.
    10: ("DOM TX Power Sensor for Ethernet1", "", 6, ""),
    11: ("Ethernet1/40 Lane 1 Transceiver Receive Power Sensor", "", 6, ""),
    12: ("Gi5/2 Bias Current Sensor", "", 5, ""),
    13: ("", "RxPower Ethernet3", 6, ""),
    14: ("PS1 Input Power Capacity", "", 6, ""),
    15: ("PoE power budget", "", 6, ""),
    18: ("HundredGigE0/0/0/28-Rx Lane 0 Power", "", 6, ""),
    19: ("TenGigE0/0/0/18-Tx Power", "", 6, ""),
}


@pytest.mark.parametrize(("table", "profile"), [(ENTITY, "watt-sensors"), (CISCO, "watt-sensors-cisco")])
def test_the_name_or_description_tells_what_a_sensor_measures(
    profiles: Mapping[str, Profile], table: str, profile: str
) -> None:
    values: dict[str, Value] = {"1.3.6.1.2.1.1.3.0": 100}
    for row, (name, description, kind, _) in NAMED.items():
        values |= {f"1.3.6.1.2.1.47.1.1.1.1.7.{row}": name, f"1.3.6.1.2.1.47.1.1.1.1.2.{row}": description}
        values |= {f"{table}.{column}.{row}": value for column, value in enumerate((kind, 9, 0, 100 + row, 1), 1)}
    with Agent({oid: lambda value=value: value for oid, value in values.items()}) as agent:  # type: ignore[misc]
        reading = read(PduSource("switch", client(agent.address), profiles))
    assert reading.profile == profile
    for level in ("inlet", "branch"):
        for kind, quantity in ((6, "power"), (5, "current")):
            expected = {str(row): 100 + row for row, named in NAMED.items() if named[2:] == (kind, level)}
            assert reading.values[level].get(quantity, {}) == expected  # type: ignore[call-overload]


def test_every_other_profile_is_tried_first(profiles: Mapping[str, Profile]) -> None:
    assert candidates(profiles, (1, 3, 6, 1, 4, 1, 30065, 1))[-1] == "watt-sensors"
