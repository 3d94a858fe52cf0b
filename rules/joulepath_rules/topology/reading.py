# SPDX-License-Identifier: Apache-2.0
"""Reads a topology file and lists all of its mistakes in one go, in the order of the file."""

import copy
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from joulepath.config import read_yaml
from joulepath.errors import UsageError
from joulepath_rules.topology.checks import Problem, check
from joulepath_rules.topology.model import Topology

Place = tuple[str | int, ...]


def read(path: Path) -> Topology:
    """The topology of the file. Raises UsageError with one line per mistake: `FILE: key.path: what to do`."""
    data = read_yaml(path)
    if not isinstance(data, dict):
        raise UsageError(f"{path}: must be a mapping with sites, hosts, components and applications")
    topology, problems = examine(data)
    if topology is None or problems:
        lines = [f"{'.'.join(map(str, problem.place))}: {problem.message}".removeprefix(": ") for problem in problems]
        raise UsageError([f"{path}: {line}" for line in lines])
    return topology


def examine(data: dict[Any, Any]) -> tuple[Topology | None, list[Problem]]:
    """The topology as far as it makes sense, and everything that is wrong with it.

    What pydantic refuses is taken out and the rest is read again, so that a mistyped number does not hide the name
    that is wrong elsewhere. What only follows from a part that was taken out is not reported.
    """
    rest = copy.deepcopy(data)
    problems: tuple[Problem, ...] = ()
    topology = None
    while topology is None:
        try:
            topology = Topology.model_validate(rest)
        except ValidationError as error:
            found = [Problem(_place(data, item["loc"]), _message(item)) for item in error.errors(include_url=False)]
            fresh = [problem for problem in found if not _follows(problem.place, problems)]
            problems += dict.fromkeys(fresh)
            if not _take_out(rest, [item["loc"] for item in error.errors(include_url=False)]):
                break
    if topology is not None:
        known = list(problems)
        for problem in check(topology, data):
            if not any(_follows(place, known) for place in (problem.place, *problem.because)):
                problems.append(problem)
    return topology, sorted(problems, key=lambda problem: _position(data, problem.place))


def _message(item: Any) -> str:
    message: str = item["msg"].removeprefix("Value error, ")
    if item["type"] == "string_type":
        return f"{message} (write it in quotes)"
    return message


def _place(data: Any, loc: Place) -> Place:
    """A location without what pydantic adds to it: the branch of a union, `[key]` of a mapping."""
    place: list[str | int] = []
    for step in loc:
        if isinstance(data, dict) and step in data or isinstance(data, list) and isinstance(step, int):
            place.append(step)
            data = data[step]
        elif step == loc[-1] and isinstance(data, dict) and step != "[key]":
            place.append(step)
    return tuple(place)


def _follows(place: Place, earlier: list[Problem]) -> bool:
    """Whether something at `place`, in it or around it was already found wrong."""
    return any(place == known.place[: len(place)] or known.place == place[: len(known.place)] for known in earlier)


def _take_out(data: Any, locs: list[Place]) -> bool:
    """Deletes the refused parts: a key that is there, else the entry that lacks it. False when nothing is left to."""
    targets: list[tuple[Any, Any]] = []
    for loc in locs:
        here, target = data, None
        for step in _place(data, loc):
            inside = step in here if isinstance(here, dict) else isinstance(step, int)
            if not inside:
                break
            target = (here, step)
            here = here[step]
        if target is not None:
            targets.append(target)
    # From the end of a list to its start, so that the places of what is left do not move.
    for parent, step in sorted(targets, key=lambda target: str(target[1]).rjust(9), reverse=True):
        if isinstance(parent, dict):
            parent.pop(step, None)
        elif step < len(parent):
            del parent[step]
    return bool(targets)


def _position(data: Any, place: Place) -> tuple[int, ...]:
    """Where in the file a place is, for sorting: the number of each key among its neighbours."""
    position: tuple[int, ...] = ()
    for step in place:
        if isinstance(data, dict) and step in data:
            position.append(list(data).index(step))
            data = data[step]
        elif isinstance(data, list) and isinstance(step, int):
            position.append(step)
            data = data[step]
        else:
            position.append(1 << 30)
            break
    return tuple(position)
