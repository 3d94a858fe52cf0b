# SPDX-License-Identifier: Apache-2.0
"""Orders the flow for its diagram: the columns, the names that are shown alone, and their place in a column."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from joulepath_report.model import UNATTRIBUTED, Edge
from joulepath_report.page.looks import MOST, OTHERS, others

LEVELS = {"site": "Sites", "host": "Hosts", "component": "Components", "application": "Applications"}
"""Titles of the columns, from plugs to applications."""

_ORDER = tuple(LEVELS)
_Place = tuple[str, str]
"""Level and name."""


@dataclass(frozen=True)
class Node:
    """One place in the diagram: a bar of a column. `rank` is its place in the column, from above."""

    level: str
    key: str
    """Its name, OTHERS or UNATTRIBUTED."""
    name: str
    rank: int
    joules: float


@dataclass(frozen=True)
class Link:
    """Energy from a node to one of the next column."""

    source: _Place
    target: _Place
    joules: float


@dataclass(frozen=True)
class Diagram:
    """Columns that have something to tell, with their nodes and the links between them."""

    levels: tuple[str, ...]
    nodes: tuple[Node, ...]
    links: tuple[Link, ...]


def arrange(edges: Iterable[Edge], most: int = MOST, applications: Collection[str] | None = None) -> Diagram:
    """The diagram of a flow. A column shows at most `most` names (one more, if that spares a lonely "other").

    `applications` are those that are shown instead, so that all charts show the same.

    One site alone has no column.
    """
    joules: defaultdict[tuple[_Place, _Place], float] = defaultdict(float)
    for edge in edges:
        if edge.joules > 0:
            before = _ORDER[_ORDER.index(edge.kind) - 1]
            joules[(before, edge.source), (edge.kind, edge.target)] += edge.joules
    merged, labels = _merged(joules, most, applications)
    sums = _sums(merged)
    levels = tuple(level for level in _ORDER if any(place[0] == level for place in sums))
    if levels[:1] == ("site",) and sum(place[0] == "site" for place in sums) == 1:
        levels = levels[1:]
    nodes = [
        Node(level, key, labels.get((level, key), key), rank, sums[level, key])
        for level, keys in _ranked(levels, sums, merged).items()
        for rank, key in enumerate(keys)
    ]
    links = [Link(*ends, amount) for ends, amount in merged.items() if ends[0][0] in levels]
    return Diagram(levels, tuple(nodes), tuple(links))


_Flows = Mapping[tuple[_Place, _Place], float]


def _sums(flows: _Flows) -> Mapping[_Place, float]:
    """Energy of each place: what comes in, or what goes out where that is more."""
    came: defaultdict[_Place, float] = defaultdict(float)
    went: defaultdict[_Place, float] = defaultdict(float)
    for (source, target), amount in flows.items():
        went[source] += amount
        came[target] += amount
    return {place: max(came.get(place, 0.0), went.get(place, 0.0)) for place in (*went, *came)}


def _merged(flows: _Flows, most: int, applications: Collection[str] | None) -> tuple[_Flows, Mapping[_Place, str]]:
    """The flows with the small places of each level in one, and the labels of these."""
    sums = _sums(flows)
    stands_for: dict[_Place, _Place] = {}
    labels = {}
    for level in LEVELS:
        named = [place for place in sums if place[0] == level and place[1] != UNATTRIBUTED]
        named.sort(key=lambda place: (-sums[place], place))
        small = named[most:] if len(named) > most + 1 else []
        if level == "application" and applications is not None:
            small = [place for place in named if place[1] not in applications]
        if small:
            stands_for |= dict.fromkeys(small, (level, OTHERS))
            labels[level, OTHERS] = others(len(small))
    merged: defaultdict[tuple[_Place, _Place], float] = defaultdict(float)
    for (source, target), amount in flows.items():
        merged[stands_for.get(source, source), stands_for.get(target, target)] += amount
    return merged, labels


def _ranked(levels: Sequence[str], sums: Mapping[_Place, float], flows: _Flows) -> Mapping[str, Sequence[str]]:
    """The names of each level from above: near to where their energy comes from, so that few links cross."""
    ranked: dict[str, Sequence[str]] = {}
    height: dict[_Place, float] = {}
    for level in levels:
        keys = [key for at, key in sums if at == level]
        drawn = {key: _mean_height((level, key), flows, height) for key in keys}
        ranked[level] = sorted(keys, key=lambda key: (_last(key), drawn[key], -sums[level, key], key))
        top = 0.0
        for key in ranked[level]:
            height[level, key] = top + sums[level, key] / 2
            top += sums[level, key]
    return ranked


def _last(key: str) -> int:
    """The rest stands below all that has a name."""
    return (OTHERS, UNATTRIBUTED).index(key) + 1 if key in {OTHERS, UNATTRIBUTED} else 0


def _mean_height(place: _Place, flows: _Flows, height: Mapping[_Place, float]) -> float:
    """The mean height of the sources of a place, by their energy."""
    parts = [
        (height[source], amount) for (source, target), amount in flows.items() if target == place and source in height
    ]
    whole = sum(amount for _, amount in parts)
    return sum(at * amount for at, amount in parts) / whole if whole else 0.0
