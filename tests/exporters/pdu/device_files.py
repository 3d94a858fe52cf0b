# SPDX-License-Identifier: Apache-2.0
"""Devices as data: `devices/NAME.yaml` has what one device answers, and what must be published of it."""

import struct
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Annotated, TypeAlias

from pydantic import Field
from pysnmp.proto import rfc1902

from joulepath.config import Model, load
from joulepath.pdu.profiles.quantity import LevelName, QuantityName
from joulepath.pdu.snmp.walk import WalkClient
from joulepath_lab.devices.snmp_agent import Value

FOLDER = Path(__file__).parent / "devices"

SYS_OBJECT_ID = "1.3.6.1.2.1.1.2.0"
SYS_UP_TIME = "1.3.6.1.2.1.1.3.0"

OPAQUE_FLOAT = b"\x9f\x78\x04"
"""The bytes before the four bytes of a number in an Opaque (net-snmp)."""


class Hex(Model):
    """An OCTET STRING that is not text."""

    hex: Annotated[str, Field(pattern=r"^([0-9a-f]{2})*$")]


class OpaqueFloat(Model):
    """A floating point number."""

    float: float


class Identifier(Model):
    """An OBJECT IDENTIFIER."""

    oid: str


Answer: TypeAlias = int | str | Hex | OpaqueFloat | Identifier
"""A number is the narrowest of Integer32, Gauge32 and Counter64 that holds it."""


class Device(Model):
    """One device. No file is a recording, and no profile counts as recorded by it."""

    device: str
    source: str
    """On what the objects and their meaning rest."""
    profile: str
    """The profile that it must be found as."""
    sys_object_id: str = ""
    """Empty where the device has none."""
    without_sys_object_id: str = ""
    """The profile that it is found as without its sysObjectID, where that is another one."""
    objects: Mapping[str, Answer] = Field(min_length=1)
    """The few objects that the profile reads, and what may be mistaken for them."""
    publishes: Mapping[LevelName, Mapping[str, Mapping[QuantityName, float]]] = Field(min_length=1)
    """All readings by level, label and quantity, in W, VA, A, V, a ratio or J."""
    rejects: Mapping[str, int] = {}
    """The number of values that are not measurements, by reason."""

    @property
    def readings(self) -> Mapping[tuple[str, str, str], float]:
        """The published values by level, label and quantity."""
        return {
            (level, label, quantity): value
            for level, labels in self.publishes.items()
            for label, quantities in labels.items()
            for quantity, value in quantities.items()
        }

    def walk(self, path: Path, *, sys_object_id: bool = True) -> WalkClient:
        """The device as a walk, which is written to `path`."""
        lines = [f"{SYS_OBJECT_ID}|6|{self.sys_object_id}"] if self.sys_object_id and sys_object_id else []
        path.write_text("\n".join([*lines, *(f"{oid}|{_line(value)}" for oid, value in self.objects.items())]))
        return WalkClient(path)

    def agent_objects(self) -> Mapping[str, Callable[[], Value | None]]:
        """The device as the objects of an agent."""
        answers = {SYS_UP_TIME: rfc1902.TimeTicks(100), **{oid: _typed(value) for oid, value in self.objects.items()}}
        if self.sys_object_id:
            answers[SYS_OBJECT_ID] = rfc1902.ObjectIdentifier(self.sys_object_id)
        return {oid: lambda value=value: value for oid, value in answers.items()}  # type: ignore[misc]


def devices() -> Mapping[str, Device]:
    """All devices by the name of their file. Raises UsageError with the file and the key of a mistake."""
    return {path.stem: load(path, Device) for path in _files()}


def _files() -> Iterable[Path]:
    return sorted(FOLDER.glob("*.yaml"))


def _opaque(value: OpaqueFloat) -> bytes:
    return OPAQUE_FLOAT + struct.pack(">f", value.float)


def _line(value: Answer) -> str:
    """Tag and value in snmpsim's format."""
    match value:
        case Hex():
            return f"4x|{value.hex}"
        case OpaqueFloat():
            return f"68x|{_opaque(value).hex()}"
        case Identifier():
            return f"6|{value.oid}"
        case str():
            return f"4|{value}"
    return f"{2 if -(2**31) <= value < 2**31 else 66 if value < 2**32 else 70}|{value}"


def _typed(value: Answer) -> Value:
    match value:
        case Hex():
            return bytes.fromhex(value.hex)
        case OpaqueFloat():
            return rfc1902.Opaque(_opaque(value))
        case Identifier():
            return rfc1902.ObjectIdentifier(value.oid)
        case str():
            return value
    if -(2**31) <= value < 2**31:
        return value
    return rfc1902.Gauge32(value) if value < 2**32 else rfc1902.Counter64(value)
