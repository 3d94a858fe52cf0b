# SPDX-License-Identifier: Apache-2.0
"""The answer as text and as JSON."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from tabulate import tabulate

from joulepath_topology import Topology
from joulepath_topology.common import UNATTRIBUTED
from joulepath_whatif.effect import Effect, Row
from joulepath_whatif.present import Present
from joulepath_whatif.scenario import Scenario
from joulepath_whatif.span import Span
from joulepath_whatif.weights import CO2

HOUR = 3600
LEAST = 0.05
"""Watts below which a change is not told in words."""
SAME = 1e-9
"""The part by which CO2 and money change through rounding."""
UNKNOWN = "unknown"


def text(topology: Topology, scenario: Scenario, present: Present, answer: Effect) -> str:
    """Tables, and in words what is saved and what is not."""
    head = f"{scenario.name or 'Scenario'}: topology {topology.name}, figures of {_moment(present.at)}"
    parts = [head, *_changes(scenario), "", "Watts", _watts(answer)]
    for name in answer.weighed:
        title, factor, digits = ("CO2, g/h (grid)", HOUR, 1) if name == CO2 else (f"{name}/h", 1, 4)
        parts += ["", title, _amounts(answer, name, factor, digits)]
    return "\n".join([*parts, "", *_words(answer)])


def as_json(topology: Topology, scenario: Scenario, present: Present, answer: Effect) -> str:
    """One object; watts, and grams of CO2 a second. null is not known."""
    data = {
        "topology": topology.name,
        "time": _moment(present.at),
        "scenario": scenario.model_dump(mode="json", exclude_defaults=True),
        "applications": {row.name: _row(row) for row in answer.rows},
        "left_out": list(answer.left_out),
        "meters": {"watts": answer.meters, "saved_watts": asdict(answer.saved), "idle_saved_watts": answer.idle_saved},
        **_by_unit("", {name: _pair(pair) for name, pair in answer.weighed.items()}),
    }
    return json.dumps(data, indent=2)


def _row(row: Row) -> dict[str, Any]:
    marginal = {name: _pair([asdict(span) for span in spans]) for name, spans in row.marginal_weighed.items()}
    return {
        "attributed_watts": _pair(row.attributed),
        "marginal_watts": None if row.marginal is None else _pair([asdict(span) for span in row.marginal]),
        "marginal_change_watts": None if row.change is None else asdict(row.change),
        **_by_unit("attributed_", {name: _pair(pair) for name, pair in row.weighed.items()}),
        **_by_unit("marginal_", marginal),
    }


def _by_unit(prefix: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """CO2 in grams a second, and costs by currency."""
    costs = {name: value for name, value in values.items() if name != CO2}
    return {f"{prefix}co2_grams_per_second": values.get(CO2), f"{prefix}cost_per_hour": costs}


def _pair(values: Sequence[Any]) -> dict[str, Any]:
    return dict(zip(("now", "then"), values, strict=True))


def _moment(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _changes(scenario: Scenario) -> Iterator[str]:
    """Each change in a line, as the scenario has it."""
    for section in ("applications", "components", "hosts", "sites"):
        for name, entry in getattr(scenario, section).items():
            values = entry.model_dump(exclude_defaults=True)
            words = (f"{key} {_value(value)}" for key, value in values.items())
            yield f"  {section}.{name}: {', '.join(words)}"


def _value(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{after} in place of {before}" for before, after in value.items())
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _watts(answer: Effect) -> str:
    rows = []
    for row in answer.rows:
        now, then = row.attributed
        rows.append([row.name, _one(now), _one(then), _change(then - now), *_marginal(row)])
    now, saved = answer.meters, answer.saved
    rows.append(
        ["at the meters", _one(now), _one(now - saved.value), _change(-saved.value), "", "", *_ends(saved.times(-1))]
    )
    heads = ["", "share now", "then", "change", "marginal now", "then", "change", "95 % interval"]
    return _table(rows, heads)


def _marginal(row: Row) -> list[str]:
    if row.marginal is None or row.change is None:
        return [] if row.name == UNATTRIBUTED else [UNKNOWN] * 3
    return [_one(row.marginal[0].value), _one(row.marginal[1].value), *_ends(row.change)]


def _ends(change: Span) -> list[str]:
    if change.low is None or change.high is None:
        return [_change(change.value), "not known"]
    ends = "" if change.low == change.high else f"{_change(change.low)} to {_change(change.high)}"
    return [_change(change.value), ends]


def _amounts(answer: Effect, name: str, factor: float, digits: int) -> str:
    """A table of grams or of money."""

    def cells(now: float, then: float) -> list[str]:
        before, after = factor * now, factor * then
        return [f"{before:.{digits}f}", f"{after:.{digits}f}", _change(after - before, digits)]

    rows = []
    for row in answer.rows:
        known = row.marginal_weighed.get(name)
        marginal = ["", "", ""] if known is None else cells(known[0].value, known[1].value)
        rows.append([row.name, *cells(*row.weighed[name]), *marginal])
    rows.append(["of all hosts", *cells(*answer.weighed[name]), "", "", ""])
    return _table(rows, ["", "share now", "then", "change", "marginal now", "then", "change"])


def _table(rows: Sequence[Sequence[str]], heads: Sequence[str]) -> str:
    align = ["left", *["right"] * (len(heads) - 1)]
    return tabulate(rows, heads, tablefmt="simple", colalign=align, disable_numparse=True)


def _one(value: float) -> str:
    return f"{value:.1f}"


def _change(value: float, digits: int = 1) -> str:
    """With its sign; 0 has none."""
    text = f"{value:+.{digits}f}"
    return text if float(text) else text.lstrip("+-")


def _words(answer: Effect) -> Iterator[str]:
    """The watts that are saved at the meters, and those that only move."""
    saved = answer.saved
    if abs(saved.value) < LEAST:
        other = any(abs(then - now) > SAME * abs(now) for now, then in answer.weighed.values())
        yield f"The meters of the hosts show the same: {'no watts are' if other else 'nothing is'} saved."
    else:
        verb = "less" if saved.value > 0 else "more"
        interval = ""
        if saved.low is not None and saved.high is not None and saved.low != saved.high:
            low, high = sorted((abs(saved.low), abs(saved.high)))
            interval = f" ({low:.1f} to {high:.1f} W)"
        part = 100 * abs(saved.value) / answer.meters if answer.meters else 0.0
        yield f"The meters show {abs(saved.value):.1f} W {verb}{interval}, {part:.1f} % of their {answer.meters:.1f} W."
    if abs(answer.idle_saved) >= LEAST:
        yield f"Idle power of hosts is {answer.idle_saved:.1f} W of that."
    falls = {row.name: row.attributed[0] - row.attributed[1] for row in answer.rows}
    fallen = sum(fall for fall in falls.values() if fall > 0)
    moved = {name: -fall for name, fall in falls.items() if fall <= -LEAST}
    kept = fallen - max(saved.value, 0.0)
    if kept >= LEAST and moved:
        names = " and ".join(f"{name} ({watts:+.1f} W)" for name, watts in moved.items())
        yield f"Shares fall by {fallen:.1f} W. {kept:.1f} W of that are not saved: they stay, and count for {names}."
    if answer.left_out:
        yield f"Left out, since their shares are not known now: {', '.join(answer.left_out)}."
    if any(row.marginal is None and row.name != UNATTRIBUTED for row in answer.rows):
        yield "Marginal watts are unknown where a component has no `marginal`: run `joulepath calibrate marginal`."
