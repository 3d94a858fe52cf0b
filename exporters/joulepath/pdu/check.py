# SPDX-License-Identifier: Apache-2.0
"""`joulepath pdu --check-profile`: what a profile reads from where, and why a value is not read."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from joulepath.config import load
from joulepath.errors import JoulepathError, UsageError
from joulepath.pdu.profiles.catalogue import load_shipped
from joulepath.pdu.profiles.quantity import LevelName, Quantity, QuantityName
from joulepath.pdu.profiles.schema import Profile, ProfileTable, asked_for
from joulepath.pdu.snmp.client import Oid, SnmpClient, Value, format_oid
from joulepath.pdu.source import raw_values
from joulepath.pdu.survey.detection import find
from joulepath.pdu.survey.judge import Judge
from joulepath.pdu.survey.layout import SYS_OBJECT_ID, Cell, PduLayout, base_of, readings_of, survey
from joulepath.pdu.survey.rows import Columns
from joulepath.pdu.survey.value import text
from joulepath.reading.rejected import NotMeasuredError

UNITS: dict[QuantityName, str] = {
    "power": "W",
    "apparent_power": "VA",
    "current": "A",
    "voltage": "V",
    "power_factor": "",
    "meter_energy": "J",
}


LEAST_WATTS = 50.0
"""Below this a meter's steps may be a large part of what it reads."""


ALL_ONES = (-1, 2**31 - 1, 2**32 - 1, 2**64 - 1)
"""Values that meters hold when they measure nothing."""


@dataclass(frozen=True)
class Explained:
    """One object, and its reading or the reason why it has none."""

    cell: Cell
    raw: Value
    value: float | None
    """In the metric's unit; None with the `reason`."""
    reason: str
    rejected: float | None = None
    """The number that is left out, in the metric's unit."""


async def explain(client: SnmpClient, name: str, profile: Profile) -> tuple[PduLayout, Sequence[Explained]]:
    """The objects that the profile reads from a device. Raises JoulepathError if it does not fit."""
    layout = await survey(client, name, profile)
    values = await raw_values(client, layout)
    return layout, [
        _explain_cell(cell, values) for oid, cells in layout.cells.items() if oid in values for cell in cells
    ]


def _explain_cell(cell: Cell, values: Mapping[Oid, Value]) -> Explained:
    raw = values[cell.oid]
    try:
        value = cell.reading(values)
    except NotMeasuredError as reason:
        return Explained(cell, raw, None, str(reason), reason.number)
    return Explained(cell, raw, value, "" if value is not None else "absent")


def profile_of(name: str) -> tuple[str, Profile]:
    """A profile by its file or its shipped name. Raises UsageError."""
    path = Path(name)
    known = load_shipped()
    if not path.exists() and name in known:
        return name, known[name]
    if not path.exists() and path.suffix not in (".yaml", ".yml"):
        raise UsageError(f"{name}: is neither a file nor one of the shipped profiles {', '.join(sorted(known))}")
    return path.stem, load(path, Profile)


def describe(name: str, profile: Profile) -> Iterable[str]:
    """The lines that describe a profile, without a device."""
    yield f"{name}: {profile.vendor}, sysObjectID {', '.join(map(_format_place, profile.sys_object_ids))}"
    if profile.fingerprint:
        marks = [" or ".join(map(_format_place, oids)) for oids in profile.fingerprint]
        yield f"recognised where there are {', '.join(marks)}"
    if profile.accuracy:
        yield f"accuracy as the vendor states it: {profile.accuracy} {profile.accuracy.of}".rstrip()
    for level, tables in profile.levels.items():
        for table in tables:
            for quantity_name, quantity in table.quantities.items():
                where = f" where {dict(table.where) | dict(quantity.where)}" if table.where or quantity.where else ""
                step = f"{quantity.scale.normalize():f} {UNITS[quantity_name]}".rstrip()
                evidence = profile.evidence_of(table, quantity)
                if quantity.derived:
                    factors = " x ".join(map(_format_place, quantity.places))
                    yield f"{level:9} {quantity_name:15} derived in direct current: {factors}, by {evidence}{where}"
                    continue
                for place in map(_format_place, quantity.places):
                    yield f"{level:9} {quantity_name:15} {place} in steps of {step}, by {evidence}{where}"


def report(layout: PduLayout, rows: Sequence[Explained]) -> Iterable[str]:
    """One line for each object, then what the device lacks and what does not add up."""
    for unit in layout.units:
        yield f"unit: model {unit.model!r}, serial {unit.serial!r}, firmware {unit.firmware!r}"
    yield f"{len(layout.columns)} columns are walked and {len(layout.objects)} objects fetched at each poll"
    for row in rows:
        cell = row.cell
        value = f"{row.value:g} {UNITS[cell.quantity_name]}".rstrip() if row.value is not None else row.reason
        raw = text(row.raw) or "nothing"
        name = layout.names.get(cell.label, "") if cell.level == "outlet" else ""
        times = f" and the volts at {format_oid(cell.volts.oid)}" if cell.volts else ""
        yield (
            f"{cell.level:9} {cell.label:12} {cell.quantity_name:15} {value:>16}  = {raw} "
            f"x {cell.scale.normalize():f} at {format_oid(cell.oid)}{times} {name}"
        ).rstrip()
    yield from _find_missing(layout)
    yield from doubts(rows)
    numbers = {row.cell.key: (row.cell, row.value) for row in rows if row.value is not None}
    volts = [row.rejected for row in rows if row.cell.quantity_name == "voltage" and row.rejected is not None]
    for key, why in Judge().find_contradicted(readings_of(numbers), 0.0, volts).items():
        yield f"left out when serving: {key}: {why}"
    yield f"evidence of what is read: {layout.evidence}"


def _find_missing(layout: PduLayout) -> Iterable[str]:
    """The quantities without a row on the device."""
    read = {id(cell.quantity) for cells in layout.cells.values() for cell in cells}
    for level, tables in layout.profile.levels.items():
        for table in tables:
            for quantity_name, quantity in table.quantities.items():
                if id(quantity) not in read:
                    where = ", or none that fits `where` and `scale_by`" if _is_conditional(table, quantity) else ""
                    yield f"{level:9} {quantity_name:15} none: no row at {_format_place(quantity.places[0])}{where}"


def _is_conditional(table: ProfileTable, quantity: Quantity) -> bool:
    by = quantity.scale_by
    return bool(table.where or quantity.where or by.digits or by.factor or by.units)


def doubts(rows: Sequence[Explained]) -> Iterable[str]:
    """Where volts times amperes are far from watts, and where sums of levels differ: a wrong step shows here."""
    for row in rows:
        if row.value is not None and isinstance(row.raw, int) and row.raw in ALL_ONES:
            cell = row.cell
            yield f"doubt: {cell.level} {cell.label} {cell.quantity_name} holds {row.raw}: a sentinel ([-1])?"
    values = {(row.cell.level, row.cell.label, row.cell.quantity_name): row.value for row in rows}
    for (level, label, quantity), watts in values.items():
        volts, amperes, factor = (values.get((level, label, name)) for name in ("voltage", "current", "power_factor"))
        if quantity == "power" and watts is not None and volts and amperes:
            product = volts * amperes * abs(factor or 1)
            # Without a factor watts may well be half the product; below a few watts meters are coarse.
            low = 0.7 if factor else 0.3
            if max(product, watts) > LEAST_WATTS and not low * product <= watts <= 1.3 * product:
                yield (
                    f"doubt: {level} {label} reads {watts:g} W, but {volts:g} V x {amperes:g} A x {factor or 1:g} "
                    f"are {product:.4g} W: is a step wrong, or are these three phases?"
                )
    total: dict[LevelName, float] = {}
    for (level, _, quantity), watts in values.items():
        if quantity == "power" and watts is not None:
            total[level] = total.get(level, 0.0) + watts
    yield from _find_imbalance(rows, total)
    if len(total) > 1:
        sums = ", ".join(f"{level} {watts:g} W" for level, watts in total.items())
        stored = any(row.cell.level == "battery" for row in rows)  # what a battery takes or gives is in no other sum
        far = not stored and any(
            total.get("inlet", 0) > LEAST_WATTS and not 0.7 < watts / total["inlet"] < 1.3 for watts in total.values()
        )
        yield f"{'doubt: ' if far else ''}sums of each level: {sums}"


def _find_imbalance(rows: Sequence[Explained], total: Mapping[LevelName, float]) -> Iterable[str]:
    """Where rectifiers give something else than loads and batteries take."""
    unknown = any(row.cell.level == "battery" for row in rows) and "battery" not in total
    if "rectifier" in total and "outlet" in total and not unknown:
        taken = total["outlet"] + total.get("battery", 0.0)
        if max(taken, total["rectifier"]) > LEAST_WATTS and not 0.7 * taken <= total["rectifier"] <= 1.3 * taken:
            yield (
                f"doubt: rectifiers give {total['rectifier']:g} W, loads and batteries take {taken:g} W: "
                "is a step or the sign of the battery wrong?"
            )


def check(name: str, client: SnmpClient | None, max_repetitions: int | None = None) -> Iterable[str]:
    """The lines of `--check-profile NAME`; `max_repetitions` goes before the profile's. Raises JoulepathError."""
    stem, profile = profile_of(name)
    if max_repetitions is not None:
        profile = asked_for(profile, max_repetitions)
    yield from describe(stem, profile)
    if client is None:
        return

    async def ask(client: SnmpClient) -> tuple[Sequence[str], Sequence[Explained]]:
        try:
            lines = list(await explain_match(client, stem, profile))
            try:
                layout, rows = await explain(client, stem, profile)
            except JoulepathError as error:
                return [*lines, *[line async for line in columns_of(client, profile)], str(error)], ()
            return [*lines, *report(layout, rows)], rows
        finally:
            await client.close()

    lines, rows = asyncio.run(ask(client))
    *earlier, last = lines
    yield from earlier
    if not rows:
        raise UsageError(f"{name}: {last}")
    yield last
    if not any(row.value is not None for row in rows):
        raise UsageError(f"{name}: fits the device but measures nothing")


async def columns_of(client: SnmpClient, profile: Profile) -> AsyncIterator[str]:
    """The lines that show what a device holds at each place of a profile that does not fit it."""
    object_id = (await client.get([SYS_OBJECT_ID]))[SYS_OBJECT_ID]
    profile = profile.below(await base_of(client, profile, object_id if isinstance(object_id, tuple) else ()))
    columns = Columns(client, profile.max_repetitions)
    for oid in dict.fromkeys(_places(profile)):
        rows = await columns.object(oid)
        index = next(iter(sorted(rows)), None)
        first = "" if index is None else f", the first at index {format_oid(index)}: {text(rows[index]) or 'nothing'}"
        yield f"device: {format_oid(oid)} has {len(rows)} rows{first}"


def _places(profile: Profile) -> Iterable[Oid]:
    for oids in profile.fingerprint:
        yield from oids
    for tables in profile.levels.values():
        for table in tables:
            yield from filter(None, (table.unit, table.number, table.name, *table.keys.values()))
            for quantity in table.quantities.values():
                yield from quantity.places


async def explain_match(client: SnmpClient, name: str, profile: Profile) -> Sequence[str]:
    """Whether the device is recognised as of this profile when the configuration names none."""
    object_id = (await client.get([SYS_OBJECT_ID]))[SYS_OBJECT_ID]
    written = format_oid(object_id) if isinstance(object_id, tuple) else "none"
    try:
        chosen = (await find(client, {**load_shipped(), name: profile})).profile_name
    except JoulepathError:
        return [f"device: sysObjectID {written}; not recognised: name the profile for this target"]
    if chosen == name:
        return [f"device: sysObjectID {written}; recognised as {name}"]
    return [f"device: sysObjectID {written}; taken for {chosen}: a longer prefix or a fingerprint would prefer {name}"]


def _format_place(oid: Sequence[int]) -> str:
    return format_oid(tuple(oid)) if oid[0] >= 0 else "sysObjectID." + format_oid(tuple(oid[1:]))
