# SPDX-License-Identifier: Apache-2.0
"""Reads a recorded walk instead of a device: an `SnmpClient` over a file in snmpsim's format or in snmpwalk's."""

import re
from bisect import bisect_right
from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from joulepath.errors import UsageError
from joulepath.pdu.snmp import snmpwalk
from joulepath.pdu.snmp.client import Missing, Oid, Value, opaque, parse_oid

_TEXT_TAGS = {"4", "64", "68"}
"""ASN.1 tags of OCTET STRING, IpAddress and Opaque; all others but OBJECT IDENTIFIER and NULL are numbers."""


_RECORDED = re.compile(r"[^\s|]+\|[^|]*\|")


class WalkClient:
    """One walk: lines of `OID|TAG|VALUE` or those of `snmpwalk -On`. Raises UsageError where no line is either."""

    def __init__(self, path: Path) -> None:
        try:
            lines = _decode(path.read_bytes()).split("\n")
        except OSError as error:
            raise UsageError(f"{path}: cannot be read: {error.strerror}") from None
        self._values: dict[Oid, Value] = {}
        self.skipped: list[int] = []
        """Numbers of lines that are neither objects nor comments."""
        for number, written in snmpwalk.join_lines(line.rstrip("\r") for line in lines):
            try:
                for oid, value in _objects(written):
                    self._values[oid] = value
            except (ValueError, OverflowError):
                self.skipped.append(number)
        if not self._values:
            first = f" (the first that is not: line {self.skipped[0]})" if self.skipped else ""
            raise UsageError(f"{path}: holds no line of OID|TAG|VALUE, and none of snmpwalk -On{first}")
        self._oids = sorted(self._values)

    async def get(self, oids: Sequence[Oid]) -> Mapping[Oid, Value]:
        """See `SnmpClient.get`."""
        return {oid: self._values.get(oid, Missing.NO_SUCH_INSTANCE) for oid in oids}

    async def walk(self, column: Oid, repetitions: int = 25) -> Mapping[Oid, Value]:  # noqa: ARG002  # all at once
        """See `SnmpClient.walk`."""
        values: dict[Oid, Value] = {}
        for oid in self._oids[bisect_right(self._oids, column) :]:
            if oid[: len(column)] != column:
                break
            values[oid[len(column) :]] = self._values[oid]
        return values

    async def close(self) -> None:
        """See `SnmpClient.close`."""


def _decode(written: bytes) -> str:
    """A file as text; Windows marks its encoding in front, and its PowerShell redirects output as UTF-16."""
    encoding = "utf-16" if written.startswith((BOM_UTF16_LE, BOM_UTF16_BE)) else "utf-8-sig"
    errors = "replace" if encoding == "utf-16" else "surrogateescape"
    return written.decode(encoding, errors)


def _objects(line: str) -> Iterable[tuple[Oid, Value]]:
    """The object of a line, if it holds one. Raises ValueError where it cannot be read."""
    if not line.strip() or line.startswith("#"):
        return
    if not _RECORDED.match(line):
        found, value = snmpwalk.read(line)
        if not isinstance(value, Missing):
            yield found, value
        return
    oid, tag, written = line.split("|", 2)
    if ":" not in tag:  # else made up by one of snmpsim's modules: not recorded
        yield parse_oid(oid), _value(tag, written)


def _value(tag: str, written: str) -> Value:
    kind = tag.removesuffix("x").removesuffix("e")
    if kind in _TEXT_TAGS:
        octets = bytes.fromhex(written) if tag.endswith("x") else written.encode("utf-8", "surrogateescape")
        return opaque(octets) if kind == "68" else octets
    if kind == "6":
        return parse_oid(written)
    if kind == "5":
        return Missing.NO_SUCH_INSTANCE
    return int(written)
