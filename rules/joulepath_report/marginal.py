# SPDX-License-Identifier: Apache-2.0
"""The energy that each application's traffic added at its hosts, beside the energy that it is charged with."""

from collections.abc import Iterator

from joulepath_report.columns import ratio, table
from joulepath_report.measured import Measured
from joulepath_report.model import Column, Table, Value
from joulepath_report.questions import Questions, Rows

ENDS = ("", "_low", "_high")


def marginal(questions: Questions, found: Measured) -> Iterator[Table]:
    """The table, where marginal power was recorded. Both energies are of the hours in which that was known."""
    value, low, high = (
        questions.over("avg", f"application:power_marginal{end}_watts", ("application", "segment")) for end in ENDS
    )
    methods = questions.over("count", "application:power_marginal_watts", ("application", "method"))
    rows: list[list[Value]] = []
    for name in sorted({application for application, _ in value}):
        slots = {slot for key, watts in value.items() if key[0] == name for slot in watts}
        charged = sum(cell.joules for cell in found.energy.cells if cell.row.application == name and cell.slot in slots)
        added, least, most = (_joules(found, each, name) for each in (value, low, high))
        method = "declared" if (name, "declared") in methods else "calibrated"
        rows.append([name, charged, added, least, most, ratio(added, charged), method])
    if rows:
        columns = [
            Column("application", "application"),
            Column("energy_joules", "attributed", "J"),
            Column("marginal_joules", "marginal", "J"),
            Column("marginal_low_joules", "lower end (95 %)", "J"),
            Column("marginal_high_joules", "upper end", "J"),
            Column("marginal_share", "part", "ratio"),
            Column("method", "method"),
        ]
        note = (
            "Marginal is the energy that the application's traffic added: so much less the meters would have counted "
            "without it. The rest is idle power, and would count for others. Hours in which it was not known are in "
            "neither column."
        )
        yield table("marginal", "Attributed beside marginal", columns, rows, note, added=False)


def _joules(found: Measured, rows: Rows, name: str) -> float | None:
    """The watts of an application in each slot, times the time for which it is charged; None without any."""
    own = [(slot, watts) for key, values in rows.items() if key[0] == name for slot, watts in values.items()]
    return sum(watts * found.energy.charged[name, slot] for slot, watts in own) if own else None
