# SPDX-License-Identifier: Apache-2.0
"""A quantity of a device family as data: the objects that hold it, and the meaning of one step."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from functools import cached_property
from typing import Annotated, Any, Literal, TypeAlias, get_args

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from joulepath.config import Model
from joulepath.pdu.snmp.client import Oid, parse_oid
from joulepath.reading.energy import MAX_WATTS

LevelName: TypeAlias = Literal["inlet", "phase", "rectifier", "battery", "branch", "outlet"]
QuantityName: TypeAlias = Literal["power", "apparent_power", "current", "voltage", "power_factor", "meter_energy"]
DecimalMark: TypeAlias = Literal[".", ","]

Evidence: TypeAlias = Literal["recording", "mib", "documentation"]
"""The evidence for an object, its step and its meaning, the best first.

`recording`: the tests read it from a walk of a real device; `mib`: the vendor's MIB or a standard states it;
`documentation`: only manuals or other readers of such devices do.
"""

EVIDENCE: Sequence[Evidence] = get_args(Evidence)

Method: TypeAlias = Literal["measured", "derived"]
"""Whether a device measures its power, or only the volts and amperes of direct current that make it."""

Bounds: TypeAlias = tuple[float, float]

PLAUSIBLE: Mapping[QuantityName, Bounds] = {
    "power": (0, MAX_WATTS),
    "apparent_power": (0, MAX_WATTS),  # VA
    "current": (0, 5e3),  # A
    "voltage": (0, 1e3),  # V
    "power_factor": (-1, 1),  # some meters give a leading one as negative
    "meter_energy": (0, 1e15),  # J
}
"""Bounds that every rack PDU keeps, in the unit of the metric. A profile may state narrower or wider ones."""


SYS_OBJECT_ID_MARK = -1
"""First number of an object below the device's own sysObjectID, which a profile writes `sysObjectID.1.5`."""


def _oid(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    below = value.removeprefix("sysObjectID.")
    return parse_oid(value) if below == value else (SYS_OBJECT_ID_MARK, *parse_oid(below))


def absolute(oid: Oid, sys_object_id: Oid) -> Oid:
    """An object in full where it is below the device's sysObjectID."""
    return (*sys_object_id, *oid[1:]) if oid[:1] == (SYS_OBJECT_ID_MARK,) else oid


def as_list(value: Any) -> Any:
    """Wraps a single value in a list."""
    return [value] if isinstance(value, (str, dict)) else value


ObjectId: TypeAlias = Annotated[Oid, BeforeValidator(_oid)]
ObjectIds: TypeAlias = Annotated[Sequence[ObjectId], BeforeValidator(as_list)]
"""One object, or several of which the first that the device has is read."""

Match: TypeAlias = int | Sequence[int] | str
"""The condition on a key of a row: a number, one of several, or text that a regular expression matches whole."""


class Units(Model):
    """A column that says in which unit a row is."""

    column: ObjectId
    """Column with the unit of each row."""
    scales: Mapping[int | str, Decimal]
    """The value of each unit in the metric's unit; rows in other units are not of this quantity."""


class ScaleColumns(Model):
    """Columns that hold the step of each row; the stated ones are multiplied."""

    digits: ObjectId | None = None
    """Decimal digits: a step is 10 to the power of minus this."""
    precision: ObjectId | None = None
    """entPhySensorPrecision (RFC 3433): 1 to 9 are decimal places; -8 to -1 count accurate digits and scale nothing."""
    factor: ObjectId | None = None
    """A multiplier; a negative one is a divisor."""
    units: Units | None = None
    """Column with the unit of each row, by number or text."""


def _not_zero(value: Decimal) -> Decimal:
    if not value:
        raise ValueError("must not be 0")
    return value


def _as_places(value: Any) -> Any:
    return {"column": value} if isinstance(value, str) else value


Factor: TypeAlias = Annotated["Quantity", BeforeValidator(_as_places)]
"""A measured quantity, or only the column or object where it is."""


class Quantity(Model):
    """One column of numbers, some objects, or watts as the product of volts and amperes."""

    column: ObjectId | None = None
    """Column with the numbers; an object identifier."""
    objects: Mapping[str, ObjectId] = {}
    """Instead of a column: an object for each label."""
    volts: Factor | None = None
    """With `amperes`, for power in direct current: the voltage of a row, or one that all rows share."""
    amperes: Factor | None = None
    """With `volts`: the current of a row."""
    where: Mapping[str, Match] = {}
    """Which rows are of this quantity, by keys of the table; beside those of the table."""
    scale: Annotated[Decimal, AfterValidator(_not_zero)] = Decimal(1)
    """One step of the object in the metric's unit: W, VA, A, V, a ratio or J. Also its resolution. A negative
    one turns the sign of a power or current that a device counts the other way round."""
    absolute: bool = False
    """Whether the sign is left out: that of a voltage is the polarity of its bus."""
    scale_by: ScaleColumns = ScaleColumns()
    """Where the step is data; `scale` is multiplied with it."""
    text: bool = False
    """Whether the number is written as text."""
    decimal: DecimalMark | None = None
    """The decimal mark of such text. Where it is not stated, text that may be read with either mark is not a number."""
    sentinels: frozenset[int] = frozenset()
    """Values that say "not measured". They are compared in 32 bits: -1 is also 4294967295."""
    bounds: Bounds | None = None
    """The least and greatest value that is a measurement, in the metric's unit; `PLAUSIBLE` where not stated."""
    wraps_at: int = Field(default=2**32, gt=1)
    """For a register: the first value that it cannot hold."""
    evidence: Evidence | None = None
    """Overrides the table's evidence."""

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
            raise ValueError(f"{', '.join(unfit)}: belongs in volts or amperes")
        return self


_OF_PRODUCTS = {"volts", "amperes", "bounds", "evidence"}
"""Keys of a product; all others are of its factors."""
