# SPDX-License-Identifier: Apache-2.0
"""Requests and their responses (TS 29.244, 6.4): a retransmission is the same message with the same sequence number."""

from collections import OrderedDict
from dataclasses import dataclass
from typing import NamedTuple

from joulepath.pfcp.wire.content import Content

KEPT_SECONDS = 60.0
"""How long a transaction is remembered: longer than N1 times T1 of usual nodes (3 times 5 s, 10 times 3 s)."""
MOST_OCTETS = 4 << 20
"""Of requests that wait for their response."""


class Key(NamedTuple):
    """A transaction: who asked which node, with which sequence number."""

    asker: bytes
    port: int
    asked: bytes
    sequence: int
    kind: int
    """Of the request."""


@dataclass(slots=True)
class Transaction:
    """A request that was seen."""

    digest: int
    moment: float
    octets: int
    content: Content | None = None
    answered: bool = False


class Transactions:
    """The latest of them: at most `most`, and at most MOST_OCTETS of requests without a response."""

    def __init__(self, most: int) -> None:
        self.most = most
        self._known: OrderedDict[Key, Transaction] = OrderedDict()
        self._octets = 0

    def __len__(self) -> int:
        return len(self._known)

    def begin(self, key: Key, digest: int, moment: float, octets: int) -> Transaction | None:
        """A new transaction, by a request of so many octets; None for a request that was sent again."""
        self._forget(moment)
        known = self._known.get(key)
        if known is not None:
            if known.digest == digest:
                return None
            self._release(known)
        self._known[key] = made = Transaction(digest, moment, octets)
        self._known.move_to_end(key)
        self._octets += octets
        while len(self._known) > self.most or (self._octets > MOST_OCTETS and len(self._known) > 1):
            self._release(self._known.popitem(last=False)[1])
        return made

    def end(self, key: Key) -> tuple[bool, Content | None]:
        """Whether a response is the first, and the request's content, None where the request was not seen."""
        known = self._known.get(key)
        if known is None:
            return True, None
        first, asked = not known.answered, known.content
        self._release(known)
        known.answered = True
        return first, asked

    def _release(self, transaction: Transaction) -> None:
        self._octets -= transaction.octets
        transaction.octets, transaction.content = 0, None

    def _forget(self, moment: float) -> None:
        while self._known:
            key, oldest = next(iter(self._known.items()))
            if moment - oldest.moment < KEPT_SECONDS:
                return
            self._release(oldest)
            del self._known[key]
