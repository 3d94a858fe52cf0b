# SPDX-License-Identifier: Apache-2.0
"""Whatever was known and whatever the rules recorded: every table adds up to the meters, and nothing is below 0."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from joulepath_report import applications, places
from joulepath_report.filled import filled
from joulepath_report.measured import measure
from joulepath_report.model import TOTAL, Table
from joulepath_report.period import slots
from joulepath_report.policies import policies
from joulepath_report.questions import Key, Rows
from joulepath_rules.history import LEAST
from joulepath_topology import Topology
from tests.report.told import Told

pytestmark = pytest.mark.unit

INTERVAL = 60.0
START = 1_767_225_600.0


@dataclass
class Drawn:
    """A topology, and what a server would answer of it."""

    topology: Topology
    begin: float
    end: float
    rows: dict[tuple[str, str], Rows] = field(default_factory=lambda: defaultdict(lambda: defaultdict(dict)))
    before: dict[str, set[Key]] = field(default_factory=lambda: defaultdict(set))
    meters: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    """Joules that each host must have."""

    @property
    def told(self) -> Told:
        """The answers."""
        return Told(self.topology, slots(self.begin, self.end), self.rows, self.before)


WATTS = st.floats(0, 500)


def _plan(draw: st.DrawFn) -> dict[str, Any]:
    data: dict[str, Any] = {"interval": "60s", "window": "4m", "sites": {"a": {}, "b": {"overhead": 1.5}}}
    data |= {"hosts": {}, "components": {}, "applications": {}}
    for number in range(draw(st.integers(1, 3))):
        static = {"static_watts": 50} if draw(st.booleans()) else {}
        power = [{"pdu": "p", "outlets": [str(number)]}]
        data["hosts"][f"h{number}"] = {"site": draw(st.sampled_from("ab")), "power": power, **static}
        for member in range(draw(st.integers(1, 2))):
            shared = {"share": [{"kepler_pod": f"c/{number}-{member}"}]}
            labels = {"labels": {"slice": "red"}} if draw(st.booleans()) else {}
            traffic = {"traffic": {"ioam": 10 * number + member}}
            component = {"role": "upf", "host": f"h{number}", **shared, **labels, **traffic}
            data["components"][f"c{number}{member}"] = component
    for number in range(draw(st.integers(0, 2))):
        path = draw(st.lists(st.sampled_from(sorted(data["components"])), min_size=1, unique=True))
        traces = [{"ioam_namespace": 1, "id": f"0{number}"}]
        labels = {"labels": {"team": "vision"}} if draw(st.booleans()) else {}
        data["applications"][f"a{number}"] = {"traces": traces, "path": path, **labels}
    return data


@st.composite
def answers(draw: st.DrawFn) -> Drawn:
    """Each row is known for a part of the time in which the row above it is known."""
    topology = Topology.model_validate(_plan(draw))
    begin = START + draw(st.sampled_from([0, 600, 3000]))
    drawn = Drawn(topology, begin, begin + draw(st.sampled_from([600, 3600, 9000])))
    for host in topology.hosts:
        _host(draw, drawn, host)
    for name in topology.applications:
        for number, slot in enumerate(slots(drawn.begin, drawn.end)):
            if slot.hour and draw(st.booleans()):
                drawn.rows["hourly", "application:energy_joules:1h"][name, "network"][number] = 3600 * draw(WATTS)
            for part in ("static", "dynamic"):
                drawn.rows["sum", "application:power_part_watts"][name, "network", part][number] = draw(WATTS)
    return drawn


def _host(draw: st.DrawFn, drawn: Drawn, host: str) -> None:
    earlier = draw(st.booleans())
    if earlier:
        drawn.before["host:power_watts"].add((host,))
    for number, slot in enumerate(slots(drawn.begin, drawn.end)):
        count = draw(st.integers(0, int(slot.seconds // INTERVAL)))
        if count:
            drawn.rows["count", "host:power_watts"][host,][number] = count
            known = count * INTERVAL
            charged = slot.seconds if earlier and known >= LEAST * slot.seconds else known
            drawn.meters[host] += _known(draw, drawn, host, number, count) * charged
        earlier = bool(count)


def _known(draw: st.DrawFn, drawn: Drawn, host: str, number: int, count: int) -> float:
    """Draws the rows of a slot. The mean watts of the host."""
    box = drawn.topology.hosts[host]
    members = [name for name, entry in drawn.topology.components.items() if entry.host == host]
    rows = dict(_rows(draw, drawn.topology, members, count))
    for row, (mean, seen) in rows.items():
        key = (*row, host, box.site, "" if row[1] == "unattributed" else "network")
        drawn.rows["avg", "application_component:power_watts"][key][number] = mean
        drawn.rows["count", "application_component:power_watts"][key][number] = seen
        if draw(st.booleans()):
            drawn.before["application_component:power_watts"].add(key)
    for part in ("static", "dynamic") if box.static_watts else ("undivided",):
        for name in {name for _, name in rows}:
            drawn.rows["sum", "component:power_watts"][name, host, part][number] = draw(WATTS)
    return sum(mean * seen for mean, seen in rows.values()) / count


def _rows(
    draw: st.DrawFn, topology: Topology, members: list[str], count: int
) -> Iterator[tuple[tuple[str, str], tuple[float, int]]]:
    """Mean and count by application and component; the rest of a host and of a component is as long known as it is."""
    yield ("unattributed", "unattributed"), (draw(WATTS), count)
    for member in members:
        known = draw(st.integers(0, count))
        if known:
            yield ("unattributed", member), (draw(WATTS), known)
            for application in topology.applications:
                if member in topology.route(application) and (seen := draw(st.integers(0, known))):
                    yield (application, member), (draw(WATTS), seen)


def check(table: Table, joules: float) -> None:
    """The energy of all rows is that of the meters, the parts of a row are the row, and no energy is negative."""
    keys = [column.key for column in table.columns]
    place = keys.index("energy_joules")
    rows = [row[place] for row in table.rows]
    assert table.total is not None
    assert table.total[0] == TOTAL
    assert sum(value for value in rows if isinstance(value, float)) == pytest.approx(joules, abs=1e-6)
    for number, column in enumerate(table.columns):
        values = [row[number] for row in table.rows]
        known = [value for value in values if isinstance(value, (int, float))]
        assert all(value >= -1e-6 for value in known), (table.id, column.key)
        if column.unit in {"J", "kWh"} and len(known) == len(values):
            assert table.total[number] == pytest.approx(sum(known), abs=1e-6)
    parts = [number for number, key in enumerate(keys) if key.endswith("_joules") and number != place]
    if parts and table.id in {"application-parts", "application-segments", "components", "hosts"}:
        for row in table.all_rows():
            if isinstance(own := row[place], (int, float)):
                assert sum(float(row[number] or 0) for number in parts) == pytest.approx(own, abs=1e-6)


@given(answers())
def test_every_table_adds_up_to_the_meters(drawn: Drawn) -> None:
    """Those of applications, of places, of labels and of days; also the flow at each of its levels."""
    found = measure(drawn.told)
    joules = sum(drawn.meters.values())
    assert found.energy.joules == pytest.approx(joules, rel=1e-9, abs=1e-6)
    tables = [*applications.tables(found), *places.tables(found), *policies(drawn.told, found)]
    assert {"applications", "components", "hosts", "sites", "days", "segments"} <= {table.id for table in tables}
    for table in tables:
        check(table, joules)
    hosts = places_of(found.energy.by("host"))
    assert hosts == pytest.approx(dict(drawn.meters), rel=1e-9, abs=1e-6)
    for kind in ("host", "component", "application"):
        edges = [edge.joules for edge in places.flow(found) if edge.kind == kind]
        assert sum(edges) == pytest.approx(joules, rel=1e-9, abs=1e-6)


def places_of(energies: Mapping[tuple[str, ...], float]) -> dict[str, float]:
    """Energies by one name."""
    return {key[0]: joules for key, joules in energies.items()}


@given(
    st.floats(0, 1e6),
    st.lists(st.tuples(st.floats(0, 1e6), st.floats(0, 1e6)), max_size=5),
)
def test_charged_energy_comes_from_the_rest(rest: float, parts: list[tuple[float, float]]) -> None:
    """The sum stays; no part gets more than it wants; the rest is used up before a wish stays open."""
    have, want = ({number: part[place] for number, part in enumerate(parts)} for place in (0, 1))
    left, given_parts = filled(rest, have, want)
    assert left + sum(given_parts.values()) == pytest.approx(rest + sum(have.values()), abs=1e-6)
    assert left >= -1e-6
    for number, joules in given_parts.items():
        assert min(have[number], want[number]) - 1e-6 <= joules <= max(have[number], want[number]) + 1e-6
        if want[number] > have[number] and joules < want[number] - 1e-6:
            assert left == pytest.approx(0, abs=1e-3)
