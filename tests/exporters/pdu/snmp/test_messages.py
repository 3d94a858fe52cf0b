# SPDX-License-Identifier: Apache-2.0
"""Messages as pysnmp reads and writes them by their schema, against ours; and damaged ones."""

from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pyasn1.codec.ber import decoder, encoder
from pyasn1.error import PyAsn1Error
from pyasn1.type import univ
from pysnmp.proto import api
from pysnmp.proto.api import v2c

from joulepath.pdu.snmp.client import Missing, Oid, SnmpError, Value
from joulepath.pdu.snmp.credentials import Community
from joulepath.pdu.snmp.messages import MAX_ID, MIN_ID, Answer, answer, request

pytestmark = pytest.mark.unit

OIDS = st.lists(st.integers(0, 2**32 - 1), max_size=12).map(lambda parts: (1, 3, 6, *parts))
MISSING = {0: Missing.NO_SUCH_OBJECT, 1: Missing.NO_SUCH_INSTANCE, 2: Missing.END_OF_MIB_VIEW}
VALUES = st.one_of(
    st.integers(-(2**31), 2**31 - 1).map(v2c.Integer32),
    st.integers(0, 2**32 - 1).flatmap(
        lambda n: st.sampled_from([v2c.Gauge32(n), v2c.Counter32(n), v2c.TimeTicks(n), v2c.Unsigned32(n)])
    ),
    st.integers(0, 2**64 - 1).map(v2c.Counter64),
    st.binary(max_size=300).map(v2c.OctetString),
    st.binary(min_size=4, max_size=4).map(v2c.IpAddress),
    st.binary(max_size=20).map(v2c.Opaque),
    OIDS.map(v2c.ObjectIdentifier),
    st.sampled_from([v2c.NoSuchObject(""), v2c.NoSuchInstance(""), v2c.EndOfMibView("")]),
)
FOUND = st.lists(st.tuples(OIDS, VALUES), max_size=6)


def response(values: list[tuple[Oid, Any]], identifier: int = 1, status: int = 0, index: int = 0) -> bytes:
    pdu, message = v2c.ResponsePDU(), v2c.Message()
    v2c.apiPDU.set_defaults(pdu)
    v2c.apiPDU.set_request_id(pdu, identifier)
    pdu.setComponentByPosition(1, status)
    pdu.setComponentByPosition(2, index)
    v2c.apiPDU.set_varbinds(pdu, values)
    v2c.apiMessage.set_defaults(message)
    v2c.apiMessage.set_pdu(message, pdu)
    return bytes(encoder.encode(message))


def by_schema(message: bytes) -> tuple[int, bytes, Answer]:
    """The identifier, community and answer that pysnmp reads."""
    decoded, _ = decoder.decode(message, asn1Spec=v2c.Message())
    pdu = v2c.apiMessage.get_pdu(decoded)
    if not isinstance(pdu, v2c.ResponsePDU):
        raise PyAsn1Error("is not an answer")
    values = [(tuple(name), value(one)) for name, one in v2c.apiPDU.get_varbinds(pdu)]
    community = bytes(v2c.apiMessage.get_community(decoded))
    return int(v2c.apiPDU.get_request_id(pdu)), community, Answer(int(pdu[1]), int(pdu[2]), values)


def value(one: Any) -> Value:
    if isinstance(one, v2c.NoSuchObject | v2c.NoSuchInstance | v2c.EndOfMibView):
        return MISSING[one.tagSet[0].tagId]
    if isinstance(one, v2c.Null):
        return Missing.NO_SUCH_INSTANCE
    if isinstance(one, univ.Integer):
        return int(one)
    return tuple(one) if isinstance(one, univ.ObjectIdentifier) else bytes(one)


@settings(max_examples=50, deadline=None)
@given(FOUND, st.integers(-(2**31), 2**31 - 1), st.integers(0, 18), st.integers(0, 50))
@example([], 7, 1, 0)
def test_an_answer_is_read_as_by_its_schema(
    values: list[tuple[Oid, Any]], identifier: int, status: int, index: int
) -> None:
    message = response(values, identifier, status, index)
    assert answer(message) == by_schema(message)
    assert answer(message) == (identifier, b"public", Answer(status, index, [(oid, value(one)) for oid, one in values]))


@settings(max_examples=50, deadline=None)
@given(FOUND, st.lists(st.tuples(st.integers(0, 2**16), st.integers(0, 255)), min_size=1, max_size=4), st.data())
def test_a_damaged_answer_is_refused_or_read_as_by_its_schema(
    values: list[tuple[Oid, Any]], changes: list[tuple[int, int]], data: st.DataObject
) -> None:
    message = bytearray(response(values))
    for at, octet in changes:
        message[at % len(message)] = octet
    damaged = bytes(message[: data.draw(st.integers(0, len(message)))]) if data.draw(st.booleans()) else bytes(message)
    try:
        read = answer(damaged)
    except SnmpError:
        return
    try:
        expected = by_schema(damaged)
    except Exception:  # noqa: BLE001  # the schema knows more limits: of numbers, of names
        return
    assert read == expected


@settings(max_examples=50, deadline=None)
@given(st.binary(max_size=200))
def test_octets_that_are_not_a_message_are_reported(octets: bytes) -> None:
    with pytest.raises(SnmpError, match="the answer is not an SNMP message"):
        answer(octets)


def test_a_request_is_not_taken_for_an_answer() -> None:
    with pytest.raises(SnmpError, match="the answer is not an SNMP message"):
        answer(request(Community("public"), "get", [(1, 3, 6)], 0).message(MIN_ID))


@settings(max_examples=30, deadline=None)
@given(
    st.integers(MIN_ID, MAX_ID),
    st.lists(OIDS, min_size=1, max_size=60),
    st.sampled_from(["get", "next"]),
    st.sampled_from([1, 2]),
    st.sampled_from(["public", "\x11\x11\x11\x11", '""""']),
)
def test_a_request_is_what_pysnmp_would_write(
    identifier: int, oids: list[Oid], kind: Any, version: Any, secret: str
) -> None:
    message = request(Community(secret, version), kind, oids, 0).message(identifier)
    module = api.PROTOCOL_MODULES[version - 1]
    decoded, rest = decoder.decode(message, asn1Spec=module.Message())
    pdu = module.apiMessage.get_pdu(decoded)
    assert (rest, encoder.encode(decoded)) == (b"", message)
    assert int(module.apiMessage.get_version(decoded)) == version - 1
    assert bytes(module.apiMessage.get_community(decoded)) == secret.encode()
    assert type(pdu) is type(module.GetRequestPDU() if kind == "get" else module.GetNextRequestPDU())
    assert int(module.apiPDU.get_request_id(pdu)) == identifier
    assert [tuple(oid) for oid, _ in module.apiPDU.get_varbinds(pdu)] == oids


@settings(max_examples=50, deadline=None)
@given(st.integers(MIN_ID, MAX_ID), OIDS, st.integers(1, 255))
def test_a_bulk_request_asks_for_rows_of_one_column(identifier: int, oid: Oid, repetitions: int) -> None:
    message = request(Community("public"), "bulk", [oid], repetitions).message(identifier)
    decoded, _ = decoder.decode(message, asn1Spec=v2c.Message())
    pdu = v2c.apiMessage.get_pdu(decoded)
    assert isinstance(pdu, v2c.GetBulkRequestPDU)
    assert (int(pdu[0]), int(pdu[1]), int(pdu[2])) == (identifier, 0, repetitions)
    assert [tuple(name) for name, _ in v2c.apiBulkPDU.get_varbinds(pdu)] == [oid]
