# SPDX-License-Identifier: Apache-2.0
"""Converts an object's value to a measurement, or says why it is not one."""

import math
from decimal import Decimal

from joulepath.pdu.profiles.quantity import PLAUSIBLE, Quantity, QuantityName
from joulepath.pdu.snmp.client import Missing, Value, format_oid
from joulepath.pdu.survey import written
from joulepath.reading.rejected import NotMeasuredError

REASONS = ("not_available", "not_a_number", "implausible", "contradicted", "unknown_row", "refused")


def measure(value: Value, name: QuantityName, quantity: Quantity, scale: Decimal | None = None) -> float | None:
    """The value in the metric's unit, None where the object is missing. Raises NotMeasuredError.

    `scale` is that of the row where it is data; the quantity's own where not stated.
    """
    steps: int | Decimal
    scale = quantity.scale if scale is None else scale
    if isinstance(value, int):
        steps = value
    elif isinstance(value, float) and math.isfinite(value):
        steps = Decimal(value)
    elif isinstance(value, Missing):
        return None
    elif isinstance(value, bytes) and quantity.text:
        steps = _parse_text(value, name, quantity, scale)
    else:
        raise NotMeasuredError("not_a_number")
    if steps in quantity.not_available:
        raise NotMeasuredError("not_available")
    number = float(steps * scale)  # decimal: 3 steps of 0.1 A are 0.3 A
    return check_bounds(abs(number) if quantity.absolute else number, name, quantity)


def check_bounds(number: float, name: QuantityName, quantity: Quantity) -> float:
    """A number in the metric's unit that the quantity can have. Raises NotMeasuredError."""
    low, high = quantity.bounds or PLAUSIBLE[name]
    if not low <= number <= high:
        raise NotMeasuredError("implausible", number)
    return number


def _parse_text(value: bytes, name: QuantityName, quantity: Quantity, scale: Decimal) -> Decimal:
    """A number written as text, in steps."""
    try:
        number = written.read(text(value), name, quantity.decimal)
        steps = number.steps(scale)
    except ValueError:
        raise NotMeasuredError("not_a_number") from None
    if number.number in quantity.not_available:
        raise NotMeasuredError("not_available")
    return steps


def text(value: Value | None) -> str:
    """A value as a label: text without padding and control characters, numbers in digits, empty for none."""
    if value is None or isinstance(value, Missing):
        return ""
    if isinstance(value, tuple):
        return format_oid(value)
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return f"{value:.7g}"  # as many digits as a Float has
    try:
        decoded = value.decode()
    except UnicodeDecodeError:
        decoded = value.decode("latin-1")
    return "".join(character if character.isprintable() else " " for character in decoded).strip()
