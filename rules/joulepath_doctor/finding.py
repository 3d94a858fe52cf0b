# SPDX-License-Identifier: Apache-2.0
"""A finding: one cause, with its place, the fact in numbers and the cure."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from joulepath_topology.problem import Place, path, without_numbers

Severity = Literal["error", "warning", "note"]

SEVERITIES: tuple[Severity, ...] = ("error", "warning", "note")
"""The worst first."""
PAGE = "docs/reference/doctor.md"
SHOWN = 4
"""Other places in a message."""
MOST = 1000
"""Characters of a message; of a place a fifth."""
WORD = 200
"""Characters of one word in it."""


@dataclass(frozen=True)
class Kind:
    """One row of the catalogue: a kind of finding."""

    id: str
    """`subject/what`, in lower case; a heading of PAGE."""
    severity: Severity
    title: str
    """One clause, as the table of PAGE has it."""
    gap: bool = False
    """Whether figures that rest on its place are absent for this reason, so that they need no finding of their own."""

    @property
    def anchor(self) -> str:
        """The heading of its section in PAGE, as links name it."""
        return self.id.replace("/", "")

    @property
    def page(self) -> str:
        """The section about it, with symptom, cause and cure."""
        return f"{PAGE}#{self.anchor}"


@dataclass(frozen=True)
class Finding:
    """One cause at one place."""

    kind: Kind
    place: Place
    """In the topology (`hosts`, `h`, `power`, 0), or of the server: `rules`; `targets`, JOB, INSTANCE; `server`."""
    message: str
    """One line: the fact with its numbers, a colon, the cure."""
    because: tuple[Place, ...] = ()
    """Other places that this one rests on: a finding of a gap at one of them explains it."""
    cause: str = ""
    """The fact, where several places may share it: an exporter that is not named right, for all of its meters."""

    @property
    def where(self) -> str:
        """The place as text: `hosts.h.power[0]`."""
        return bounded(path(self.place), MOST // 5)


def bounded(text: str, most: int = MOST) -> str:
    """Text with names that others chose, on one line: printable, and without the middle of what is too long.

    The end of a message stays, since the cure stands there.
    """
    flat = "".join(letter if letter.isprintable() else " " for letter in text)
    return _ends(re.sub(rf"\S{{{WORD + 1},}}", lambda word: _ends(word[0], WORD), flat), most)


def _ends(text: str, most: int) -> str:
    """Two thirds of what may stay are from the beginning."""
    kept = most - len(" ... ")
    return text if len(text) <= most else f"{text[: kept - kept // 3]} ... {text[-(kept // 3) :]}"


def causes(findings: Iterable[Finding]) -> Iterator[Finding]:
    """The findings without those that an earlier finding of a gap explains, and without repetitions.

    A gap that is explained explains others in turn: they have the same cause.
    """
    gaps = _Places()
    told = set[tuple[str, Place, str]]()
    for finding in findings:
        key = (finding.kind.id, finding.place, finding.message)
        explained = any(place in gaps for place in finding.because)
        if finding.kind.gap:
            gaps.add(finding.place)
        if not explained and key not in told:
            told.add(key)
            yield finding


def joined(findings: Iterable[Finding]) -> list[Finding]:
    """The findings, but only the first of those that share a cause, with the places of the others."""
    shared: dict[object, list[Finding]] = {}
    for number, finding in enumerate(findings):
        shared.setdefault((finding.kind.id, finding.cause) if finding.cause else number, []).append(finding)
    return [
        replace(first, message=f"{first.message} ({_also(first, others)})") if others else first
        for first, *others in shared.values()
    ]


def _also(first: Finding, others: Sequence[Finding]) -> str:
    places = [each for each in dict.fromkeys(other.where for other in others) if each != first.where]
    more = f" and {len(places) - SHOWN} more" if len(places) > SHOWN else ""
    return f"the same holds for {', '.join(places[:SHOWN])}{more}" if places else f"{len(others) + 1} times"


def alike(findings: Iterable[Finding]) -> list[Finding]:
    """The findings, but only the first of those that differ in nothing but numbers, with the count of the others."""
    same: dict[tuple[str, str, str], list[Finding]] = {}
    for finding in findings:
        key = (finding.kind.id, without_numbers(finding.where), without_numbers(finding.message))
        same.setdefault(key, []).append(finding)
    return [
        replace(first, message=f"{first.message} (and {len(others)} more like this)") if others else first
        for first, *others in same.values()
    ]


class _Places:
    """Places of gaps: one holds a place that is equal to one of them, a part of one, or a whole of one."""

    def __init__(self) -> None:
        self._places = set[Place]()
        self._wholes = set[Place]()

    def add(self, place: Place) -> None:
        self._places.add(place)
        self._wholes.update(place[:length] for length in range(1, len(place)))

    def __contains__(self, place: Place) -> bool:
        return place in self._wholes or any(place[:length] in self._places for length in range(1, len(place) + 1))
