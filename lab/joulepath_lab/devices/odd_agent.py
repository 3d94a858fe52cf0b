# SPDX-License-Identifier: Apache-2.0
"""SNMP agents that depart from the standards, as real ones do, at the level of the single answer."""

import socket
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from pysnmp.proto import rfc1902
from pysnmp.proto.rfc1905 import endOfMibView, noSuchInstance

from joulepath_lab.devices.snmp_agent import Agent, Response, Value

Oid = tuple[int, ...]

TOO_BIG, NO_SUCH_NAME, GEN_ERR = 1, 2, 5
"""error-status, RFC 3416."""

BulkFault = Literal[
    "silent", "genErr", "noSuchName", "empty", "itself", "reversed", "repeats", "ends early", "fewer", "more"
]


@dataclass
class Odd:
    """How an agent departs from the standards. All may be changed while it runs."""

    refuses: Mapping[Oid, int] = field(default_factory=dict)
    """Objects that make it answer any request that they are part of with this error-status."""
    index: Literal["right", "from zero", "first", "zero", "beyond"] = "right"
    """The error-index: the object's place, its place less one, always 1, 0, or a place that is not there."""
    drops: frozenset[Oid] = frozenset()
    """Objects that make it silent."""
    drops_over: int | None = None
    """GET of more objects gets no answer."""
    drops_rows_over: int | None = None
    """GETBULK of more rows gets no answer."""
    too_big_over: int | None = None
    """GET of more objects is answered with tooBig, and so is GETBULK of more rows."""
    shortens_to: int | None = None
    """The most objects in its answer to a GET."""
    cuts_at: int | None = None
    """The length at which it cuts datagrams [octets]."""
    omits: frozenset[Oid] = frozenset()
    """Objects that it leaves out of its answers."""
    bulk: BulkFault | None = None
    """The fault of its GETBULK."""
    delay: float = 0.0
    """Seconds that an answer takes."""
    requests: list[tuple[str, int]] = field(default_factory=list)
    """All requests, answered or not: get, next or bulk, with the number of objects or rows."""


class OddAgent(Agent):
    """An agent with faults. `sends_from` is another address (port 0: any) that its answers come from."""

    def __init__(
        self,
        objects: Mapping[str, Callable[[], Value | None]],
        odd: Odd,
        community: str = "public",
        *,
        version: Literal[1, 2] = 2,
        sends_from: tuple[str, int] | None = None,
    ) -> None:
        super().__init__(objects, community)
        self._odd = odd
        self._version = version - 1
        self._other: socket.socket | None = None
        if sends_from is not None:
            self._other = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            self._other.bind(sends_from)

    def stop(self) -> None:
        """See `Agent.stop`."""
        super().stop()
        if self._other is not None:
            self._other.close()

    def _send(self, answer: bytes, client: tuple[str, int]) -> None:
        (self._other or self._socket).sendto(answer[: self._odd.cuts_at], client)

    def _respond(self, kind: str, names: Sequence[Oid], non_repeaters: int, repetitions: int) -> Response | None:
        odd = self._odd
        size = repetitions if kind == "bulk" else len(names)
        odd.requests.append((kind, size))
        if odd.delay and self._stopping.wait(odd.delay):
            return None
        most = odd.drops_rows_over if kind == "bulk" else odd.drops_over
        if most is not None and size > most and kind != "next":
            return None
        if odd.too_big_over is not None and size > odd.too_big_over and kind != "next":
            return Response([], TOO_BIG)
        if kind == "bulk" and odd.bulk is not None:
            return self._bulk_fault(odd.bulk, names[0], repetitions)
        answer = super()._respond(kind, names, non_repeaters, repetitions)
        return None if answer is None else self._spoilt(kind, names, answer)

    def _spoilt(self, kind: str, names: Sequence[Oid], answer: Response) -> Response | None:
        odd, found = self._odd, list(answer.found)
        if any(oid in odd.drops for oid, _ in found):
            return None
        for place, (oid, value) in enumerate(found, 1):
            if self._version == 0 and value in (noSuchInstance, endOfMibView):
                return self._refusal(names, NO_SUCH_NAME, place)
            if oid in odd.refuses:
                return self._refusal(names, odd.refuses[oid], min(place, len(names)))
        found = [(oid, value) for oid, value in found if oid not in odd.omits]
        return Response(found[: odd.shortens_to] if kind == "get" else found)

    def _refusal(self, names: Sequence[Oid], status: int, place: int) -> Response:
        index = {"right": place, "from zero": place - 1, "first": 1, "zero": 0, "beyond": len(names) + 7}
        return Response([(oid, rfc1902.Null("")) for oid in names], status, index[self._odd.index])

    def _bulk_fault(self, fault: BulkFault, last: Oid, repetitions: int) -> Response | None:
        rows: list[tuple[Oid, Any]] = list(self._bulk([last], 0, repetitions))
        faults: Mapping[BulkFault, Response | None] = {
            "silent": None,
            "genErr": self._refusal([last], GEN_ERR, 1),
            "noSuchName": self._refusal([last], NO_SUCH_NAME, 1),
            "empty": Response([]),
            "itself": Response([(last, noSuchInstance)]),
            "reversed": Response(rows[::-1]),
            "repeats": Response([row for row in rows for _ in range(2)]),
            "ends early": Response([*rows[:3], (rows[-1][0], endOfMibView)]),
            "fewer": Response(rows[:2]),
            "more": Response([*rows, *self._bulk([rows[-1][0]], 0, 3)]),
        }
        return faults[fault]
