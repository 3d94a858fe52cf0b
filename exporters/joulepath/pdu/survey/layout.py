# SPDX-License-Identifier: Apache-2.0
"""Surveys a device between polls: its identity, and the labels and names of its rows."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal

from joulepath.errors import JoulepathError
from joulepath.pdu.profiles.quantity import EVIDENCE, Evidence, LevelName, Method, Quantity, QuantityName
from joulepath.pdu.profiles.schema import Profile
from joulepath.pdu.snmp.client import Missing, Oid, RefusedError, SnmpClient, Value, parse_oid
from joulepath.pdu.survey.judge import hollow
from joulepath.pdu.survey.product import products_of
from joulepath.pdu.survey.reading import MeterReading, ReadingKey
from joulepath.pdu.survey.rows import Columns, TableRow, rows_of
from joulepath.pdu.survey.value import check_bounds, measure, text
from joulepath.reading.bounds import label as cut
from joulepath.reading.rejected import NotMeasuredError

SYS_OBJECT_ID = parse_oid("1.3.6.1.2.1.1.2.0")  # SNMPv2-MIB
SYS_UP_TIME = parse_oid("1.3.6.1.2.1.1.3.0")  # SNMPv2-MIB, in 0.01 s, wraps after 497 days

SHORTEST_WALK = 3
"""Shorter columns are fetched together with other objects: a request costs more than a few rows."""

POWERS: frozenset[QuantityName] = frozenset({"power", "apparent_power", "meter_energy"})

MAX_UNITS = 256
"""Most linked units that are named."""

MAX_IDENTITY = 16
"""Most linked units that are watched for a swap."""


@dataclass(frozen=True)
class Unit:
    """Identity of one unit as the device states it; empty where it does not."""

    model: str = ""
    serial: str = ""
    firmware: str = ""


@dataclass(frozen=True)
class Cell:
    """One reading of a device and the object where it is."""

    level: LevelName
    quantity_name: QuantityName
    label: str
    quantity: Quantity
    scale: Decimal
    """One step of the object in the metric's unit."""
    oid: Oid
    evidence: Evidence
    """The evidence for the object's meaning."""
    volts: "Cell | None" = None
    """For derived power: the voltage that multiplies the current of `amperes`."""
    amperes: "Cell | None" = None

    @property
    def key(self) -> ReadingKey:
        """Names the reading."""
        return ReadingKey(self.level, self.label, self.quantity_name)

    def reading(self, values: Mapping[Oid, Value]) -> float | None:
        """The reading in the metric's unit, None where the device lacks the object. Raises NotMeasuredError."""
        if self.volts is None or self.amperes is None:
            value = values.get(self.oid, Missing.NO_SUCH_INSTANCE)
            return measure(value, self.quantity_name, self.quantity, self.scale)
        volts, amperes = self.volts.reading(values), self.amperes.reading(values)
        if volts is None and amperes is None:
            return None
        if volts is None or amperes is None or self.volts.hollow(volts) or self.amperes.hollow(amperes):
            raise NotMeasuredError("not_available")
        watts = float(Decimal(str(volts)) * Decimal(str(amperes)))  # 46 V x 0.2 A are 9.2 W
        return check_bounds(watts, self.quantity_name, self.quantity)

    def hollow(self, number: float) -> bool:
        """Whether a number is one that devices write for "not measured"."""
        return hollow(self.quantity_name, number / float(self.scale))


@dataclass(frozen=True)
class Column:
    """A column to be walked at every poll; of its rows some are cells."""

    oid: Oid
    rows: frozenset[Oid]
    """All its objects when the device was surveyed."""


@dataclass(frozen=True)
class PduLayout:
    """One device as it was found."""

    profile_name: str
    profile: Profile
    units: tuple[Unit, ...]
    cells: Mapping[Oid, Sequence[Cell]]
    """The cells that every poll reads, by object."""
    columns: Sequence[Column]
    """Columns that are read as a whole."""
    objects: Sequence[Oid]
    """Objects that are read one by one."""
    names: Mapping[str, str]
    """Names of outlets by their label."""
    identity: Mapping[Oid, Value]
    """Objects that stay the same while the device and its scales do, with their values."""
    measures: bool = True
    """Whether any object held a measurement when the device was surveyed."""
    measures_power: bool = True
    """Whether any object of power, apparent power or energy held one."""
    tried: Mapping[str, str] = field(default_factory=dict)
    """Profiles that fit too and were passed over, and why."""
    left_out: Mapping[str, str] = field(default_factory=dict)
    """Levels and quantities that the agent refused to list, and how."""

    @property
    def method(self) -> Method:
        """Whether any power is volts times amperes."""
        derived = any(cell.volts is not None for cells in self.cells.values() for cell in cells)
        return "derived" if derived else "measured"

    @property
    def evidence(self) -> Evidence:
        """The weakest evidence among the cells."""
        return max((cell.evidence for cells in self.cells.values() for cell in cells), key=EVIDENCE.index)


async def base_of(client: SnmpClient, profile: Profile, sys_object_id: Oid) -> Oid:
    """The object that `sysObjectID.` in a profile stands for.

    The device's own if the profile has it, otherwise the first number that the device has below one of the profile's.
    """
    if not profile.relative or 0 < profile.matches(sys_object_id) < len(sys_object_id):
        return sys_object_id
    for prefix in profile.sys_object_ids:
        for index in sorted(await client.walk(prefix)):
            return prefix + index[:1]
    return ()


async def survey(client: SnmpClient, profile_name: str, profile: Profile) -> PduLayout:
    """Reads everything about the device but its measurements. Raises JoulepathError when nothing fits the profile."""
    known = dict(await client.get([SYS_OBJECT_ID]))
    sys_object_id = known[SYS_OBJECT_ID]
    profile = profile.below(await base_of(client, profile, sys_object_id if isinstance(sys_object_id, tuple) else ()))
    columns = Columns(client, profile.max_repetitions)
    linked, quantities, left_out = await _rows(columns, profile)
    cells: dict[tuple[LevelName, QuantityName, str], Cell] = {}
    silent: dict[tuple[LevelName, QuantityName, str], Cell] = {}
    names: dict[str, str] = {}
    for level, quantity_name, quantity, evidence, rows in quantities:
        labels = [cut(row.label(linked=linked)) for row in rows]
        times = Counter(labels)
        for row, label in zip(rows, labels, strict=True):
            if times[label] > 1:
                raise JoulepathError(
                    f"gives the {level} number {label} to {times[label]} rows: its readings cannot be told apart"
                )
            cell = Cell(level, quantity_name, label, quantity, row.scale, row.oid, evidence)
            cell = _with_factors(cell, row.volts)
            (cells if _measures(cell, row) else silent).setdefault((level, quantity_name, label), cell)
            if level == "outlet" and row.name is not None:
                names.setdefault(label, cut(row.name))
    measures = {quantity_name for _, quantity_name, _ in cells}
    cells = {**silent, **cells}  # an object that measures something goes before one that does not
    if not cells:
        why = "".join(f" ({what}: {how})" for what, how in left_out.items())
        raise JoulepathError(f"has none of the objects of the profile {profile_name}{why}: is that the right one?")
    by_oid: dict[Oid, list[Cell]] = {}
    for cell in cells.values():
        by_oid.setdefault(cell.oid, []).append(cell)
        if cell.volts is not None:
            by_oid.setdefault(cell.volts.oid, [])
    walked, single = _plan(by_oid, columns)
    units, identity = await _identity(columns, profile)
    return PduLayout(
        profile_name=profile_name,
        profile=profile,
        units=units,
        cells=by_oid,
        columns=walked,
        objects=single,
        names=names,
        identity={**known, **identity, **columns.flags},
        measures=bool(measures),
        measures_power=not measures.isdisjoint(POWERS),
        left_out=left_out,
    )


_Found = tuple[LevelName, QuantityName, Quantity, Evidence, Sequence[TableRow]]


async def _rows(columns: Columns, profile: Profile) -> tuple[bool, list[_Found], Mapping[str, str]]:
    """Whether several units are linked, the rows of every quantity, and the quantities that the agent refused."""
    quantities: list[_Found] = []
    units: set[str] = set()
    left_out: dict[str, str] = {}
    for level, tables in profile.levels.items():
        for table in tables:
            for quantity_name, quantity in table.quantities.items():
                try:
                    if quantity.volts is not None and quantity.amperes is not None:
                        rows = await products_of(columns, table, quantity.volts, quantity.amperes)
                    else:
                        rows = await rows_of(columns, table, quantity)
                except RefusedError as refused:
                    left_out[f"{level} {quantity_name}"] = str(refused)
                    continue
                units |= {row.unit for row in rows if row.unit}
                evidence = profile.evidence_of(table, quantity)
                quantities.append((level, quantity_name, quantity, evidence, rows))
    return len(units) > 1, quantities, left_out


def _with_factors(cell: Cell, volts: TableRow | None) -> Cell:
    """The cell, with those of its factors where it is a product of them."""
    quantity = cell.quantity
    if volts is None or quantity.volts is None or quantity.amperes is None:
        return cell
    return replace(
        cell,
        volts=replace(cell, quantity_name="voltage", quantity=quantity.volts, scale=volts.scale, oid=volts.oid),
        amperes=replace(cell, quantity_name="current", quantity=quantity.amperes),
    )


def _measures(cell: Cell, row: TableRow) -> bool:
    values = {row.oid: row.value}
    if row.volts is not None:
        values[row.volts.oid] = row.volts.value
    try:
        number = cell.reading(values)
    except NotMeasuredError:
        return False
    return number is not None and (cell.volts is not None or not cell.hollow(number))


def readings_of(numbers: Mapping[ReadingKey, tuple[Cell, float]]) -> Sequence[MeterReading]:
    """Values of cells, in the metrics' units."""
    buses = {cell.oid: key for key, (cell, _) in numbers.items() if key.quantity == "voltage"}
    return [
        MeterReading(
            key,
            number,
            abs(float(cell.scale)),
            id(cell.quantity),
            bounded=cell.quantity.bounds is not None,
            derived=cell.volts is not None,
            bus=buses.get(cell.volts.oid) if cell.volts is not None else None,
        )
        for key, (cell, number) in numbers.items()
    ]


def _plan(wanted: Mapping[Oid, Sequence[Cell]], columns: Columns) -> tuple[Sequence[Column], Sequence[Oid]]:
    """One column of each level's table to be walked, so that rows that appear are seen, and objects to be fetched."""
    single = set(wanted)
    walked: dict[LevelName, Column] = {}
    for base, rows in columns.read.items():
        oids = frozenset(base + index for index in rows)
        if len(oids) >= SHORTEST_WALK and oids <= single:
            level = next((cell.level for oid in oids for cell in wanted[oid]), None)
            if level is not None and level not in walked:
                walked[level] = Column(base, oids)
                single -= oids
    return list(walked.values()), sorted(single)


async def _identity(columns: Columns, profile: Profile) -> tuple[tuple[Unit, ...], Mapping[Oid, Value]]:
    """The units, and the objects that would show another device at the same address."""
    models, serials, firmwares = [
        await columns.first(oids) for oids in (profile.info.model, profile.info.serial, profile.info.firmware)
    ]
    telling = serials if serials[1] else models
    identity = {telling[0] + index: telling[1][index] for index in sorted(telling[1])[:MAX_IDENTITY]}
    most = max(set(models[1]), set(serials[1]), set(firmwares[1]), key=len)
    units = tuple(
        Unit(_below(models[1], index), _below(serials[1], index), _below(firmwares[1], index))
        for index in sorted(most)[:MAX_UNITS]
    )
    return units or (Unit(),), identity


def _below(rows: Mapping[Oid, Value], index: Oid) -> str:
    """A unit's text: at its index, at the first index below it (a unit's boards), or for all units at once."""
    for place in (index, *(row for row in rows if row[: len(index)] == index), *((0,),)):
        if place in rows:
            return cut(text(rows[place]))
    return ""
