# SPDX-License-Identifier: Apache-2.0
"""Charges time that was not known with energy that no application took, so that the sum stays that of the meters."""

from collections.abc import Mapping
from typing import TypeVar

Name = TypeVar("Name")


def filled(rest: float, have: Mapping[Name, float], want: Mapping[Name, float]) -> tuple[float, dict[Name, float]]:
    """The rest that is left, and the parts when each has got what it wants beyond what it has.

    Where the rest does not suffice, each gets the same part of its wish. A part that wants less gives the difference
    to the rest. The sum of all is what it was.
    """
    lower = sum(max(part - want.get(name, part), 0.0) for name, part in have.items())
    wishes = sum(max(want.get(name, part) - part, 0.0) for name, part in have.items())
    paid = min(1.0, (rest + lower) / wishes) if wishes > 0 else 0.0
    parts = {}
    for name, part in have.items():
        change = want.get(name, part) - part
        parts[name] = part + (paid * change if change > 0 else change)
    return rest + lower - paid * wishes, parts
