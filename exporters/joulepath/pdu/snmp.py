# SPDX-License-Identifier: Apache-2.0
"""What the exporter asks of an SNMP library: get some objects, walk one column. `clients.py` chooses the library."""

import asyncio
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Protocol, TypeAlias

from joulepath.errors import JoulepathError

Oid: TypeAlias = tuple[int, ...]


class Missing(Enum):
    """Why an object has no value (RFC 3416 section 2.3)."""

    NO_SUCH_OBJECT = "noSuchObject"
    NO_SUCH_INSTANCE = "noSuchInstance"
    END_OF_MIB_VIEW = "endOfMibView"


Value: TypeAlias = int | float | bytes | Oid | Missing
"""INTEGER, Gauge, Counter and TimeTicks are int, OCTET STRING and its kin bytes, OBJECT IDENTIFIER an Oid; an Opaque
with a Float or a Double in it is a float."""


@dataclass(frozen=True)
class Endpoint:
    """Where an agent listens, over UDP."""

    host: str
    port: int = 161

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"udp://{host}:{self.port}"


class SnmpError(JoulepathError):
    """A request failed; the message says how, without the device's name and never with its credentials."""


class NoAnswerError(SnmpError):
    """Nothing came back: a dead host, a closed port and a wrong community look alike."""

    def __init__(self, limits: "Limits") -> None:
        super().__init__(
            f"no answer within {limits.timeout * (1 + limits.retries):g} s: check the address, the network and the "
            "community (a wrong community gets no answer either)"
        )


@dataclass(frozen=True)
class Limits:
    """What a client asks of an agent at most."""

    timeout: float = 2.0
    """Seconds until a request is sent again."""
    retries: int = 1
    rows: int = 4096
    """Instances of one walk."""
    requests: int = 512
    """Requests of one walk."""


class Client(Protocol):
    """One agent."""

    async def get(self, oids: Sequence[Oid]) -> Mapping[Oid, Value]:
        """The objects' values, Missing where there is none. Raises SnmpError."""

    async def walk(self, column: Oid, repetitions: int = 25) -> Mapping[Oid, Value]:
        """All instances below `column` by their index, in order. Asks for `repetitions` rows at a time.

        Raises SnmpError, also where the agent goes backwards or has no end.
        """

    async def close(self) -> None:
        """Releases what belongs to this agent."""


async def address(endpoint: Endpoint, turn: int) -> tuple[int, tuple[str, int]]:
    """The address family, host and port of an endpoint. Raises SnmpError.

    A name may have several addresses and the agent only one of them: IPv4 first, the next at each `turn`.
    """
    try:
        found = await asyncio.get_running_loop().getaddrinfo(endpoint.host, endpoint.port, type=socket.SOCK_DGRAM)
    except OSError as error:
        raise SnmpError(f"the name {endpoint.host!r} is not known: {error.strerror}") from None
    addresses = sorted(found, key=lambda each: each[0] != socket.AF_INET)
    family, _, _, _, where = addresses[turn % len(addresses)]
    return family, (str(where[0]), int(where[1]))


def dotted(oid: Oid) -> str:
    """`(1, 3, 6)` as `1.3.6`."""
    return ".".join(map(str, oid))


def parsed(text: str) -> Oid:
    """`1.3.6`, with or without a leading dot, as `(1, 3, 6)`. Raises ValueError."""
    parts = text.removeprefix(".").split(".")
    if not all(part.isdecimal() for part in parts):
        raise ValueError(f"{text!r} is no object identifier; write it in digits, as in 1.3.6.1.4.1.318")
    return tuple(map(int, parts))
