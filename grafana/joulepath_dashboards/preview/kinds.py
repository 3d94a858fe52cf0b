# SPDX-License-Identifier: Apache-2.0
"""The contents of a panel, by its kind."""

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from joulepath_dashboards.preview import charts, graph
from joulepath_dashboards.preview.answers import Line, Period
from joulepath_dashboards.preview.numbers import written
from joulepath_dashboards.preview.tables import body

KINDS = frozenset({"bargauge", "nodeGraph", "row", "stat", "state-timeline", "table", "timeseries", "xychart"})
"""Types of panels that can be drawn."""
NAMED = {"green": "#73bf69", "orange": "#ff9830", "red": "#f2495c", "blue": "#5794f2"}
PALETTE = (
    *("#73bf69", "#5794f2", "#f2cc0c", "#ff9830", "#b877d9", "#f2495c"),
    *("#37872d", "#8ab8ff", "#fa6400", "#c4162a", "#ca95e5", "#e0b400"),
)
STANDARD = ({"color": "green", "value": None}, {"color": "red", "value": 80})
"""Grafana's thresholds for a panel that states none."""


def drawn(
    panel: Mapping[str, Any], found: Sequence[Line], names: dict[str, str], period: Period, size: tuple[int, int]
) -> Markup:
    """The contents of a panel. `names` collects the colour of each series, which it keeps on the whole page."""
    kind, defaults = panel["type"], panel["fieldConfig"]["defaults"]
    if kind not in KINDS:
        raise ValueError(f"panel {panel['title']!r}: the preview cannot draw the type {kind!r}")
    if kind == "stat":
        named = len(found) > 1 or panel.get("options", {}).get("textMode") == "value_and_name"
        return _figure(defaults, found, named=named)
    if not found or (kind == "xychart" and len({line.ref for line in found}) < 2):
        return sentence(defaults.get("noValue", "No data"))
    if kind == "nodeGraph":
        return graph.body(panel, found, size)
    if kind in {"table", "bargauge"}:
        return body(panel, found) if kind == "table" else _bars(defaults, found)
    return _chart(panel, found, names, period, size)


def _chart(
    panel: Mapping[str, Any], found: Sequence[Line], names: dict[str, str], period: Period, size: tuple[int, int]
) -> Markup:
    wide, high = size
    if panel["type"] == "xychart":
        return charts.against(panel, found, PALETTE[0], size)
    if panel["type"] == "state-timeline":
        known = _mappings(panel["fieldConfig"]["defaults"])
        return charts.states(panel, found, known, period, (wide, high - 22)) + _legend(list(known.values()))
    for line in found:
        names.setdefault(line.name, PALETTE[len(names) % len(PALETTE)])
    shown = {line.name: names[line.name] for line in found}
    rows = 1 + sum(7 * len(name) + 30 for name in shown) // wide
    return charts.over_time(panel, found, names, period, (wide, high - 20 * rows - 2)) + _legend(list(shown.items()))


def _figure(defaults: Mapping[str, Any], found: Sequence[Line], *, named: bool) -> Markup:
    """Large values, each with its name if they are `named`."""
    if not found:
        return Markup('<div class="figure" style="color:{}">{}</div>').format(charts.TEXT, defaults["noValue"])
    parts = [
        Markup('<div style="color:{}">{}<small>{}</small></div>').format(
            _colour(defaults, value), _text(defaults, value), line.name if named else ""
        )
        for line, value in ((line, line.points[-1].value) for line in found)
    ]
    return Markup('<div class="figure">{}</div>').format(Markup().join(parts))


def _bars(defaults: Mapping[str, Any], found: Sequence[Line]) -> Markup:
    """Horizontal bars from `min` to `max`, or to the largest value."""
    values = [line.points[-1].value for line in found]
    most = defaults.get("max", max(values)) or 1
    bar = Markup(
        '<span>{}</span><div class="bar"><i style="width:{:.1f}%;background:{}"></i></div><b style="color:{}">{}</b>'
    )
    parts = [
        bar.format(line.name, 100 * min(max(value / most, 0), 1), colour, colour, _text(defaults, value))
        for line, value, colour in (
            (line, value, _colour(defaults, value)) for line, value in zip(found, values, strict=True)
        )
    ]
    return Markup('<div class="bars">{}</div>').format(Markup().join(parts))


def _mappings(defaults: Mapping[str, Any]) -> dict[float, tuple[str, str]]:
    """Text and colour of each value that has a name."""
    return {
        float(value): (each["text"], NAMED.get(each["color"], each["color"]))
        for mapping in defaults.get("mappings", ())
        for value, each in sorted(mapping["options"].items(), key=lambda pair: pair[1]["index"])
    }


def _text(defaults: Mapping[str, Any], value: float) -> str:
    known = _mappings(defaults)
    unit: str = defaults["unit"]
    return known[value][0] if value in known else written(unit, value)


def _colour(defaults: Mapping[str, Any], value: float) -> str:
    """The colour of a value: its own name's, or that of the last threshold that it reaches."""
    known = _mappings(defaults)
    if value in known:
        return known[value][1]
    steps = defaults.get("thresholds", {}).get("steps", STANDARD)
    reached = [step["color"] for step in steps if step["value"] is None or value >= step["value"]]
    last: str = reached[-1]
    return NAMED.get(last, last)


def _legend(entries: Sequence[tuple[str, str]]) -> Markup:
    parts = [Markup('<span><i style="background:{}"></i>{}</span>').format(colour, name) for name, colour in entries]
    return Markup('<div class="legend">{}</div>').format(Markup().join(parts))


def sentence(text: str) -> Markup:
    """A sentence in the middle of the panel."""
    return Markup('<div class="empty">{}</div>').format(text)
