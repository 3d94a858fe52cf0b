# SPDX-License-Identifier: Apache-2.0
"""A device family as data: how it is recognised and where its readings are. docs/pdu.md says how to write one."""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BeforeValidator, Field, model_validator

from joulepath.config import Model, load
from joulepath.errors import UsageError
from joulepath.pdu.snmp import Missing, Oid, Value, parsed

LevelName: TypeAlias = Literal["inlet", "phase", "branch", "outlet"]
QuantityName: TypeAlias = Literal["power", "apparent_power", "current", "voltage", "power_factor", "meter_energy"]

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


def _oid(value: Any) -> Any:
    return parsed(value) if isinstance(value, str) else value


ObjectId: TypeAlias = Annotated[Oid, BeforeValidator(_oid)]


class Quantity(Model):
    """One column of numbers."""

    column: ObjectId
    scale: Decimal = Field(default=Decimal(1), gt=0)
    """What one step of the object is in the metric's unit: W, VA, A, V, a ratio or J. Also its resolution."""
    sentinels: frozenset[int] = frozenset()
    """Values that say "not measured". They are compared in 32 bits: -1 is also 4294967295."""
    bounds: Bounds | None = None
    """The least and greatest value that is a measurement, in the metric's unit; `PLAUSIBLE` where not stated."""


class Level(Model):
    """One metering level: a table whose rows are inlets, phases, branches or outlets."""

    unit: ObjectId | None = None
    """Column that numbers the linked units; it becomes part of the label where there are several."""
    number: ObjectId | None = None
    """Column with the row's number on its unit, the label. Without it the unit's number is, or else the row's index."""
    name: ObjectId | None = None
    """Column with the name that the operator gave."""
    quantities: Mapping[QuantityName, Quantity] = Field(min_length=1)


class InfoColumns(Model):
    """Columns with one row for each unit."""

    model: ObjectId | None = None
    serial: ObjectId | None = None
    firmware: ObjectId | None = None


class Profile(Model):
    """A device family."""

    vendor: str
    sys_object_ids: Sequence[ObjectId] = Field(min_length=1)
    """Prefixes of sysObjectID; among the profiles that fit, the longest prefix is tried first."""
    fingerprint: Sequence[ObjectId] = ()
    """Columns or objects that must all be there, where several families share a sysObjectID."""
    interval: float = Field(default=5.0, ge=1)
    """Seconds in which the device renews its readings."""
    max_repetitions: int = Field(default=25, ge=1, le=100)
    """Rows asked for in one GETBULK."""
    info: InfoColumns = InfoColumns()
    levels: Mapping[LevelName, Level] = Field(min_length=1)

    @model_validator(mode="after")
    def _columns_differ(self) -> "Profile":
        seen: set[Oid] = set()
        for name, level in self.levels.items():
            for quantity in level.quantities.values():
                if quantity.column in seen:
                    raise ValueError(f"levels.{name}: a column is named twice")
                seen.add(quantity.column)
        return self

    def matches(self, sys_object_id: Oid) -> int:
        """The length of the longest prefix that fits; 0 for none."""
        return max((len(oid) for oid in self.sys_object_ids if sys_object_id[: len(oid)] == oid), default=0)


class RejectedError(ValueError):
    """A value that is no measurement; its text is the reason, a label of `pdu_readings_rejected_total`."""


REASONS = ("not_available", "not_a_number", "implausible", "unknown_row")


def measured(value: Value, name: QuantityName, quantity: Quantity) -> float | None:
    """The value in the metric's unit, None where there is no such object. Raises RejectedError."""
    if isinstance(value, Missing):
        return None
    if not isinstance(value, int):
        raise RejectedError("not_a_number")
    if value % 2**32 in {sentinel % 2**32 for sentinel in quantity.sentinels}:
        raise RejectedError("not_available")
    number = float(value * quantity.scale)  # decimal, so that 3 steps of 0.1 A are 0.3 A
    low, high = quantity.bounds or PLAUSIBLE[name]
    if not low <= number <= high:
        raise RejectedError("implausible")
    return number


def shipped() -> Mapping[str, Profile]:
    """The profiles of this package by name."""
    with resources.as_file(resources.files("joulepath.pdu") / "profiles") as folder:
        return read_folder(folder)


def read_folder(folder: Path) -> Mapping[str, Profile]:
    """Every `NAME.yaml` of a folder. Raises UsageError with all mistakes of all files."""
    if not folder.is_dir():
        raise UsageError(f"{folder}: is no folder of profiles")
    profiles: dict[str, Profile] = {}
    mistakes: list[str] = []
    for path in sorted(folder.glob("*.yaml")):
        try:
            profiles[path.stem] = load(path, Profile)
        except UsageError as error:
            mistakes += error.messages
    if mistakes:
        raise UsageError(mistakes)
    return profiles


def candidates(profiles: Mapping[str, Profile], sys_object_id: Oid) -> Iterable[str]:
    """Names of the profiles whose prefix fits, the most specific first."""
    fitting = [name for name, profile in profiles.items() if profile.matches(sys_object_id)]
    # Of two equal prefixes the one with a fingerprint decides first.
    return sorted(
        fitting,
        key=lambda name: (-profiles[name].matches(sys_object_id), -len(profiles[name].fingerprint), name),
    )
