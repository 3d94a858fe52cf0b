# SPDX-License-Identifier: Apache-2.0
"""Reads a topology file and lists all of its mistakes in one go, in the order of the file."""

import copy
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from joulepath.config import message, read_yaml
from joulepath.errors import UsageError
from joulepath_rules.topology.checks import check
from joulepath_rules.topology.model import Topology
from joulepath_rules.topology.problem import Place, Problem


def read(path: Path) -> Topology:
    """The topology of the file. Raises UsageError with one line per mistake: `FILE: key.path: what to do`."""
    data = read_yaml(path)
    if not isinstance(data, dict):
        raise UsageError(f"{path}: must be a mapping with sites, hosts and components")
    topology, problems = examine(data)
    if topology is None or problems:
        raise UsageError([f"{path}: {problem}" for problem in problems])
    return topology


def examine(data: dict[Any, Any]) -> tuple[Topology | None, list[Problem]]:
    """The topology as far as it makes sense, and everything that is wrong with it.

    What pydantic refuses is taken out and the rest is read again, so that a mistyped number does not hide the name
    that is wrong elsewhere. What only follows from a part that was taken out is not reported.
    """
    rest = copy.deepcopy(data)
    problems: list[Problem] = []
    topology = None
    while topology is None:
        try:
            topology = Topology.model_validate(rest)
        except ValidationError as error:
            items = error.errors(include_url=False, include_input=False)
            found = [Problem(_place(rest, item["loc"]), message(item)) for item in items]
            inner = {problem.place[:length] for problem in found for length in range(len(problem.place))}
            fresh = [one for one in found if one.place not in inner and not _follows([one.place], problems)]
            problems.extend(dict.fromkeys(fresh))
            if not _take_out(rest, {problem.place for problem in found}):
                break
    if topology is not None:
        checked = list(check(topology, data))
        problems.extend(problem for problem in checked if not _follows([problem.place, *problem.because], problems))
    return topology, sorted(problems, key=lambda problem: _position(data, problem.place))


def _has(data: Any, step: str | int) -> bool:
    if isinstance(data, dict):
        return step in data
    return isinstance(data, list) and isinstance(step, int) and step < len(data)


def _place(data: Any, loc: Place) -> Place:
    """A location without what pydantic puts in between, such as `[key]`; its last step may be a key that is missing."""
    place: list[str | int] = []
    for step in loc:
        if _has(data, step):
            place.append(step)
            data = data[step]
        elif step == loc[-1] and step != "[key]":
            place.append(step)
    return tuple(place)


def _follows(places: Iterable[Place], earlier: Iterable[Problem]) -> bool:
    """Whether something at one of the places, in it or around it was already found wrong."""
    known = {problem.place for problem in earlier}
    return any(place == there[: len(place)] or there == place[: len(there)] for place in places for there in known)


def _take_out(data: Any, places: Iterable[Place]) -> bool:
    """Deletes the refused parts: a key that is there, else the entry that lacks it. False when nothing is left to."""
    targets: list[tuple[Any, Any]] = []
    for place in places:
        here, target = data, None
        for step in place:
            if not _has(here, step):
                break
            target = (here, step)
            here = here[step]
        if target is not None:
            targets.append(target)
    # From the end of a list to its start, so that the places of what is left do not move.
    for parent, step in sorted(targets, key=lambda target: str(target[1]).rjust(9), reverse=True):
        if _has(parent, step):
            del parent[step]
    return bool(targets)


def _position(data: Any, place: Place) -> tuple[int, ...]:
    """Where in the file a place is, for sorting: the number of each key among its neighbours."""
    position: list[int] = []
    for step in place:
        if not _has(data, step):
            return (*position, len(data))
        position.append(list(data).index(step) if isinstance(data, dict) else int(step))
        data = data[step]
    return tuple(position)
