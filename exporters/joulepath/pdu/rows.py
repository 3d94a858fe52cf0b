# SPDX-License-Identifier: Apache-2.0
"""The rows of a quantity's table: which of a column's objects are of it, their labels and their scales."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from joulepath.pdu.schema import Match, Quantity, ScaleColumns, Table
from joulepath.pdu.snmp import Client, Oid, Value, dotted
from joulepath.pdu.value import text

MAX_DIGITS = 12
"""More decimal digits than any meter has: such a scale is nonsense."""

PRECISIONS = range(-8, 10)
"""entPhySensorPrecision, RFC 3433."""


@dataclass(frozen=True)
class Row:
    """One object of a quantity."""

    oid: Oid
    value: Value
    unit: str
    number: str
    index: str
    """The label of a row without a number."""
    name: str | None
    scale: Decimal
    volts: "Row | None" = None
    """Of a current that is multiplied: its voltage."""

    def label(self, *, linked: bool) -> str:
        """Its number, behind its unit's where units are linked."""
        if not self.number:
            return self.unit or self.index
        return f"{self.unit}.{self.number}" if linked and self.unit else self.number


class Columns:
    """The columns of one device, each walked once."""

    def __init__(self, client: Client, max_repetitions: int) -> None:
        self._client = client
        self._max_repetitions = max_repetitions
        self.read: dict[Oid, Mapping[Oid, Value]] = {}
        """What was walked so far."""

    async def column(self, oid: Oid, like: int = 0) -> Mapping[Oid, Value]:
        """A column's rows by their index; `like` is how many rows it may have."""
        if oid not in self.read:
            # One row more than there are shows the end of the column in the same answer.
            repetitions = min(like + 1, self._max_repetitions) if like else self._max_repetitions
            self.read[oid] = await self._client.walk(oid, repetitions)
        return self.read[oid]

    async def first(self, oids: Sequence[Oid]) -> tuple[Oid, Mapping[Oid, Value]]:
        """The first of several columns or objects that the device has, and its rows."""
        for oid in oids:
            rows = await self.column(oid)
            if not rows:  # an agent may have an object without the .0 behind it
                rows = {(): (await self._client.get([oid]))[oid]}
            if any(text(value) for value in rows.values()):
                return oid, rows
        return (), {}


async def rows_of(columns: Columns, table: Table, quantity: Quantity) -> Sequence[Row]:
    """The rows of one quantity, in the order of the table."""
    if quantity.column is None:
        return [
            Row(oid + index, value, "", label, label, None, quantity.scale)
            for label, oid in quantity.objects.items()
            for index, value in (await columns.column(oid)).items()
        ]
    values = await columns.column(quantity.column)
    size = len(values)
    if not size:
        return ()
    keys = {name: await columns.column(oid, size) for name, oid in table.keys.items()}
    units = await columns.column(table.unit, size) if table.unit else {}
    numbers = await columns.column(table.number, size) if table.number else {}
    names = await columns.column(table.name, size) if table.name else None
    rows: list[Row] = []
    for index, value in sorted(values.items()):
        parts = _parts(table.index, index)
        parts |= {name: text(_at(column, index)) for name, column in keys.items()}
        if not _fits({**table.where, **quantity.where}, parts):
            continue
        scale = await _scale(columns, quantity.scale_by, index, size)
        if scale is None:
            continue
        number = text(_at(numbers, index)) if table.number else _number(table, parts)
        if table.first is not None and number.isdecimal():
            number = str(int(number) - table.first + 1)
        rows.append(
            Row(
                oid=quantity.column + index,
                value=value,
                unit=text(_at(units, index)) if table.unit else parts.get("unit", ""),
                number=number,
                index=dotted(index),
                name=None if names is None or _at(names, index) is None else text(_at(names, index)),
                scale=scale * quantity.scale,
            )
        )
    return rows


def _number(table: Table, parts: Mapping[str, str]) -> str:
    return table.label.format_map(parts) if table.label is not None else parts.get("number", "")


def _parts(names: Sequence[str], index: Oid) -> dict[str, str]:
    """The named parts of an index; several of one name are joined by points."""
    parts: dict[str, str] = {}
    at = 0
    for name in names:
        if at >= len(index):
            break
        key, _, kind = name.partition(":")
        if kind == "text":
            length = index[at]
            characters = index[at + 1 : at + 1 + length]
            part = "".join(chr(c) for c in characters if 32 <= c < 127)
            at += 1 + length
        else:
            part = str(index[at])
            at += 1
        parts[key] = f"{parts[key]}.{part}" if key in parts else part
    return parts


def _fits(where: Mapping[str, Match], parts: dict[str, str]) -> bool:
    """Whether all keys match; named groups of a regular expression become parts."""
    for key, match in where.items():
        part = parts.get(key, "")
        if isinstance(match, str):
            found = re.fullmatch(match, part)
            if found is None:
                return False
            parts |= {name: group for name, group in found.groupdict().items() if group is not None}
        elif part not in ({str(match)} if isinstance(match, int) else {str(one) for one in match}):
            return False
    return True


def _at(column: Mapping[Oid, Value], index: Oid) -> Value | None:
    """The value at the index, or at the longest beginning of it: the names of outlets are no names of sensors."""
    for length in range(len(index), 0, -1):
        if index[:length] in column:
            return column[index[:length]]
    return None


async def _scale(columns: Columns, by: ScaleColumns, index: Oid, size: int) -> Decimal | None:
    """What a step of the row is in the quantity's scale; None where it is in none of the units or makes no sense.

    A row without its digits or precision has an unknown step. Where a device has no column of factors or units, the
    quantity's scale alone holds.
    """
    scale = Decimal(1)
    if by.digits is not None:
        digits = _at(await columns.column(by.digits, size), index)
        if not isinstance(digits, int) or not 0 <= digits <= MAX_DIGITS:
            return None
        scale = scale.scaleb(-digits)
    if by.precision is not None:
        precision = _at(await columns.column(by.precision, size), index)
        if not isinstance(precision, int) or precision not in PRECISIONS:
            return None
        scale = scale.scaleb(-max(precision, 0))
    if by.factor is not None and (column := await columns.column(by.factor, size)):
        factor = _at(column, index)
        if not isinstance(factor, int):
            return None
        if factor:  # 0 is an agent's way to say none
            scale = scale * factor if factor > 0 else scale / -factor
    if by.units is not None and (column := await columns.column(by.units.column, size)):
        unit = _at(column, index)
        known = {str(name): step for name, step in by.units.scales.items()}
        step = known.get(text(unit))
        if step is None:
            return None
        scale *= step
    return scale
