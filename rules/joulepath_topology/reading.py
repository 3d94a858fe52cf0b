# SPDX-License-Identifier: Apache-2.0
"""Reads a topology file and lists all of its mistakes in one go, in the order of the file."""

import copy
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from joulepath.config import misnamed, read_yaml
from joulepath.errors import UsageError
from joulepath.meant import did_you_mean
from joulepath_topology.checks import check
from joulepath_topology.model import Topology
from joulepath_topology.problem import Place, Problem, alike, without_numbers
from joulepath_topology.ranges import Expanded, expand
from joulepath_topology.rest import Rest, has
from joulepath_topology.wording import worded


def _ignore(_line: str) -> None:
    """Drops a warning."""


def read(path: Path, warn: Callable[[str], None] = _ignore) -> Topology:
    """The topology of the file; `warn` gets one line for each thing in it that is probably a mistake.

    Raises UsageError with one line per mistake: `FILE: key.path: what to do`.
    """
    data = read_yaml(path)
    if not isinstance(data, dict):
        raise UsageError(f"{path}: must be a mapping with sites, hosts and components")
    topology, problems = examine(data)
    errors = [problem for problem in problems if problem.severity == "error"]
    for problem in problems:
        if problem.severity == "warning":
            warn(f"{path}: {problem}")
    if topology is None or errors:
        raise UsageError([f"{path}: {problem}" for problem in errors])
    return topology


def examine(data: dict[Any, Any]) -> tuple[Topology | None, list[Problem]]:
    """The topology as far as it makes sense, and everything that is wrong with it.

    A part that pydantic refuses is taken out and the rest read again, so that a mistyped number does not hide the name
    that is wrong elsewhere. A mistake that only follows from such a part is not reported.
    """
    data = copy.deepcopy(data)
    problems = list(_keys(data, ()))
    expanded = expand(data)
    rest = Rest(expanded.data)
    topology = None
    while topology is None:
        try:
            topology = Topology.model_validate(rest.data)
        except ValidationError as error:
            items = error.errors(include_url=False)
            renamed = misnamed(items)
            places = [rest.place(item["loc"]) for item in items]
            inner = {place[:length] for place in places for length in range(len(place))}
            found = [
                Problem(rest.original(place), worded(item, place))
                for item, place in zip(items, places, strict=True)
                if place not in inner and not (item["type"] == "missing" and item["loc"] in renamed)
            ]
            known = _Known(problems)
            problems.extend(one for one in dict.fromkeys(found) if one.place not in known)
            if not rest.take_out(set(places)):
                break
    if topology is not None:
        known = _Known(problems)
        for one in check(topology, expanded.data):
            place, because = rest.original(one.place), tuple(map(rest.original, one.because))
            if not any(there in known for there in (place, *because)):
                problems.append(replace(one, place=place, because=because))
    named = (_with_name(problem, expanded.data) for problem in _in_file(expanded, problems))
    return topology, sorted(named, key=lambda problem: _position(data, problem.place))


def _with_name(problem: Problem, data: dict[Any, Any]) -> Problem:
    """The problem, with the name that was probably meant where one is absent."""
    if problem.absent is None:
        return problem
    section, name = problem.absent
    names = list(data.get(section) or ())
    if any(without_numbers(one) == without_numbers(name) for one in names):
        return problem  # which of its neighbours is not to be guessed
    return replace(problem, message=problem.message + did_you_mean(name, names))


def _keys(data: Any, place: Place) -> Iterator[Problem]:
    """Keys that YAML does not read as text, such as `on` and `5`; they are taken out."""
    if isinstance(data, dict):
        for key in [key for key in data if not isinstance(key, str)]:
            text = json.dumps(key) if isinstance(key, bool | None) else str(key)
            yield Problem((*place, text), f"YAML reads this name as {text}, not as a string: put it in quotes")
            del data[key]
    for step, item in data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ():
        yield from _keys(item, (*place, step))


def _in_file(expanded: Expanded, problems: Iterable[Problem]) -> list[Problem]:
    """The problems as places in the file: a mistake in an entry with a range is one, however many entries it makes."""
    known = _Known(expanded.problems)
    found = list(expanded.problems)
    ranged: dict[Place, list[Problem]] = {}
    for problem in problems:
        place = expanded.original(problem.place)
        if any(expanded.original(one) in known for one in (problem.place, *problem.because)):
            continue
        if expanded.repeated(problem.place):
            ranged.setdefault(place, []).append(replace(problem, place=place))
        else:
            found.append(problem)
    return [*found, *(problem for members in ranged.values() for problem in alike(members))]


class _Known:
    """Places that were already found wrong: something is known where one of them, a part or a whole of it is."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self._places = {problem.place for problem in problems}
        self._wholes = {place[:length] for place in self._places for length in range(len(place))}

    def __contains__(self, place: Place) -> bool:
        return place in self._wholes or any(place[:length] in self._places for length in range(len(place) + 1))


def _position(data: Any, place: Place) -> tuple[int, ...]:
    """Where in the file a place is, for sorting: the number of each key among its neighbours."""
    position: list[int] = []
    for step in place:
        if not has(data, step):
            return (*position, len(data) if isinstance(data, dict | list) else 0)
        position.append(list(data).index(step) if isinstance(data, dict) else int(step))
        data = data[step]
    return tuple(position)
