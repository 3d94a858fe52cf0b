# SPDX-License-Identifier: Apache-2.0
"""Messages of SNMP v1 and v2c with pysnmp's and pyasn1's classes, and without pysnmp's engine.

The engine reads an answer by the schema of its PDU, of which the choice among the types of a value alone takes most of
the time of a poll. Tags say as much: read by them, an answer costs less than half. This module writes by hand only
which of pyasn1's decoders reads which tag of SNMP.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from pyasn1.codec.ber import decoder, encoder
from pyasn1.error import PyAsn1Error
from pyasn1.type import tag, univ
from pysnmp.proto import api, rfc1902, rfc1905

from joulepath.pdu.snmp.client import GarbledError, Missing, Oid, Value, opaque
from joulepath.pdu.snmp.credentials import Community

Kind: TypeAlias = Literal["get", "next", "bulk"]

MIN_ID, MAX_ID = 0x01000000, 0x7FFFFFFF
"""Request identifiers of four octets."""


@dataclass(frozen=True)
class Answer:
    """A Response PDU (RFC 3416 section 3): error-status, error-index and the objects."""

    status: int
    index: int
    values: Sequence[tuple[Oid, Value]]


@dataclass(frozen=True)
class SnmpRequest:
    """A message but for its request identifier, which stands between its two parts."""

    before: bytes
    after: bytes

    def message(self, identifier: int) -> bytes:
        """The message; `identifier` is one of MIN_ID to MAX_ID."""
        return self.before + identifier.to_bytes(4, "big") + self.after


def request(community: Community, kind: Kind, oids: Sequence[Oid], repetitions: int) -> SnmpRequest:
    """A request for the objects, in `repetitions` rows where it is a GETBULK."""
    first, second = (_encode(community, kind, oids, repetitions, same) for same in (0x11111111, 0x22222222))
    start = next(place for place, (one, other) in enumerate(zip(first, second, strict=True)) if one != other)
    return SnmpRequest(first[:start], first[start + 4 :])


def _encode(community: Community, kind: Kind, oids: Sequence[Oid], repetitions: int, identifier: int) -> bytes:
    module: Any = api.PROTOCOL_MODULES[community.version - 1]
    operations: Any = module.apiPDU
    if kind == "bulk":
        pdu, operations = module.GetBulkRequestPDU(), module.apiBulkPDU
    else:
        pdu = module.GetRequestPDU() if kind == "get" else module.GetNextRequestPDU()
    operations.set_defaults(pdu)
    operations.set_request_id(pdu, identifier)
    if kind == "bulk":
        operations.set_non_repeaters(pdu, 0)
        operations.set_max_repetitions(pdu, repetitions)
    operations.set_varbinds(pdu, [(oid, module.Null("")) for oid in oids])
    message = module.Message()
    module.apiMessage.set_defaults(message)
    module.apiMessage.set_community(message, community.secret)
    module.apiMessage.set_pdu(message, pdu)
    return bytes(encoder.encode(message))


class _Sequence(decoder.SequenceOrSequenceOfPayloadDecoder):  # type: ignore[misc]  # pyasn1 ships no types
    """Every sequence is as a list.

    pyasn1's own makes None of an empty one: that of an answer that was too big (RFC 3416 section 4.2.1).
    """

    protoRecordComponent = univ.SequenceOf()  # noqa: N815  # pyasn1's name

    def _decodeComponentsSchemaless(self, substrate: Any, tagSet: Any = None, **options: Any) -> Any:  # noqa: N802, N803
        if options["length"] == 0:
            yield univ.SequenceOf().clear()
        else:
            yield from super()._decodeComponentsSchemaless(substrate, tagSet=tagSet, **options)


class _EndOrResponse(_Sequence):
    """endOfMibView and a Response PDU differ only in their tags' format, which pyasn1 does not compare."""

    def valueDecoder(self, substrate: Any, asn1Spec: Any, tagSet: Any = None, *rest: Any, **options: Any) -> Any:  # noqa: N802, N803
        constructed = tagSet[0].tagFormat == tag.tagFormatConstructed
        decode = super().valueDecoder if constructed else decoder.TAG_MAP[univ.Null.tagSet].valueDecoder
        yield from decode(substrate, asn1Spec, tagSet, *rest, **options)


class _Item(decoder.SingleItemDecoder):  # type: ignore[misc]
    TAG_MAP: Mapping[Any, Any] = {
        **decoder.TAG_MAP,
        **{
            kind.tagSet: decoder.TAG_MAP[of.tagSet]
            for of, kinds in {
                univ.Integer: (rfc1902.Counter32, rfc1902.Gauge32, rfc1902.TimeTicks, rfc1902.Counter64),
                univ.OctetString: (rfc1902.IpAddress, rfc1902.Opaque),
                univ.Null: (rfc1905.NoSuchObject, rfc1905.NoSuchInstance),
            }.items()
            for kind in kinds
        },
        univ.Sequence.tagSet: _Sequence(),
        rfc1905.ResponsePDU.tagSet: _EndOrResponse(),
    }


class _Stream(decoder.StreamingDecoder):  # type: ignore[misc]
    SINGLE_ITEM_DECODER = _Item


class _Decoder(decoder.Decoder):  # type: ignore[misc]
    STREAMING_DECODER = _Stream


_decode = _Decoder()


def answer(message: bytes) -> tuple[int, bytes, Answer]:
    """The request identifier, the community and the answer. Raises GarbledError for anything else."""
    try:
        (_, community, pdu), _ = _decode(message)
        identifier, status, index, bindings = pdu
        objects = [(name.asTuple(), plain(value)) for name, value in bindings]
        return int(identifier), bytes(community), Answer(int(status), int(index), objects)
    except (PyAsn1Error, ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError) as error:
        raise GarbledError(type(error).__name__) from error


_MISSING = {
    rfc1905.NoSuchObject.tagSet: Missing.NO_SUCH_OBJECT,
    rfc1905.NoSuchInstance.tagSet: Missing.NO_SUCH_INSTANCE,
    rfc1905.EndOfMibView.tagSet: Missing.END_OF_MIB_VIEW,
    univ.Null.tagSet: Missing.NO_SUCH_INSTANCE,  # some agents send it for "no value"
}


def plain(value: Any) -> Value:
    """A value of pyasn1 or pysnmp. Raises ValueError for one that SNMP does not have."""
    if isinstance(value, univ.Null):
        return _MISSING[value.tagSet]
    if isinstance(value, univ.Integer):  # Integer32, Unsigned32, Gauge32, Counter32, Counter64, TimeTicks
        return int(value)
    if isinstance(value, univ.OctetString):  # also IpAddress
        return opaque(bytes(value)) if value.tagSet == rfc1902.Opaque.tagSet else bytes(value)
    if isinstance(value, univ.ObjectIdentifier):
        return tuple(value.asTuple())
    raise ValueError(type(value).__name__)
