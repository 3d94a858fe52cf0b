# SPDX-License-Identifier: Apache-2.0
"""Ranges such as `ru-[001-400]`: many alike entries, written once and expanded before the file is read as a topology.

* An entry's name with ranges makes one entry for each number, or each combination of numbers.
* A range in its values is filled with the number of the name's range of the same text, else of the same length.
* Elsewhere a range in a list makes several items; a trace or flow with a range in its `id` or `flow` makes several.
* In queries and in patterns of pods, brackets have a meaning of their own: only the text of the name's range is filled.
"""

import re
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import product
from math import prod
from typing import Any

from joulepath_topology.problem import Place, Problem
from joulepath_topology.shares import KEPLER_KINDS

RANGE = re.compile(r"\[(\d{1,9})-(\d{1,9})\]")
MOST = 10_000
SECTIONS = ("sites", "hosts", "vms", "components", "applications", "budgets")

_QUERIES = {"watts", "joules", "query", "packets", "bytes", "requests", "tokens", *KEPLER_KINDS}
_INTEGERS = {"ioam", "node"}


class RangeError(ValueError):
    """A range that cannot be expanded; the message says why."""


@dataclass
class Expanded:
    """The data without ranges, the mistakes in ranges, and what each expanded step was in the file."""

    data: dict[Any, Any] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    steps: dict[Place, str | int] = field(default_factory=dict)

    def original(self, place: Place) -> Place:
        """A place in the expanded data as a place in the file."""
        return tuple(self.steps.get(place[: length + 1], step) for length, step in enumerate(place))

    def repeated(self, place: Place) -> bool:
        """Whether a range made the place, so that there may be others like it."""
        return any(place[: length + 1] in self.steps for length in range(len(place)))


@dataclass(frozen=True)
class _Range:
    text: str
    numbers: tuple[str, ...]


_Filling = tuple[tuple[_Range, int], ...]
"""The ranges of a name, each with the position of one of its numbers."""


def expand(data: dict[Any, Any]) -> Expanded:
    """The data of a topology file with all ranges expanded."""
    found = Expanded()
    for section, entries in data.items():
        if section not in SECTIONS or not isinstance(entries, dict):
            found.data[section] = entries
            continue
        found.data[section] = {}
        for name, entry in entries.items():
            _entry(found, (section, name), entry)
    return found


def _entry(found: Expanded, origin: Place, entry: Any) -> None:
    section, name = origin
    entries = found.data[section]
    try:
        fillings = _fillings(name)
    except RangeError as error:
        found.problems.append(Problem(origin, str(error)))
        fillings = [()]
    for filling in fillings:
        full = _written(name, filling)
        if full in entries:
            if not any(problem.place == origin for problem in found.problems):
                found.problems.append(Problem(origin, f"{full!r} stands twice: once by itself and once by a range"))
            continue
        place = (section, full)
        if full != name:
            found.steps[place] = name
        entries[full] = _value(found, entry, place, origin, filling)


def _value(found: Expanded, value: Any, place: Place, origin: Place, filling: _Filling) -> Any:
    """A value with its ranges filled. `place` is where it will stand, `origin` where it stands in the file."""
    if isinstance(value, dict):
        return {key: _value(found, item, (*place, key), (*origin, key), filling) for key, item in value.items()}
    if isinstance(value, list):
        return _list(found, value, place, origin, filling)
    if not isinstance(value, str) or not RANGE.search(value):
        return value
    key = next((step for step in reversed(origin) if isinstance(step, str)), "")
    if key in _QUERIES:
        for one, position in filling:
            value = value.replace(one.text, one.numbers[position])
        return value
    try:
        text = RANGE.sub(lambda match: _number(match[0], filling), value)
    except RangeError as error:
        if not any(problem.place == origin for problem in found.problems):
            found.problems.append(Problem(origin, str(error)))
        return value
    return int(text) if key in _INTEGERS and RANGE.fullmatch(value) else text


def _list(found: Expanded, items: list[Any], place: Place, origin: Place, filling: _Filling) -> list[Any]:
    filled: list[Any] = []
    for number, item in enumerate(items):
        here = (*origin, number)
        governing = item.get("id", item.get("flow")) if isinstance(item, dict) else item
        fillings = [filling]
        if not filling and isinstance(governing, str):
            try:
                fillings = _fillings(governing)
            except RangeError as error:
                found.problems.append(Problem(here, str(error)))
                filled.append(item)
                continue
        for one in fillings:
            there = (*place, len(filled))
            if len(fillings) > 1 or len(filled) != number:
                found.steps[there] = number
            whole = isinstance(item, str) and not filling
            filled.append(_written(item, one) if whole else _value(found, item, there, here, one))
    return filled


def _fillings(text: Any) -> list[_Filling]:
    """All combinations of numbers of a text's ranges; one empty combination where it has none. Raises RangeError."""
    ranges = [_range(match[0]) for match in RANGE.finditer(text)] if isinstance(text, str) else []
    if prod(len(one.numbers) for one in ranges) > MOST:
        raise RangeError(f"{text!r} would make more than {MOST} entries")
    positions = product(*(range(len(one.numbers)) for one in ranges))
    return [tuple(zip(ranges, chosen, strict=True)) for chosen in positions]


@lru_cache(maxsize=64)
def _range(text: str) -> _Range:
    first, last = text[1:-1].split("-")
    padded = first.startswith("0") and len(first) > 1
    if padded and len(first) != len(last):
        raise RangeError(f"{text}: write both numbers with the same count of digits, or the first without zeros")
    if int(last) < int(first):
        raise RangeError(f"{text}: the second number is less than the first")
    if int(last) - int(first) >= MOST:
        raise RangeError(f"{text}: at most {MOST} numbers")
    width = len(first) if padded else 0
    return _Range(text, tuple(str(number).zfill(width) for number in range(int(first), int(last) + 1)))


def _written(text: Any, filling: _Filling) -> Any:
    """A text with its own ranges filled, in order."""
    numbers = iter([one.numbers[position] for one, position in filling])
    return RANGE.sub(lambda match: next(numbers, match[0]), text) if filling else text


def _number(text: str, filling: _Filling) -> str:
    """The number that stands for a range in a value. Raises RangeError."""
    if not filling:
        raise RangeError(f"has the range {text}, but the name of its entry has none")
    own = _range(text)
    pairs = [pair for pair in filling if pair[0].text == text]
    pairs = pairs or [pair for pair in filling if len(pair[0].numbers) == len(own.numbers)]
    if not pairs:
        lengths = ", ".join(f"{one.text} has {len(one.numbers)}" for one, _ in filling)
        raise RangeError(f"the range {text} has {len(own.numbers)} numbers, but {lengths}")
    if len(pairs) > 1:
        raise RangeError(f"the range {text} fits several ranges of the name: write it as it stands in the one you mean")
    return own.numbers[pairs[0][1]]
