# SPDX-License-Identifier: Apache-2.0
"""Embodied emissions of applications and their Software Carbon Intensity (ISO/IEC 21031), of all and for one unit.

Those of a host pass with time. Of a slot, they are divided as the energy of the host with its GPUs in that slot.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping

from joulepath_report.amounts import AMOUNTS
from joulepath_report.applications import APPLICATION, BASIS, joules
from joulepath_report.columns import ENERGY, energy, table
from joulepath_report.measured import Measured
from joulepath_report.model import UNATTRIBUTED, Column, Table, Value
from joulepath_report.questions import Questions
from joulepath_rules.constants import PREFIX, constants
from joulepath_topology.labels import UNLABELLED

Grams = Mapping[tuple[str, int], float | None]
"""Grams by application and slot; None where they are not known."""

EMBODIED = Column("embodied_grams", "embodied", "g")
SCI = Column("sci_grams", "SCI", "g")


def sci(questions: Questions, found: Measured) -> Iterator[Table]:
    """The tables, where a host has embodied emissions. Raises PrometheusError."""
    if not any(host.embodied for host in found.topology.hosts.values()):
        return
    embodied = _embodied(found)
    operational: Grams = {}
    if "location" in found.carbon.bases:
        operational = found.grams(lambda cell: (cell.row.application, cell.slot), "location")
    yield _whole(found, embodied, operational)
    yield from _by_label(found, embodied, operational)
    yield from _for_one(questions, found, embodied, operational)


def _embodied(found: Measured) -> Grams:
    """Of each application in each slot; None where it uses a host without such emissions."""
    rates = {
        constant.labels["host"]: (constant.labels["embodied_in"], constant.value)
        for constant in constants(found.topology)
        if constant.name == f"{PREFIX}embodied"
    }
    wholes: dict[tuple[str, int], float] = defaultdict(float)
    for cell in found.energy.cells:
        if cell.row.host in rates:
            wholes[rates[cell.row.host][0], cell.slot] += cell.joules
    grams: dict[tuple[str, int], float | None] = defaultdict(float)
    for cell in found.energy.cells:
        of = cell.row.application, cell.slot
        known = grams[of]
        if cell.row.host not in rates:
            if cell.row.application != UNATTRIBUTED:
                grams[of] = None
            continue
        body, rate = rates[cell.row.host]
        whole = wholes[body, cell.slot]
        if known is not None and whole:
            grams[of] = known + rate * found.energy.slots[cell.slot].seconds * cell.joules / whole
    for (body, slot), whole in wholes.items():
        if not whole:
            grams[UNATTRIBUTED, slot] = (grams[UNATTRIBUTED, slot] or 0.0) + rates[body][1] * (
                found.energy.slots[slot].seconds
            )
    return grams


def _sum(grams: Grams, application: str) -> float | None:
    """Over all slots; None where one is not known, or no slot has any."""
    parts = [value for (name, _), value in grams.items() if name == application]
    known = [value for value in parts if value is not None]
    return sum(known) if parts and len(known) == len(parts) else None


def _added(*grams: float | None) -> float | None:
    return None if None in grams else sum(each or 0.0 for each in grams)


def _whole(found: Measured, embodied: Grams, operational: Grams) -> Table:
    rows: list[list[Value]] = []
    for name, own in joules(found).items():
        used, made = _sum(operational, name), _sum(embodied, name)
        rows.append([name, *energy(own), used, made, _added(used, made)])
    return table(
        "sci",
        "Embodied emissions and SCI",
        [APPLICATION, *ENERGY, BASIS["location"], EMBODIED, SCI],
        rows,
        "Embodied are the emissions of making the hosts, spread evenly over their lives and divided as their energy. "
        "SCI (ISO/IEC 21031) is both, by location. An application that uses a host without a stated number has none.",
    )


def _by_label(found: Measured, embodied: Grams, operational: Grams) -> Iterator[Table]:
    """The same for the applications with each value of a label; not known while one of them is not."""
    entries = found.topology.applications
    for label in sorted({label for entry in entries.values() for label in entry.labels}):
        members: dict[str, list[str]] = defaultdict(list)
        for name in joules(found):
            value = entries[name].labels.get(label, UNLABELLED) if name in entries else UNLABELLED
            members[UNATTRIBUTED if name == UNATTRIBUTED else value].append(name)
        own = joules(found)
        rows: list[list[Value]] = []
        for value, names in sorted(members.items(), key=lambda item: (item[0] == UNATTRIBUTED, item[0])):
            used, made = (_added(*(_sum(grams, name) for name in names)) for grams in (operational, embodied))
            rows.append([value, *energy(_added(*(own[name] for name in names))), used, made, _added(used, made)])
        columns = [Column(label, label), *ENERGY, BASIS["location"], EMBODIED, SCI]
        yield table(f"sci-label-{label}", f"Embodied emissions and SCI by {label}", columns, rows)


def _for_one(questions: Questions, found: Measured, embodied: Grams, operational: Grams) -> Iterator[Table]:
    """Grams and amounts of those slots in which all of them are known."""
    rows: list[list[Value]] = []
    for amount in AMOUNTS:
        if amount.watts:
            continue
        rates = questions.over("avg", amount.series, ("application",), amount.matchers)
        for (application,), values in sorted(rates.items()):
            grams = units = 0.0
            for slot, rate in values.items():
                of = _added(operational.get((application, slot)), embodied.get((application, slot)))
                if of is not None:
                    grams += of
                    units += rate * found.energy.charged[application, slot]
            if units:
                one = amount.one.removesuffix(" in the network")
                rows.append([application, one, units, grams, grams / units])
    if rows:
        columns = [
            APPLICATION,
            Column("unit", "for one"),
            Column("amount", "amount", "count"),
            SCI,
            Column("sci_grams_per_unit", "SCI for one", "g/unit"),
        ]
        note = "Of all segments, in those hours in which the emissions and the amount were known."
        rows.sort(key=lambda row: str(row[0]))
        yield table("sci-per-unit", "SCI for one", columns, rows, note, names=2, added=False)
