# SPDX-License-Identifier: Apache-2.0
"""A mistake in a topology file."""

from dataclasses import dataclass

Place = tuple[str | int, ...]

Declared = dict[str, set[str]]
"""The names that the file has under each section, also of entries that were refused."""


@dataclass(frozen=True)
class Problem:
    """One mistake: where, what to do, and the other places that it is about."""

    place: Place
    message: str
    because: tuple[Place, ...] = ()

    def __str__(self) -> str:
        where = ".".join(map(str, self.place))
        return f"{where}: {self.message}" if where else self.message
