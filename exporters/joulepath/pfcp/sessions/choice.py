# SPDX-License-Identifier: Apache-2.0
"""Which URRs of a session count, so that no packet counts twice.

A packet fits one PDR of a session (TS 29.244, 5.2.1) and is measured by every URR of this PDR (5.2.2.1): one for the
whole session, for example, and one for its QoS flow. Two URRs measure no packet in common where they have no PDR in
common. So the URRs that count have no PDR in common, and together as many PDRs as possible. Where small ones measure
exactly what a large one does, the small ones count, because they tell QoS flows apart.
"""

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet

Cover = Mapping[int, AbstractSet[int]]
"""By URR, the PDRs that it measures."""


def choose(covers: Cover, counted: Iterable[int] = ()) -> list[int]:
    """The URRs that count.

    Those that `counted` already go on while they can: their next report is about time that has begun.
    """
    chosen = _apart((urr for urr in counted if covers.get(urr)), covers, set())
    taken = {pdr for urr in chosen for pdr in covers[urr]}
    free = {urr: pdrs for urr, pdrs in covers.items() if pdrs and taken.isdisjoint(pdrs)}
    for urr in sorted(free, key=lambda urr: (-len(free[urr]), urr)):
        if taken.isdisjoint(free[urr]):
            chosen += _parts(urr, free) or [urr]
            taken |= free[urr]
    if not chosen and covers:
        # No PDR names a URR, for they are predefined in the UPF: what the URRs have in common is not known.
        chosen = [next((urr for urr in counted if urr in covers), min(covers))]
    return chosen


def _parts(urr: int, covers: Cover) -> list[int]:
    """Smaller URRs that together measure exactly the same; none where there are no such."""
    whole = covers[urr]
    smaller = [other for other, pdrs in covers.items() if pdrs < whole]
    for smallest_first in (1, -1):
        order = sorted(smaller, key=lambda other: (smallest_first * len(covers[other]), other))
        parts = _apart(order, covers, set())
        if sum(len(covers[part]) for part in parts) == len(whole):
            return parts
    return []


def _apart(urrs: Iterable[int], covers: Cover, taken: set[int]) -> list[int]:
    """Each of the URRs that has no PDR in common with those before it."""
    found = []
    for urr in urrs:
        if taken.isdisjoint(covers[urr]):
            found.append(urr)
            taken |= covers[urr]
    return found
