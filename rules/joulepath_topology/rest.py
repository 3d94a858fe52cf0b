# SPDX-License-Identifier: Apache-2.0
"""The part of a file's data that is left when refused parts are taken out, which still knows where each part stood."""

import copy
from collections.abc import Iterable
from typing import Any

from joulepath_topology.problem import Place


class Rest:
    """A copy of `data`, from which parts are taken out."""

    def __init__(self, data: Any) -> None:
        self.data = copy.deepcopy(data)
        self._positions: dict[int, list[int]] = {}
        """For each list that lost items: where those that are left stood. By id, as lists are never replaced."""

    def place(self, loc: Place) -> Place:
        """One of pydantic's locations without its additions, such as `[key]`; the last step may be a missing key."""
        place: list[str | int] = []
        data = self.data
        for step in loc:
            if has(data, step):
                place.append(step)
                data = data[step]
            elif step == loc[-1] and not str(step).startswith("[") and isinstance(data, dict):
                place.append(step)
        return tuple(place)

    def original(self, place: Place) -> Place:
        """Where a place of the rest stood in the data."""
        steps: list[str | int] = []
        data = self.data
        for step in place:
            positions = self._positions.get(id(data), [])
            steps.append(positions[step] if isinstance(step, int) and step < len(positions) else step)
            data = data[step] if has(data, step) else None
        return tuple(steps)

    def take_out(self, places: Iterable[Place]) -> bool:
        """Deletes the parts: a key that is there, else the entry that lacks it. False when nothing is left to."""
        targets: list[tuple[Any, Any]] = []
        for place in places:
            here, target = self.data, None
            for step in place:
                if not has(here, step):
                    break
                target = (here, step)
                here = here[step]
            if target is not None:
                targets.append(target)
        # From the end of a list to its start, so that the places of what is left do not move.
        for parent, step in sorted(targets, key=lambda target: str(target[1]).rjust(9), reverse=True):
            if not has(parent, step):
                continue
            if isinstance(parent, list):
                del self._positions.setdefault(id(parent), list(range(len(parent))))[step]
            del parent[step]
        return bool(targets)


def has(data: Any, step: str | int) -> bool:
    """Whether there is something at the next step."""
    if isinstance(data, dict):
        return step in data
    return isinstance(data, list) and isinstance(step, int) and step < len(data)
