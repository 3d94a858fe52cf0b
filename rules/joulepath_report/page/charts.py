# SPDX-License-Identifier: Apache-2.0
"""The charts of a page as SVG. Vega lays them out, by the specifications in flow.vega.json and steps.vega.json.

Their colours are names of the page's style, so that they follow light and dark mode.
"""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import vl_convert
from markupsafe import Markup, escape

from joulepath_report.model import UNATTRIBUTED, Report, Step
from joulepath_report.page.bars import gaps
from joulepath_report.page.digits import energies
from joulepath_report.page.flow import LEVELS, Diagram, Node
from joulepath_report.page.looks import PLAIN, Looks

HERE = Path(__file__).parent
_Data = Mapping[str, Sequence[Mapping[str, Any]]]
_ROW = 40
"""Height of a bar in the flow with the gap below it, in pixels, at least; a label is 12 high."""


def flow_svg(diagram: Diagram, looks: Looks, label: str) -> Markup:
    """The flow. `label` is its name for screen readers."""
    most = max(sum(node.level == level for node in diagram.nodes) for level in diagram.levels)
    fills = {(node.level, node.key): _fill(node, looks) for node in diagram.nodes}
    data: _Data = {
        "heads": [{"column": number, "title": LEVELS[level]} for number, level in enumerate(diagram.levels)],
        "nodes": [
            {
                "id": f"{node.level} {node.key}",
                "name": node.name,
                "amount": amount,
                "column": diagram.levels.index(node.level),
                "rank": node.rank,
                "joules": node.joules,
                "fill": fills[node.level, node.key],
            }
            for node, amount in zip(diagram.nodes, energies(node.joules for node in diagram.nodes), strict=True)
        ],
        "links": [
            {
                "source": " ".join(link.source),
                "target": " ".join(link.target),
                "joules": link.joules,
                "stroke": _stroke(fills[link.target]),
            }
            for link in diagram.links
        ],
    }
    signals = {"last": len(diagram.levels) - 1}
    return _svg("flow", data, signals, label, height=max(240, _ROW * most))


def steps_svg(report: Report, steps: Sequence[Step], looks: Looks, label: str) -> Markup:
    """The stacked time series."""
    shown = list(looks.patterns)
    data: _Data = {
        "bars": [
            {
                "begin": step.begin * 1000,
                "end": (step.begin + step.seconds) * 1000,
                "name": looks.label(step.application),
                "rank": shown.index(step.application),
                "watts": step.watts,
                "fill": f"url(#{looks.patterns[step.application]})",
            }
            for step in steps
        ],
        "gaps": [{"begin": gap.begin * 1000, "end": gap.end * 1000} for gap in gaps(steps, report.begin, report.end)],
    }
    begin = min([report.begin, *(step.begin for step in steps)])
    end = max([report.end, *(step.begin + step.seconds for step in steps)])
    return _svg("steps", data, {"begin": begin * 1000, "end": end * 1000}, label)


def _fill(node: Node, looks: Looks) -> str:
    if node.key == UNATTRIBUTED:
        return f"url(#look-{UNATTRIBUTED})"
    return f"url(#{looks.patterns[node.key]})" if node.level == "application" else PLAIN


def _stroke(fill: str) -> str:
    """The plain colour of a link to a node: a pattern on a curve would only blur it."""
    look = re.fullmatch(r"url\(#(.+)\)", fill)
    return f"var(--{look[1]})" if look else PLAIN


def _svg(name: str, data: _Data, signals: Mapping[str, float], label: str, **size: float) -> Markup:
    """The chart of a specification with these data and signals, as an image with a name."""
    spec = json.loads((HERE / f"{name}.vega.json").read_text(encoding="utf-8"))
    spec |= size
    for each in spec["data"]:
        if each["name"] in data:
            each["values"] = data[each["name"]]
    for signal in spec["signals"]:
        if signal["name"] in signals:
            signal["value"] = signals[signal["name"]]
    svg = vl_convert.vega_to_svg(spec, allowed_base_urls=[])
    body = re.sub(r"<svg [^>]*?(viewBox=\"[^\"]*\")[^>]*>", lambda found: found[1] + ">", svg, count=1)
    return Markup(f'<svg role="img" aria-label="{escape(label)}" ') + Markup(body)  # noqa: S704  # Vega escapes texts
