# SPDX-License-Identifier: Apache-2.0
"""Watts of direct current as volts times amperes: where a profile may say so, and which voltage a current has."""

from collections.abc import Callable, Mapping
from decimal import Decimal
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from joulepath.errors import UsageError
from joulepath.pdu.check import check
from joulepath.pdu.layout import Cell
from joulepath.pdu.profile import read_folder
from joulepath.pdu.schema import Profile, Quantity
from joulepath.pdu.source import PduReading, PduSource
from joulepath_lab.snmp_agent import Agent, Value

from .conftest import client, read, run

pytestmark = pytest.mark.unit

PLANT = "1.3.6.1.4.1.99999.4"
VOLTS, AMPERES, FLAG = f"{PLANT}.1", f"{PLANT}.2", f"{PLANT}.3"
UP_TIME = "1.3.6.1.2.1.1.3.0"


def profile(folder: Path, power: Mapping[str, object], table: Mapping[str, object] | None = None) -> Profile:
    """A plant whose outlets have this power."""
    outlet = {"index": ["number"], "direct_current": True, **(table or {}), "quantities": {"power": power}}
    plant = {"vendor": "ACME", "sys_object_ids": [PLANT], "levels": {"outlet": outlet}}
    (folder / "plant.yaml").write_text(yaml.safe_dump(plant, sort_keys=False))
    return read_folder(folder)["plant"]


def poll(profile: Profile, objects: Mapping[str, Value | None]) -> PduReading:
    """One poll of an agent with these objects."""
    with Agent(_functions(objects)) as agent:
        return read(PduSource("plant", client(agent.address), {"plant": profile}, "plant"))


def _functions(objects: Mapping[str, Value | None]) -> Mapping[str, Callable[[], Value | None]]:
    return {oid: lambda oid=oid: objects[oid] for oid in (UP_TIME, *objects) if oid in objects}  # type: ignore[misc]


def watts(reading: PduReading) -> Mapping[str, float]:
    return reading.values.get("outlet", {}).get("power", {})


HUNDREDTHS = {"column": VOLTS, "scale": 0.01}
TENTHS = {"column": AMPERES, "scale": 0.1}


def test_a_table_of_circuits_has_the_voltage_of_the_bus(tmp_path: Path) -> None:
    plant = profile(tmp_path, {"volts": HUNDREDTHS, "amperes": TENTHS})
    reading = poll(plant, {f"{VOLTS}.0": 5416, f"{AMPERES}.1": 51, f"{AMPERES}.2": 0, f"{AMPERES}.7": 3})
    assert watts(reading) == {"1": 276.216, "2": 0, "7": 16.248}
    assert reading.method == "derived"
    assert reading.watts == {("outlet", label): value for label, value in watts(reading).items()}


def test_a_circuit_has_the_voltage_of_its_own_module(tmp_path: Path) -> None:
    plant = profile(tmp_path, {"volts": HUNDREDTHS, "amperes": TENTHS}, {"index": ["number", "number"]})
    modules = {f"{VOLTS}.1": 5400, f"{VOLTS}.2": 4800}
    circuits = {f"{AMPERES}.1.1": 10, f"{AMPERES}.1.9": 20, f"{AMPERES}.2.1": 10, f"{AMPERES}.3.1": 10}
    # A circuit of module 3, which has no voltage, has no power.
    assert watts(poll(plant, {**modules, **circuits})) == {"1.1": 54, "1.9": 108, "2.1": 48}


def test_a_voltage_beside_the_circuits_of_its_module_counts_for_all_of_them(tmp_path: Path) -> None:
    plant = profile(tmp_path, {"volts": HUNDREDTHS, "amperes": TENTHS}, {"index": ["number", "number"]})
    modules = {f"{VOLTS}.1.1": 5400, f"{VOLTS}.200.1": 4800}
    circuits = {f"{AMPERES}.1.1": 10, f"{AMPERES}.1.2": 20, f"{AMPERES}.200.2": 10}
    assert watts(poll(plant, {**modules, **circuits})) == {"1.1": 54, "1.2": 108, "200.2": 48}


def test_of_two_voltages_none_is_guessed(tmp_path: Path) -> None:
    plant = profile(tmp_path, {"volts": HUNDREDTHS, "amperes": TENTHS}, {"index": ["number", "number"]})
    buses = {f"{VOLTS}.1.1": 5400, f"{VOLTS}.1.2": 4800}
    assert watts(poll(plant, {**buses, f"{AMPERES}.1.1": 10, f"{AMPERES}.1.7": 10})) == {"1.1": 54}


def test_objects_go_with_those_of_their_label_or_with_the_only_one(tmp_path: Path) -> None:
    amperes = {"objects": {"a": f"{AMPERES}.1", "b": f"{AMPERES}.2"}, "scale": 0.1}
    values: Mapping[str, Value] = {f"{VOLTS}.1.0": 54, f"{VOLTS}.2.0": 48, f"{AMPERES}.1.0": 10, f"{AMPERES}.2.0": 10}
    each = profile(tmp_path, {"volts": {"objects": {"b": f"{VOLTS}.2", "a": f"{VOLTS}.1"}}, "amperes": amperes})
    assert watts(poll(each, values)) == {"a": 54, "b": 48}
    one = profile(tmp_path, {"volts": {"objects": {"bus": f"{VOLTS}.1"}}, "amperes": amperes})
    assert watts(poll(one, values)) == {"a": 54, "b": 54}


def test_text_and_plain_objects_are_factors_too(tmp_path: Path) -> None:
    plant = profile(tmp_path, {"volts": {"column": VOLTS, "text": True}, "amperes": AMPERES})
    assert watts(poll(plant, {f"{VOLTS}.0": "53.50", f"{AMPERES}.1": 12})) == {"1": 642}


@pytest.mark.parametrize(("flag", "expected"), [(0, 2700), (1, 270)])
def test_a_flag_of_the_device_scales_the_currents(tmp_path: Path, flag: int, expected: float) -> None:
    by_flag = {"units": {"column": FLAG, "scales": {0: 1, 1: 0.1}}}
    plant = profile(tmp_path, {"volts": HUNDREDTHS, "amperes": {"column": AMPERES, "scale_by": by_flag}})
    assert watts(poll(plant, {f"{VOLTS}.0": 5400, f"{AMPERES}.1": 50, f"{FLAG}.0": flag})) == {"1": expected}


def test_a_flag_that_is_changed_changes_no_watts(tmp_path: Path) -> None:
    by_flag = {"units": {"column": FLAG, "scales": {0: 1, 1: 0.1}}}
    plant = profile(tmp_path, {"volts": HUNDREDTHS, "amperes": {"column": AMPERES, "scale_by": by_flag}})
    now: dict[str, Value | None] = {UP_TIME: 100, f"{VOLTS}.0": 5400, f"{AMPERES}.1": 5, f"{FLAG}.0": 0}
    with Agent(_functions(now)) as agent:
        source = PduSource("plant", client(agent.address), {"plant": plant}, "plant")
        assert watts(run(source.read())) == {"1": 270}
        now |= {f"{FLAG}.0": 1, f"{AMPERES}.1": 50}
        assert watts(run(source.read())) == {"1": 270}
        run(source.close())


def test_the_sign_of_a_voltage_is_its_polarity_and_that_of_a_battery_says_where_the_power_goes(tmp_path: Path) -> None:
    bus = {"column": VOLTS, "scale": 0.001, "absolute": True}
    discharges = {"column": AMPERES, "scale": -0.1, "bounds": [-100, 100]}  # this device counts discharge as positive
    plant = profile(tmp_path, {"volts": bus, "amperes": discharges, "bounds": [-10000, 10000]})
    reading = poll(plant, {f"{VOLTS}.0": -54000, f"{AMPERES}.1": 100, f"{AMPERES}.2": -20})
    assert watts(reading) == {"1": -540, "2": 108}


def test_without_volts_there_are_no_watts_and_a_reason(tmp_path: Path) -> None:
    plant = profile(tmp_path, {"volts": {**HUNDREDTHS, "sentinels": [2147483647]}, "amperes": TENTHS})
    now: dict[str, Value | None] = {UP_TIME: 100, f"{VOLTS}.0": 5400, f"{AMPERES}.1": 10, f"{AMPERES}.2": 10}
    with Agent(_functions(now)) as agent:
        source = PduSource("plant", client(agent.address), {"plant": plant}, "plant")
        assert watts(run(source.read())) == {"1": 54, "2": 54}
        for volts, amperes, expected, reasons in [
            (5400, None, {"1": 54}, {"not_available": 1}),
            (5400, 60_000, {"1": 54}, {"implausible": 1}),
            (5400, "n/a", {"1": 54}, {"not_a_number": 1}),
            (5400, 10, {"1": 54, "2": 54}, {}),
        ]:
            now |= {f"{VOLTS}.0": volts, f"{AMPERES}.2": amperes}
            reading = run(source.read())
            assert watts(reading) == expected
            assert reading.rejected == reasons
        for volts in (None, 2147483647, "?"):
            now[f"{VOLTS}.0"] = volts
            with pytest.raises(Exception, match="measures nothing"):
                run(source.read())
        run(source.close())


def test_a_product_has_bounds_of_its_own(tmp_path: Path) -> None:
    plant = profile(tmp_path, {"volts": HUNDREDTHS, "amperes": TENTHS, "bounds": [0, 100]})
    reading = poll(plant, {f"{VOLTS}.0": 5400, f"{AMPERES}.1": 10, f"{AMPERES}.2": 20})
    assert (watts(reading), reading.rejected) == ({"1": 54}, {"implausible": 1})


@given(
    volts=st.integers(-6000, 6000),
    amperes=st.integers(-(10**5), 10**5),
    scales=st.tuples(*[st.sampled_from(["0.001", "0.01", "0.1", "1"])] * 2),
)
def test_watts_are_the_exact_product(volts: int, amperes: int, scales: tuple[str, str]) -> None:
    """By the decimal steps: 46.0 V x 0.2 A are 9.2 W, not 9.200000000000001."""
    by_volts, by_amperes = map(Decimal, scales)
    wide = (-1e9, 1e9)
    factors = [
        Cell(
            "outlet", "voltage", "1", Quantity(column="1.3.1", absolute=True, bounds=wide), by_volts, (1, 3, 1), "mib"
        ),
        Cell("outlet", "current", "1", Quantity(column="1.3.2", bounds=wide), by_amperes, (1, 3, 2), "mib"),
    ]
    product = Quantity.model_validate({"volts": "1.3.1", "amperes": "1.3.2", "bounds": wide})
    cell = Cell("outlet", "power", "1", product, by_amperes, (1, 3, 2), "mib", *factors)
    expected = abs(volts) * by_volts * amperes * by_amperes
    assert cell.reading({(1, 3, 1): volts, (1, 3, 2): amperes}) == float(expected)


MISTAKES: Mapping[str, tuple[Mapping[str, object], Mapping[str, object], str]] = {
    "alternating current": ({"volts": VOLTS, "amperes": AMPERES}, {"direct_current": False}, "of direct current only"),
    "volts alone": ({"volts": VOLTS}, {}, "state both volts and amperes"),
    "amperes alone": ({"amperes": AMPERES}, {}, "state both volts and amperes"),
    "a column too": ({"volts": VOLTS, "amperes": AMPERES, "column": FLAG}, {}, "state one of column, objects"),
    "a scale": ({"volts": VOLTS, "amperes": AMPERES, "scale": 0.1}, {}, "scale: belongs into volts or amperes"),
    "a sentinel": ({"volts": VOLTS, "amperes": AMPERES, "sentinels": [-1]}, {}, "sentinels: belongs into volts"),
    "a product of products": (
        {"volts": VOLTS, "amperes": {"volts": VOLTS, "amperes": AMPERES}},
        {},
        "must be measured themselves",
    ),
    "a negative voltage": ({"volts": {"column": VOLTS, "scale": -1}, "amperes": AMPERES}, {}, "`absolute: true`"),
    "a key that no one knows": (
        {"volts": VOLTS, "amperes": {"column": AMPERES, "where": {"bank": 1}}},
        {},
        "where: 'bank' is no part",
    ),
    "a negative scale of alternating current": (
        {"column": AMPERES, "scale": -1},
        {"direct_current": False},
        "scale must be positive",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistakes_are_told_when_the_profile_is_read(tmp_path: Path, mistake: str) -> None:
    power, table, told = MISTAKES[mistake]
    with pytest.raises(UsageError) as fault:
        profile(tmp_path, power, table)
    assert told in "\n".join(fault.value.messages)


@pytest.mark.parametrize(
    ("level", "quantity", "told"),
    [
        ("outlet", {"apparent_power": {"column": VOLTS}}, "there is none in direct current"),
        ("outlet", {"power_factor": {"column": VOLTS}}, "there is none in direct current"),
        ("outlet", {"current": {"volts": VOLTS, "amperes": AMPERES}}, "make power, and nothing else"),
        ("outlet", {"voltage": {"column": VOLTS, "scale": -1}}, "scale must be positive"),
        ("phase", {"voltage": {"column": VOLTS}}, "direct current has no phases"),
    ],
)
def test_what_direct_current_does_not_have_is_a_mistake(
    tmp_path: Path, level: str, quantity: Mapping[str, object], told: str
) -> None:
    levels = {level: {"direct_current": True, "quantities": quantity}}
    plant = {"vendor": "ACME", "sys_object_ids": [PLANT], "levels": levels}
    (tmp_path / "plant.yaml").write_text(yaml.safe_dump(plant))
    with pytest.raises(UsageError) as fault:
        read_folder(tmp_path)
    assert told in "\n".join(fault.value.messages)


def test_the_check_says_what_is_derived_from_where(tmp_path: Path) -> None:
    profile(tmp_path, {"volts": HUNDREDTHS, "amperes": TENTHS})
    with Agent(_functions({UP_TIME: 1, f"{VOLTS}.0": 5416, f"{AMPERES}.1": 51})) as agent:
        lines = list(check(str(tmp_path / "plant.yaml"), client(agent.address)))
    assert f"outlet  power           derived in direct current: {VOLTS} x {AMPERES}, by documentation" in lines
    assert any("276.216 W  = 51 x 0.1" in line and f"the volts at {VOLTS}.0" in line for line in lines)


def test_no_shipped_profile_multiplies_alternating_current(profiles: Mapping[str, Profile]) -> None:
    """The schema forbids it; and what is direct current has no phases and no volt-amperes."""
    derived = [
        (name, table.direct_current)
        for name, each in profiles.items()
        for tables in each.levels.values()
        for table in tables
        for quantity in table.quantities.values()
        if quantity.derived
    ]
    assert {"eltek-smartpack", "vertiv-netsure-ncu", "ge-pulsar"} <= {name for name, _ in derived}
    assert all(direct for _, direct in derived)
