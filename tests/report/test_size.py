# SPDX-License-Identifier: Apache-2.0
"""A month of a large plant: work grows with the number of cells, and not with its square."""

from collections.abc import Iterator

import pytest

from joulepath_report import applications, places
from joulepath_report.energy import Cell
from joulepath_report.measured import measure
from joulepath_report.period import slots
from joulepath_report.questions import Rows
from joulepath_topology import Topology
from tests.report.told import Told

pytestmark = pytest.mark.unit

HOUR = 1_767_225_600.0


class Counted(list[Cell]):
    """Cells that count how often they are gone through."""

    times = 0

    def __iter__(self) -> Iterator[Cell]:
        Counted.times += 1
        return super().__iter__()


def passes(number: int) -> int:
    """How often all cells are gone through for the tables of so many applications."""
    names = [f"a{each}" for each in range(number)]
    data = {
        "name": "t",
        "sites": {"s": {"grams_per_kwh": 100}},
        "hosts": {"h": {"site": "s", "power": [{"pdu": "p", "outlets": ["1"]}]}},
        "components": {"upf": {"role": "upf", "host": "h", "traffic": {"ioam": 1}}},
        "applications": {
            name: {"traces": [{"ioam_namespace": 1, "id": f"{place:04x}"}], "path": ["upf"], "labels": {"team": "t"}}
            for place, name in enumerate(names)
        },
    }
    rows = [(name, "upf", "h", "s", "network") for name in (*names, "unattributed")]
    series = "application_component:power_watts"
    counts: Rows = {row: {0: 240} for row in rows}
    hosts: Rows = {("h", "s"): {0: 240}}
    answers = {("avg", series): counts, ("count", series): counts, ("count", "host:power_watts"): hosts}
    found = measure(Told(Topology.model_validate(data), slots(HOUR, HOUR + 3600), answers))
    found.energy.cells = Counted(found.energy.cells)
    Counted.times = 0
    assert len(list(applications.tables(found))) + len(list(places.tables(found))) > 7
    return Counted.times


def test_more_applications_need_no_more_passes_over_the_cells() -> None:
    assert passes(40) == passes(2)
