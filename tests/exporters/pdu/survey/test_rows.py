# SPDX-License-Identifier: Apache-2.0
"""Where a profile finds its objects, and what scales them: columns, single objects, and flags of the whole device."""

import asyncio
from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml

from joulepath.errors import UsageError
from joulepath.pdu.check import check, explain
from joulepath.pdu.profiles.catalogue import read_folder
from joulepath.pdu.profiles.schema import Profile
from joulepath.pdu.snmp.client import Oid, Value, format_oid, parse_oid
from joulepath.pdu.snmp.walk import WalkClient
from joulepath.pdu.source import PduSource
from joulepath.pdu.survey.detection import detect

pytestmark = pytest.mark.unit

BASE = "1.3.6.1.4.1.9999"
FLAG, TYPE, BUS = f"{BASE}.1.1", f"{BASE}.1.2", f"{BASE}.1.3"
LOADS, DIGITS, NAMES = f"{BASE}.2.1.1", f"{BASE}.2.1.2", f"{BASE}.2.1.3"
ROWS = {f"{LOADS}.1": "66|31", f"{LOADS}.2": "66|33", f"{LOADS}.3": "66|0"}
PLANT = {
    "1.3.6.1.2.1.1.2.0": f"6|{BASE}.1",
    f"{FLAG}.0": "2|1",
    f"{TYPE}.0": "4|plant 48",
    f"{BUS}.0": "66|416",
    **ROWS,
    f"{DIGITS}.1": "2|1",
    f"{DIGITS}.2": "2|2",
    f"{DIGITS}.3": "2|3",
    f"{NAMES}.2": "4|radio",
}
Readings = dict[tuple[str, str, str], float]


def walk(folder: Path, objects: Mapping[str, str]) -> WalkClient:
    path = folder / "plant.snmprec"
    path.write_text("".join(f"{oid}|{value}\n" for oid, value in objects.items()))
    return WalkClient(path)


def read_profile(folder: Path, table: str, more: str = "") -> Profile:
    text = f"vendor: ACME\nsys_object_ids: [{BASE}]\n{more}levels: {{outlet: {table}}}\n"
    (folder / "plant.yaml").write_text(text)
    return read_folder(folder)["plant"]


def values(client: WalkClient, profile: Profile) -> dict[tuple[str, str], float | None]:
    _, rows = asyncio.run(explain(client, "plant", profile))
    return {(row.cell.quantity_name, row.cell.label): row.value for row in rows}


SCALES = [
    (f"units: {{column: {FLAG}, scales: {{0: 1, 1: 0.1}}}}", 1, 0.1),
    (f"units: {{column: {FLAG}.0, scales: {{0: 1, 1: 0.1}}}}", 0, 1.0),
    (f"units: {{column: {FLAG}, scales: {{0: 1, 1: 0.1}}}}", 2, None),
    (f"factor: {FLAG}", -10, 0.1),
    (f"factor: {FLAG}", "0.1", 0.1),
    (f"factor: {FLAG}", "tenth", None),
    (f"digits: {FLAG}", "1", 0.1),
    (f"digits: {FLAG}", "0.5", None),
    (f"precision: {FLAG}", " 2", 0.01),
    (f"factor: {FLAG}.0", 10, 10.0),
    (f"digits: {FLAG}", 2, 0.01),
    (f"precision: {FLAG}.0", 1, 0.1),
]


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize(
    ("place", "raw"),
    [
        (f"column: {LOADS}", {"1": 31, "2": 33, "3": 0}),
        (f'objects: {{"7": {BUS}, "8": {BUS}.0}}', {"7": 416, "8": 416}),
        (f'objects: {{"7": {LOADS}.2}}', {"7": 33}),
    ],
    ids=["table", "objects", "cell"],
)
def test_a_flag_of_the_device_scales_tables_and_objects(
    tmp_path: Path, place: str, raw: Mapping[str, int], scale: tuple[str, int | str, float | None]
) -> None:
    by, flag, step = scale
    profile = read_profile(
        tmp_path,
        f"{{index: [number], quantities: {{current: {{{place}, scale_by: {{{by}}}}}, "
        f"power: {{column: {LOADS}, where: {{number: 1}}}}}}}}",
    )
    read = values(walk(tmp_path, {**PLANT, f"{FLAG}.0": f"{4 if isinstance(flag, str) else 2}|{flag}"}), profile)
    currents = {label: value for (quantity, label), value in read.items() if quantity == "current"}
    assert currents == ({} if step is None else {label: pytest.approx(one * step) for label, one in raw.items()})


def test_a_cell_of_a_table_has_its_own_row_of_other_columns(tmp_path: Path) -> None:
    profile = read_profile(
        tmp_path,
        f"{{name: {NAMES}, quantities: {{current: "
        f"{{objects: {{a: {LOADS}.1, b: {LOADS}.2}}, scale_by: {{digits: {DIGITS}}}}}}}}}",
    )
    layout, rows = asyncio.run(explain(walk(tmp_path, PLANT), "plant", profile))
    assert {row.cell.label: row.value for row in rows} == {"a": 3.1, "b": 0.33}
    assert layout.names == {"b": "radio"}


@pytest.mark.parametrize(("wanted", "there"), [("plant 48", True), ("plant 60", False), ("'plant \\d+'", True)])
@pytest.mark.parametrize("place", [f'objects: {{"1": {BUS}}}', f"column: {LOADS}"])
def test_a_key_of_the_device_chooses_objects_and_rows(tmp_path: Path, place: str, wanted: str, there: bool) -> None:
    always = f'power: {{objects: {{"1": {LOADS}.1}}}}'
    profile = read_profile(
        tmp_path,
        f"{{keys: {{type: {TYPE}}}, quantities: {{voltage: {{{place}, where: {{type: {wanted}}}}}, {always}}}}}",
    )
    read = values(walk(tmp_path, PLANT), profile)
    assert any(quantity == "voltage" for quantity, _ in read) == there


def test_an_object_is_found_in_each_place_with_a_trailing_zero(tmp_path: Path) -> None:
    profile = read_profile(
        tmp_path,
        f'{{quantities: {{voltage: {{objects: {{"1": {BUS}.0}}, scale: 0.01}}, current: {{column: {FLAG}.0}}}}}}',
        f"fingerprint: [[{BASE}.9.9, {TYPE}.0]]\ninfo: {{model: {TYPE}.0}}\n",
    )
    client = walk(tmp_path, PLANT)
    assert asyncio.run(detect(client, {"plant": profile})) == "plant"
    layout, rows = asyncio.run(explain(client, "plant", profile))
    assert layout.units[0].model == "plant 48"
    assert [row.value for row in rows] == [4.16, 1]
    lines = list(check(str(tmp_path / "plant.yaml"), client))
    assert not [line for line in lines if line.endswith("has 0 rows")]


def test_a_changed_flag_takes_effect_at_once(tmp_path: Path) -> None:
    """The operator sets another resolution between two polls."""
    by = f"scale_by: {{units: {{column: {FLAG}, scales: {{0: 1, 1: 0.1}}}}}}"
    profile = read_profile(tmp_path, f"{{index: [number], quantities: {{current: {{column: {LOADS}, {by}}}}}}}")

    class Plant(WalkClient):
        def set(self, oid: Oid, value: Value) -> None:
            self._values[oid] = value

    walk(tmp_path, PLANT)

    async def polls() -> list[float]:
        client = Plant(tmp_path / "plant.snmprec")
        source = PduSource("plant", client, {"plant": profile})
        amperes = [(await source.read()).values["outlet"]["current"]["2"]]
        client.set(parse_oid(f"{FLAG}.0"), 0)
        return [*amperes, (await source.read()).values["outlet"]["current"]["2"]]

    assert asyncio.run(polls()) == [3.3, 33]


@pytest.mark.parametrize("key", ["number", "label", "first"])
def test_a_key_without_effect_on_objects_is_a_mistake(tmp_path: Path, key: str) -> None:
    value = {"number": DIGITS, "label": "x", "first": 0}[key]
    table = {key: value, "quantities": {"power": {"objects": {"1": BUS}}}}
    with pytest.raises(UsageError, match=f"{key}: has no effect here"):
        read_profile(tmp_path, yaml.safe_dump(table, default_flow_style=True))


def test_a_floating_point_number_is_a_value_like_any_other(tmp_path: Path) -> None:
    class Floats(WalkClient):
        def set(self, oid: str, value: Value) -> None:
            self._values[parse_oid(oid)] = value

    profile = read_profile(tmp_path, f"{{index: [number], quantities: {{power: {{column: {LOADS}, scale: 1000}}}}}}")
    walk(tmp_path, PLANT)
    client = Floats(tmp_path / "plant.snmprec")
    client.set(f"{LOADS}.1", 1.5)
    client.set(f"{LOADS}.2", float("nan"))
    client.set(f"{LOADS}.3", float("inf"))
    _, rows = asyncio.run(explain(client, "plant", profile))
    assert sorted((format_oid(row.cell.oid)[-1], row.value, row.reason) for row in rows) == [
        ("1", 1500, ""),
        ("2", None, "not_a_number"),
        ("3", None, "not_a_number"),
    ]


@pytest.mark.parametrize(
    ("level", "table", "mistake"),
    [
        ("outlet", {"index": ["number"], "number": DIGITS, "label": "x"}, "label: has no effect beside number"),
        ("outlet", {"index": ["socket"], "first": 0}, "first: has no effect without number"),
        ("branch", {"index": ["number"], "name": DIGITS}, "name: has no effect here: only outlets have names"),
        ("outlet", {"quantities": {"power": {"column": BUS, "wraps_at": 65536}}}, "power: wraps_at: belongs to"),
        ("battery", {"direct_current": True}, r"power: state bounds, as in \[-500, 500\]"),
        (
            "battery",
            {
                "direct_current": True,
                "quantities": {"power": {"volts": BUS, "amperes": LOADS, "bounds": [-500, 500]}},
            },
            r"power.amperes: state bounds",
        ),
    ],
)
def test_a_key_without_effect_or_that_hides_readings_is_a_mistake(
    tmp_path: Path, level: str, table: dict[str, object], mistake: str
) -> None:
    definition = {"quantities": {"power": {"column": BUS}}, **table}
    profile = {"vendor": "ACME", "sys_object_ids": [BUS], "levels": {level: definition}}
    (tmp_path / "acme.yaml").write_text(yaml.safe_dump(profile))
    with pytest.raises(UsageError, match=mistake):
        read_folder(tmp_path)
