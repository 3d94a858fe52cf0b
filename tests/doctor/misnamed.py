# SPDX-License-Identifier: Apache-2.0
"""Every name of other programs in a topology, one after the other, a little wrong."""

import copy
import re
from collections.abc import Iterator
from typing import Any

import yaml

from joulepath_topology import Topology
from joulepath_topology.meters import METERS
from joulepath_topology.problem import Place
from joulepath_topology.reading import examine
from joulepath_topology.shares import Share

NAMES = {
    *METERS, *(meter.part.key for meter in METERS.values() if meter.part), *Share.kinds,
    "dcgm", "instance", "instances", "model_name", "grid_zone", "source", "ioam", "node", "node_name", "id", "flows",
}  # fmt: skip
"""Keys with a name that somebody else gave."""
VALUE = re.compile(r'(?<!!)(="[^"]*?)(")')
"""The end of a label's value in a query."""


def misnamed(text: str) -> Iterator[tuple[Place, str, Topology]]:
    """The entry of each such name, the name, and the topology in which it is another one, as far as it may be."""
    for place, name, changed in _changed(yaml.safe_load(text)):
        topology, problems = examine(yaml.safe_load(changed))
        if topology is not None and not any(problem.severity == "error" for problem in problems):
            yield place, name, topology


def _changed(data: Any) -> Iterator[tuple[Place, str, str]]:
    for place, value in _leaves(data, ()):
        last = max(number for number, step in enumerate(place) if isinstance(step, str))
        key, entry = place[last], place[:last]
        if isinstance(value, str) and VALUE.search(value):
            for found in VALUE.finditer(value):
                wrong = f"{value[: found.end() - 1]}-x{value[found.end() - 1 :]}"
                if found[1] != '="' and "$" not in found[1]:
                    yield entry, found[1][2:], _with(data, place, wrong)
        elif key in NAMES:
            wrong_name = value + 5000 if isinstance(value, int) else _other(key, value)
            yield entry, str(value).split("-.*")[0].rpartition("/")[2], _with(data, place, wrong_name)


def _other(key: str, name: str) -> str:
    """A name that is nearly the same; of a regular expression, one that fits nothing."""
    if key == "id":
        return f"{name[:-2]}00"
    return f"{name[: -len('-.*')]}x-.*" if name.endswith("-.*") else f"{name}x"


def _leaves(data: Any, place: Place) -> Iterator[tuple[Place, Any]]:
    items = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else None
    if items is None:
        yield place, data
        return
    for step, item in items:
        yield from _leaves(item, (*place, step))


def _with(data: Any, place: Place, value: Any) -> str:
    changed = copy.deepcopy(data)
    at = changed
    for step in place[:-1]:
        at = at[step]
    at[place[-1]] = value
    return yaml.safe_dump(changed)
