# SPDX-License-Identifier: Apache-2.0
"""Reads the information elements of a PFCP message (TS 29.244, 7.5 and 8.1).

An element that is not in these tables is passed over, as are all of enterprises (their type has the highest bit set).
Groups are read as deep as the tables go, so that no message can nest without end.
"""

import struct
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from joulepath.pfcp.wire import message as m
from joulepath.pfcp.wire import values
from joulepath.pfcp.wire.content import Content, Far, Pdr, Qer, Report, Urr
from joulepath.pfcp.wire.message import Message
from joulepath.pfcp.wire.reasons import ELEMENT_LENGTH, ELEMENT_VALUE, MISSING_ELEMENT, Malformed

_HEAD = struct.Struct(">HH")
_UNSIGNED = {1: struct.Struct(">B"), 2: struct.Struct(">H"), 4: struct.Struct(">I")}
"""By the number of octets."""
MOST_PARTS = 64
"""Of one kind in one rule, such as its URRs; what is beyond is not kept."""
Reader: TypeAlias = Callable[[Any, bytes, int, int], None]
"""Reads the value between two offsets into an object."""
_Table: TypeAlias = Mapping[int, Reader]


def content(octets: bytes, message: Message) -> Content:
    """The elements of the message. Raises Malformed."""
    found = Content()
    table = _TABLES.get(message.kind)
    if table is None:
        return found
    _each(octets, message.start, message.end, table, found)
    if message.kind in _WITH_CAUSE and not found.cause:
        raise Malformed(MISSING_ELEMENT)
    if message.kind == m.ESTABLISHMENT_REQUEST and found.seid is None:
        raise Malformed(MISSING_ELEMENT)
    if message.kind == m.ESTABLISHMENT_RESPONSE and found.accepted and found.seid is None:
        raise Malformed(MISSING_ELEMENT)
    return found


def _each(octets: bytes, start: int, end: int, table: _Table, into: Any) -> None:
    while start < end:
        if end - start < 4:
            raise Malformed(ELEMENT_LENGTH)
        kind, length = _HEAD.unpack_from(octets, start)
        start += 4
        behind = start + length
        if behind > end:
            raise Malformed(ELEMENT_LENGTH)
        reader = table.get(kind)
        if reader is not None:
            reader(into, octets, start, behind)
        start = behind


def _number(name: str, width: int, mask: int = -1) -> Reader:
    unpack = _UNSIGNED[width].unpack_from

    def read(into: Any, octets: bytes, start: int, end: int) -> None:
        if end - start < width:
            raise Malformed(ELEMENT_VALUE)
        setattr(into, name, unpack(octets, start)[0] & mask)

    return read


def _value(name: str, value: Callable[[bytes, int, int], object]) -> Reader:
    def read(into: Any, octets: bytes, start: int, end: int) -> None:
        setattr(into, name, value(octets, start, end))

    return read


def _listed(name: str, width: int, mask: int = -1) -> Reader:
    """Adds a number to the list of that name."""
    unpack = _UNSIGNED[width].unpack_from

    def read(into: Any, octets: bytes, start: int, end: int) -> None:
        if end - start < width:
            raise Malformed(ELEMENT_VALUE)
        if len(getattr(into, name) or ()) < MOST_PARTS:
            _add(into, name, unpack(octets, start)[0] & mask)

    return read


def _add(into: Any, name: str, member: object) -> None:
    """Adds to a list, which the first makes."""
    if known := getattr(into, name):
        known.append(member)
    else:
        setattr(into, name, [member])


def _group(name: str, kind: Callable[[], Any], table: _Table) -> Reader:
    """A group, added to a list. Its first number must be there."""

    def read(into: Any, octets: bytes, start: int, end: int) -> None:
        member = kind()
        _each(octets, start, end, table, member)
        if (member.urr if isinstance(member, Report) else member.number) < 0:
            raise Malformed(MISSING_ELEMENT)
        _add(into, name, member)

    return read


def _removal(name: str, element: int, width: int) -> Reader:
    table = {element: _listed(name, width)}

    def read(into: Any, octets: bytes, start: int, end: int) -> None:
        _each(octets, start, end, table, into)

    return read


def _teid(pdr: Pdr, octets: bytes, start: int, end: int) -> None:
    if (teid := values.teid(octets, start, end)) is not None and len(pdr.teids) < MOST_PARTS:
        _add(pdr, "teids", teid)


def _users(pdr: Pdr, octets: bytes, start: int, end: int) -> None:
    users = values.users(octets, start, end)
    if len(pdr.users) < MOST_PARTS:
        pdr.users = [*pdr.users, *users]


def _pdi(pdr: Pdr, octets: bytes, start: int, end: int) -> None:
    pdr.detects = True
    _each(octets, start, end, _PDI, pdr)


def _parameters(far: Far, octets: bytes, start: int, end: int) -> None:
    _each(octets, start, end, _FORWARDING, far)


def _method(urr: Urr, octets: bytes, start: int, end: int) -> None:
    urr.volume = bool(values.number(octets, start, end, 1) & 2)  # VOLUM


def _volume(report: Report, octets: bytes, start: int, end: int) -> None:
    values.volume(octets, start, end, report)


def _trigger(report: Report, octets: bytes, start: int, end: int) -> None:
    # Two octets in Release 14, three since.
    report.trigger = int.from_bytes(octets[start : min(end, start + 3)].ljust(3, b"\0"), "big")


def _retained(found: Content, octets: bytes, start: int, end: int) -> None:
    del octets, start, end
    found.retained = True


def _deleted(found: Content, octets: bytes, start: int, end: int) -> None:
    found.deleted = bool(values.number(octets, start, end, 1) & 1)  # PSDBU


_PDI = {
    20: _number("source", 1, 0x0F),
    21: _teid,
    22: _value("network", values.text),
    93: _users,
    124: _listed("qfis", 1, 0x3F),
    131: _number("endpoint", 1),
}
_PDR = {56: _number("number", 2), 2: _pdi, 81: _listed("urrs", 4), 109: _listed("qers", 4)}
_CREATED = {56: _number("number", 2), 21: _teid, 93: _users}
_ENDPOINT = {**_PDI, 131: _number("number", 1)}
_URR = {81: _number("number", 4), 62: _method, 64: _number("period", 4)}
_QER = {109: _number("number", 4), 124: _number("qfi", 1, 0x3F)}
_FORWARDING = {84: _value("teid", values.outer_teid)}
_FAR = {108: _number("number", 4), 4: _parameters, 11: _parameters}
_REPORT = {
    81: _number("urr", 4),
    104: _number("sequence", 4),
    63: _trigger,
    66: _volume,
    69: _value("first", values.moment),
    70: _value("last", values.moment),
    75: _value("start", values.moment),
    76: _value("end", values.moment),
}


def _report(into: Content, octets: bytes, start: int, end: int) -> None:
    report = Report()
    _each(octets, start, end, _REPORT, report)
    if report.urr < 0 or report.sequence < 0:
        raise Malformed(MISSING_ELEMENT)
    _add(into, "reports", report)


_CAUSE = {19: _number("cause", 1)}
_NODE = {60: _value("node", values.node), 96: _value("recovery", values.moment)}
_SESSION = {57: _value("seid", values.seid)}
_RULES = {
    **_SESSION,
    1: _group("pdrs", Pdr, _PDR),
    3: _group("fars", Far, _FAR),
    6: _group("urrs", Urr, _URR),
    7: _group("qers", Qer, _QER),
    127: _group("endpoints", Pdr, _ENDPOINT),
    141: _value("subscriber", values.subscriber),
    159: _value("dnn", values.text),
    257: _value("s_nssai", values.s_nssai),
}
_CREATIONS = {8: _group("created_pdrs", Pdr, _CREATED), 128: _group("created_endpoints", Pdr, _ENDPOINT)}
_TABLES: Mapping[int, _Table] = {
    m.HEARTBEAT_REQUEST: _NODE,
    m.HEARTBEAT_RESPONSE: _NODE,
    m.ASSOCIATION_SETUP_REQUEST: {**_NODE, 183: _retained},
    m.ASSOCIATION_SETUP_RESPONSE: {**_NODE, **_CAUSE},
    m.ASSOCIATION_RELEASE_REQUEST: _NODE,
    m.ASSOCIATION_RELEASE_RESPONSE: {**_NODE, **_CAUSE},
    m.ESTABLISHMENT_REQUEST: {**_RULES, **_NODE},
    m.ESTABLISHMENT_RESPONSE: {**_SESSION, **_NODE, **_CAUSE, **_CREATIONS},
    m.MODIFICATION_REQUEST: {
        **_RULES,
        9: _group("updated_pdrs", Pdr, _PDR),
        10: _group("updated_fars", Far, _FAR),
        13: _group("updated_urrs", Urr, _URR),
        14: _group("updated_qers", Qer, _QER),
        15: _removal("removed_pdrs", 56, 2),
        16: _removal("removed_fars", 108, 4),
        17: _removal("removed_urrs", 81, 4),
        18: _removal("removed_qers", 109, 4),
        129: _group("updated_endpoints", Pdr, _ENDPOINT),
        130: _removal("removed_endpoints", 131, 1),
    },
    m.MODIFICATION_RESPONSE: {**_CAUSE, **_CREATIONS, 78: _report},
    m.DELETION_REQUEST: {},
    m.DELETION_RESPONSE: {**_CAUSE, 79: _report},
    m.REPORT_REQUEST: {80: _report, 161: _deleted},
    m.REPORT_RESPONSE: _CAUSE,
}
"""The elements that are read, by message. The others in a message only have to fit into it."""
_WITH_CAUSE = frozenset(
    {
        m.ASSOCIATION_SETUP_RESPONSE,
        m.ASSOCIATION_RELEASE_RESPONSE,
        m.ESTABLISHMENT_RESPONSE,
        m.MODIFICATION_RESPONSE,
        m.DELETION_RESPONSE,
        m.REPORT_RESPONSE,
    }
)
