# SPDX-License-Identifier: Apache-2.0
"""Node graphs as SVG: places as circles in columns, each right of all that leads to it, and edges with figures."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from markupsafe import Markup

from joulepath_dashboards.preview.answers import Line
from joulepath_dashboards.preview.numbers import written

RADIUS = 13
HEAD = 12
"""Pixels above the first place."""
_SIDE = 90
"""Pixels beside the first and the last column, for labels."""


class _Edge(NamedTuple):
    """An edge, by the ids of its ends."""

    source: str
    target: str
    value: float


class _Place(NamedTuple):
    """A node and the middle of its circle, in pixels."""

    title: str
    subtitle: str
    value: float
    x: float
    y: float


def body(panel: Mapping[str, Any], found: Sequence[Line], size: tuple[int, int]) -> Markup:
    """The graph of the queries `nodes` and `edges`. Raises ValueError for an edge without a node, as Grafana does."""
    unit = panel["fieldConfig"]["defaults"]["unit"]
    nodes = {line.labels.get("id", ""): line for line in found if line.ref == "nodes"}
    edges = [
        _Edge(line.labels.get("source", ""), line.labels.get("target", ""), line.points[-1].value)
        for line in found
        if line.ref == "edges"
    ]
    for edge in edges:
        if missing := {edge.source, edge.target} - nodes.keys():
            raise ValueError(f"panel {panel['title']!r}: no node {', '.join(sorted(missing))}")
    places = _placed(nodes, edges, size)
    from_one: Counter[str] = Counter()
    drawn = []
    for edge in edges:
        drawn.append(_edge(places, edge, unit, from_one[edge.source]))
        from_one[edge.source] += 1
    drawn += [_node(place, unit) for place in places.values()]
    return Markup('<svg width="{}" height="{}" font-size="11" text-anchor="middle">{}</svg>').format(
        *size, Markup().join(drawn)
    )


def _columns(nodes: Mapping[str, Line], edges: Sequence[_Edge]) -> Mapping[str, int]:
    """The number of each node's column: one more than the last that leads to it. A circle ends after as many rounds."""
    column = dict.fromkeys(nodes, 0)
    for _ in nodes:
        for edge in edges:
            column[edge.target] = max(column[edge.target], min(column[edge.source] + 1, len(nodes)))
    return column


def _placed(nodes: Mapping[str, Line], edges: Sequence[_Edge], size: tuple[int, int]) -> Mapping[str, _Place]:
    column = _columns(nodes, edges)
    members: defaultdict[int, list[str]] = defaultdict(list)
    for name, number in column.items():
        members[number].append(name)
    pitch = (size[0] - 2 * _SIDE) / max(1, *members)
    places: dict[str, _Place] = {}
    for number in sorted(members):
        sources = {
            name: [places[edge.source].y for edge in edges if edge.target == name and edge.source in places]
            for name in members[number]
        }
        # Near to where their watts come from, so that few edges cross.
        ordered = sorted(sources, key=lambda name: (sum(sources[name]) / max(1, len(sources[name])), name))
        room = (size[1] - HEAD) / len(ordered)
        for rank, name in enumerate(ordered):
            line = nodes[name]
            title, subtitle = (line.labels.get(label, "") for label in ("title", "subtitle"))
            at = (_SIDE + number * pitch, HEAD + (rank + 0.4) * room)
            places[name] = _Place(title, subtitle, line.points[-1].value, *at)
    return places


def _edge(places: Mapping[str, _Place], edge: _Edge, unit: str, rank: int) -> Markup:
    source, target = places[edge.source], places[edge.target]
    # Nearer to the source, where edges have not met yet, and the figures of one source beside each other.
    along = 0.2 + 0.12 * (rank % 3)
    x, y = (one + along * (other - one) for one, other in ((source.x, target.x), (source.y, target.y)))
    return Markup(
        '<path d="M{:.0f} {:.0f} L{:.0f} {:.0f}" stroke="#6e7079"/><text x="{:.0f}" y="{:.0f}" fill="#9fa7b3">{}</text>'
    ).format(source.x + RADIUS, source.y, target.x - RADIUS, target.y, x, y - 3, written(unit, edge.value))


def _node(place: _Place, unit: str) -> Markup:
    texts = {-RADIUS - 4: written(unit, place.value), RADIUS + 12: f"{place.title} ({place.subtitle})"}
    circle = Markup('<circle cx="{:.0f}" cy="{:.0f}" r="{}" fill="#22252b" stroke="#5794f2"/>')
    label = Markup('<text x="{:.0f}" y="{:.0f}" fill="#ccccdc">{}</text>')
    return Markup().join(
        (
            circle.format(place.x, place.y, RADIUS),
            *(label.format(place.x, place.y + below, text) for below, text in texts.items()),
        )
    )
