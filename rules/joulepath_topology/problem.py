# SPDX-License-Identifier: Apache-2.0
"""A mistake in a topology file, or something in it that is probably one."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

Place = tuple[str | int, ...]

Declared = dict[str, set[str]]
"""The names that the file has under each section, also of entries that were refused."""


@dataclass(frozen=True)
class Problem:
    """One mistake: where, what to do, and the other places that it is about. A warning leaves the file usable."""

    place: Place
    message: str
    because: tuple[Place, ...] = ()
    severity: Literal["error", "warning"] = "error"
    absent: tuple[str, str] | None = None
    """A section and the name that it lacks: the reader adds the name that was probably meant."""

    def __str__(self) -> str:
        where = path(self.place)
        text = f"{where}: {self.message}" if where else self.message
        return text if self.severity == "error" else f"warning: {text}"


def absent(place: Place, kind: str, name: str) -> Problem:
    """The mistake of a name that stands for nothing; `kind` is one entry of the section: `host`."""
    return Problem(place, f"there is no {kind} {name!r} under {kind}s", absent=(f"{kind}s", name))


def path(place: Place) -> str:
    """A place as text: `hosts.h.power[0].watts`."""
    steps = (f"[{step}]" if isinstance(step, int) else f".{step}" for step in place)
    return "".join(steps).removeprefix(".")


def without_numbers(text: str) -> str:
    """The text, in which each number has become a sign: what differs in nothing else reads the same."""
    return re.sub(r"\d+", "#", text)


def alike(problems: Iterable[Problem]) -> list[Problem]:
    """The problems, but only the first of those that differ in nothing but numbers, with the count of the others."""
    kinds: dict[tuple[str, str, str], list[Problem]] = {}
    for problem in problems:
        kind = (without_numbers(path(problem.place)), without_numbers(problem.message), problem.severity)
        kinds.setdefault(kind, []).append(problem)
    return [
        replace(first, message=f"{first.message} (and {len(others)} more like this)") if others else first
        for first, *others in kinds.values()
    ]
