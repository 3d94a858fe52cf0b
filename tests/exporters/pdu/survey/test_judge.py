# SPDX-License-Identifier: Apache-2.0
"""Readings that contradict each other: what is left out, what of a real device never is, and when it is back."""

import math
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from joulepath.pdu.profiles.quantity import LevelName, QuantityName
from joulepath.pdu.survey.judge import HOLD_SECONDS, LOOK_SECONDS, Judge
from joulepath.pdu.survey.reading import MeterReading, ReadingKey

pytestmark = pytest.mark.unit

SHORT: Mapping[str, QuantityName] = {
    "W": "power",
    "VA": "apparent_power",
    "V": "voltage",
    "A": "current",
    "pf": "power_factor",
    "J": "meter_energy",
}
STEPS: Mapping[QuantityName, float] = {
    "power": 1,
    "apparent_power": 1,
    "voltage": 0.1,
    "current": 0.01,
    "power_factor": 0.01,
    "meter_energy": 3600,
}
POLL = 5.0


def readings(device: Mapping[str, float], steps: Mapping[QuantityName, float] = STEPS) -> list[MeterReading]:
    """A device written as `{"outlet 1 W": 100}`; a column is a level's quantity."""
    meter_readings: list[MeterReading] = []
    for name, value in device.items():
        level, label, unit = name.split()
        key = ReadingKey(level, label, SHORT[unit])  # type: ignore[arg-type]
        meter_readings.append(MeterReading(key, value, steps[key.quantity], hash((key.level, key.quantity))))
    return meter_readings


def left_out(*polls: Mapping[str, float], judge: Judge | None = None) -> list[set[str]]:
    """The readings that are left out of each of several polls."""
    judge, units = judge or Judge(), {quantity: unit for unit, quantity in SHORT.items()}
    return [
        {f"{key.level} {key.label} {units[key.quantity]}" for key in judge.find_contradicted(readings(poll), at * POLL)}
        for at, poll in enumerate(polls)
    ]


OUTLET = {"outlet 1 V": 230, "outlet 1 A": 0.43, "outlet 1 W": 95}


@pytest.mark.parametrize("watts", [999_000, 9_999, 65_535, 32_767, 950])
def test_a_glitch_in_watts_is_left_out_of_that_poll_alone(watts: float) -> None:
    assert left_out(OUTLET, {**OUTLET, "outlet 1 W": watts}, OUTLET) == [set(), {"outlet 1 W"}, set()]


def test_a_first_reading_that_is_a_glitch_is_left_out() -> None:
    assert left_out({**OUTLET, "outlet 1 W": 999_000}, OUTLET) == [{"outlet 1 W"}, set()]


@pytest.mark.parametrize("change", [{"outlet 1 A": 430}, {"outlet 1 A": 0.02}, {"outlet 1 V": 23}])
def test_a_glitch_in_amperes_or_volts_leaves_watts_alone(change: Mapping[str, float]) -> None:
    load = {"outlet 1 V": 230, "outlet 1 A": 4.3, "outlet 1 W": 950}
    (wrong,) = change
    assert left_out(load, {**load, **change}, load) == [set(), {wrong}, set()]


@pytest.mark.parametrize("amperes", [655.35, 435])
def test_amperes_beyond_any_outlet_are_left_out_at_the_first_poll(amperes: float) -> None:
    """Milliamperes for amperes, or all bits set."""
    assert left_out(*[{**OUTLET, "outlet 1 A": amperes}] * 3) == [{"outlet 1 A"}] * 3


def test_milliamperes_in_place_of_amperes_of_an_inlet_are_left_out() -> None:
    device = {"inlet 1 V": 230, "inlet 1 A": 3_000, "inlet 1 W": 650}
    assert left_out(device, device) == [{"inlet 1 A"}] * 2


@pytest.mark.parametrize("volts", [{}, {"phase 1 V": 230}, {"inlet 1 V": 120}])
@pytest.mark.parametrize("watts", [999_000, 20_000])
def test_an_outlet_without_a_voltage_of_its_own_is_checked_too(volts: Mapping[str, float], watts: float) -> None:
    outlet = {"outlet 1 A": 0.43, "outlet 1 W": 45, **volts}
    assert left_out(outlet, {**outlet, "outlet 1 W": watts}, outlet) == [set(), {"outlet 1 W"}, set()]


@pytest.mark.parametrize(
    ("level", "watts"), [("outlet", 6_000), ("branch", 20_000), ("phase", 50_000), ("inlet", 99_000)]
)
def test_watts_alone_are_compared_with_earlier_ones(level: LevelName, watts: float) -> None:
    name = f"{level} 1 W"
    assert left_out({name: 400}, {name: watts}, {name: 410}) == [set(), {name}, set()]


def test_more_than_an_outlet_carries_is_believed_only_with_the_current() -> None:
    assert left_out({"outlet 1 W": 60_000}) == [{"outlet 1 W"}]
    assert left_out({"outlet 1 W": 60_000, "outlet 1 V": 230, "outlet 1 A": 100}) == [set()]  # a UPS of 200 kVA


def test_an_inlet_that_leaps_is_believed_if_it_stays_or_outlets_agree() -> None:
    polls = [{"inlet 1 W": 500.0}, *({"inlet 1 W": 20_000.0} for _ in range(math.ceil(HOLD_SECONDS / POLL) + 2))]
    omitted = left_out(*polls)
    assert omitted[1] == {"inlet 1 W"}
    assert omitted[-1] == set()
    outlets = {f"outlet {number} W": 2_000.0 for number in range(10)}
    before = {"inlet 1 W": 0.0, **dict.fromkeys(outlets, 0.0)}
    assert left_out(before, {"inlet 1 W": 20_400.0, **outlets}) == [set(), set()]


KILOWATTS = [
    {"outlet 1 V": 230, "outlet 1 A": 7.2, "outlet 1 W": 1},
    {"outlet 1 V": 230, "outlet 1 A": 7.2, "outlet 1 W": 0},
    {"inlet 1 V": 400, "inlet 1 A": 30, "inlet 1 W": 18, "inlet 1 VA": 20},
    {"phase 1 V": 230, "phase 1 A": 9, "phase 1 W": 2, "phase 2 V": 230, "phase 2 A": 5, "phase 2 W": 1},
    {
        "branch 1 A": 9,
        "branch 1 W": 2,
        "branch 2 A": 6,
        "branch 2 W": 1,
        "branch 3 A": 0,
        "branch 3 W": 0,
        "inlet 1 V": 230,
    },
    {"outlet 1 V": 230, "outlet 1 A": 7.2, "outlet 1 W": 150},  # 0.1 W for W, taken for watts the other way round
    {"outlet 1 V": 230, "outlet 1 A": 7.2, "outlet 1 W": 15_300},
    {"outlet 1 V": 230, "outlet 1 A": 7.2, "outlet 1 W": 1_530_000},
]


@pytest.mark.parametrize("device", KILOWATTS)
def test_a_unit_other_than_that_of_the_mib_is_left_out_while_it_lasts(device: Mapping[str, float]) -> None:
    wrong = {name for name in device if name.endswith((" W", " VA"))}
    assert left_out(device, device, device) == [wrong] * 3


def test_a_column_in_another_unit_is_left_out_with_its_plausible_row() -> None:
    """Ten times 69 W are less than 3.9 times its volts times amperes; its column tells."""
    device = {
        f"outlet {number} {unit}": value for number in (1, 2) for unit, value in (("V", 230), ("A", 2), ("W", 4_400))
    }
    device |= {"outlet 3 V": 230, "outlet 3 A": 1, "outlet 3 W": 690}
    assert left_out(device) == [{"outlet 1 W", "outlet 2 W", "outlet 3 W"}]


def test_of_watts_and_voltamperes_the_one_that_leapt_is_left_out() -> None:
    usual = {"inlet 1 W": 1_500, "inlet 1 VA": 1_600}
    assert left_out(usual, {**usual, "inlet 1 W": 9_900}, {**usual, "inlet 1 VA": 16}) == [
        set(),
        {"inlet 1 W"},
        {"inlet 1 VA"},
    ]
    assert left_out({**usual, "inlet 1 W": 9_900}) == [set(usual)]


SENTINELS = [
    {"inlet 1 W": 65_535, "outlet 1 W": 200},
    {"inlet 1 W": 32_767},
    {"inlet 1 W": 655_350},
    {"inlet 1 W": 999_999},
    {"inlet 1 A": 99.99},
    {"outlet 1 J": (2**32 - 1) * 3600},
    {"outlet 1 J": (2**31 - 1) * 3600},
    {"outlet 1 J": 65_535 * 3600, "outlet 2 J": 65_535 * 3600},
    {"outlet 1 A": 655.35},
    {"outlet 1 VA": 65_535},
]


@pytest.mark.parametrize("device", SENTINELS)
def test_all_bits_set_is_not_a_measurement(device: Mapping[str, float]) -> None:
    wrong = {name for name, value in device.items() if value != 200}
    assert left_out(device, device) == [wrong] * 2


def test_a_register_may_pass_through_16_bits() -> None:
    assert left_out({"outlet 1 J": 65_535 * 3600, "outlet 2 J": 7 * 3600}) == [set()]


SUMS = [
    # One outlet draws more than all inlets.
    ({"inlet 1 W": 600, "outlet 1 W": 20_000, "outlet 2 W": 300}, {"outlet 1 W"}),
    # The inlet is in kilowatts.
    ({"inlet 1 W": 6, "outlet 1 W": 900, "outlet 2 W": 3_100, "outlet 3 W": 2_000}, {"inlet 1 W"}),
    ({"inlet 1 W": 15, "outlet 1 W": 6_000, "outlet 1 V": 230, "outlet 1 A": 30}, {"inlet 1 W"}),
    # Outlets are in tenths of a watt, and the inlet is confirmed.
    (
        {"inlet 1 W": 1_500, "inlet 1 V": 230, "inlet 1 A": 7, **{f"outlet {n} W": 3_000 for n in range(5)}},
        {f"outlet {n} W" for n in range(5)},
    ),
    ({"inlet 1 W": 9_000, "phase 1 W": 900, "phase 1 V": 230, "phase 1 A": 4.5}, {"inlet 1 W"}),
]


@pytest.mark.parametrize(("device", "wrong"), SUMS)
def test_of_levels_that_cannot_add_up_the_wrong_one_is_left_out(device: Mapping[str, float], wrong: set[str]) -> None:
    assert left_out(device, device) == [wrong] * 2


def test_of_two_levels_the_one_that_leapt_is_left_out() -> None:
    usual = {"inlet 1 W": 1_500, "outlet 1 W": 700, "outlet 2 W": 700}
    assert left_out(usual, {**usual, "inlet 1 W": 20}, {**usual, "outlet 2 W": 9_000}, usual) == [
        set(),
        {"inlet 1 W"},
        {"outlet 2 W"},
        set(),
    ]


def test_an_outlet_that_rises_without_its_inlet_is_left_out() -> None:
    """Less than all inlets allow, and less than any outlet may rise, but not fed by them."""
    usual = {"inlet 1 W": 1_500.0, **{f"outlet {number} W": 300.0 for number in range(5)}}
    assert left_out(usual, {**usual, "outlet 2 W": 3_000}, usual) == [set(), {"outlet 2 W"}, set()]
    assert left_out(usual, {**usual, "outlet 2 W": 3_000, "inlet 1 W": 4_200}, usual) == [set(), set(), set()]


RIGHT: Mapping[str, Mapping[str, float]] = {
    "three phases, one current": {"inlet 1 V": 230, "inlet 1 A": 10, "inlet 1 W": 6_700},
    "three phases, volts between lines": {"inlet 1 V": 400, "inlet 1 A": 10, "inlet 1 W": 6_700},
    "a delta with one load": {
        "phase 1 V": 205,
        "phase 1 A": 3.2,
        "phase 1 W": 620,
        "phase 2 V": 205,
        "phase 2 A": 0,
        "phase 2 W": 0,
        "phase 3 V": 205,
        "phase 3 A": 3.2,
        "phase 3 W": 0,
    },
    "an inlet with the current of one phase": {
        "inlet 1 V": 230,
        "inlet 1 A": 0.1,
        "inlet 1 W": 6_000,
        "phase 1 V": 230,
        "phase 1 A": 0.1,
        "phase 1 W": 0,
        "phase 2 V": 230,
        "phase 2 A": 29,
        "phase 2 W": 6_000,
    },
    "a current that is not measured": {"outlet 1 V": 230, "outlet 1 A": 0, "outlet 1 W": 700},
    "linked units of which one has an inlet": {
        "inlet 1 W": 900,
        **{f"outlet {unit}.{number} W": 300 for unit in (1, 2, 3, 4, 5) for number in (1, 2, 3)},
    },
    "linked units of which one has phases": {"inlet 1 W": 3_000, "inlet 2 W": 2_500, "phase 1.1 W": 900},
    "idle outlets": {
        "outlet 1 V": 230,
        "outlet 1 A": 0,
        "outlet 1 W": 0,
        "outlet 2 V": 0,
        "outlet 2 A": 0,
        "outlet 2 W": 0,
    },
    "a supply in standby": {"outlet 1 V": 230, "outlet 1 A": 0.5, "outlet 1 W": 2},
    "an unloaded transformer": {"outlet 1 V": 230, "outlet 1 A": 2, "outlet 1 W": 60},
    "a stated power factor": {"outlet 1 V": 230, "outlet 1 A": 4, "outlet 1 W": 92, "outlet 1 pf": 0.1},
    "outlets metered in part": {"inlet 1 W": 5_000, "outlet 1 W": 100},
    "two inlets, one of them metered": {"inlet 1 W": 1_000, "outlet 1 W": 900, "outlet 2 W": 1_100},
    "a UPS that charges": {"inlet 1 W": 3_000, "outlet 1 W": 150},
    "a UPS on its battery": {
        "inlet 1 W": 0,
        "inlet 1 V": 0,
        "inlet 1 A": 0,
        "outlet 1 V": 230,
        "outlet 1 A": 8,
        "outlet 1 W": 1_700,
    },
    "no power factor measured": {"outlet 1 V": 230, "outlet 1 A": 4, "outlet 1 W": 500, "outlet 1 pf": 0},
    "direct current": {"outlet 1 V": 54, "outlet 1 A": 300, "outlet 1 W": 16_200},
    "branches behind each other": {"inlet 1 W": 400, "branch 1 W": 390, "branch 2 W": 380, "branch 3 W": 370},
}


@pytest.mark.parametrize("name", RIGHT)
def test_a_device_that_is_right_is_believed(name: str) -> None:
    device = RIGHT[name]
    assert left_out(device, device) == [set()] * 2


loads = st.lists(st.tuples(st.floats(0, 3_000), st.floats(0.3, 1.0)), min_size=1, max_size=12)


def consistent(
    loads: list[tuple[float, float]], volts: float, phases: int, steps: Mapping[QuantityName, float]
) -> dict[str, float]:
    """A PDU with these loads (watts, power factor), rounded as it steps."""

    def round_to_step(quantity: QuantityName, value: float) -> float:
        return round(value / steps[quantity]) * steps[quantity]

    device: dict[str, float] = {}
    for number, (watts, factor) in enumerate(loads):
        device[f"outlet {number} W"] = round_to_step("power", watts)
        device[f"outlet {number} V"] = round_to_step("voltage", volts)
        device[f"outlet {number} A"] = round_to_step("current", watts / factor / volts)
    total, voltamperes = sum(watts for watts, _ in loads), sum(watts / factor for watts, factor in loads)
    device["inlet 1 W"] = round_to_step("power", total)
    device["inlet 1 VA"] = round_to_step("apparent_power", voltamperes)
    device["inlet 1 V"] = round_to_step("voltage", volts)
    device["inlet 1 A"] = round_to_step("current", voltamperes / volts / phases)
    return device


def coarse(**steps: float) -> Mapping[QuantityName, float]:
    return {**STEPS, **steps}  # type: ignore[dict-item]


resolutions = st.sampled_from([STEPS, coarse(current=0.1), coarse(current=1.0), coarse(power=10, apparent_power=10)])


@given(
    st.lists(loads, min_size=2, max_size=5),
    st.sampled_from([100, 120, 208, 230, 277]),
    st.sampled_from([1, 3]),
    resolutions,
)
def test_a_device_that_obeys_physics_is_always_believed(
    polls: list[list[tuple[float, float]]], volts: float, phases: int, steps: Mapping[QuantityName, float]
) -> None:
    judge = Judge()
    for at, each in enumerate(polls):
        assert judge.find_contradicted(readings(consistent(each, volts, phases, steps), steps), at * POLL) == {}


@given(
    st.lists(st.tuples(st.floats(400, 3_000), st.floats(0.5, 1.0)), min_size=1, max_size=12),
    st.sampled_from([0.001, 0.01, 0.1, 10, 100, 1000]),
)
def test_a_column_in_another_unit_is_never_believed(loads: list[tuple[float, float]], factor: float) -> None:
    device = consistent(loads, 230, 1, STEPS)
    wrong = {
        name: round(watts * factor)
        for name, watts in device.items()
        if name.startswith("outlet") and name.endswith("W")
    }
    (omitted,) = left_out({**device, **wrong})
    assert omitted >= set(wrong)
    assert "inlet 1 W" not in omitted


@given(loads, st.integers(0, 11), st.floats(5_000, 1e6))
def test_a_glitch_is_never_believed(loads: list[tuple[float, float]], which: int, watts: float) -> None:
    """Nor does it take others with it."""
    device = consistent(loads, 230, 1, STEPS)
    name = f"outlet {which % len(loads)} W"
    most = 3.9 * (device[name.replace("W", "A")] + 0.01) * 230 + 51
    _, second, third = left_out(device, {**device, name: max(round(watts), most + 1)}, device)
    assert second == {name}
    assert third == set()


def test_a_load_that_moves_to_another_outlet_is_believed() -> None:
    """The second supply of a server takes over."""
    before = {"inlet 1 W": 2500, "outlet 1 W": 2500, "outlet 2 W": 0}
    after = {"inlet 1 W": 2520, "outlet 1 W": 0, "outlet 2 W": 2520}
    assert left_out(before, after, after) == [set()] * 3


@pytest.mark.parametrize("inlet", [{}, {"inlet 1 W": 0}])
def test_an_outlet_switched_on_without_a_measured_inlet_is_believed(inlet: Mapping[str, float]) -> None:
    off = {**inlet, "outlet 1 W": 0, "outlet 2 W": 0}
    assert left_out(off, off, {**off, "outlet 1 W": 564}, {**off, "outlet 1 W": 564}) == [set()] * 4


@pytest.mark.parametrize(
    "row",
    [
        {"inlet 1 V": 230, "inlet 1 A": 44.2, "inlet 1 W": 9_999, "inlet 1 VA": 10_166},
        {"inlet 1 V": 230, "inlet 1 A": 44.2, "inlet 1 W": 9_800, "inlet 1 VA": 9_999},
        {"inlet 1 V": 230, "inlet 1 A": 99.99, "inlet 1 W": 21_000},
        {"inlet 1 V": 100, "inlet 1 A": 99.99, "inlet 1 W": 9_999},
    ],
)
def test_a_measurement_may_be_nothing_but_nines(row: Mapping[str, float]) -> None:
    assert left_out(row) == [set()]


@pytest.mark.parametrize("watts", [9_999, 32_767, 65_535, 2**31 - 1])
def test_nines_and_ones_that_contradict_volts_and_amperes_are_left_out(watts: float) -> None:
    assert left_out({"inlet 1 V": 230, "inlet 1 A": 16, "inlet 1 W": watts}) == [{"inlet 1 W"}]


STANDBY = {"inlet 1 V": 230, "inlet 1 A": 6, "inlet 1 W": 112}
"""40 supplies of a second feed that sleep: 1,380 VA of their filters and next to no watts."""


def test_a_feed_on_standby_keeps_its_watts_where_it_once_carried_a_load() -> None:
    loaded = {"inlet 1 V": 230, "inlet 1 A": 16, "inlet 1 W": 3500}
    assert left_out(loaded, STANDBY, STANDBY) == [set()] * 3


def test_a_feed_on_standby_keeps_its_watts_where_apparent_power_is_stated() -> None:
    assert left_out(*[{**STANDBY, "inlet 1 VA": 1380}] * 2) == [set()] * 2
    assert left_out(*[{**STANDBY, "inlet 1 VA": 138}] * 2) == [{"inlet 1 W", "inlet 1 VA"}] * 2


def test_an_inlet_with_the_current_of_an_idle_line_is_believed() -> None:
    """Its watts are those of all lines, which have a current and no watts of their own."""
    lines = {f"phase {line} {unit}": value for line in "123" for unit, value in (("V", 230), ("A", int(line) - 1))}
    second = {"inlet 2 V": 230, "inlet 2 A": 1, "inlet 2 W": 200}
    device = {**lines, **second, "inlet 1 V": 230, "inlet 1 A": 0, "inlet 1 W": 600}
    assert left_out(device, device) == [set()] * 2


def test_a_chassis_with_one_metered_supply_of_many_is_believed() -> None:
    chassis = {"inlet 7 W": 300, "branch 1 W": 1800}
    assert left_out(chassis, chassis, {**chassis, "branch 1 W": 18_000}) == [set(), set(), {"branch 1 W"}]
    assert left_out({"inlet 7 W": 300, "branch 1 W": 300_000}) == [{"branch 1 W"}]


def test_a_power_factor_of_almost_1_is_a_measurement() -> None:
    device = readings({**OUTLET, "outlet 1 pf": 0.9999}, {**STEPS, "power_factor": 0.0001})
    assert not Judge().find_contradicted(device, 0.0)


def plant(volts: float, amperes: float) -> list[MeterReading]:
    """A plant of which the load's watts are derived."""
    bus, watts = ReadingKey("outlet", "load", "voltage"), ReadingKey("outlet", "load", "power")
    return [
        MeterReading(bus, volts, 0.01, 1),
        MeterReading(ReadingKey("outlet", "load", "current"), amperes, 0.1, 2),
        MeterReading(watts, volts * amperes, 0.1, 3, bounded=True, derived=True, bus=bus),
    ]


def test_a_plant_on_its_battery_takes_little_from_the_mains() -> None:
    """The battery has no meter, and the mains are weak for hours."""
    device = {"inlet 1 V": 230, "inlet 1 A": 1, "inlet 1 W": 200, "rectifier all W": 180, "outlet load W": 2000}
    assert left_out(device, device) == [set()] * 2


@pytest.mark.parametrize("volts", [541.6, 5.41, 108.0])
def test_a_glitch_in_the_volts_of_a_bus_leaves_out_its_derived_watts(volts: float) -> None:
    judge, at = Judge(), 0.0
    for bus, expected in ((54.16, set()), (volts, {"voltage", "power"}), (54.16, set())):
        assert {key.quantity for key in judge.find_contradicted(plant(bus, 5.1), at)} == expected
        at += POLL


def test_a_bus_that_fails_or_discharges_keeps_its_watts() -> None:
    judge = Judge()
    for at, volts in enumerate((54.0, 48.0, 43.0, 0.0, 0.0, 54.0)):
        assert not judge.find_contradicted(plant(volts, 5.1 if volts else 0.0), at * POLL)


def test_another_voltage_of_a_bus_is_believed_when_it_stays() -> None:
    judge = Judge()
    polls = [54.0, *[27.0] * 14]
    assert [bool(judge.find_contradicted(plant(volts, 5.1), at * POLL)) for at, volts in enumerate(polls)] == [
        False,
        *[True] * int(HOLD_SECONDS / POLL),
        False,
        False,
    ]


def numbers(device: Mapping[str, float]) -> Mapping[ReadingKey, tuple[object, float]]:
    return {one.key: (None, one.value) for one in readings(device)}


def test_a_poll_near_a_consistent_one_is_settled_for_a_minute() -> None:
    judge = Judge()
    assert not judge.is_settled(numbers(OUTLET), 0.0)
    assert not judge.find_contradicted(readings(OUTLET), 0.0)
    assert judge.is_settled(numbers({"outlet 1 V": 233, "outlet 1 A": 0.5, "outlet 1 W": 110}), 5.0)
    assert not judge.is_settled(numbers(OUTLET), LOOK_SECONDS)


@pytest.mark.parametrize(
    "change",
    [{"outlet 1 W": 950}, {"outlet 1 W": 0.095}, {"outlet 1 A": 43}, {"outlet 1 V": 23}, {"outlet 2 W": 1}],
)
def test_a_poll_with_a_leap_or_another_row_is_examined_in_full(change: Mapping[str, float]) -> None:
    judge = Judge()
    assert not judge.find_contradicted(readings(OUTLET), 0.0)
    assert not judge.is_settled(numbers({**OUTLET, **change}), 5.0)


def test_after_a_contradiction_each_poll_is_examined_in_full() -> None:
    judge = Judge()
    assert judge.find_contradicted(readings({**OUTLET, "outlet 1 W": 999_000}), 0.0)
    assert not judge.is_settled(numbers({**OUTLET, "outlet 1 W": 999_000}), 5.0)
    assert not judge.is_settled(numbers({name: value for name, value in OUTLET.items() if name != "outlet 1 W"}), 5.0)


def test_a_register_that_falls_is_examined() -> None:
    judge = Judge()
    assert not judge.find_contradicted(readings({"outlet 1 J": 3.6e9}), 0.0)
    assert judge.is_settled(numbers({"outlet 1 J": 3.6e9 + 3600}), 5.0)
    assert not judge.is_settled(numbers({"outlet 1 J": 3.6e9 - 3600}), 5.0)


@pytest.mark.parametrize(
    ("volts", "left"), [([2304], True), ([230_400], True), ([23_040, 9_999_999], True), ([], False), ([50_000], False)]
)
def test_volts_in_another_unit_still_reveal_that_watts_are(volts: list[float], left: bool) -> None:
    rejected = Judge().find_contradicted(readings({"outlet 1 A": 9.6, "outlet 1 W": 21}), 0.0, volts)
    assert [key.quantity for key in rejected] == ["power"] * left
