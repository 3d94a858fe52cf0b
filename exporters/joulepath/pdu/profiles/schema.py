# SPDX-License-Identifier: Apache-2.0
"""A device family as data: how it is recognised and where its readings are.

docs/guides/pdu.md says how to write one.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, TypeAlias

from pydantic import BeforeValidator, Field, model_validator

from joulepath.config import Model
from joulepath.pdu.profiles.quantity import (
    SYS_OBJECT_ID_MARK,
    Evidence,
    LevelName,
    Match,
    ObjectId,
    ObjectIds,
    Quantity,
    QuantityName,
    absolute,
    as_list,
)
from joulepath.pdu.snmp.client import Oid


class ProfileTable(Model):
    """A table with the rows of a level."""

    direct_current: bool = False
    """Whether it measures direct current, in which volts times amperes are the active power."""
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
    """Evidence of the table, where it differs from the profile's."""
    quantities: Mapping[QuantityName, Quantity] = Field(min_length=1)
    """Columns of the table, each by the name of the quantity that it measures."""

    @model_validator(mode="after")
    def _objects_have_labels(self) -> "ProfileTable":
        if all(quantity.objects for quantity in self.quantities.values()):
            for key in ("number", "label", "first"):
                if getattr(self, key) is not None:
                    raise ValueError(f"{key}: has no effect here: objects are labelled by their keys")
        elif self.number is not None and self.label is not None:
            raise ValueError("label: has no effect beside number: state one of them")
        elif self.first is not None and self.number is None and "number" not in self.index:
            raise ValueError("first: has no effect without number: name its column, or the part of index that is it")
        return self

    @model_validator(mode="after")
    def _registers_wrap(self) -> "ProfileTable":
        for name, quantity in self.quantities.items():
            for part in (quantity, quantity.volts, quantity.amperes):
                if name != "meter_energy" and part is not None and "wraps_at" in part.model_fields_set:
                    raise ValueError(f"{name}: wraps_at: belongs to meter_energy")
        return self

    @model_validator(mode="after")
    def _keys_are_known(self) -> "ProfileTable":
        known = {part.removesuffix(":text") for part in self.index} | set(self.keys)
        for key in re.findall(r"\{(\w+)\}", self.label or ""):
            if key not in known:
                raise ValueError(f"label: {key!r} is neither a part of the index nor one of keys")
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
                    raise ValueError(f"where: {key!r} is neither a part of the index nor one of keys")
                if isinstance(match, str):
                    try:
                        re.compile(match)
                    except re.error as error:
                        raise ValueError(f"where: {key}: {match!r} is not a regular expression: {error}") from None
        return self

    @model_validator(mode="after")
    def _current_fits(self) -> "ProfileTable":
        for name, quantity in self.quantities.items():
            if self.direct_current and name in ("apparent_power", "power_factor"):
                raise ValueError(f"{name}: direct current has no such quantity")
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


Tables: TypeAlias = Annotated[Sequence[ProfileTable], BeforeValidator(as_list), Field(min_length=1)]


class InfoColumns(Model):
    """Columns with one row for each unit, or objects."""

    model: ObjectIds = ()
    """Column with the model name."""
    serial: ObjectIds = ()
    """Column with the serial number."""
    firmware: ObjectIds = ()
    """Column with the firmware version."""


class Accuracy(Model):
    """The accuracy that the vendor states for the meters."""

    percent: float | None = Field(default=None, gt=0, le=100)
    """Percent of the reading; left out where the vendor names a class or a formula only."""
    standard: str = ""
    """Standard with its class, such as `IEC 62053-21 class 1`."""
    of: str = ""
    """The models and quantities it holds for, and further conditions."""
    source: str
    """The document that states it."""

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
    """Name of the vendor; a label."""
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
    """The vendor's statement on the meters' accuracy; left out where none is known."""
    evidence: Evidence = "documentation"
    """The profile's evidence, unless a table or a quantity states its own."""
    info: InfoColumns = InfoColumns()
    """Columns that name each unit."""
    levels: Mapping[LevelName, Tables] = Field(min_length=1)
    """The tables of each level. Where two have the same quantity of the same row, the first that measures it counts."""

    @model_validator(mode="after")
    def _columns_differ(self) -> "Profile":
        seen: set[tuple[Oid, str]] = set()
        for name, tables in self.levels.items():
            for table in tables:
                if name == "phase" and table.direct_current:
                    raise ValueError("levels.phase: direct current has no phases")
                if name != "outlet" and table.name is not None:
                    raise ValueError(f"levels.{name}: name: has no effect here: only outlets have names")
                if name == "battery":
                    _battery_has_bounds(table)
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

    def evidence_of(self, table: ProfileTable, quantity: Quantity) -> Evidence:
        """The evidence for a quantity of a table."""
        return quantity.evidence or table.evidence or self.evidence

    def matches(self, sys_object_id: Oid) -> int:
        """The length of the longest prefix that fits; 0 for none."""
        return max((len(oid) for oid in self.sys_object_ids if sys_object_id[: len(oid)] == oid), default=0)


def _battery_has_bounds(table: ProfileTable) -> None:
    """Raises ValueError where a battery's power or current would be left out while it discharges."""
    for name in ("power", "current"):
        quantity = table.quantities.get(name)
        for part in () if quantity is None else (quantity, quantity.amperes):
            if part is not None and part.bounds is None:
                factor = "" if part is quantity else ".amperes"
                raise ValueError(
                    f"levels.battery: {name}{factor}: state bounds, as in [-500, 500]: a battery that gives is below 0"
                )


def asked_for(profile: Profile, max_repetitions: int) -> Profile:
    """The profile with other `max_repetitions`."""
    return profile.model_copy(update={"max_repetitions": max_repetitions})
