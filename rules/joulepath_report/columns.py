# SPDX-License-Identifier: Apache-2.0
"""Columns that several tables have, and the sums below them."""

from collections.abc import Collection, Iterable, Sequence

from joulepath_report.model import TOTAL, Column, Table, Unit, Value

ENERGY = (Column("energy_joules", "energy", "J"), Column("energy_kwh", "energy", "kWh"))
SHARE = Column("share", "share", "ratio")
COVERAGE = Column("coverage", "coverage", "ratio")

_ADDED: frozenset[Unit] = frozenset({"J", "kWh", "g"})


def energy(joules: float | None) -> tuple[Value, Value]:
    """The values of ENERGY."""
    return (None, None) if joules is None else (joules, joules / 3.6e6)


def ratio(part: float | None, whole: float | None) -> float | None:
    """A part of a whole; None where there is no whole."""
    return None if part is None or not whole else part / whole


def table(
    name: str,
    title: str,
    columns: Sequence[Column],
    rows: Iterable[Sequence[Value]],
    note: str = "",
    *,
    names: int = 1,
    added: bool = True,
    partial: Collection[str] = (),
) -> Table:
    """A table with the sums of its energies, grams and costs.

    A row without energy takes no part: the meters have its energy in another row. Grams and costs of which some are not
    known have no sum. Columns in `partial` are never added.
    """
    kept = tuple(tuple(row) for row in rows)
    total = None
    if added:
        place = next(number for number, column in enumerate(columns) if column.key == ENERGY[0].key)
        known = [row for row in kept if row[place] is not None]
        sums = [
            None if column.key in partial else _sum(column, [row[number] for row in known])
            for number, column in enumerate(columns)
        ]
        total = (TOTAL, *sums[1:])
    return Table(name, title, tuple(columns), kept, note, total, names)


def _sum(column: Column, values: Sequence[Value]) -> Value:
    numbers = [value for value in values if isinstance(value, (int, float))]
    if column.unit not in _ADDED and not column.money and column.key != SHARE.key:
        return None
    return None if (column.unit == "g" or column.money) and len(numbers) < len(values) else sum(numbers)
