# SPDX-License-Identifier: Apache-2.0
"""Surveys a Redfish service's power equipment (DSP2046: PowerDistribution, Circuit, Outlet)."""

import asyncio
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from joulepath.bmc.quantity import JOULES_PER_KWH
from joulepath.bmc.redfish.service.items import Resource
from joulepath.bmc.redfish.service.tree import Get, Tree, link, look_up
from joulepath.errors import JoulepathError
from joulepath.pdu.profiles.quantity import LevelName, Quantity, QuantityName
from joulepath.pdu.redfish.value import EXCERPTS, EquipmentRow
from joulepath.pdu.survey.layout import Cell, Unit
from joulepath.reading.bounds import label as cut

EQUIPMENT = ("RackPDUs", "FloorPDUs", "PowerShelves", "TransferSwitches", "Switchgear")
"""Collections of PowerEquipment with a PowerDistribution as member."""
OUTPUTS = ("Branches", "Subfeeds", "Feeders")
"""Collections of output circuits: the first that is metered counts, since those of another may feed or hold them."""
PHASES = {
    "Line1": "1",
    "Line2": "2",
    "Line3": "3",
    "Line1ToNeutral": "1",
    "Line2ToNeutral": "2",
    "Line3ToNeutral": "3",
    "Line1ToLine2": "1-2",
    "Line2ToLine3": "2-3",
    "Line3ToLine1": "3-1",
}
"""Labels of the phases, by the properties of a poly-phase excerpt."""


@dataclass(frozen=True)
class EquipmentLayout:
    """The power equipment of one service as it was found."""

    vendor: str
    units: Mapping[str, Unit]
    """The units by their URI."""
    rows: Sequence[EquipmentRow]
    cells: Mapping[EquipmentRow, Cell]
    """The rows as cells, for the checks of readings."""
    names: Mapping[str, str]
    """Names of outlets by their label."""
    expanded: Mapping[str, Sequence[str]]
    """URIs of members by that of their collection with its query, where one request gives them all."""
    complete: bool
    """False where the service could not answer for a part of its tree."""


@dataclass(frozen=True)
class _Part:
    """One circuit, outlet or the totals of a unit."""

    level: LevelName
    name: str
    uri: str
    resource: Resource


async def survey(get: Get) -> EquipmentLayout:
    """Finds the metered rows. Raises the errors of `get`, and JoulepathError for a service without power equipment."""
    tree = Tree(get)
    root = await get("/redfish/v1/")
    features = look_up(root, "ProtocolFeaturesSupported", "ExpandQuery")
    tree.expand = isinstance(features, dict) and bool(features.get("Levels"))
    equipment = await tree.read(link(root, "PowerEquipment"))
    units: dict[str, tuple[str, Resource]] = {}
    for kind in EQUIPMENT:
        members = await tree.members(link(equipment, kind))
        units |= {uri: (f"{kind}/{_id(one, uri)}", one) for uri, one in members.items()}
    if not units:
        raise JoulepathError(
            "has no PowerEquipment with PDUs, power shelves or transfer switches: a server's BMC is for joulepath bmc"
        )
    times = Counter(path.partition("/")[2] for path, _ in units.values())
    rows: list[EquipmentRow] = []
    names: dict[str, str] = {}
    expanded: dict[str, Sequence[str]] = {}
    for uri, (path, one) in units.items():
        short = path.partition("/")[2]
        prefix = "" if len(units) == 1 else f"{short if times[short] == 1 else path}."
        collections, parts = await _parts(tree, one)
        expanded |= collections
        inlets = [part for part in parts if part.level == "inlet"]
        for part in parts:
            label = cut(f"{prefix}{part.name}")
            rows += _rows(uri, label, part)
            if part in inlets:
                rows += _phases(uri, prefix if len(inlets) == 1 else f"{label}.", part)
            if part.level == "outlet":
                names[label] = _name(part.resource)
        rows += await _totals(tree, uri, one, cut(prefix.removesuffix(".") or _id(one, uri)), rows)
    first = next(iter(units.values()))[1]
    return EquipmentLayout(
        vendor=_text(first, "Manufacturer") or _text(root, "Vendor"),
        units={
            uri: Unit(_text(one, "Model"), _text(one, "SerialNumber"), _text(one, "FirmwareVersion"))
            for uri, (_, one) in units.items()
        },
        rows=rows,
        cells=_cells(rows),
        names={label: name for label, name in names.items() if name},
        expanded=expanded,
        complete=not tree.unread,
    )


async def _parts(tree: Tree, unit: Resource) -> tuple[Mapping[str, Sequence[str]], Sequence[_Part]]:
    """The collections that are read as a whole, and the metered parts of a unit.

    Outlet groups are left out: their outlets are published one by one, and groups may overlap.
    """
    expanded: dict[str, Sequence[str]] = {}

    async def collection(key: str, level: LevelName) -> list[_Part]:
        uri = link(unit, key)
        members = dict(await tree.uris(uri, expand=tree.expand)) if uri else {}
        bare = [one for one, resource in members.items() if len(resource) <= 1]
        if uri and members and not bare and tree.expand:
            expanded[f"{uri}?$expand=.($levels=1)"] = list(members)
        members |= dict(zip(bare, await asyncio.gather(*(tree.read(one) for one in bare)), strict=True))
        return [
            _Part(level, _id(one, uri), uri, one)
            for uri, one in members.items()
            if one and look_up(one, "Status", "State") != "Absent"
        ]

    inlets = await collection("Mains", "inlet")
    if not any(map(_is_metered, inlets)) and not await tree.read(link(unit, "Metrics")):
        inlets += await _supplies(tree, unit)
    branches: list[_Part] = []
    for key in OUTPUTS:
        branches = branches if any(map(_is_metered, branches)) else await collection(key, "branch")
    return expanded, [*inlets, *branches, *(await collection("Outlets", "outlet"))]


async def _supplies(tree: Tree, unit: Resource) -> list[_Part]:
    """The supplies of a power shelf that meters nothing else: their input is the input of the shelf."""
    parts: list[_Part] = []
    for uri, supply in (await tree.members(link(unit, "PowerSupplies"))).items():
        metrics = link(supply, "Metrics")
        resource = await tree.read(metrics)
        if metrics and resource and look_up(supply, "Status", "State") != "Absent":
            parts.append(_Part("inlet", _id(supply, uri), metrics, resource))
    return parts


async def _totals(tree: Tree, uri: str, unit: Resource, label: str, rows: Sequence[EquipmentRow]) -> list[EquipmentRow]:
    """The totals of a unit in the quantities that none of its inlets measures: of its only inlet, or as one."""
    metrics = link(unit, "Metrics")
    total = await tree.read(metrics)
    if not metrics or not total:
        return []
    inlets = [row for row in rows if row.unit == uri and row.level == "inlet"]
    stated = {row.quantity for row in inlets if row.stated}
    labels = {row.label for row in inlets}
    label = next(iter(labels)) if len(labels) == 1 else label
    return [row for row in _rows(uri, label, _Part("inlet", label, metrics, total)) if row.quantity not in stated]


def _rows(unit: str, label: str, part: _Part) -> Iterator[EquipmentRow]:
    for quantity, keys in EXCERPTS.items():
        key = next((key for key in keys if isinstance(part.resource.get(key), dict)), None)
        if key is not None:
            row = EquipmentRow(unit, part.level, quantity, label, part.uri, (key,))
            yield row.found_in(part.resource)


def _phases(unit: str, prefix: str, part: _Part) -> Iterator[EquipmentRow]:
    quantities: dict[QuantityName, str] = {
        "power": "PolyPhasePowerWatts",
        "apparent_power": "PolyPhasePowerWatts",
        "power_factor": "PolyPhasePowerWatts",
        "current": "PolyPhaseCurrentAmps",
        "voltage": "PolyPhaseVoltage",
        "meter_energy": "PolyPhaseEnergykWh",
    }
    for quantity, key in quantities.items():
        for name, phase in PHASES.items():
            if isinstance(look_up(part.resource, key, name), dict):
                row = EquipmentRow(unit, "phase", quantity, cut(f"{prefix}{phase}"), part.uri, (key, name))
                yield row.found_in(part.resource)


def _cells(rows: Sequence[EquipmentRow]) -> Mapping[EquipmentRow, Cell]:
    """Readings of one level and quantity of a unit are in one unit of measurement, as a column's over SNMP are."""
    quantities: dict[tuple[str, LevelName, QuantityName], Quantity] = {}
    cells: dict[EquipmentRow, Cell] = {}
    for row in rows:
        step = Decimal(round(JOULES_PER_KWH)) if row.quantity == "meter_energy" else Decimal(1)
        kind = row.unit, row.level, row.quantity
        quantity = quantities.setdefault(kind, Quantity.model_construct(scale=step))
        cells[row] = Cell(row.level, row.quantity, row.label, quantity, step, (), "documentation")
    return cells


def _is_metered(part: _Part) -> bool:
    return any(isinstance(part.resource.get(key), dict) for key in ("PowerWatts", "EnergykWh"))


def _name(outlet: Resource) -> str:
    return _text(outlet, "UserLabel") or _text(outlet, "Name")


def _id(resource: Resource, uri: str) -> str:
    return str(resource.get("Id") or uri.rstrip("/").rpartition("/")[2])


def _text(resource: Resource, key: str) -> str:
    stated = resource.get(key)
    return cut(stated.strip()) if isinstance(stated, str) else ""
