# SPDX-License-Identifier: Apache-2.0
"""A report as data: all formats are written from this, so that they say the same.

Energy is in joules, time in Unix seconds, a ratio from 0 to 1. None is a value that is not known, which is never 0.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

UNATTRIBUTED = "unattributed"
"""The row of all that no application (or component) takes."""

TOTAL = "total"

Value = str | float | None
Unit = str
"""J, kWh, W, g, s, `ratio`, `J/unit`, `g/unit`, `count`, a currency by its three letters, such as EUR, or that of
a million of something, such as EUR/million."""


@dataclass(frozen=True)
class Column:
    """A column of a table."""

    key: str
    """Its name in files, such as `static_joules`: unique in the table."""
    title: str
    """Its heading for readers, without the unit."""
    unit: Unit | None = None
    """Unit of its numbers; `ratio` is from 0 to 1 and shown in percent; None for words."""
    short: bool = True
    """Whether it is in the short form, for a terminal."""

    @property
    def money(self) -> bool:
        """Whether it has amounts of a currency."""
        return self.unit is not None and len(self.unit) == 3 and self.unit.isupper()

    @property
    def words(self) -> bool:
        """Whether it has words in place of numbers."""
        return self.unit is None


@dataclass(frozen=True)
class Table:
    """A table; its first `names` columns are words and say together what a row is about."""

    id: str
    """Its name in files and anchors, such as `applications`."""
    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Value, ...], ...]
    note: str = ""
    """One or a few sentences: how to read it, and what its numbers include."""
    total: tuple[Value, ...] | None = None
    """The last row, the sums of those columns that can be added; None where there is nothing to add."""
    names: int = 1

    def all_rows(self) -> Iterator[tuple[Value, ...]]:
        """The rows, and the total where there is one."""
        yield from self.rows
        if self.total is not None:
            yield self.total

    def column(self, key: str) -> dict[str, Value]:
        """The values of a column by the names of the rows, joined by ` / `."""
        index = next(number for number, column in enumerate(self.columns) if column.key == key)
        return {self.name(row): row[index] for row in self.rows}

    def name(self, row: tuple[Value, ...]) -> str:
        """The names of a row."""
        return " / ".join(str(word) for word in row[: self.names] if word)


@dataclass(frozen=True)
class Edge:
    """Energy that goes from one place to the next: site, host, component, application.

    A name may occur at several levels (a host `gpu` and a component `gpu`): `kind` is the level of the target, and the
    source is one level before it. All of a site's, host's and component's energy goes on, `unattributed` included.
    """

    source: str
    target: str
    joules: float
    kind: Literal["host", "component", "application"]


@dataclass(frozen=True)
class Step:
    """Mean power of an application in one step of the chart: absent steps are gaps."""

    begin: float
    seconds: float
    application: str
    watts: float
    known: float = 1.0
    """The part of the step in which the hosts were known, over all hosts."""


@dataclass(frozen=True)
class Report:
    """Energy of one topology in one period."""

    topology: str
    hash: str
    """Of the topology file's meaning."""
    version: str
    """Of this program."""
    begin: float
    end: float
    method: tuple[str, ...]
    """How the numbers came about, for this topology: one paragraph each."""
    notes: tuple[str, ...]
    """Gaps, guesses and limits of this very period: one sentence or two each."""
    tables: tuple[Table, ...]
    flow: tuple[Edge, ...]
    steps: tuple[Step, ...]
    """The stacked time series: of each application and of `unattributed`, in the order of time."""

    def table(self, name: str) -> Table | None:
        """The table of an id; None where this report has none."""
        return next((table for table in self.tables if table.id == name), None)
