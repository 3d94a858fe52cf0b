# SPDX-License-Identifier: Apache-2.0
"""Recorded devices of every family against another reader of the same walks; every disagreement is explained here.

The oracle is LibreNMS' reading (`NAME.expected.json`): independent, not infallible. docs/reference/devices.md
has these tables in words.
"""

import asyncio
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest
from scripts import devices

from joulepath.errors import JoulepathError
from joulepath.pdu.check import Explained, doubts, explain
from joulepath.pdu.profiles.schema import Profile
from joulepath.pdu.snmp.client import parse_oid
from joulepath.pdu.snmp.walk import WalkClient
from joulepath.pdu.survey.detection import detect
from joulepath.pdu.survey.layout import PduLayout

from .conftest import WALKS
from .test_recorded_plants import PLANTS

pytestmark = pytest.mark.unit

DEVICES: Mapping[str, str] = {
    "apc-epdu_epdu1116s": "apc-epdu",
    "apc_ap7900b": "apc-rpdu2",
    "apc_ap8853": "apc-rpdu2",
    "apc_ap8959eu3": "apc-rpdu2",
    "apc_isx-pdu": "apc-xpdu",
    "atenpdu": "aten-pdu",
    "chatsworth-pdu": "chatsworth-econnect",
    "cyberpower": "cyberpower",
    "cyberpower_pdu81005": "cyberpower",
    "dell-rpdu": "dell-rpdu",
    "e3meter": "e3meter",
    "eatonpdu_2": "eaton-epdu",
    "eatonpdu_dbq": "eaton-raritan",
    "enlogic-pdu_v2": "enlogic",
    "gude-epc_1202": "gude-epc",
    "hpe-mapdu_pdu2": "hpe-mapdu",
    "hpe-pdumm": "hpe-pdumm",
    "ict-pdu": "ict-distribution",
    "ipoman": "ipoman",
    "janitza-umg96_umg96": "janitza-umg",
    "liebert_mph2rg": "liebert-mph2",
    "liebert_web485": "liebert-floor",
    "panduit": "panduit",
    "panduit_g5-p32g13m": "panduit",
    "planet-pdu": "planet-ipm",
    "poweralert_pdu": "tripplite-poweralert",
    "poweralert_pdumh20atnet": "tripplite-poweralert",
    "raritan-pdu": "raritan-px1",
    "raritan-pdu_px2": "raritan-px2",
    "raritan-pdu_px3": "raritan-px2",
    "rittal-cmc-iii-pu": "rittal-cmc3",
    "rittal-cmc-iii-pu_pdu-controller": "rittal-cmc3",
    "schleifenbauer": "schleifenbauer",
    "sentry3": "servertech-sentry3",
    "sentry3_switched": "servertech-sentry3",
    "sentry4": "servertech-sentry4",
    "ts-bspdu": "starline-busway",
    "vertiv-pdu_mg02e4w1": "vertiv-geist",
}

UNMETERED = {
    "apc_masterswitch2": "is an unknown device",  # switched only
    "digipower": "is an unknown device",  # currents; the oracle's watts are amperes times 230
    "gude-epc_1104": "has none of the objects of the profile gude-epc",
    "iboot_pdu8-2n15": "is an unknown device",  # currents and voltages of a general agent
    "packetpower-eg": "is an unknown device",  # wireless gateway without power
}

# (device, object, why ours differs): each must be needed, and nothing else may differ.
DISAGREEMENTS: Sequence[tuple[str, str, str]] = [
    ("hpe-mapdu_pdu2", r"232\.165\.7\.5\.1\.1\.17\..*", "the oracle drops the sign of a leading power factor"),
    ("hpe-pdumm", r"232\.165\.2\.3\.2\.1\.2\..*", "a breaker that does not exist has 0 V: no sample"),
    ("ipoman", r"2468\.1\.4\.2\.1\.3\.2\.3\.1\.4\..*", "the oracle's registers are from another moment: 0"),
    ("liebert_mph2rg", r"476\.1\.42\.3\.8\.(30\.40\.1\.22|40\.20\.1\.130)\..*", "the oracle forgets to divide by 100"),
    (
        "liebert_mph2rg",
        r"476\.1\.42\.3\.8\.(30\.20\.1\.95|50\.20\.1\.75)\..*",
        "a power factor of 0 is none",
    ),
    ("raritan-pdu_px3", r"13742\.6\.5\.\d\.3\.1\.4\..*\.7", "the oracle has percent, and 0 where there is no load"),
    ("ts-bspdu", r"42610\.1\.4\.4\.1\.6\.1\.2\.1\.15\.[12]", "volts, not watts: the oracle has an old MIB"),
    ("ts-bspdu", r"42610\.1\.4\.4\.1\.6\.1\.2\.1\.4\.[12]", "Wh: 3.5 million in some months at 644 W"),
]

UNREAD: Sequence[tuple[str, str, str]] = [
    ("apc_ap7900b", r"318\.1\.1\.12\.1\.16\.0", "amperes times a configured voltage: no active power"),
    ("chatsworth-pdu", r"30932\.1\.10\.1\.3\.110\.1\.9\..*", "counts volt-ampere-seconds: no energy"),
    ("enlogic-pdu_v2", r"38446\.1\.[23]\.4\.1\.[47]\..*", "the oracle's object has one number too many"),
    ("janitza-umg96_umg96", r"34278\.(2\.2|1\.1[678]|4\.2)\.0", "reactive"),
    ("liebert_web485", r"476\.1\.42\.3\.5\.2\.2\.1\.10\.2", "12,768 of a unit that no data prove"),
    (
        "rittal-cmc-iii-pu_pdu-controller",
        r"2606\.7\.4\.2\.2\.1\.11\.2\.(55|98|141)",
        "reactive",
    ),
    (
        "rittal-cmc-iii-pu_pdu-controller",
        r"2606\.7\.4\.2\.2\.1\.11\.2\.(22|58|59|101|102|144|145)",
        "apparent energy, and a second register that the operator sets back",
    ),
    ("ts-bspdu", r"42610\.1\.4\.4\.1\.6\.1\.2\.1\.(4|15)\.[3-8]", "inlets that do not exist"),
]

IN_BASE_UNITS = {"power": 1.0, "power_consumed": 3.6e6, "current": 1.0, "voltage": 1.0, "power_factor": 1.0}
ENTERPRISES = "1.3.6.1.4.1."


def read(walk: Path, profiles: Mapping[str, Profile]) -> tuple[str, PduLayout, Sequence[Explained]]:
    async def ask_device() -> tuple[str, PduLayout, Sequence[Explained]]:
        client = WalkClient(walk)
        name = await detect(client, profiles)
        return name, *await explain(client, name, profiles[name])

    return asyncio.run(ask_device())


def why(table: Sequence[tuple[str, str, str]], device: str, oid: str) -> str | None:
    for entry in table:
        if entry[0] == device and re.fullmatch(entry[1], oid.removeprefix(ENTERPRISES)):
            return entry[2]
    return None


@pytest.mark.parametrize("device", DEVICES)
def test_a_recorded_device_reads_as_another_reader_reads_it(
    recordings: Path, profiles: Mapping[str, Profile], device: str
) -> None:
    name, _, rows = read(recordings / "snmp" / f"{device}.snmprec", profiles)
    assert name == DEVICES[device]
    ours = {row.cell.oid: row for row in rows if not row.cell.quantity.derived}
    assert any(row.value is not None for row in rows)
    needed: set[str] = set()
    oracle = json.loads((recordings / "snmp" / f"{device}.expected.json").read_text())
    for sensor in oracle.get("sensors", {}).get("discovery", {}).get("sensors", []):
        kind, oid = sensor["sensor_class"], sensor["sensor_oid"].removeprefix(".")
        if kind not in IN_BASE_UNITS:
            continue
        row = ours.get(parse_oid(oid))
        if row is None:
            if kind in ("power", "power_consumed"):
                reason = why(UNREAD, device, oid)
                assert reason, f"{oid} ({sensor['sensor_descr']}) is not read"
                needed.add(reason)
            continue
        expected = sensor["sensor_current"] * IN_BASE_UNITS[kind]
        if row.value == pytest.approx(expected, rel=1e-9):
            if kind == "power" and row.cell.quantity_name not in ("power", "apparent_power"):
                reason = why(DISAGREEMENTS, device, oid)
                assert reason, f"{oid} is published as {row.cell.quantity_name}"
                needed.add(reason)
            continue
        reason = why(DISAGREEMENTS, device, oid)
        assert reason, f"{oid}: {row.value} {row.reason}, the oracle has {expected}"
        needed.add(reason)
    stated = {reason for table in (DISAGREEMENTS, UNREAD) for known, _, reason in table if known == device}
    assert stated == needed


@pytest.mark.parametrize("device", DEVICES)
def test_a_recorded_device_with_a_general_sysobjectid_is_recognised(
    recordings: Path, profiles: Mapping[str, Profile], device: str, tmp_path: Path
) -> None:
    profile = profiles[DEVICES[device]]
    if not profile.fingerprint:
        pytest.skip("the sysObjectID is its only mark")
    kept = [
        line
        for line in (recordings / "snmp" / f"{device}.snmprec").read_text(encoding="latin-1").splitlines()
        if not line.startswith("1.3.6.1.2.1.1.2.0|")
    ]
    walk = tmp_path / "walk.snmprec"
    walk.write_text("\n".join(["1.3.6.1.2.1.1.2.0|6|1.3.6.1.4.1.8072.3.2.10", *kept]), encoding="latin-1")
    assert asyncio.run(detect(WalkClient(walk), profiles)) == DEVICES[device]


@pytest.mark.parametrize("device", UNMETERED)
def test_a_recorded_device_without_a_meter_is_reported(
    recordings: Path, profiles: Mapping[str, Profile], device: str
) -> None:
    with pytest.raises(JoulepathError, match=UNMETERED[device]):
        read(recordings / "snmp" / f"{device}.snmprec", profiles)


def test_every_recording_is_accounted_for(recordings: Path) -> None:
    assert {path.stem for path in (recordings / "snmp").glob("*.snmprec")} == {*DEVICES, *UNMETERED}


# Sums of outlets against the inlet of the same walk, which is not taken in one instant.
SUMS = {
    "raritan-pdu_px2": 138,
    "raritan-pdu_px3": 1671,
    "eatonpdu_2": 1568,
    "liebert_mph2rg": 503,
    "dell-rpdu": 3754,
    "hpe-mapdu_pdu2": 91,
}


@pytest.mark.parametrize("device", SUMS)
def test_outlets_add_up_to_the_inlet(recordings: Path, profiles: Mapping[str, Profile], device: str) -> None:
    _, _, rows = read(recordings / "snmp" / f"{device}.snmprec", profiles)

    def total(level: str) -> float:
        return sum(row.value or 0 for row in rows if (row.cell.level, row.cell.quantity_name) == (level, "power"))

    assert total("outlet") == SUMS[device]
    assert total("outlet") == pytest.approx(total("inlet"), rel=0.09)


# Phases 2 and 3 of a delta inlet: currents are those of lines, watts those between them.
DOUBTED = {"enlogic-pdu_v2": 2}


@pytest.mark.parametrize("device", DEVICES)
def test_volts_times_amperes_and_sums_of_levels_are_consistent(
    recordings: Path, profiles: Mapping[str, Profile], device: str
) -> None:
    _, _, rows = read(recordings / "snmp" / f"{device}.snmprec", profiles)
    doubtful = [line for line in doubts(rows) if line.startswith("doubt")]
    assert len(doubtful) == DOUBTED.get(device, 0), doubtful


def test_a_table_of_phases_and_banks_is_split(recordings: Path, profiles: Mapping[str, Profile]) -> None:
    """Its two rows are the same 216 W twice."""
    _, _, rows = read(recordings / "snmp" / "cyberpower_pdu81005.snmprec", profiles)
    power = {(row.cell.level, row.cell.label): row.value for row in rows if row.cell.quantity_name == "power"}
    assert (power["phase", "1"], power["branch", "1"]) == (216, 216)


def test_phases_of_a_meter_that_add_up_prove_its_unit(recordings: Path, profiles: Mapping[str, Profile]) -> None:
    _, _, rows = read(recordings / "snmp" / "vertiv-pdu_mg02e4w1.snmprec", profiles)
    energy = dict.fromkeys(("inlet", "phase"), 0.0)
    for row in rows:
        if row.cell.quantity_name == "meter_energy":
            energy[row.cell.level] += row.value or 0
    assert energy["inlet"] == energy["phase"] == 8483906 * 3600


def test_few_of_many_rows_are_fetched_and_not_walked(recordings: Path, profiles: Mapping[str, Profile]) -> None:
    """Rittal's one column of values has hundreds of rows, of which 22 are measurements."""
    _, layout, rows = read(recordings / "snmp" / "rittal-cmc-iii-pu_pdu-controller.snmprec", profiles)
    assert not layout.columns
    assert len(layout.objects) == len(rows) == 20


def quantities(profile: Profile) -> Iterator[tuple[str, int, str]]:
    for level, tables in profile.levels.items():
        for number, table in enumerate(tables):
            for quantity in table.quantities:
                yield level, number, quantity


def test_a_profile_rests_on_recordings_exactly_where_one_holds_a_value(
    recordings: Path, profiles: Mapping[str, Profile]
) -> None:
    """A quantity that reads 0 in every recording has no proven unit."""
    walks = [recordings / "snmp" / f"{device}.snmprec" for device in DEVICES]
    walks += [WALKS / "apc-8641.snmprec", *(recordings / "snmp-dc" / f"{plant}.snmprec" for plant in PLANTS)]
    proven: dict[str, set[tuple[str, int, str]]] = {name: set() for name in profiles}
    for walk in walks:
        name, layout, rows = read(walk, profiles)
        read_of = {id(row.cell.quantity) for row in rows if row.value}
        for level, number, quantity in quantities(layout.profile):
            if id(layout.profile.levels[level][number].quantities[quantity]) in read_of:  # type: ignore[index]
                proven[name].add((level, number, quantity))
    for name, profile in profiles.items():
        stated = {
            (level, number, quantity)
            for level, number, quantity in quantities(profile)
            for table in [profile.levels[level][number]]  # type: ignore[index]
            if profile.evidence_of(table, table.quantities[quantity]) == "recording"  # type: ignore[index]
        }
        assert stated == proven[name], name


def test_the_page_of_devices_is_generated_from_the_profiles() -> None:
    """`python -m scripts.devices` writes it; and it explains every disagreement."""
    page = devices.PAGE.read_text(encoding="utf-8")
    assert page == devices.page()
    for device, _, _ in (*DISAGREEMENTS, *UNREAD):
        assert f"`{device}`" in page.partition(devices.MARK)[0]
