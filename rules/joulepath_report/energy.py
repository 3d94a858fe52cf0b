# SPDX-License-Identifier: Apache-2.0
"""Energy of each slot by application, component and host: every table of a report is a sum over these cells.

The rows of a host add up to its meter at every evaluation, so the cells add up to it, too. Energy of a slot is the mean
of what was known of it, times its length (joulepath_rules/history.py). While only an application or a component was not
known, the rules have its watts in `unattributed`: it is charged with its own mean, which comes from there. Closed hours
of applications are what the rules recorded.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

from joulepath_report import known
from joulepath_report.filled import filled
from joulepath_report.known import ROW, Known, Row
from joulepath_report.model import UNATTRIBUTED
from joulepath_report.period import Slot
from joulepath_report.questions import Questions, Rows
from joulepath_rules.history import COVERAGE


class Cell(NamedTuple):
    """Energy of a row in a slot, by the slot's number."""

    slot: int
    row: Row
    joules: float


ROUNDING = 1e-12
"""The part of a host's energy that sums and differences of floating-point numbers leave."""


@dataclass
class Energy:
    """All cells of a period, and how long everything was known."""

    slots: Sequence[Slot]
    cells: list[Cell] = field(default_factory=list)
    known_hosts: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    """Known seconds of each host."""
    known_components: dict[tuple[str, str], float] = field(default_factory=lambda: defaultdict(float))
    """Known seconds of each component on a host."""
    known_applications: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    """Known seconds of each application: of all of its components at once."""
    charged: dict[tuple[str, int], float] = field(default_factory=lambda: defaultdict(float))
    """Seconds of each slot that each application is charged for."""
    short: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    """Joules by application that its hours recorded beyond what the meters left for it."""

    @cached_property
    def seconds(self) -> float:
        """Length of the period."""
        return sum(slot.seconds for slot in self.slots)

    def by(self, *names: str) -> dict[tuple[str, ...], float]:
        """Joules by some labels of the rows, in the order in which they are first met."""
        found: dict[tuple[str, ...], float] = defaultdict(float)
        places = [ROW.index(name) for name in names]
        for cell in self.cells:
            found[tuple(cell.row[place] for place in places)] += cell.joules
        return dict(found)

    @cached_property
    def joules(self) -> float:
        """Of all hosts, as their meters have it: asked for when all cells are there."""
        return sum(cell.joules for cell in self.cells)


def energy(questions: Questions, applications: Mapping[str, int]) -> Energy:
    """The energy of the slots. `applications` says at how many places each application must be known.

    Raises PrometheusError.
    """
    hosts = known.hosts(questions)
    recorded = questions.hourly("application:energy_joules:1h", ("application", "segment"))
    coverage = questions.hourly(COVERAGE, ("application",))
    found = Energy(questions.slots)
    for number, (slot, rows) in enumerate(zip(questions.slots, known.rows(questions), strict=True)):
        at_host = _by_host(rows)
        boxes = {host: _box(hosts[number].get(host), at_host.get(host, {})) for host in {**hosts[number], **at_host}}
        cells: dict[Row, float] = {}
        for host, box in boxes.items():
            cells.update(_host(at_host.get(host, {}), box, slot.seconds))
            found.known_hosts[host] += box.seconds
        cells = _as_recorded(cells, recorded, number, found)
        found.cells += [Cell(number, row, joules) for row, joules in _exact(cells).items()]
        for row, one in rows.items():
            seconds = min(one.charged(slot.seconds), boxes[row.host].charged(slot.seconds))
            found.charged[row.application, number] = max(found.charged[row.application, number], seconds)
            if row.application == UNATTRIBUTED and row.component != UNATTRIBUTED:
                found.known_components[row.component, row.host] += one.seconds
        for application, seconds in _complete(rows, applications).items():
            part = coverage.get((application,), {}).get(number)
            found.known_applications[application] += seconds if part is None else part * slot.seconds
    return found


def _exact(cells: Mapping[Row, float]) -> Mapping[Row, float]:
    """The cells, with 0 where rounding alone left something of a host: a rest of 5e-12 J would be told and drawn."""
    whole: dict[str, float] = defaultdict(float)
    for row, joules in cells.items():
        whole[row.host] += joules
    return {row: 0.0 if abs(joules) < ROUNDING * whole[row.host] else joules for row, joules in cells.items()}


def _by_host(rows: Mapping[Row, Known]) -> Mapping[str, Mapping[Row, Known]]:
    found: dict[str, dict[Row, Known]] = defaultdict(dict)
    for row, one in rows.items():
        found[row.host][row] = one
    return found


def _box(box: Known | None, rows: Mapping[Row, Known]) -> Known:
    """A host is as long known as any of its rows."""
    every = [*rows.values(), *([box] if box else [])]
    return Known(0.0, max(one.seconds for one in every), before=(box or every[0]).before)


def _host(rows: Mapping[Row, Known], box: Known, length: float) -> dict[Row, float]:
    """Energy of the rows of one host in a slot: their sum is the mean of its known power, times the charged time."""
    charged = box.charged(length)
    have = {row: each.mean * each.seconds / box.seconds * charged for row, each in rows.items()}
    want = {row: each.mean * min(each.charged(length), charged) for row, each in rows.items()}
    components: dict[Row, list[Row]] = defaultdict(list)
    for row in rows:
        components[row._replace(application=UNATTRIBUTED)].append(row)
    rests = {row: have[row] for row in components if row.component == UNATTRIBUTED and row in have}
    found = dict(rests)
    whole, wished = {}, {}
    for place, members in components.items():
        if place not in rests:
            whole[place] = sum(have[row] for row in members)
            wished[place] = _mean(rows, place, members) * min(rows.get(place, box).charged(length), charged)
    if len(rests) == 1:
        (rest,) = rests
        found[rest], filled_up = filled(rests[rest], whole, wished)
    else:
        filled_up = whole
    for place, joules in filled_up.items():
        factor = joules / whole[place] if whole[place] else 1.0
        found.update(_component({row: have[row] * factor for row in components[place]}, place, want))
    return found


def _mean(rows: Mapping[Row, Known], place: Row, members: Sequence[Row]) -> float:
    """Mean watts of a component while it was known: so long its row `unattributed` was there."""
    seconds = max(rows[row].seconds for row in ([place] if place in rows else members))
    return sum(rows[row].mean * rows[row].seconds for row in members) / seconds


def _component(have: Mapping[Row, float], place: Row, want: Mapping[Row, float]) -> dict[Row, float]:
    """The rows of a component, each charged with what it wants, as far as the component's rest suffices."""
    if place not in have:
        return dict(have)
    rest, parts = filled(have[place], {row: joules for row, joules in have.items() if row != place}, want)
    return {**parts, place: rest}


def _as_recorded(cells: dict[Row, float], recorded: Rows, slot: int, found: Energy) -> dict[Row, float]:
    """The cells, with those of each application such that they add up to what the rules recorded of the hour."""
    sums: dict[tuple[str, str], float] = defaultdict(float)
    for row, joules in cells.items():
        sums[row.application, row.segment] += joules
    want = {
        row: joules * recorded[row.application, row.segment][slot] / sums[row.application, row.segment]
        for row, joules in cells.items()
        if row.application != UNATTRIBUTED
        and slot in recorded.get((row.application, row.segment), {})
        and sums[row.application, row.segment] > 0
    }
    places: dict[Row, dict[Row, float]] = defaultdict(dict)
    for row, joules in cells.items():
        places[row._replace(application=UNATTRIBUTED)][row] = joules
    result: dict[Row, float] = {}
    for place, have in places.items():
        result.update(_component(have, place, want))
    for row, joules in want.items():
        found.short[row.application] += joules - result[row]
    return result


def _complete(rows: Mapping[Row, Known], applications: Mapping[str, int]) -> dict[str, float]:
    """Seconds in which all rows of an application were there: at most as long as its shortest one."""
    places: dict[str, list[float]] = defaultdict(list)
    for row, one in rows.items():
        if row.application != UNATTRIBUTED:
            places[row.application].append(one.seconds)
    return {
        name: min(seconds) if len(seconds) >= applications.get(name, 0) else 0.0 for name, seconds in places.items()
    }
