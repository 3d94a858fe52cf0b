# SPDX-License-Identifier: Apache-2.0
"""Devices of which single values or a MIB are published are found and read as they mean."""

import asyncio
from collections.abc import Mapping
from pathlib import Path

import pytest

from joulepath.errors import JoulepathError
from joulepath.pdu.check import explained
from joulepath.pdu.detection import detect
from joulepath.pdu.schema import Profile
from joulepath.pdu.walk import WalkClient

from .published import DEVICES, LIEBERT_POWER

pytestmark = pytest.mark.unit


def walk(path: Path, sys_object_id: str, objects: Mapping[str, int | str]) -> WalkClient:
    """A device with these objects, and a sysObjectID unless it is empty."""
    lines = [f"1.3.6.1.2.1.1.2.0|6|1.3.6.1.4.1.{sys_object_id}"] if sys_object_id else []
    for oid, value in objects.items():
        full = oid if oid.startswith("1.3.6.1.") else f"1.3.6.1.4.1.{oid}"
        lines.append(f"{full}|{2 if isinstance(value, int) else 4}|{value}")
    path.write_text("\n".join(lines))
    return WalkClient(path)


@pytest.mark.parametrize("name", DEVICES)
def test_published_values_mean_what_is_published_of_them(
    tmp_path: Path, profiles: Mapping[str, Profile], name: str
) -> None:
    sys_object_id, objects, readings = DEVICES[name]

    async def asked() -> tuple[str, Mapping[tuple[str, str, str], float]]:
        client = walk(tmp_path / "walk.snmprec", sys_object_id, objects)
        found = await detect(client, profiles)
        _, rows = await explained(client, found, profiles[found])
        return found, {
            (row.cell.level, row.cell.label, row.cell.quantity_name): row.value for row in rows if row.value is not None
        }

    found, values = asyncio.run(asked())
    assert found == name.split(maxsplit=1)[0]
    assert values == pytest.approx(readings)


@pytest.mark.parametrize("name", DEVICES)
def test_a_device_without_a_sysobjectid_is_found_by_its_objects(
    tmp_path: Path, profiles: Mapping[str, Profile], name: str
) -> None:
    _, objects, _ = DEVICES[name]
    client = walk(tmp_path / "walk.snmprec", "", objects)
    profile = name.split(maxsplit=1)[0]
    # Where a vendor fills the standard's table in its own way, nothing but the vendor tells.
    assert asyncio.run(detect(client, profiles)) == ("poe" if profile == "poe-edgecore" else profile)


def test_a_ups_that_has_the_table_of_floor_pdus_is_none(tmp_path: Path, profiles: Mapping[str, Profile]) -> None:
    """It answers in watts: as a floor PDU it would be read a thousandfold."""
    ups = {f"{LIEBERT_POWER}.2.1.7.3": 990, f"{LIEBERT_POWER}.2.1.8.3": 900, f"{LIEBERT_POWER}.3.1.6.3.1": 4}
    with pytest.raises(JoulepathError, match="is an unknown device"):
        asyncio.run(detect(walk(tmp_path / "walk.snmprec", "476.1.42", ups), profiles))
