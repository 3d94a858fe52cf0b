# SPDX-License-Identifier: Apache-2.0
"""Sessions as plain lists, for a file that outlives the exporter, and back.

`read_session` takes what `of_session` made. Anything else raises ValueError, TypeError, AttributeError or IndexError.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from joulepath.pfcp.sessions.sequence import Numbers
from joulepath.pfcp.sessions.session import MOST_RULES, Measured, Place, Session
from joulepath.pfcp.wire.content import Pdr, Ue, Urr


def of_session(session: Session, *, identities: bool) -> list[Any]:
    """The session as numbers and texts; without `identities` that of its subscriber is left out."""
    return [
        session.smf.hex(), session.upf.hex(), _places(session.cp_places), _places(session.up_places), session.dnn,
        session.s_nssai, session.subscriber if identities else "", [_pdr(pdr) for pdr in session.pdrs.values()],
        [_pdr(pdr) for pdr in session.endpoints.values()], [_urr(one) for one in session.urrs.values()],
        [_urr(one) for one in session.retired.values()], list(session.qers.items()), list(session.fars.items()),
        session.counted,
    ]  # fmt: skip


def read_session(number: int, record: Sequence[Any]) -> Session:
    """The session of a record, with this number."""
    (smf, upf, cp_places, up_places, dnn, s_nssai, subscriber, pdrs, endpoints, urrs, retired, qers, fars,
     counted) = record  # fmt: skip
    session = Session(number, bytes.fromhex(smf), bytes.fromhex(upf))
    session.cp_places, session.up_places = _read_places(cp_places), _read_places(up_places)
    session.dnn, session.s_nssai, session.subscriber = _text(dnn), _text(s_nssai), _text(subscriber)
    session.pdrs = {pdr.number: pdr for pdr in map(_read_pdr, _few(pdrs))}
    session.endpoints = {pdr.number: pdr for pdr in map(_read_pdr, _few(endpoints))}
    session.urrs = {one.urr.number: one for one in map(_read_urr, _few(urrs))}
    session.retired = {one.urr.number: one for one in map(_read_urr, _few(retired))}
    session.qers = {_number(qer): _or_none(qfi) for qer, qfi in _few(qers)}
    session.fars = {_number(far): _or_none(teid) for far, teid in _few(fars)}
    session.resume(_numbers(counted))
    return session


def _places(places: Iterable[Place]) -> list[tuple[str, int]]:
    return [(address.hex(), seid) for address, seid in places]


def _read_places(places: Any) -> list[Place]:
    return [(bytes.fromhex(address), _number(seid)) for address, seid in _few(places)]


def _pdr(pdr: Pdr) -> list[Any]:
    users = [(ue.address.hex(), ue.bits) for ue in pdr.users]
    return [pdr.number, pdr.source, pdr.teids, pdr.network, users, pdr.qfis, pdr.urrs, pdr.qers, pdr.endpoint]


def _read_pdr(record: Any) -> Pdr:
    number, source, teids, network, users, qfis, urrs, qers, endpoint = record
    return Pdr(
        number=_number(number),
        source=_or_none(source),
        teids=_numbers(teids),
        network=None if network is None else _text(network),
        users=[_user(address, bits) for address, bits in _few(users)],
        qfis=None if qfis is None else _numbers(qfis),
        urrs=None if urrs is None else _numbers(urrs),
        qers=None if qers is None else _numbers(qers),
        endpoint=_or_none(endpoint),
        detects=True,
    )


def _user(address: Any, bits: Any) -> Ue:
    packed = bytes.fromhex(address)
    if len(packed) not in (4, 16) or not 1 <= _number(bits) <= 8 * len(packed):
        raise ValueError("not an address")
    return Ue(packed, bits)


def _urr(measured: Measured) -> list[Any]:
    return [measured.urr.number, measured.urr.volume, measured.urr.period, *measured.numbers.record]


def _read_urr(record: Any) -> Measured:
    number, volume, period, highest, seen = record
    if volume not in (None, True, False):
        raise ValueError("not a flag")
    numbers = Numbers()
    numbers.record = _number(highest, -1), _number(seen)
    return Measured(Urr(_number(number), volume, _or_none(period)), numbers)


def _few(items: Any) -> list[Any]:
    if not isinstance(items, list) or len(items) > MOST_RULES:
        raise ValueError("not a short list")
    return items


def _numbers(items: Any) -> list[int]:
    return [_number(item) for item in _few(items)]


def _number(value: Any, least: int = 0) -> int:
    if type(value) is not int or not least <= value < 1 << 64:
        raise ValueError("not a number")
    return value


def _or_none(value: Any) -> int | None:
    return None if value is None else _number(value)


def _text(value: Any) -> str:
    if not isinstance(value, str) or len(value) > 300:
        raise ValueError("not a text")
    return value
