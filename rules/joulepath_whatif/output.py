# SPDX-License-Identifier: Apache-2.0
"""The answer as text and as JSON."""

import json
from collections.abc import Iterator, Sequence
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

HOUR = 3600
LEAST = 0.05
"""Watts below which a change is not told in words."""
UNKNOWN = "unknown"


def text(topology: Topology, scenario: Scenario, present: Present, answer: Effect) -> str:
    """Tables, and in words what is saved and what is not."""
    head = f"{scenario.name or 'Scenario'}: topology {topology.name}, figures of {_moment(present.at)}"
    parts = [head, *_changes(scenario), "", "Watts", _watts(answer)]
    if answer.grams is not None:
        parts += ["", "CO2, g/h (grid)", _grams(answer)]
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
        "co2_grams_per_second": None if answer.grams is None else dict(zip(("now", "then"), answer.grams, strict=True)),
    }
    return json.dumps(data, indent=2)


def _row(row: Row) -> dict[str, Any]:
    def pair(values: Sequence[Any] | None) -> dict[str, Any] | None:
        return None if values is None else dict(zip(("now", "then"), values, strict=True))

    marginal = None if row.marginal is None else [asdict(span) for span in row.marginal]
    grams = None if row.marginal_grams is None else [asdict(span) for span in row.marginal_grams]
    return {
        "attributed_watts": pair(row.attributed),
        "marginal_watts": pair(marginal),
        "marginal_change_watts": None if row.change is None else asdict(row.change),
        "attributed_co2_grams_per_second": pair(row.grams),
        "marginal_co2_grams_per_second": pair(grams),
    }


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


def _grams(answer: Effect) -> str:
    rows = []
    for row in answer.rows:
        if row.grams is None:
            continue
        now, then = (HOUR * each for each in row.grams)
        marginal = ["", "", ""]
        if row.marginal_grams is not None:
            before, after = (HOUR * each.value for each in row.marginal_grams)
            marginal = [_one(before), _one(after), _change(after - before)]
        rows.append([row.name, _one(now), _one(then), _change(then - now), *marginal])
    if answer.grams is not None:
        now, then = (HOUR * each for each in answer.grams)
        rows.append(["of all hosts", _one(now), _one(then), _change(then - now), "", "", ""])
    return _table(rows, ["", "share now", "then", "change", "marginal now", "then", "change"])


def _table(rows: Sequence[Sequence[str]], heads: Sequence[str]) -> str:
    align = ["left", *["right"] * (len(heads) - 1)]
    return tabulate(rows, heads, tablefmt="simple", colalign=align, disable_numparse=True)


def _one(value: float) -> str:
    return f"{value:.1f}"


def _change(value: float) -> str:
    """With its sign; 0 has none."""
    return "0.0" if abs(value) < LEAST else f"{value:+.1f}"


def _words(answer: Effect) -> Iterator[str]:
    """The watts that are saved at the meters, and those that only move."""
    saved = answer.saved
    if abs(saved.value) < LEAST:
        yield "The meters show the same: nothing is saved."
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
