# SPDX-License-Identifier: Apache-2.0
"""A recorded walk in place of a device: the same `Client`, read from a file of snmpsim's format."""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from pathlib import Path

from joulepath.errors import UsageError
from joulepath.pdu.snmp import Missing, Oid, Value, parsed

_TEXT_TAGS = {"4", "64", "68"}
"""ASN.1 tags of OCTET STRING, IpAddress and Opaque; all others but OBJECT IDENTIFIER and NULL are numbers."""


class WalkClient:
    """One walk, lines of `OID|TAG|VALUE`. Raises UsageError with the line that is none."""

    def __init__(self, path: Path) -> None:
        self._values: dict[Oid, Value] = {}
        try:
            lines = path.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
        except OSError as error:
            raise UsageError(f"{path}: cannot be read: {error.strerror}") from None
        for number, line in enumerate(lines, 1):
            oid, bar, rest = line.partition("|")
            if not bar or line.startswith("#"):
                continue
            tag, _, written = rest.partition("|")
            if ":" in tag:  # made up by one of snmpsim's modules: not recorded
                continue
            try:
                self._values[parsed(oid)] = _value(tag, written)
            except ValueError:
                raise UsageError(f"{path}:{number}: is not OID|TAG|VALUE") from None
        if not self._values:
            raise UsageError(f"{path}: holds no line of OID|TAG|VALUE")
        self._oids = sorted(self._values)

    async def get(self, oids: Sequence[Oid]) -> Mapping[Oid, Value]:
        """See `Client.get`."""
        return {oid: self._values.get(oid, Missing.NO_SUCH_INSTANCE) for oid in oids}

    async def walk(self, column: Oid, repetitions: int = 25) -> Mapping[Oid, Value]:  # noqa: ARG002  # all at once
        """See `Client.walk`."""
        found: dict[Oid, Value] = {}
        for oid in self._oids[bisect_right(self._oids, column) :]:
            if oid[: len(column)] != column:
                break
            found[oid[len(column) :]] = self._values[oid]
        return found

    async def close(self) -> None:
        """See `Client.close`."""


def _value(tag: str, written: str) -> Value:
    kind = tag.removesuffix("x").removesuffix("e")
    if kind in _TEXT_TAGS:
        return bytes.fromhex(written) if tag.endswith("x") else written.encode("utf-8", "surrogateescape")
    if kind == "6":
        return parsed(written)
    if kind == "5":
        return Missing.NO_SUCH_INSTANCE
    return int(written)
