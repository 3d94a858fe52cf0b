# SPDX-License-Identifier: Apache-2.0
"""An SNMP v2c agent with functions as values, for meters of the lab and of tests.

It speaks BER over UDP as any agent does (RFC 3416: GET, GETNEXT, GETBULK) and asks each object's function at every
request, so that a reading is as old as the answer. Encoding is pyasn1's, through pysnmp's message classes.
"""

import socket
import threading
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self, TypeAlias

from pyasn1.codec.ber import decoder, encoder
from pyasn1.error import PyAsn1Error
from pysnmp.proto import api, rfc1902
from pysnmp.proto.rfc1905 import endOfMibView, noSuchInstance

Value: TypeAlias = int | str | bytes | rfc1902.ObjectIdentifier | rfc1902.Integer32 | rfc1902.Unsigned32
"""A plain int becomes INTEGER, text an OCTET STRING; name any other type with the classes of `pysnmp.proto.rfc1902`."""

MAX_ANSWER_VARBINDS = 200
"""Rows of one GETBULK answer at most; RFC 3416 4.2.3 lets an agent answer with fewer than asked."""

_V2C = api.PROTOCOL_MODULES[api.SNMP_VERSION_2C]


_KINDS: Mapping[str, Any] = {
    "get": _V2C.GetRequestPDU,
    "next": _V2C.GetNextRequestPDU,
    "bulk": _V2C.GetBulkRequestPDU,
}


@dataclass(frozen=True)
class Response:
    """The objects of a Response PDU, its error-status and its error-index."""

    found: Sequence[tuple[tuple[int, ...], Any]]
    status: int = 0
    index: int = 0


class Agent:
    """Answers for `objects` (dotted OID -> function that returns its value now) on `host`:`port` to `community` alone.

    A function that returns None stands for an object that is not there at present. A wrong community gets no answer,
    as RFC 1157 4.1 demands. `port` 0 takes a free one; see `address`. Runs in a thread of its own, from `start` (or
    the `with` statement) to `stop`, and is idle between requests.
    """

    def __init__(
        self,
        objects: Mapping[str, Callable[[], Value | None]],
        community: str = "public",
        port: int = 0,
        host: str = "127.0.0.1",
    ) -> None:
        self._objects = {_parsed(oid): function for oid, function in objects.items()}
        self._order = sorted(self._objects)
        self._community = community.encode()
        self._version = 1  # as it is written in a message of SNMP v2c
        self._socket = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((host, port))
        self._socket.settimeout(0.2)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._serve, name="snmp-agent", daemon=True)
        self.requests = 0
        """Requests answered so far."""

    @property
    def address(self) -> tuple[str, int]:
        """Host and port that it answers on."""
        host, port = self._socket.getsockname()[:2]
        return host, port

    def start(self) -> None:
        """Begins to answer."""
        self._thread.start()

    def stop(self) -> None:
        """Ends answering and closes the socket."""
        self._stopping.set()
        if self._thread.is_alive():
            self._socket.sendto(b"", self.address)  # wakes the thread at once
            self._thread.join(2)
        self._socket.close()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _serve(self) -> None:
        while not self._stopping.is_set():
            try:
                request, client = self._socket.recvfrom(65535)
            except TimeoutError:
                continue
            except OSError:
                return
            answer = self._answer(request)
            if answer is not None:
                self.requests += 1
                self._send(answer, client)

    def _send(self, answer: bytes, client: tuple[str, int]) -> None:
        self._socket.sendto(answer, client)

    def _answer(self, request: bytes) -> bytes | None:
        try:
            message, _ = decoder.decode(request, asn1Spec=_V2C.Message())
        except PyAsn1Error:
            return None
        if int(message["version"]) != self._version or bytes(message["community"]) != self._community:
            return None
        pdu = _V2C.apiMessage.get_pdu(message)
        kind = next((kind for kind, made in _KINDS.items() if pdu.isSameTypeWith(made())), None)
        if kind is None:
            return None
        operations = _V2C.apiBulkPDU if kind == "bulk" else _V2C.apiPDU
        names = [tuple(oid) for oid, _ in operations.get_varbinds(pdu)]
        counts = (0, 0)
        if kind == "bulk":
            counts = (int(operations.get_non_repeaters(pdu)), int(operations.get_max_repetitions(pdu)))
        answered = self._respond(kind, names, *counts)
        if answered is None:
            return None
        answer = _V2C.apiMessage.get_response(message)
        response = _V2C.apiMessage.get_pdu(answer)
        _V2C.apiPDU.set_varbinds(response, answered.found)
        response.setComponentByPosition(1, answered.status)
        response.setComponentByPosition(2, answered.index)
        return bytes(encoder.encode(answer))

    def _respond(
        self, kind: str, names: Sequence[tuple[int, ...]], non_repeaters: int, repetitions: int
    ) -> "Response | None":
        """The answer to a GET, GETNEXT ("next") or GETBULK ("bulk"); None for silence."""
        if kind == "get":
            return Response([self._get(oid) for oid in names])
        if kind == "next":
            return Response([self._after(oid) for oid in names])
        return Response(list(self._bulk(names, non_repeaters, repetitions)))

    def _get(self, oid: tuple[int, ...]) -> tuple[tuple[int, ...], Any]:
        function = self._objects.get(oid)
        value = function() if function else None
        return oid, noSuchInstance if value is None else _typed(value)

    def _after(self, oid: tuple[int, ...]) -> tuple[tuple[int, ...], Any]:
        for following in self._order[bisect_right(self._order, oid) :]:
            value = self._objects[following]()
            if value is not None:
                return following, _typed(value)
        return oid, endOfMibView

    def _bulk(
        self, names: Sequence[tuple[int, ...]], non_repeaters: int, repetitions: int
    ) -> Iterator[tuple[tuple[int, ...], Any]]:
        for oid in names[:non_repeaters]:
            yield self._after(oid)
        row = list(names[non_repeaters:])
        if row:
            repetitions = min(repetitions, MAX_ANSWER_VARBINDS // len(row))
        for _ in range(repetitions):
            answered = [self._after(oid) for oid in row]
            yield from answered
            row = [oid for oid, _ in answered]
            if all(value is endOfMibView for _, value in answered):
                return


def _parsed(oid: str) -> tuple[int, ...]:
    return tuple(int(part) for part in oid.strip(".").split("."))


def _typed(value: Value) -> Any:
    if isinstance(value, int):
        return rfc1902.Integer32(value)
    if isinstance(value, str | bytes):
        return rfc1902.OctetString(value.encode() if isinstance(value, str) else value)
    return value
