# SPDX-License-Identifier: Apache-2.0
"""Real devices' walks, spoken by snmpsim: every published value against the walk file, parsed here once more."""

import json
from collections.abc import Callable, Mapping
from decimal import Decimal
from pathlib import Path

import pytest

from joulepath.errors import JoulepathError
from joulepath.pdu.profiles.schema import Profile
from joulepath.pdu.source import PduReading, PduSource

from .conftest import WALKS, client, read

pytestmark = pytest.mark.lab

RPDU2 = "1.3.6.1.4.1.318.1.1.26"
# PowerNet-MIB by hand: (level, quantity, column, rows' label column, one step in the base unit).
COLUMNS = [
    ("inlet", "power", "4.3.1.5", "4.3.1.2", "10"),
    ("inlet", "apparent_power", "4.3.1.16", "4.3.1.2", "10"),
    ("inlet", "power_factor", "4.3.1.17", "4.3.1.2", "0.01"),
    ("inlet", "meter_energy", "4.3.1.9", "4.3.1.2", "360000"),
    ("phase", "current", "6.3.1.5", "6.3.1.3", "0.1"),
    ("phase", "voltage", "6.3.1.6", "6.3.1.3", "1"),
    ("phase", "power", "6.3.1.7", "6.3.1.3", "10"),
    ("phase", "apparent_power", "6.3.1.8", "6.3.1.3", "10"),
    ("phase", "power_factor", "6.3.1.9", "6.3.1.3", "0.01"),
    ("branch", "current", "8.3.1.5", "8.3.1.3", "0.1"),
    ("outlet", "power", "9.4.3.1.7", "9.4.3.1.4", "1"),
    ("outlet", "current", "9.4.3.1.6", "9.4.3.1.4", "0.1"),
    ("outlet", "meter_energy", "9.4.3.1.11", "9.4.3.1.4", "360000"),
]

Readings = Mapping[str, Mapping[str, Mapping[str, float]]]


def parse_walk(walk: Path) -> dict[str, str]:
    lines = [line.split("|", 2) for line in walk.read_text().splitlines() if line.count("|") >= 2]
    return {
        oid.removeprefix("."): bytes.fromhex(value).decode("latin-1") if tag.endswith("x") else value
        for oid, tag, value in lines
    }


def expected_readings(walk: dict[str, str]) -> Readings:
    values: dict[str, dict[str, dict[str, float]]] = {}
    for level, quantity, column, label_column, step in COLUMNS:
        prefix = f"{RPDU2}.{column}."
        for oid, text in walk.items():
            if oid.startswith(prefix) and int(text) != -1:
                label = walk[f"{RPDU2}.{label_column}.{oid.removeprefix(prefix)}"]
                values.setdefault(level, {}).setdefault(quantity, {})[label] = float(int(text) * Decimal(step))
    return values


@pytest.fixture(scope="module")
def shipped_walks(simulate: Callable[[list[Path]], tuple[str, int]]) -> tuple[str, int]:
    return simulate([WALKS / "apc-8641.snmprec", WALKS / "apc-7902b.snmprec"])


@pytest.fixture(scope="module")
def library_walks(simulate: Callable[[list[Path]], tuple[str, int]], recordings: Path) -> tuple[str, int]:
    names = ("apc_ap8853", "apc_ap8959eu3", "apc_ap7900b", "apc_masterswitch2")
    return simulate([recordings / "snmp" / f"{name}.snmprec" for name in names])


def reading_of(address: tuple[str, int], community: str, profiles: Mapping[str, Profile]) -> PduReading:
    return read(PduSource(community, client(address, community), profiles))


def test_every_value_of_a_pdu_with_metered_outlets_is_read(
    shipped_walks: tuple[str, int], profiles: Mapping[str, Profile]
) -> None:
    reading = reading_of(shipped_walks, "apc-8641", profiles)
    walk = parse_walk(WALKS / "apc-8641.snmprec")
    assert reading.values == expected_readings(walk)
    outlets = reading.values["outlet"]["power"]
    assert (len(outlets), sum(outlets.values())) == (24, 1117)
    assert reading.values["inlet"]["power"] == {"1": 1210}
    assert reading.names == {str(n): walk[f"{RPDU2}.9.4.3.1.3.{n}"].strip() for n in range(1, 25)}
    (unit,) = reading.units
    assert (unit.model, unit.serial, unit.firmware) == ("AP8641", walk[f"{RPDU2}.2.1.9.1"], walk[f"{RPDU2}.2.1.6.1"])
    assert (reading.vendor, reading.profile, dict(reading.rejected)) == ("APC", "apc-rpdu2", {})


def test_minus_one_gives_no_value_and_is_counted(
    shipped_walks: tuple[str, int], profiles: Mapping[str, Profile]
) -> None:
    reading = reading_of(shipped_walks, "apc-7902b", profiles)
    walk = parse_walk(WALKS / "apc-7902b.snmprec")
    assert reading.values == expected_readings(walk)
    assert reading.watts == {}
    columns = [f"{RPDU2}.{column}." for _, _, column, _, _ in COLUMNS]
    absent = [oid for oid, text in walk.items() if text == "-1" and oid.startswith(tuple(columns))]
    assert dict(reading.rejected) == {"not_available": len(absent)}
    assert len(absent) == 8


@pytest.mark.parametrize("name", ["apc_ap8853", "apc_ap8959eu3", "apc_ap7900b"])
def test_values_agree_with_the_walk_and_with_another_reader_of_it(
    library_walks: tuple[str, int], recordings: Path, profiles: Mapping[str, Profile], name: str
) -> None:
    reading = reading_of(library_walks, name, profiles)
    assert reading.values == expected_readings(parse_walk(recordings / "snmp" / f"{name}.snmprec"))

    oracle = json.loads((recordings / "snmp" / f"{name}.expected.json").read_text())
    published = {
        str(level): {str(name): rows for name, rows in quantities.items()}
        for level, quantities in reading.values.items()
    }
    compared = 0
    for sensor in oracle["sensors"]["discovery"]["sensors"]:
        oid = sensor["sensor_oid"].removeprefix(".")
        for level, quantity, column, _, _ in COLUMNS:
            if oid.startswith(f"{RPDU2}.{column}."):
                (value,) = published[level][quantity].values()
                unit = 3.6e6 if sensor["sensor_class"] == "power_consumed" else 1.0  # kWh
                assert value == pytest.approx(sensor["sensor_current"] * unit, rel=1e-12)
                compared += 1
    # The AP7900B has no meter for power: its walk holds no value that both readers take.
    assert compared == (0 if name == "apc_ap7900b" else 3)


def test_a_device_of_the_same_vendor_without_these_tables_is_unknown(
    library_walks: tuple[str, int], profiles: Mapping[str, Profile]
) -> None:
    with pytest.raises(JoulepathError, match=r"^pdu-9: is an unknown device \(sysObjectID 1\.3.*\.318\.1\.3\.4\.2\)"):
        read(PduSource("pdu-9", client(library_walks, "apc_masterswitch2"), profiles))
