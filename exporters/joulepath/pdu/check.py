# SPDX-License-Identifier: Apache-2.0
"""`joulepath pdu --check-profile`: what a profile reads from where, and why a value is none."""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from joulepath.config import load
from joulepath.errors import UsageError
from joulepath.pdu.layout import Cell, Layout, survey
from joulepath.pdu.profile import shipped
from joulepath.pdu.schema import Profile, QuantityName
from joulepath.pdu.snmp import Client, Value, dotted
from joulepath.pdu.source import raw_values
from joulepath.pdu.value import RejectedError, measured, text

UNITS: dict[QuantityName, str] = {
    "power": "W",
    "apparent_power": "VA",
    "current": "A",
    "voltage": "V",
    "power_factor": "",
    "meter_energy": "J",
}


@dataclass(frozen=True)
class Explained:
    """One object and what became of it."""

    cell: Cell
    raw: Value
    value: float | None
    """In the metric's unit; None with the `reason`."""
    reason: str


async def explained(client: Client, name: str, profile: Profile) -> tuple[Layout, Sequence[Explained]]:
    """What the profile reads of a device. Raises JoulepathError where it does not fit."""
    layout = await survey(client, name, profile)
    found = await raw_values(client, layout)
    return layout, [
        _explained(cell, found[oid]) for oid, cells in layout.cells.items() if oid in found for cell in cells
    ]


def _explained(cell: Cell, raw: Value) -> Explained:
    try:
        value = measured(raw, cell.quantity_name, cell.quantity, cell.scale)
    except RejectedError as reason:
        return Explained(cell, raw, None, str(reason))
    return Explained(cell, raw, value, "" if value is not None else "absent")


def profile_of(name: str) -> tuple[str, Profile]:
    """A profile by its file or its shipped name. Raises UsageError."""
    path = Path(name)
    known = shipped()
    if not path.exists() and name in known:
        return name, known[name]
    return path.stem, load(path, Profile)


def stated(name: str, profile: Profile) -> Iterable[str]:
    """What a profile says it reads, without a device."""
    yield f"{name}: {profile.vendor}, sysObjectID {', '.join(map(dotted, profile.sys_object_ids))}"
    if profile.accuracy:
        yield f"accuracy: {profile.accuracy}"
    for level, tables in profile.levels.items():
        for table in tables:
            for quantity_name, quantity in table.quantities.items():
                places = [quantity.column] if quantity.column else quantity.objects.values()
                where = f" where {dict(table.where) | dict(quantity.where)}" if table.where or quantity.where else ""
                for place in places:
                    step = f"{quantity.scale.normalize():f} {UNITS[quantity_name]}".rstrip()
                    yield f"{level:7} {quantity_name:15} {_written(place)} in steps of {step}{where}"


def report(layout: Layout, rows: Sequence[Explained]) -> Iterable[str]:
    """One line for each object."""
    for unit in layout.units:
        yield f"unit: model {unit.model!r}, serial {unit.serial!r}, firmware {unit.firmware!r}"
    yield f"{len(layout.columns)} columns are walked and {len(layout.objects)} objects fetched at each poll"
    for row in rows:
        cell = row.cell
        value = f"{row.value:g} {UNITS[cell.quantity_name]}".rstrip() if row.value is not None else row.reason
        raw = text(row.raw) or "nothing"
        name = layout.names.get(cell.label, "") if cell.level == "outlet" else ""
        yield (
            f"{cell.level:7} {cell.label:12} {cell.quantity_name:15} {value:>16}  = {raw} "
            f"x {cell.scale.normalize():f} at {dotted(cell.oid)} {name}"
        ).rstrip()


def check(name: str, client: Client | None) -> Iterable[str]:
    """The lines of `--check-profile NAME`. Raises JoulepathError."""
    stem, profile = profile_of(name)
    yield from stated(stem, profile)
    if client is None:
        return

    async def ask(client: Client) -> tuple[Layout, Sequence[Explained]]:
        try:
            return await explained(client, stem, profile)
        finally:
            await client.close()

    layout, rows = asyncio.run(ask(client))
    yield from report(layout, rows)
    if not any(row.value is not None for row in rows):
        raise UsageError(f"{name}: fits the device but measures nothing")


def _written(oid: Sequence[int]) -> str:
    return dotted(tuple(oid)) if oid[0] >= 0 else "sysObjectID." + dotted(tuple(oid[1:]))
