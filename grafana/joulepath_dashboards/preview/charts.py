# SPDX-License-Identifier: Apache-2.0
"""Panels with axes as SVG: lines and areas over time, bars, states over time, and one value over another.

No line is drawn across a gap: each stretch without one is a mark of its own.
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby, pairwise
from typing import Any

import vl_convert
from markupsafe import Markup

from joulepath_dashboards.preview.answers import Line, Period
from joulepath_dashboards.preview.numbers import scale
from joulepath_prometheus.results import Point

Row = dict[str, Any]
TEXT, GRID, BACK = "#ccccdc", "#2c2f37", "#181b1f"
_CONFIG = {
    "background": "transparent",
    "font": "DejaVu Sans",
    "view": {"stroke": None},
    "axis": {
        "labelColor": TEXT,
        "titleColor": TEXT,
        "gridColor": GRID,
        "domain": False,
        "tickColor": GRID,
        "labelFontSize": 11,
        "title": None,
        "labelLimit": 190,
    },
}
_X = {"field": "at", "type": "temporal", "scale": {"type": "utc"}}


def over_time(
    panel: Mapping[str, Any],
    lines: Sequence[Line],
    colours: Mapping[str, str],
    period: Period,
    size: tuple[int, int],
) -> Markup:
    """Lines, or areas or bars one on another, over the time range of the panel."""
    own, step = period.of(panel)
    custom = panel["fieldConfig"]["defaults"].get("custom", {})
    is_bars = custom.get("drawStyle") == "bars"
    data = list(_stacked(lines, step) if "stacking" in custom else _plain(lines, step))
    for row in data:
        row |= {
            "colour": colours[row["name"]],
            "dash": [8, 8] if _is_dashed(panel, row["ref"], row["name"]) else [1, 0],
        }
        row["from"] = row["at"] - step * 1000
    y: Row = {"field": "top", "type": "quantitative", "axis": _axis(panel, [row["top"] for row in data])}
    if "max" in panel["fieldConfig"]["defaults"]:
        y["scale"] = {"domainMax": panel["fieldConfig"]["defaults"]["max"]}
    if is_bars:
        mark: Row = {"type": "bar", "opacity": 0.8}
        places: Row = {"x": _time_axis(own, "from"), "x2": {"field": "at"}, "y": y, "y2": {"field": "bottom"}}
        return _svg([_layer(data, mark, places)], size)
    x = _time_axis(own, "at")
    layers = [_layer(data, {"type": "line", "strokeWidth": 1.5}, {"x": x, "y": y, "strokeDash": _own("dash")})]
    if "stacking" in custom:
        layers.insert(0, _layer(data, {"type": "area", "opacity": 0.4}, {"x": x, "y": y, "y2": {"field": "bottom"}}))
    alone = [row for row in data if row["alone"]]
    layers.append(_layer(alone, {"type": "circle", "size": 25, "opacity": 1}, {"x": x, "y": y}))
    return _svg(layers, size)


def states(
    panel: Mapping[str, Any],
    lines: Sequence[Line],
    names: Mapping[float, tuple[str, str]],
    period: Period,
    size: tuple[int, int],
) -> Markup:
    """A row for each series, a bar for each stretch of one state; `names` are the text and colour of each value."""
    own, step = period.of(panel)
    data = []
    for line in lines:
        for stretch in _stretches(line.points, step):
            for value, run in groupby(stretch, key=lambda point: point.value):
                points = list(run)
                named, colour = names.get(value, (f"{value:g}", TEXT))
                begin, end = points[0].at, min(points[-1].at + step, own.end)
                is_wide = (end - begin) / (own.end - own.begin) * size[0] > 12 * len(named)
                row = {"at": begin * 1000, "to": end * 1000, "name": line.name, "colour": colour}
                data.append({**row, "text": named if is_wide else ""})
    y: Row = {"field": "name", "type": "nominal", "sort": None, "axis": {}, "scale": {"paddingInner": 0.15}}
    bars = _layer(data, {"type": "bar", "opacity": 0.7}, {"x": _time_axis(own, "at"), "x2": {"field": "to"}, "y": y})
    texts = _layer(
        data, {"type": "text", "align": "left", "dx": 4, "fontSize": 11}, {"x": _time_axis(own, "at"), "y": y}
    )
    texts["encoding"] |= {"text": {"field": "text"}, "color": {"value": "white"}}
    return _svg([bars, texts], size)


def against(panel: Mapping[str, Any], lines: Sequence[Line], colour: str, size: tuple[int, int]) -> Markup:
    """The values of the panel's second query over those of its first, at the same times."""
    values: dict[str, dict[float, float]] = defaultdict(dict)
    for line in lines:
        values[line.ref].update({point.at: point.value for point in line.points})
    (_, first), (_, second) = sorted(values.items())
    data: list[Row] = [
        {"along": first[at], "top": second[at], "colour": colour} for at in sorted(first.keys() & second.keys())
    ]
    names = [next(line.name for line in lines if line.ref == ref) for ref in sorted(values)]
    units = [_unit(panel, name) for name in names]
    places: Row = {
        field: {
            "field": field,
            "type": "quantitative",
            "axis": _axis(panel, [row[field] for row in data], unit) | {"title": name},
        }
        for field, unit, name in zip(("along", "top"), units, names, strict=True)
    }
    layer = _layer(data, {"type": "circle", "opacity": 0.8, "size": 30}, {"x": places["along"], "y": places["top"]})
    return _svg([layer], size)


def _stretches(points: Sequence[Point], step: float) -> Iterator[Sequence[Point]]:
    """The points between gaps."""
    begin = 0
    for place, (one, other) in enumerate(pairwise(points), start=1):
        if other.at - one.at > 1.5 * step:
            yield points[begin:place]
            begin = place
    if points:
        yield points[begin:]


def _plain(lines: Sequence[Line], step: float, below: Mapping[float, float] | None = None) -> Iterator[Row]:
    below = below or {}
    for number, line in enumerate(lines):
        for part, stretch in enumerate(_stretches(line.points, step)):
            for at, value in stretch:
                bottom = below.get(at, 0.0)
                row = {"at": at * 1000, "bottom": bottom, "top": bottom + value, "name": line.name, "ref": line.ref}
                yield {**row, "part": f"{number} {part}", "alone": len(stretch) == 1}


def _stacked(lines: Sequence[Line], step: float) -> Iterator[Row]:
    """Each series on those before it."""
    below: dict[float, float] = defaultdict(float)
    for number, line in enumerate(lines):
        for row in _plain([line], step, below):
            yield {**row, "part": f"{number} {row['part']}"}
        for at, value in line.points:
            below[at] += value


def _time_axis(period: Period, field: str) -> Row:
    form = "%H:%M:%S" if period.end - period.begin <= 600 else "%H:%M"
    domain = [period.begin * 1000, period.end * 1000]
    return {
        **_X,
        "field": field,
        "scale": {"type": "utc", "domain": domain},
        "axis": {"format": form, "tickCount": 5, "labelOverlap": True},
    }


def _axis(panel: Mapping[str, Any], values: Sequence[float], unit: str | None = None) -> Row:
    chosen = scale(unit or panel["fieldConfig"]["defaults"]["unit"], max(map(abs, values), default=0.0))
    return {"labelExpr": f"format(datum.value / {chosen.divisor!r}, '~g') + {chosen.suffix!r}", "tickCount": 5}


def _unit(panel: Mapping[str, Any], name: str) -> str:
    """The unit of a field by its name, where the panel has one of its own for it."""
    unit: str = panel["fieldConfig"]["defaults"]["unit"]
    for override in panel["fieldConfig"].get("overrides", ()):
        if override["matcher"] == {"id": "byName", "options": name}:
            unit = next((each["value"] for each in override["properties"] if each["id"] == "unit"), unit)
    return unit


def _is_dashed(panel: Mapping[str, Any], ref: str, name: str) -> bool:
    """By the query that a line comes from, or by its name."""
    return any(
        (
            override["matcher"] == {"id": "byFrameRefID", "options": ref}
            or (override["matcher"]["id"] == "byRegexp" and re.search(override["matcher"]["options"].strip("/"), name))
        )
        and any(each["id"] == "custom.lineStyle" for each in override["properties"])
        for override in panel["fieldConfig"].get("overrides", ())
    )


def _own(field: str) -> Row:
    """The values of a field as they are."""
    return {"field": field, "type": "nominal", "scale": None, "legend": None}


def _layer(data: Sequence[Row], mark: Row, encoding: Row) -> Row:
    more: Row = {"color": _own("colour")}
    if any("part" in row for row in data):
        more["detail"] = {"field": "part"}
    for place in ("y", "x"):
        if encoding.get(place, {}).get("type") == "quantitative":
            encoding = {**encoding, place: {"stack": None, **encoding[place]}}
    return {"data": {"values": list(data)}, "mark": {"clip": True, **mark}, "encoding": {**encoding, **more}}


def _svg(layers: Sequence[Row], size: tuple[int, int]) -> Markup:
    width, height = size
    spec = {"width": width, "height": height, "autosize": {"type": "fit", "contains": "padding"}, "config": _CONFIG}
    svg = vl_convert.vegalite_to_svg({**spec, "padding": 2, "layer": list(layers)}, allowed_base_urls=[])
    return Markup(svg)  # noqa: S704  # Vega escapes texts
