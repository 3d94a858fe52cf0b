# SPDX-License-Identifier: Apache-2.0
"""A device family as data: how it is recognised and where its readings are. docs/pdu.md says how to write one."""

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from functools import cached_property
from typing import Annotated, Any, Literal, TypeAlias, get_args

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from joulepath.config import Model
from joulepath.pdu.snmp import Oid, parsed
from joulepath.pdu.written import DecimalMark

LevelName: TypeAlias = Literal["inlet", "phase", "rectifier", "battery", "branch", "outlet"]
QuantityName: TypeAlias = Literal["power", "apparent_power", "current", "voltage", "power_factor", "meter_energy"]

Evidence: TypeAlias = Literal["recording", "mib", "documentation"]
"""On what an object, its step and its meaning rest, the best first.

`recording`: the tests read it from a walk of a real device; `mib`: the vendor's MIB or a standard states it;
`documentation`: only manuals or other readers of such devices do.
"""

EVIDENCE: Sequence[Evidence] = get_args(Evidence)

Method: TypeAlias = Literal["measured", "derived"]
"""Whether a device measures its power, or only the volts and amperes of direct current that make it."""

Bounds: TypeAlias = tuple[float, float]

PLAUSIBLE: Mapping[QuantityName, Bounds] = {
    "power": (0, 1e6),  # W
    "apparent_power": (0, 1e6),  # VA
    "current": (0, 5e3),  # A
    "voltage": (0, 1e3),  # V
    "power_factor": (-1, 1),  # some meters give a leading one as negative
    "meter_energy": (0, 1e15),  # J
}
"""What no rack PDU exceeds, in the unit of the metric. A profile may state narrower or wider bounds."""


SYS_OBJECT_ID_MARK = -1
"""How an object begins that is below the device's own sysObjectID, in a profile written `sysObjectID.1.5`."""


def _oid(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    below = value.removeprefix("sysObjectID.")
    return parsed(value) if below == value else (SYS_OBJECT_ID_MARK, *parsed(below))


def absolute(oid: Oid, sys_object_id: Oid) -> Oid:
    """An object in full where it is below the device's sysObjectID."""
    return (*sys_object_id, *oid[1:]) if oid[:1] == (SYS_OBJECT_ID_MARK,) else oid


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, (str, dict)) else value


ObjectId: TypeAlias = Annotated[Oid, BeforeValidator(_oid)]
ObjectIds: TypeAlias = Annotated[Sequence[ObjectId], BeforeValidator(_listed)]
"""One object, or several of which the first that the device has is read."""

Match: TypeAlias = int | Sequence[int] | str
"""What a key of a row must be: a number, one of several, or text that a regular expression matches whole."""


class Units(Model):
    """A column that says in which unit a row is."""

    column: ObjectId
    scales: Mapping[int | str, Decimal]
    """The value of each unit in the metric's unit; rows in other units are not of this quantity."""


class ScaleColumns(Model):
    """Columns that say what a step of each row is; all that are stated are multiplied."""

    digits: ObjectId | None = None
    """Decimal digits: a step is 10 to the power of minus this."""
    precision: ObjectId | None = None
    """entPhySensorPrecision (RFC 3433): 1 to 9 are decimal places; -8 to -1 count accurate digits and scale nothing."""
    factor: ObjectId | None = None
    """A multiplier; a negative one is a divisor."""
    units: Units | None = None


def _not_zero(value: Decimal) -> Decimal:
    if not value:
        raise ValueError("must not be 0")
    return value


def _placed(value: Any) -> Any:
    return {"column": value} if isinstance(value, str) else value


Factor: TypeAlias = Annotated["Quantity", BeforeValidator(_placed)]
"""A measured quantity, or only the column or object where it is."""


class Quantity(Model):
    """One column of numbers, some objects, or watts as the product of volts and amperes."""

    column: ObjectId | None = None
    objects: Mapping[str, ObjectId] = {}
    """In place of a column: an object for each label."""
    volts: Factor | None = None
    """With `amperes`, of power in direct current: the voltage of a row, or one that all rows share."""
    amperes: Factor | None = None
    where: Mapping[str, Match] = {}
    """Which rows are of this quantity, by keys of the table; beside those of the table."""
    scale: Annotated[Decimal, AfterValidator(_not_zero)] = Decimal(1)
    """What one step of the object is in the metric's unit: W, VA, A, V, a ratio or J. Also its resolution. A negative
    one turns the sign of a power or current that a device counts the other way round."""
    absolute: bool = False
    """Whether the sign is left out: that of a voltage is the polarity of its bus."""
    scale_by: ScaleColumns = ScaleColumns()
    """Where the step is data; `scale` is multiplied with it."""
    text: bool = False
    """Whether the number is written as text."""
    decimal: DecimalMark | None = None
    """The decimal mark of such text. Where it is not stated, text that may be read with either mark is no number."""
    sentinels: frozenset[int] = frozenset()
    """Values that say "not measured". They are compared in 32 bits: -1 is also 4294967295."""
    bounds: Bounds | None = None
    """The least and greatest value that is a measurement, in the metric's unit; `PLAUSIBLE` where not stated."""
    wraps_at: int = Field(default=2**32, gt=1)
    """Of a register: the first value that it cannot hold."""
    evidence: Evidence | None = None
    """Where it is other than the table's."""

    @model_validator(mode="after")
    def _text_has_a_mark(self) -> "Quantity":
        if self.decimal is not None and not self.text:
            raise ValueError("decimal: belongs to text: true")
        return self

    @cached_property
    def not_available(self) -> frozenset[int]:
        """The sentinels as devices write them: signed, and unsigned in 32 or 64 bits."""
        bits = [sentinel % 2**32 for sentinel in self.sentinels]
        signed = [sentinel - 2**32 if sentinel >= 2**31 else sentinel for sentinel in bits]
        return frozenset([*bits, *signed, *(sentinel % 2**64 for sentinel in signed)])

    @property
    def derived(self) -> bool:
        """Whether it is volts times amperes."""
        return self.volts is not None and self.amperes is not None

    @property
    def places(self) -> Sequence[Oid]:
        """Its column or objects, or those of its factors."""
        if self.volts is not None and self.amperes is not None:
            return [*self.volts.places, *self.amperes.places]
        return [self.column] if self.column else list(self.objects.values())

    @model_validator(mode="after")
    def _one_place(self) -> "Quantity":
        factors = [factor for factor in (self.volts, self.amperes) if factor is not None]
        if len(factors) == 1:
            raise ValueError("state both volts and amperes")
        if [self.column is not None, bool(self.objects), bool(factors)].count(True) != 1:
            raise ValueError("state one of column, objects, or volts and amperes")
        if any(factor.derived for factor in factors):
            raise ValueError("volts and amperes must be measured themselves")
        if factors and (unfit := sorted(self.model_fields_set - _OF_PRODUCTS)):
            raise ValueError(f"{', '.join(unfit)}: belongs into volts or amperes")
        return self


_OF_PRODUCTS = {"volts", "amperes", "bounds", "evidence"}
"""Keys of a product; all others are of its factors."""


class Table(Model):
    """A table whose rows are those of a level."""

    direct_current: bool = False
    """Whether what it measures is direct current, of which volts times amperes are the active power."""
    index: Sequence[str] = ()
    """Names of the parts of a row's index. `unit` and `number` make the label (several numbers are joined by points),
    `name:text` is a part that is text with its length in front; the others are keys for `where`."""
    keys: Mapping[str, ObjectId] = {}
    """Further columns as keys for `where`."""
    unit: ObjectId | None = None
    """Column that numbers the linked units; it becomes part of the label where there are several."""
    number: ObjectId | None = None
    """Column with the row's number on its unit, the label. Without it the unit's number is, or else the row's index."""
    label: str | None = None
    """The label in place of a number: of a table that has one row only, or with keys in braces, `{tap}.1`."""
    first: int | None = None
    """The number that the device counts from, where the first one printed on it is 1."""
    name: ObjectId | None = None
    """Column with the name that the operator gave."""
    where: Mapping[str, Match] = {}
    """Which rows are of this level, by keys."""
    evidence: Evidence | None = None
    """Where it is other than the profile's."""
    quantities: Mapping[QuantityName, Quantity] = Field(min_length=1)

    @model_validator(mode="after")
    def _objects_have_labels(self) -> "Table":
        if all(quantity.objects for quantity in self.quantities.values()):
            for key in ("number", "label", "first"):
                if getattr(self, key) is not None:
                    raise ValueError(f"{key}: has no effect here: objects are labelled by their keys")
        return self

    @model_validator(mode="after")
    def _keys_are_known(self) -> "Table":
        known = {part.removesuffix(":text") for part in self.index} | set(self.keys)
        for key in re.findall(r"\{(\w+)\}", self.label or ""):
            if key not in known:
                raise ValueError(f"label: {key!r} is no part of the index and none of keys")
        parts = [
            part
            for quantity in self.quantities.values()
            for part in (quantity, quantity.volts, quantity.amperes)
            if part is not None
        ]
        for quantity in parts:
            where = {**self.where, **quantity.where}
            for key, match in where.items():
                if key not in known:
                    raise ValueError(f"where: {key!r} is no part of the index and none of keys")
                if isinstance(match, str):
                    try:
                        re.compile(match)
                    except re.error as error:
                        raise ValueError(f"where: {key}: {match!r} is no regular expression: {error}") from None
        return self

    @model_validator(mode="after")
    def _current_fits(self) -> "Table":
        for name, quantity in self.quantities.items():
            if self.direct_current and name in ("apparent_power", "power_factor"):
                raise ValueError(f"{name}: there is none in direct current")
            if quantity.derived and name != "power":
                raise ValueError(f"{name}: volts and amperes make power, and nothing else")
            if quantity.derived and not self.direct_current:
                raise ValueError(
                    f"{name}: volts times amperes are active power of direct current only: state "
                    "`direct_current: true` if this table measures that, or name the object that holds watts"
                )
            for turned in (quantity, quantity.amperes):
                signed = self.direct_current and name in ("power", "current")
                if turned is not None and turned.scale < 0 and not signed:
                    raise ValueError(f"{name}: scale must be positive: only power and current of direct current turn")
            if quantity.volts is not None and quantity.volts.scale < 0:
                raise ValueError(f"{name}: volts.scale must be positive: `absolute: true` leaves a polarity out")
        return self


Tables: TypeAlias = Annotated[Sequence[Table], BeforeValidator(_listed), Field(min_length=1)]


class InfoColumns(Model):
    """Columns with one row for each unit, or objects."""

    model: ObjectIds = ()
    serial: ObjectIds = ()
    firmware: ObjectIds = ()


class Accuracy(Model):
    """What the vendor states of the meters."""

    percent: float | None = Field(default=None, gt=0, le=100)
    """Of the reading; None where the vendor names a class or a formula only."""
    standard: str = ""
    """With its class, such as `IEC 62053-21 class 1`."""
    of: str = ""
    """Which models and quantities, and further conditions."""
    source: str
    """Where it is stated."""

    def __str__(self) -> str:
        """Percent and standard, for a label."""
        percent = "" if self.percent is None else f"{self.percent:g} %"
        return ", ".join(filter(None, [percent, self.standard]))

    @model_validator(mode="after")
    def _states_something(self) -> "Accuracy":
        if self.percent is None and not self.standard:
            raise ValueError("state percent or standard")
        return self


class Profile(Model):
    """A device family."""

    vendor: str
    sys_object_ids: Sequence[ObjectId] = Field(min_length=1)
    """Prefixes of sysObjectID; among the profiles that fit, the longest prefix is tried first."""
    fingerprint: Sequence[ObjectIds] = ()
    """Columns that must all be there, where several families share a sysObjectID or a device has none. In place of a
    column there may be a list, one of which must be there."""
    interval: float = Field(default=5.0, ge=1)
    """Seconds in which the device renews its readings."""
    max_repetitions: int = Field(default=25, ge=1, le=100)
    """Rows asked for in one GETBULK."""
    accuracy: Accuracy | None = None
    """None where no statement of the vendor is known."""
    evidence: Evidence = "documentation"
    """What the profile rests on, where a table or a quantity does not state otherwise."""
    info: InfoColumns = InfoColumns()
    levels: Mapping[LevelName, Tables] = Field(min_length=1)
    """The tables of each level. Where two have the same quantity of the same row, the first that measures it counts."""

    @model_validator(mode="after")
    def _columns_differ(self) -> "Profile":
        seen: set[tuple[Oid, str]] = set()
        for name, tables in self.levels.items():
            for table in tables:
                if name == "phase" and table.direct_current:
                    raise ValueError("levels.phase: direct current has no phases")
                for quantity in table.quantities.values():
                    if quantity.derived:
                        continue
                    where = repr(sorted({**table.where, **quantity.where}.items()))
                    for column in quantity.places:
                        if (column, where) in seen:
                            raise ValueError(f"levels.{name}: a column is named twice")
                        seen.add((column, where))
        return self

    def below(self, sys_object_id: Oid) -> "Profile":
        """The profile with its objects below sysObjectID in full."""

        def full(value: Any) -> Any:
            if isinstance(value, tuple):
                return absolute(value, sys_object_id)
            if isinstance(value, Mapping):
                return {key: full(item) for key, item in value.items()}
            return [full(item) for item in value] if isinstance(value, (list, set, frozenset)) else value

        return Profile.model_validate(full(self.model_dump(exclude_unset=True)))

    @property
    def relative(self) -> bool:
        """Whether it is recognised by columns below the device's own sysObjectID."""
        return any(oid[:1] == (SYS_OBJECT_ID_MARK,) for oids in self.fingerprint for oid in oids)

    def evidence_of(self, table: Table, quantity: Quantity) -> Evidence:
        """What a quantity of a table rests on."""
        return quantity.evidence or table.evidence or self.evidence

    def matches(self, sys_object_id: Oid) -> int:
        """The length of the longest prefix that fits; 0 for none."""
        return max((len(oid) for oid in self.sys_object_ids if sys_object_id[: len(oid)] == oid), default=0)


def asked_for(profile: Profile, max_repetitions: int) -> Profile:
    """The profile with other `max_repetitions`."""
    return profile.model_copy(update={"max_repetitions": max_repetitions})
