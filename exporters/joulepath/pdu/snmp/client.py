# SPDX-License-Identifier: Apache-2.0
"""The client that every SNMP library provides: get some objects, walk one column. `clients.py` chooses the library."""

import asyncio
import contextlib
import ipaddress
import socket
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Protocol, TypeAlias

from joulepath.errors import JoulepathError

Oid: TypeAlias = tuple[int, ...]


class Missing(Enum):
    """Why an object has no value: it does not exist (RFC 3416 section 2.3), or the agent does not give it."""

    NO_SUCH_OBJECT = "noSuchObject"
    NO_SUCH_INSTANCE = "noSuchInstance"
    END_OF_MIB_VIEW = "endOfMibView"
    TOO_BIG = "tooBig"
    NO_SUCH_NAME = "noSuchName"
    """Only with SNMP v2c and v3, which have noSuchInstance for a missing object."""
    GEN_ERR = "genErr"
    REFUSED = "another error-status"
    UNANSWERED = "no answer"

    @property
    def refused(self) -> bool:
        """Whether the object may exist but the agent does not give its value."""
        return self not in (Missing.NO_SUCH_OBJECT, Missing.NO_SUCH_INSTANCE, Missing.END_OF_MIB_VIEW)


Value: TypeAlias = int | float | bytes | Oid | Missing
"""INTEGER, Gauge, Counter and TimeTicks are int, OCTET STRING and its kin bytes, OBJECT IDENTIFIER an Oid.

A number in an Opaque is an int or a float.
"""


@dataclass(frozen=True)
class SnmpEndpoint:
    """Where an agent listens, over UDP."""

    host: str
    port: int = 161

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"udp://{host}:{self.port}"


class SnmpError(JoulepathError):
    """A request failed; the message says how, without the device's name and never with its credentials."""


class NoAnswerError(SnmpError):
    """No answer came: a dead host, a closed port and a wrong community look alike."""

    def __init__(self, limits: "Limits") -> None:
        super().__init__(
            f"no answer within {limits.timeout * (1 + limits.retries):g} s: check the address, the network and the "
            "community (a wrong community gets no answer either); a slow agent needs a longer timeout"
        )


class RefusedError(SnmpError):
    """The agent answers with an error where a walk goes on, so that the rest of the column is not known."""


class GarbledError(SnmpError):
    """A datagram of the agent that cannot be decoded."""

    def __init__(self, cause: str) -> None:
        super().__init__(f"the answer is not an SNMP message: {cause}")


@dataclass(frozen=True)
class Limits:
    """Bounds of the requests to an agent."""

    timeout: float = 2.0
    """Seconds until a request is sent again."""
    retries: int = 1
    rows: int = 4096
    """Most instances of one walk."""
    requests: int = 512
    """Most requests of one walk."""


class SnmpClient(Protocol):
    """Asks one agent."""

    async def get(self, oids: Sequence[Oid]) -> Mapping[Oid, Value]:
        """The objects' values, Missing where the agent lacks it. Raises SnmpError."""

    async def walk(self, column: Oid, repetitions: int = 25) -> Mapping[Oid, Value]:
        """All instances below `column` by their index, in order. Asks for `repetitions` rows at a time.

        Raises SnmpError, also where the agent goes backwards or has no end.
        """

    async def close(self) -> None:
        """Releases what belongs to this agent."""


async def resolve_address(endpoint: SnmpEndpoint, turn: int) -> tuple[int, tuple[str, int]]:
    """The address family, host and port of an endpoint. Raises SnmpError.

    A name may have several addresses and the agent only one of them: IPv4 first, the next at each `turn`.
    """
    with contextlib.suppress(ValueError):
        numeric = ipaddress.ip_address(endpoint.host)  # no name to look up, and no thread to do so
        if isinstance(numeric, ipaddress.IPv4Address):
            return socket.AF_INET, (str(numeric), endpoint.port)
        if numeric.ipv4_mapped is None:
            return socket.AF_INET6, (str(numeric), endpoint.port)
    try:
        entries = await asyncio.get_running_loop().getaddrinfo(endpoint.host, endpoint.port, type=socket.SOCK_DGRAM)
    except OSError as error:
        raise SnmpError(f"the name {endpoint.host!r} is not known: {error.strerror}") from None
    addresses = sorted(entries, key=lambda each: each[0] != socket.AF_INET)
    family, _, _, _, where = addresses[turn % len(addresses)]
    return family, (str(where[0]), int(where[1]))


def opaque(octets: bytes) -> int | float | bytes:
    """The number in an Opaque, in net-snmp's encoding (asn1.h: ASN_OPAQUE_FLOAT and its kin); else the octets.

    The two octets of its tag say what it is, the next one how many octets follow.
    """
    if len(octets) < _OPAQUE_HEAD or octets[0] != _OPAQUE_TAG or octets[2] != len(octets) - _OPAQUE_HEAD:
        return octets
    kind, number = octets[1], octets[_OPAQUE_HEAD:]
    if (kind, len(number)) in _OPAQUE_FLOATS:
        return float(struct.unpack(_OPAQUE_FLOATS[kind, len(number)], number)[0])
    if kind in _OPAQUE_INTEGERS and 0 < len(number) <= _OPAQUE_LONGEST:
        return int.from_bytes(number, "big", signed=_OPAQUE_INTEGERS[kind])
    return octets


_OPAQUE_TAG, _OPAQUE_HEAD, _OPAQUE_LONGEST = 0x9F, 3, 9
_OPAQUE_FLOATS: Mapping[tuple[int, int], str] = {(0x78, 4): ">f", (0x79, 8): ">d"}
_OPAQUE_INTEGERS: Mapping[int, bool] = {0x76: False, 0x7A: True, 0x7B: False}
"""Counter64, Integer64 and Unsigned64, and whether they have a sign."""


def format_oid(oid: Oid) -> str:
    """`(1, 3, 6)` as `1.3.6`."""
    return ".".join(map(str, oid))


def parse_oid(text: str) -> Oid:
    """`1.3.6`, with or without a leading dot, as `(1, 3, 6)`. Raises ValueError."""
    parts = text.removeprefix(".").split(".")
    if not all(part.isdecimal() for part in parts):
        raise ValueError(f"{text!r} is not an object identifier: write it in digits, as in 1.3.6.1.4.1.318")
    return tuple(map(int, parts))
