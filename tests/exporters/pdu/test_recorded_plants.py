# SPDX-License-Identifier: Apache-2.0
"""Recorded plants of direct current and UPS: the watts of each level, worked out from the walk by hand."""

import asyncio
from collections.abc import Mapping
from pathlib import Path

import pytest

from joulepath.pdu.check import doubts, explain
from joulepath.pdu.profiles.schema import Profile
from joulepath.pdu.snmp.walk import WalkClient
from joulepath.pdu.survey.detection import detect
from joulepath.pdu.survey.layout import PduLayout

pytestmark = pytest.mark.unit

PLANTS: Mapping[str, tuple[str, str, Mapping[str, float]]] = {
    # 247.6 V x 1.0 A are 248 VA.
    "apc_smart1500": ("apc-ups", "measured", {"outlet": 169}),
    # The rectifiers' watts are measured. 53.931 V x -1.707 A; 53.946 V x 21.361 A
    "cxc": ("alpha-cordex", "derived", {"rectifier": 1079.663, "battery": -92.060217, "outlet": 1152.340506}),
    # Its rectifiers are off, and the load is not measured: 2147483647.
    "deltaorion_deltaorion": ("delta-orion", "measured", {"rectifier": 0}),
    # 93 x 10 W; 54.83 V x 6 A + 54.83 V x 5 A + 54.88 V x 6 A
    "eaton-sc200": ("eaton-sc200", "derived", {"rectifier": 932.41, "outlet": 930}),
    "eatonups": ("eaton-xups", "measured", {"outlet": 231 + 944 + 882}),
    # 54.55 V x 33 A: the hourly log has 1,777 Wh.
    "enexus_eltek-smartpack2-syst": ("eltek-smartpack", "derived", {"rectifier": 1800.15, "outlet": 1800.15}),
    # 54.53 V x 72 A: the hourly log has 3,939 Wh.
    "enexus_enexus": ("eltek-smartpack", "derived", {"rectifier": 3926.16, "outlet": 3926.16}),
    # 54.33 V x 0.4 A: the hourly log has 21 Wh.
    "enexus_smartpacks": ("eltek-smartpack", "derived", {"rectifier": 21.732, "outlet": 21.732}),
    # 54.52 V x 44 A and a rectifier that stands by; 54.49 V x 44 A
    "gepulsar": ("ge-pulsar", "derived", {"rectifier": 2398.88, "outlet": 2397.56}),
    "huawei-smu_11b": ("huawei-smu", "measured", {"inlet": 192, "rectifier": 71 + 96, "outlet": 179}),
    # 54.01 V x (1,542, 1,582 and 1,580 A)
    "netsure": ("netsure-vortex", "derived", {"rectifier": 83283.42, "branch": 85443.82, "outlet": 85335.8}),
    # 54.253 V x 12.08 A + 53.641 V x 11.109 A
    "siteboss571_siteboss571": ("asentria-siteboss", "derived", {"branch": 655 + 607, "outlet": 1251.274109}),
    # 54 V x (9.11 + 9.07 A); 54 V x 17 A
    "valere": ("valere", "derived", {"rectifier": 981.72, "outlet": 918}),
    # 230 V x 1.9 A x 0.81 are 354 W, 230 V x 3.6 A x 0.77 are 638 W.
    "vertiv-dcs": ("vertiv-mpdu", "measured", {"inlet": 350 + 630}),
}

STANDARD = {"eaton-mgeups_9px": 310, "netvision-rfc": 200}
"""Watts of the output of UPS with UPS-MIB."""


def _ask_plant(walk: Path, profiles: Mapping[str, Profile]) -> tuple[str, PduLayout, Mapping[str, float], list[str]]:
    async def ask() -> tuple[str, PduLayout, Mapping[str, float], list[str]]:
        client = WalkClient(walk)
        name = await detect(client, profiles)
        layout, rows = await explain(client, name, profiles[name])
        watts: dict[str, float] = {}
        for row in rows:
            if row.cell.quantity_name == "power" and row.value is not None:
                watts[row.cell.level] = watts.get(row.cell.level, 0.0) + row.value
        return name, layout, watts, [line for line in doubts(rows) if line.startswith("doubt")]

    return asyncio.run(ask())


@pytest.mark.parametrize("plant", PLANTS)
def test_a_recorded_plant_gives_its_watts(recordings: Path, profiles: Mapping[str, Profile], plant: str) -> None:
    name, layout, watts, doubted = _ask_plant(recordings / "snmp-dc" / f"{plant}.snmprec", profiles)
    assert (name, layout.method) == PLANTS[plant][:2]
    assert watts == pytest.approx(PLANTS[plant][2], rel=1e-9)
    assert not doubted


@pytest.mark.parametrize("ups", STANDARD)
def test_a_recorded_ups_with_the_standard_mib_gives_its_watts(
    recordings: Path, profiles: Mapping[str, Profile], ups: str
) -> None:
    name, _, watts, _ = _ask_plant(recordings / "snmp-dc" / f"{ups}.snmprec", profiles)
    assert (name, watts["outlet"]) == ("ups-mib", STANDARD[ups])


def test_every_recorded_plant_is_accounted_for(recordings: Path) -> None:
    assert {path.stem for path in (recordings / "snmp-dc").glob("*.snmprec")} == {*PLANTS, *STANDARD}
