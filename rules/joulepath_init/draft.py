# SPDX-License-Identifier: Apache-2.0
"""A first topology from what was found."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from joulepath_init import hosts
from joulepath_init.applications import Traces, applications, new_id
from joulepath_init.asking import Questions
from joulepath_init.components import components
from joulepath_init.document import DECIDE, Entry, Section, written
from joulepath_init.found import Found, Whole
from joulepath_init.hosts import Box
from joulepath_init.parts import POOL

SITE = "site-1"
NAME = "joulepath"
"""The name of a topology that states none."""
HEAD = (
    "The topology: what is where (docs/guides/topology.md). `joulepath init` wrote it.",
    "Below `guess:` stands what it concluded from names or watts, below `decide:` what only you know.",
)


@dataclass(frozen=True)
class Draft:
    """The text of the topology, and what belongs to it."""

    text: str
    boxes: Sequence[Box]
    traces: Traces | None
    """Ids that are new."""
    notes: Sequence[str]
    """Findings that are not in it."""


@dataclass(frozen=True)
class Wishes:
    """Facts and choices of the person who runs it."""

    kubernetes: bool = False
    applications: Sequence[str] = ()
    grams_per_kwh: float | None = None
    name: str = NAME


def draft(found: Found, wishes: Wishes, questions: Questions, make_id: Callable[[], str] = new_id) -> Draft:
    """The topology of what was found, which has at least one reading."""
    boxes = hosts.boxes(found, questions)
    parts = components(found, boxes, questions, kubernetes=wishes.kubernetes)
    entries, traces = applications(parts, found, wishes.applications, questions, make_id)
    grid = [f"{DECIDE} the price, as price: {{currency: EUR, per_kwh: 0.21}}; without it cost is left out"]
    if wishes.grams_per_kwh is None:
        words = "the grid's grams of CO2 for each kWh, as {grams_per_kwh: 380}; without them CO2 is left out"
        grid.insert(0, f"{DECIDE} {words}")
    factor = {} if wishes.grams_per_kwh is None else {"grams_per_kwh": wishes.grams_per_kwh}
    pool = POOL if parts.pooled else None
    capacity = found.capacity if wishes.kubernetes else {}
    values = {box.name: hosts.value(box, SITE, pool if box.node else None, capacity) for box in boxes}
    used = {box.whole for box in boxes}
    notes = [*parts.notes, *(_unused(whole) for whole in found.wholes if whole not in used)]
    sections = [
        Section("sites", [Entry(SITE, factor, grid)]),
        Section("hosts", [Entry(box.name, values[box.name], box.remarks) for box in boxes]),
        Section("components", [Entry(part.name, part.value, part.remarks) for part in parts.parts]),
        Section("applications", entries, () if entries else (_NO_APPLICATION,)),
        Section("notes", (), notes),
    ]
    return Draft(written(HEAD, sections, {"name": wishes.name}), boxes, traces, notes)


def _unused(whole: Whole) -> str:
    return (
        f"PDU {whole.instance} is not used: it measures no outlet, but its {whole.level}, and these hosts may be among "
        "those that it feeds."
    )


_NO_APPLICATION = (
    f"{DECIDE} the applications, each with its traces or flows and path, its models, or both: "
    "{camera: {traces: [{ioam_namespace: 123, id: ...}], path: [...], models: [...]}}"
)
