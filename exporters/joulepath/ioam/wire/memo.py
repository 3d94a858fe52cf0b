# SPDX-License-Identifier: Apache-2.0
"""Decodes what it has decoded before at once: packets of a flow have the same header, but for their timestamps."""

import struct
from typing import NamedTuple, TypeVar

from joulepath.ioam.wire import decode

K = TypeVar("K")
V = TypeVar("V")

_PREFIX_OCTETS = 16
"""From the start of the header to the trace type of a first option behind two octets of padding, as Linux writes it."""
_MOST = 4096
"""Headers kept, with and without timestamps each; headers are untrusted input."""

_TIMES = decode.Trace._fields.index("times")
_new = tuple.__new__


class _Stamped(NamedTuple):
    """Where headers of one kind have their timestamps."""

    places: tuple[int, ...]
    times: struct.Struct
    """Reads them all, in the order of the trace's nodes."""
    rest: int
    """All bits but theirs, of the header as a number."""


class Memo:
    """The decoder with a memory, for pre-allocated traces with the layout of Cross-Layer Telemetry in `clt`."""

    def __init__(self, clt: frozenset[int] = frozenset()) -> None:
        self._clt = clt
        self._same: dict[bytes, decode.Options] = {}
        self._stamped: dict[bytes, _Stamped] = {}
        self._rests: dict[int, tuple[tuple[object, ...], tuple[object, ...], tuple[int, int, bool]]] = {}

    def options(self, header: bytes) -> decode.Options:
        """The result of `decode.options` for the header. Raises Malformed."""
        options = self._same.get(header)
        if options is not None:
            return options
        kind = self._stamped.get(header[:_PREFIX_OCTETS])
        if kind is not None:
            known = self._rests.get(int.from_bytes(header) & kind.rest)
            if known is not None:
                before, behind, rest = known
                # This does the work of a NamedTuple's own constructor in half of its time.
                trace = _new(decode.Trace, (*before, kind.times.unpack_from(header), *behind))
                return _new(decode.Options, ((trace,), *rest))
        options = decode.options(header, self._clt)
        self._keep(header, options)
        return options

    def _keep(self, header: bytes, options: decode.Options) -> None:
        traces = options.traces
        if not any(trace.stamps for trace in traces):
            _put(self._same, header, options)
        elif len(traces) == 1:
            trace, prefix = traces[0], header[:_PREFIX_OCTETS]
            kind = self._stamped.get(prefix)
            if kind is None:
                kind = _put(self._stamped, prefix, _kind(header, trace.stamps))
            # Another header may begin alike and have its timestamps elsewhere, behind a longer snapshot.
            if kind.places == trace.stamps:
                _put(
                    self._rests,
                    int.from_bytes(header) & kind.rest,
                    (trace[:_TIMES], trace[_TIMES + 1 :], options[1:]),
                )


def _put(known: dict[K, V], key: K, value: V) -> V:
    if len(known) >= _MOST:
        known.clear()
    known[key] = value
    return value


def _kind(header: bytes, places: tuple[int, ...]) -> _Stamped:
    rest = bytearray(b"\xff" * len(header))
    text, end = "!", 0
    for place in places:
        rest[place : place + 8] = bytes(8)
        text += f"{place - end}xQ"
        end = place + 8
    return _Stamped(places, struct.Struct(text), int.from_bytes(rest))
