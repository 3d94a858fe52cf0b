# SPDX-License-Identifier: Apache-2.0
"""The largest changes against the period of the same length before."""

from collections.abc import Iterator

from joulepath_report.columns import ratio, table
from joulepath_report.energy import Energy
from joulepath_report.known import ROW
from joulepath_report.model import Column, Table, Value
from joulepath_report.period import moment
from joulepath_rules.history import LEAST

LEVELS = ("application", "component", "host")
MOST = 12


def changes(now: Energy, earlier: Energy) -> Iterator[Table]:
    """The table, where most of the earlier period was known."""
    if _coverage(earlier) < LEAST:
        return
    rows: list[list[Value]] = []
    for level in LEVELS:
        place = ROW.index(level)
        before, after = ({key[0]: joules for key, joules in energy.by(level).items()} for energy in (earlier, now))
        for name in before.keys() | after.keys():
            old, new = before.get(name), after.get(name)
            change = (new or 0.0) - (old or 0.0)
            rows.append([ROW[place], name, old, new, change, ratio(change, old)])
    rows.sort(key=lambda row: (-abs(float(row[4] or 0)), str(row[0]), str(row[1])))
    columns = [
        Column("level", "level"),
        Column("name", "name"),
        Column("before_joules", "before", "J"),
        Column("now_joules", "now", "J"),
        Column("change_joules", "change", "J"),
        Column("change", "change", "ratio"),
    ]
    begin = moment(earlier.slots[0].begin)
    yield table(
        "changes",
        "Largest changes",
        columns,
        rows[:MOST],
        f"Against the period of the same length before, from {begin} UTC on. The hosts were known for "
        f"{100 * _coverage(earlier):.0f} % of that period and for {100 * _coverage(now):.0f} % of this one.",
        names=2,
        added=False,
    )


def _coverage(energy: Energy) -> float:
    """The part of the period in which the hosts were known, on average."""
    known = energy.known_hosts
    return sum(known.values()) / len(known) / energy.seconds if known else 0.0
