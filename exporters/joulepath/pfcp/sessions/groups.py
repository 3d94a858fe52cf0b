# SPDX-License-Identifier: Apache-2.0
"""Gives a session, or a part of it, its labels by the configured groups. How many labels there are is bounded."""

import hashlib
import hmac
import re
from collections.abc import Iterable
from fnmatch import fnmatchcase
from ipaddress import IPv4Address, IPv6Address, ip_address

from joulepath.pfcp.sessions.session import Label, Session
from joulepath.pfcp.settings import OTHER, UNKNOWN, Group, Match, Settings

_OPERATOR = re.compile(r"\.mnc\d{3}\.mcc\d{3}\.gprs$", re.IGNORECASE)
"""The operator's part of an APN (TS 23.003, 9.1)."""
_HASH_DIGITS = 12


class Groups:
    """The groups of one configuration."""

    def __init__(self, settings: Settings) -> None:
        self._groups = settings.groups
        self._upfs = settings.upfs
        self._most = settings.bounds.series
        self._secret = settings.secret.encode()
        self._known: set[Label] = set()
        self._names: dict[bytes, str] = {}
        self.folded = 0
        """Labels that were asked for beyond the bound."""

    def label(self, session: Session, qfis: frozenset[int] = frozenset()) -> Label:
        """The labels of the packets of a session that have one of these QFIs; without them, of the whole."""
        group = next((group for group in self._groups if _any(group.matches, session, qfis)), None)
        name = OTHER if group is None else group.name
        label = Label(self._each(group, session), dnn(session), session.s_nssai, self.upf(session.upf))
        return self._admitted(label, name)

    def unknown(self, upf: bytes) -> Label:
        """The labels of reports of a session that was not seen to begin."""
        return self._admitted(Label(UNKNOWN, "", "", self.upf(upf)), UNKNOWN)

    def upf(self, packed: bytes) -> str:
        """The name of a UPF: as configured, else its address on N4."""
        if (name := self._names.get(packed)) is None:
            address = ip_address(packed)
            name = next((name for name, networks in self._upfs.items() if _within(address, networks)), str(address))
            if len(self._names) < self._most:
                self._names[packed] = name
        return name

    def parts(self, session: Session) -> Iterable[tuple[str, frozenset[int]]]:
        """The groups that a session may have packets in, and the QFIs of those; no QFI means all."""
        for group in self._groups:
            for match in group.matches:
                if _fits(match, session):
                    yield self._each(group, session), match.qfi

    def order(self, name: str) -> int:
        """The place of a group in the configuration."""
        first = name.partition("/")[0]
        return next((place for place, group in enumerate(self._groups) if group.name == first), len(self._groups))

    def _each(self, group: Group | None, session: Session) -> str:
        if group is None:
            return OTHER
        if group.each is None or not session.subscriber:
            return group.name
        digest = hmac.new(self._secret, session.subscriber.encode(), hashlib.sha256).hexdigest()
        return f"{group.name}/{digest[:_HASH_DIGITS]}"

    def _admitted(self, label: Label, group: str) -> Label:
        if label not in self._known:
            if len(self._known) >= self._most:
                self.folded += 1
                return Label(group, OTHER, OTHER, OTHER)
            self._known.add(label)
        return label


def dnn(session: Session) -> str:
    """The DNN without the operator's part; without one, the Network Instance on the data network's side."""
    return _OPERATOR.sub("", session.dnn) or next(iter(session.networks()), "")


def _any(matches: Iterable[Match], session: Session, qfis: frozenset[int]) -> bool:
    return any(_fits(match, session) and (not match.qfi or (bool(qfis) and qfis <= match.qfi)) for match in matches)


def _fits(match: Match, session: Session) -> bool:
    """Whether a session fits all keys but the QFI."""
    return (
        _like(match.dnn, dnn(session))
        and _like(match.slice, session.s_nssai)
        and _like(match.subscriber, session.subscriber)
        and (not match.ue or any(_within(ip_address(ue.address), match.ue) for ue in session.users()))
    )


def _like(patterns: tuple[str, ...], text: str) -> bool:
    return not patterns or any(fnmatchcase(text.lower(), pattern.lower()) for pattern in patterns)


def _within(address: IPv4Address | IPv6Address, networks: Iterable[object]) -> bool:
    return any(address in network for network in networks)  # type: ignore[operator]  # of networks of both versions
