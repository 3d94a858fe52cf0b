# SPDX-License-Identifier: Apache-2.0
"""Numbers in text: read as they are meant or refused, never cut."""

from collections.abc import Callable
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from joulepath.pdu.profiles.quantity import DecimalMark, Quantity, QuantityName
from joulepath.pdu.survey.value import measure
from joulepath.pdu.survey.written import read
from joulepath.reading.rejected import NotMeasuredError

pytestmark = pytest.mark.unit


def value(
    text: str, name: QuantityName = "power", scale: str = "1", decimal: DecimalMark | None = None
) -> float | str | None:
    """The measurement, or the reason for its absence."""
    quantity = Quantity(column="1.3", text=True, scale=Decimal(scale), decimal=decimal, sentinels=frozenset({-1}))
    try:
        return measure(text.encode(), name, quantity)
    except NotMeasuredError as reason:
        return str(reason)


@pytest.mark.parametrize(
    ("text", "watts"),
    [
        ("1530.5 W", 1530.5),
        ("1,530.5 W", 1530.5),
        ("1.530,5 W", 1530.5),
        ("1 530 W", 1530),
        ("1\u202f530,5 W", 1530.5),
        ("1'530.5", 1530.5),
        ("123,456,789 mW", 123456.789),
        ("0,153 kW", 153),
        ("1.53 kW", 1530),
        ("1,53KW", 1530),
        ("1.53e3", 1530),
        ("1.53E+3 W", 1530),
        ("153e1", 1530),
        (".5", 0.5),
        (" 15\x00", 15),
        ("+15 watts", 15),
        ("2 mW", 0.002),
        ("0.2MW", 200_000),
        ("1530.", 1530),
    ],
)
def test_watts_are_read_as_devices_write_them(text: str, watts: float) -> None:
    assert value(text) == pytest.approx(watts, rel=1e-12)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "-",
        "N/A",
        "W",
        "1,530",
        "1,530 W",
        "12,345 kW",
        "1 53",
        "1..5",
        "1,2,3",
        "1.2.3",
        "12 W 5",
        "5 VA",
        "3 V",
        "1e999",
        "1530 W (max)",
        "L1 1530",
        "0x5f",
        "1530 Wh",
        "1,53.0,5",
        "nan",
        "inf",
        "1_000",
        "15 %",
        "1/2",
        "9" * 30,
    ],
)
def test_text_that_is_not_one_clear_number_is_refused(text: str) -> None:
    assert value(text) == "not_a_number"


def test_the_profile_states_the_decimal_mark() -> None:
    assert value("1,530 W", decimal=",") == 1.53
    assert value("1,530 W", decimal=".") == 1530
    assert value("1.530 W") == 1.53
    assert value("1.530 W", decimal=",") == 1530
    assert value("1.5", decimal=",") == "not_a_number"
    with pytest.raises(ValidationError, match=r"decimal: belongs to text: true"):
        Quantity(column="1.3", decimal=",")


@pytest.mark.parametrize(
    ("text", "name", "amount"),
    [
        ("12.5 kWh", "meter_energy", 4.5e7),
        ("12 Wh", "meter_energy", 43_200),
        ("3 kJ", "meter_energy", 3000),
        ("435 mA", "current", 0.435),
        ("4.35 Amps", "current", 4.35),
        ("230.1 VAC", "voltage", 230.1),
        ("1.2 kVA", "apparent_power", 1200),
        ("95 %", "power_factor", 0.95),
        ("0.95", "power_factor", 0.95),
        ("12 MA", "current", "not_a_number"),  # no mega, and perhaps a milli
        ("12 kW", "apparent_power", "not_a_number"),
    ],
)
def test_a_unit_in_the_text_scales_the_value(text: str, name: QuantityName, amount: float | str) -> None:
    assert value(text, name) == (amount if isinstance(amount, str) else pytest.approx(amount, rel=1e-12))


@pytest.mark.parametrize(
    ("text", "scale", "watts"), [("1.53 kW", "1000", 1530), ("1530 W", "1", 1530), ("1530", "0.1", 153)]
)
def test_a_scale_that_says_the_same_unit_is_not_counted_twice(text: str, scale: str, watts: float) -> None:
    assert value(text, scale=scale) == watts


@pytest.mark.parametrize(("text", "scale"), [("1.53 kW", "0.001"), ("1530 W", "0.1"), ("153 W", "1000")])
def test_a_scale_that_says_another_unit_is_a_contradiction(text: str, scale: str) -> None:
    assert value(text, scale=scale) == "not_a_number"


@pytest.mark.parametrize("text", ["-1", "-1 W", "-1.0", "-1 kW"])
def test_a_sentinel_in_text_is_not_available(text: str) -> None:
    assert value(text) == "not_available"


STYLES: dict[str, Callable[[str, str], str]] = {
    "plain": lambda whole, fraction: f"{whole}.{fraction}",
    "comma": lambda whole, fraction: f"{int(whole):,}.{fraction}",
    "point": lambda whole, fraction: f"{int(whole):,}".replace(",", ".") + f",{fraction}",
    "blank": lambda whole, fraction: f"{int(whole):,}".replace(",", " ") + f",{fraction}",
    "quote": lambda whole, fraction: f"{int(whole):,}".replace(",", "'") + f".{fraction}",
    "exponent": lambda whole, fraction: f"{whole}{fraction}e-{len(fraction)}",
}


@given(st.integers(0, 10**9), st.text("0123456789", min_size=1, max_size=6), st.sampled_from(sorted(STYLES)))
def test_a_number_in_any_style_is_read_whole_or_refused(whole: int, fraction: str, style: str) -> None:
    text = STYLES[style](str(whole), fraction)
    try:
        reading = read(text, "power").number
    except ValueError:
        assert len(fraction) == 3  # as long as a group: "1,530"
        assert style in ("point", "blank")
        assert 0 < whole < 1000
    else:
        assert reading == Decimal(f"{whole}.{fraction}")


@given(st.text("0123456789.,' eEkmMWVA-+%", max_size=12))
def test_text_is_never_cut(text: str) -> None:
    """All of its digits are in the number, in their order."""
    try:
        reading = read(text, "power")
    except ValueError:
        return
    mantissa = text.lower().partition("e")[0] if "e" in text.lower() else text
    digits = "".join(character for character in mantissa if character.isdecimal()).strip("0")
    assert "".join(map(str, reading.number.as_tuple().digits)).strip("0") == digits
