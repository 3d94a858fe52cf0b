# SPDX-License-Identifier: Apache-2.0
"""The rows of a quantity's table: which of a column's objects are of it, their labels and their scales."""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import partial

from joulepath.pdu.profiles.quantity import Match, Quantity, ScaleColumns
from joulepath.pdu.profiles.schema import ProfileTable
from joulepath.pdu.snmp.client import Missing, Oid, SnmpClient, Value, format_oid
from joulepath.pdu.survey.value import text

MAX_DIGITS = 12
"""More decimal digits than any meter has: such a scale is nonsense."""

PRECISIONS = range(-8, 10)
"""entPhySensorPrecision, RFC 3433."""


@dataclass(frozen=True)
class TableRow:
    """One object of a quantity."""

    oid: Oid
    value: Value
    unit: str
    number: str
    index: str
    """The label of a row without a number."""
    name: str | None
    scale: Decimal
    volts: "TableRow | None" = None
    """For a current that is multiplied: its voltage."""

    def label(self, *, linked: bool) -> str:
        """Its number, behind its unit's where units are linked."""
        if not self.number:
            return self.unit or self.index
        return f"{self.unit}.{self.number}" if linked and self.unit else self.number


class Columns:
    """The columns of one device, each walked once."""

    def __init__(self, client: SnmpClient, max_repetitions: int) -> None:
        self._client = client
        self._max_repetitions = max_repetitions
        self.read: dict[Oid, Mapping[Oid, Value]] = {}
        """The columns that were walked so far."""
        self.flags: dict[Oid, Value] = {}
        """Objects of the whole device that scale its rows, with their values."""

    async def column(self, oid: Oid, like: int = 0) -> Mapping[Oid, Value]:
        """A column's rows by their index; `like` is how many rows it may have."""
        if oid not in self.read:
            # One row more than there are shows the end of the column in the same answer.
            repetitions = min(like + 1, self._max_repetitions) if like else self._max_repetitions
            self.read[oid] = await self._client.walk(oid, repetitions)
            if not self.read[oid] and oid[-1:] == (0,):
                self.read[oid] = await self._itself(oid)
        return self.read[oid]

    async def scaling(self, oid: Oid, like: int) -> Mapping[Oid, Value]:
        """A column that scales rows; where it is one object of the whole device, that is a flag."""
        rows = await self.column(oid, like)
        if (index := _of_device(rows)) is not None:
            self.flags[oid + index] = rows[index]
        return rows

    async def object(self, oid: Oid) -> Mapping[Oid, Value]:
        """An object by its index, written with or without the `.0` behind it, or one cell of a table."""
        if not await self.column(oid) and oid[-1:] != (0,):
            self.read[oid] = await self._itself(oid)
        return self.read[oid]

    async def _itself(self, oid: Oid) -> Mapping[Oid, Value]:
        value = (await self._client.get([oid]))[oid]
        return {} if isinstance(value, Missing) else {(): value}

    async def first(self, oids: Sequence[Oid]) -> tuple[Oid, Mapping[Oid, Value]]:
        """The first of several columns or objects that the device has, and its rows."""
        for oid in oids:
            rows = await self.object(oid)  # an agent may have an object without the .0 behind it
            if any(text(value) for value in rows.values()):
                return oid, rows
        return (), {}


async def rows_of(columns: Columns, table: ProfileTable, quantity: Quantity) -> Sequence[TableRow]:
    """The rows of one quantity, in the order of the table."""
    if quantity.column is None:
        cells = [
            _Cell(oid + index, value, index or oid[-1:], partial(_ending, oid=oid + index), label)
            for label, oid in quantity.objects.items()
            for index, value in (await columns.object(oid)).items()
        ]
    else:
        cells = [
            _Cell(quantity.column + index, value, index or (0,), partial(_beginning, index=index))
            for index, value in sorted((await columns.column(quantity.column)).items())
        ]
    size = len(cells)
    if not size:
        return ()
    keys = {name: await columns.column(oid, size) for name, oid in table.keys.items()}
    units = await columns.column(table.unit, size) if table.unit else {}
    numbers = await columns.column(table.number, size) if table.number else {}
    names = await columns.column(table.name, size) if table.name else {}
    rows: list[TableRow] = []
    for cell in cells:
        parts = _parts(table.index, cell.index)
        parts |= {name: text(cell.value_in(column)) for name, column in keys.items()}
        if not _fits({**table.where, **quantity.where}, parts):
            continue
        scale = await _scale(columns, quantity.scale_by, cell, size)
        if scale is None:
            continue
        number = cell.label
        if number is None:
            number = text(cell.find(numbers)) if table.number else _number(table, parts)
            if table.first is not None and number.isdecimal():
                number = str(int(number) - table.first + 1)
        unit = text(cell.find(units)) if table.unit or cell.label is not None else parts.get("unit", "")
        name = cell.find(names)
        rows.append(
            TableRow(
                oid=cell.oid,
                value=cell.value,
                unit=unit,
                number=number,
                index=format_oid(cell.index),
                name=None if name is None else text(name),
                scale=scale * quantity.scale,
            )
        )
    return rows


def _number(table: ProfileTable, parts: Mapping[str, str]) -> str:
    return table.label.format_map(parts) if table.label is not None else parts.get("number", "")


def _parts(names: Sequence[str], index: Oid) -> dict[str, str]:
    """The named parts of an index; several of one name are joined by points."""
    parts: dict[str, str] = {}
    start = 0
    for name in names:
        if start >= len(index):
            break
        key, _, kind = name.partition(":")
        if kind == "text":
            length = index[start]
            characters = index[start + 1 : start + 1 + length]
            part = "".join(chr(c) for c in characters if 32 <= c < 127)
            start += 1 + length
        else:
            part = str(index[start])
            start += 1
        parts[key] = f"{parts[key]}.{part}" if key in parts else part
    return parts


def _fits(where: Mapping[str, Match], parts: dict[str, str]) -> bool:
    """Whether all keys match; named groups of a regular expression become parts."""
    for key, match in where.items():
        part = parts.get(key, "")
        if isinstance(match, str):
            matched = re.fullmatch(match, part)
            if matched is None:
                return False
            parts |= {name: group for name, group in matched.groupdict().items() if group is not None}
        elif part not in ({str(match)} if isinstance(match, int) else {str(one) for one in match}):
            return False
    return True


def _beginning(column: Mapping[Oid, Value], index: Oid) -> Value | None:
    """The value at the index, or at the longest beginning of it: outlets have names, their sensors do not."""
    for length in range(len(index), 0, -1):
        if index[:length] in column:
            return column[index[:length]]
    return None


def _ending(column: Mapping[Oid, Value], oid: Oid) -> Value | None:
    """The value at the longest index that the object ends with: a single object may be a cell of a table."""
    longest = max((index for index in column if index and oid[-len(index) :] == index), key=len, default=None)
    return None if longest is None else column[longest]


def _of_device(column: Mapping[Oid, Value]) -> Oid | None:
    """The index of a column that is one object of the whole device."""
    index = next(iter(column), None)
    return index if len(column) == 1 and index in ((), (0,)) else None


@dataclass(frozen=True)
class _Cell:
    """One object before it is known whether it belongs to the quantity."""

    oid: Oid
    value: Value
    index: Oid
    find: Callable[[Mapping[Oid, Value]], Value | None]
    """Its value in another column."""
    label: str | None = None
    """Stated by the profile for a single object."""

    def value_in(self, column: Mapping[Oid, Value]) -> Value | None:
        """Its value in another column, or the one that holds for the whole device."""
        own, index = self.find(column), _of_device(column)
        return column[index] if own is None and index is not None else own


async def _scale(columns: Columns, by: ScaleColumns, cell: _Cell, size: int) -> Decimal | None:
    """One step of the row in the quantity's scale; None if its unit is another or makes no sense.

    A row without its digits or precision has an unknown step. Where a device has no column of factors or units, the
    quantity's scale alone holds.
    """
    scale = Decimal(1)
    if by.digits is not None:
        digits = _number_of(cell.value_in(await columns.scaling(by.digits, size)))
        if digits is None or digits % 1 or not 0 <= digits <= MAX_DIGITS:
            return None
        scale = scale.scaleb(-int(digits))
    if by.precision is not None:
        precision = _number_of(cell.value_in(await columns.scaling(by.precision, size)))
        if precision is None or precision not in PRECISIONS:
            return None
        scale = scale.scaleb(-max(int(precision), 0))
    if by.factor is not None and (column := await columns.scaling(by.factor, size)):
        factor = _number_of(cell.value_in(column))
        if factor is None:
            return None
        if factor:  # 0 means that the device has no factor
            scale = scale * factor if factor > 0 else scale / -factor
    if by.units is not None and (column := await columns.scaling(by.units.column, size)):
        known = {str(name): step for name, step in by.units.scales.items()}
        step = known.get(text(cell.value_in(column)))
        if step is None:
            return None
        scale *= step
    return scale


def _number_of(value: Value | None) -> Decimal | None:
    """A number that scales others; agents write it as text, too."""
    if isinstance(value, (int, float)):
        return Decimal(str(value)) if math.isfinite(value) else None
    if isinstance(value, bytes) and re.fullmatch(r"[+-]?\d{1,12}(\.\d{1,12})?", text(value)):
        return Decimal(text(value))
    return None
