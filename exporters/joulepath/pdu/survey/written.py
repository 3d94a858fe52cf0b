# SPDX-License-Identifier: Apache-2.0
"""Reads numbers that devices write as text, with separators and a unit; refuses ambiguous ones."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from joulepath.pdu.profiles.quantity import DecimalMark

_WRITTEN = re.compile(
    r"(?P<sign>[+-]?)"
    r"(?P<number>\d[\d.,' ]*|[.,]\d+)"
    r"(?P<exponent>[eE][+-]?\d{1,2})?"
    r"\s*(?P<unit>[^\d\s.,'][^\d\s]*)?"
)

_MOST_DIGITS = 20

_GROUPED: Mapping[str, re.Pattern[str]] = {
    mark: re.compile(rf"\d{{1,3}}(?:{re.escape(mark)}\d{{3}})+") for mark in (".", ",", "'", " ")
}
"""Patterns of digits in groups of three."""

_PREFIXES: Mapping[str, Decimal] = {
    "": Decimal(1),
    "m": Decimal("0.001"),
    "k": Decimal(1000),
    "K": Decimal(1000),
    "M": Decimal(1_000_000),
    "u": Decimal("0.000001"),
    "\N{MICRO SIGN}": Decimal("0.000001"),
    "\N{GREEK SMALL LETTER MU}": Decimal("0.000001"),
}

_UNITS: Mapping[str, Mapping[str, Decimal]] = {
    "power": {"w": Decimal(1), "watt": Decimal(1), "watts": Decimal(1)},
    "apparent_power": {"va": Decimal(1)},
    "current": dict.fromkeys(("a", "amp", "amps", "ampere", "amperes", "aac", "adc", "arms"), Decimal(1)),
    "voltage": dict.fromkeys(("v", "volt", "volts", "vac", "vdc", "vrms"), Decimal(1)),
    "power_factor": {"%": Decimal("0.01"), "pf": Decimal(1)},
    "meter_energy": {"j": Decimal(1), "ws": Decimal(1), "wh": Decimal(3600)},
}
"""Units of each quantity in that of its metric."""


@dataclass(frozen=True)
class Written:
    """A number, and its unit in that of the metric; None without a number."""

    number: Decimal
    unit: Decimal | None

    def steps(self, scale: Decimal) -> Decimal:
        """The number in steps of `scale`. Raises ValueError where its unit is another than the scale says.

        A scale of 1 leaves it to the unit.
        """
        if self.unit is None or self.unit == abs(scale):
            return self.number
        if abs(scale) == 1:
            return self.number * self.unit
        raise ValueError(f"in another unit than the scale {scale}")


def read(text: str, quantity: str, decimal: DecimalMark | None = None) -> Written:
    """A number with a unit of the `quantity` behind it. Raises ValueError.

    `decimal` is the decimal mark. Without it, what may be either ("1,530") is refused; a single point is the mark.
    """
    matched = _WRITTEN.fullmatch(text.strip())
    if matched is None:
        raise ValueError("no number")
    digits = _plain(matched["number"].strip(), decimal)
    if len(digits) > _MOST_DIGITS:
        raise ValueError("too long")
    number = Decimal(f"{matched['sign']}{digits}{matched['exponent'] or ''}")
    return Written(number, None if matched["unit"] is None else _unit(matched["unit"], quantity))


def _plain(number: str, decimal: DecimalMark | None) -> str:
    """A number with a decimal point and without groups."""
    if decimal is None:
        decimal = _mark(number)
    whole, mark, fraction = number.partition(decimal)
    for digits in _GROUPED.values():
        if digits.fullmatch(whole):
            whole = re.sub(r"\D", "", whole)
            break
    if not f"{whole}{fraction}".isdecimal() or not (whole.isdecimal() or not whole):
        raise ValueError("separators without a meaning")
    return f"{whole or 0}.{fraction}" if mark and fraction else whole


def _mark(number: str) -> DecimalMark:
    """The decimal mark of a number that does not leave it open."""
    points, commas = number.count("."), number.count(",")
    if points and commas:
        return "." if number.rindex(".") > number.rindex(",") else ","
    if commas == 1:
        whole, _, fraction = number.partition(",")
        if len(fraction) == len("000") and _GROUPED[","].fullmatch(number) and whole.strip("0"):
            raise ValueError("a comma that may or may not be a decimal mark")
        return ","
    return "," if points > 1 else "."


def _unit(written: str, quantity: str) -> Decimal:
    units = _UNITS[quantity]
    if (plain := units.get(written.lower())) is not None:
        return plain
    prefix, unit = _PREFIXES.get(written[0]), units.get(written[1:].lower())
    if prefix is None or unit is None or (written[0] == "M" and quantity in ("current", "voltage")):
        raise ValueError(f"{written!r} is not a unit of {quantity}")
    return prefix * unit
