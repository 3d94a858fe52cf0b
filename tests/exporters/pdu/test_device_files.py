# SPDX-License-Identifier: Apache-2.0
"""The devices of `devices/`, one file each, are found and read as they mean: as walks, and behind a real agent."""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

import pytest

from joulepath.errors import JoulepathError
from joulepath.pdu.check import explain
from joulepath.pdu.profiles.quantity import Quantity
from joulepath.pdu.profiles.schema import Profile
from joulepath.pdu.source import PduSource
from joulepath.pdu.survey.detection import detect
from joulepath.pdu.survey.judge import Judge
from joulepath.pdu.survey.layout import readings_of
from joulepath.pdu.survey.reading import ReadingKey
from joulepath.pdu.survey.value import REASONS
from joulepath_lab.devices.snmp_agent import Agent

from .conftest import client, read
from .device_files import Device, devices

pytestmark = pytest.mark.unit

DEVICES = devices()

Reading: TypeAlias = tuple[str, str, str]
"""Level, label and quantity."""


@pytest.mark.parametrize("name", DEVICES)
def test_a_device_is_found_and_its_values_mean_what_is_published_of_them(
    tmp_path: Path, profiles: Mapping[str, Profile], name: str
) -> None:
    device = DEVICES[name]

    async def ask_device() -> tuple[str, Mapping[Reading, float], Counter[str], Mapping[ReadingKey, str]]:
        walk = device.walk(tmp_path / "walk.snmprec")
        detected = await detect(walk, profiles)
        _, rows = await explain(walk, detected, profiles[detected])
        values: Mapping[Reading, float] = {
            (row.cell.level, row.cell.label, row.cell.quantity_name): row.value for row in rows if row.value is not None
        }
        numbers = {row.cell.key: (row.cell, row.value) for row in rows if row.value is not None}
        left_out = Judge().find_contradicted(readings_of(numbers), 0.0)
        return detected, values, Counter(row.reason for row in rows if row.reason in REASONS), left_out

    profile, values, rejected, left_out = asyncio.run(ask_device())
    assert profile == device.profile
    assert values == pytest.approx(device.readings)
    assert rejected == device.rejects
    assert not left_out


@pytest.mark.parametrize("name", DEVICES)
def test_a_device_without_a_sysobjectid_is_found_by_its_objects(
    tmp_path: Path, profiles: Mapping[str, Profile], name: str
) -> None:
    device = DEVICES[name]
    walk = device.walk(tmp_path / "walk.snmprec", sys_object_id=False)
    assert asyncio.run(detect(walk, profiles)) == (device.without_sys_object_id or device.profile)


# A device of each profile: an agent takes its time to end.
@pytest.mark.parametrize("name", {device.profile: name for name, device in DEVICES.items()}.values())
def test_a_device_behind_an_agent_reads_as_its_walk_does(profiles: Mapping[str, Profile], name: str) -> None:
    device = DEVICES[name]
    with Agent(device.agent_objects()) as agent:
        reading = read(PduSource(name, client(agent.address), profiles))
    values = {
        (level, label, quantity): value
        for level, quantities in reading.values.items()
        for quantity, labels in quantities.items()
        for label, value in labels.items()
    }
    assert reading.profile == device.profile
    assert values == pytest.approx(device.readings)
    assert reading.rejected == device.rejects


def test_device_files_cover_every_quantity_of_every_shipped_profile(
    tmp_path: Path, profiles: Mapping[str, Profile]
) -> None:
    """So that a checkout without recordings proves each column, its step and its label."""

    async def read_of(device: Device) -> set[int]:
        layout, rows = await explain(device.walk(tmp_path / "walk.snmprec"), device.profile, profiles[device.profile])
        read = {id(row.cell.quantity) for row in rows if row.value is not None}
        return {number for number, quantity in enumerate(_quantities(layout.profile)) if id(quantity) in read}

    proven: dict[str, set[int]] = {name: set() for name in profiles}
    for device in DEVICES.values():
        proven[device.profile] |= asyncio.run(read_of(device))
    for name, profile in profiles.items():
        assert proven[name] == set(range(len(_quantities(profile)))), name


def _quantities(profile: Profile) -> Sequence[Quantity]:
    return [
        quantity for tables in profile.levels.values() for table in tables for quantity in table.quantities.values()
    ]


def test_a_ups_with_the_table_of_floor_pdus_is_not_a_floor_pdu(tmp_path: Path, profiles: Mapping[str, Profile]) -> None:
    """It answers in watts: as a floor PDU it would be read a thousandfold."""
    points, lines = "1.3.6.1.4.1.476.1.42.3.5.2.2.1", "1.3.6.1.4.1.476.1.42.3.5.2.3.1"
    ups = Device(
        device="Liebert UPS",
        source="LIEBERT-GP-POWER-MIB",
        profile="",
        sys_object_id="1.3.6.1.4.1.476.1.42",
        objects={f"{points}.7.3": 990, f"{points}.8.3": 900, f"{lines}.6.3.1": 4},
        publishes={"inlet": {}},
    )
    with pytest.raises(JoulepathError, match="is an unknown device"):
        asyncio.run(detect(ups.walk(tmp_path / "walk.snmprec"), profiles))
