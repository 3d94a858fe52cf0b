# SPDX-License-Identifier: Apache-2.0
"""Gives a session, or a part of it, its labels by the configured groups. How many labels there are is bounded."""

import hashlib
import hmac
import re
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import NamedTuple

from joulepath.pfcp.sessions.session import Label, Session
from joulepath.pfcp.settings import OTHER, UNKNOWN, Group, Match, Network, Settings

_OPERATOR = re.compile(r"\.mnc\d{3}\.mcc\d{3}\.gprs$", re.IGNORECASE)
"""The operator's part of an APN (TS 23.003, 9.1)."""
_HASH_DIGITS = 12
_MOST_KINDS = 1000
"""DNNs with their slices for which is remembered which matches they fit."""


class Groups:
    """The groups of one configuration."""

    def __init__(self, settings: Settings) -> None:
        self._parts = [(group, _part(match)) for group in settings.groups for match in group.matches]
        self._places = {group.name: place for place, group in enumerate(settings.groups)}
        self._kinds: dict[tuple[str, str], list[tuple[Group, _Part]]] = {}
        self._upfs = settings.upfs
        self._most = settings.bounds.series
        self._secret = settings.secret.encode()
        self._known: set[Label] = set()
        self._names: dict[bytes, str] = {}
        self.by_identity = any(part.subscriber is not None or group.each is not None for group, part in self._parts)
        """Whether a group asks for subscribers' identities."""
        self.folded = 0
        """Labels that were asked for beyond the bound."""

    def label(self, session: Session, qfis: frozenset[int] = frozenset()) -> Label:
        """The labels of the packets of a session that have one of these QFIs; without them, of the whole."""
        known = dnn(session)
        group = next(
            (
                group
                for group, part in self._candidates(known, session.s_nssai)
                if (not part.qfi or (qfis and qfis <= part.qfi)) and part.fits(session)
            ),
            None,
        )
        name = OTHER if group is None else group.name
        label = Label(self._each(group, session), known, session.s_nssai, self.upf(session.upf))
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
        for group, part in self._candidates(dnn(session), session.s_nssai):
            if part.fits(session):
                yield self._each(group, session), part.qfi

    def order(self, name: str) -> int:
        """The place of a group in the configuration."""
        return self._places.get(name.partition("/")[0], len(self._places))

    def _candidates(self, name: str, s_nssai: str) -> list[tuple[Group, "_Part"]]:
        """The matches that sessions with this DNN and slice may fit."""
        found = self._kinds.get((name, s_nssai))
        if found is None:
            if len(self._kinds) >= _MOST_KINDS:
                self._kinds.clear()
            found = [(group, part) for group, part in self._parts if part.may_fit(name, s_nssai)]
            self._kinds[name, s_nssai] = found
        return found

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


class _Part(NamedTuple):
    """A match, ready to compare. None fits anything."""

    dnn: re.Pattern[str] | None
    slice: re.Pattern[str] | None
    subscriber: re.Pattern[str] | None
    ue: tuple[Network, ...]
    qfi: frozenset[int]

    def may_fit(self, name: str, s_nssai: str) -> bool:
        """Whether a session with this DNN and slice fits both keys."""
        return (self.dnn is None or self.dnn.match(name) is not None) and (
            self.slice is None or self.slice.match(s_nssai) is not None
        )

    def fits(self, session: Session) -> bool:
        """Whether a session fits the other keys but the QFI."""
        return (self.subscriber is None or self.subscriber.match(session.subscriber) is not None) and (
            not self.ue or any(_within(ip_address(ue.address), self.ue) for ue in session.users())
        )


def _part(match: Match) -> _Part:
    return _Part(_pattern(match.dnn), _pattern(match.slice), _pattern(match.subscriber), match.ue, match.qfi)


def _pattern(patterns: tuple[str, ...]) -> re.Pattern[str] | None:
    """`*` fits any text; everything else is itself, in upper or lower case."""
    forms = (".*".join(re.escape(piece) for piece in pattern.split("*")) for pattern in patterns)
    return re.compile(rf"(?:{'|'.join(forms)})\Z", re.IGNORECASE | re.DOTALL) if patterns else None


def _within(address: IPv4Address | IPv6Address, networks: Iterable[Network]) -> bool:
    return any(address in network for network in networks)
