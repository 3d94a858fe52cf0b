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
from joulepath_whatif.effect import Added, Effect, Row
from joulepath_whatif.present import Present
from joulepath_whatif.scenario import Scenario
from joulepath_whatif.span import Span
from joulepath_whatif.weights import CO2, CO2_MARKET, PRICE

HOUR = 3600.0
LEAST = 0.05
"""Watts below which a change is not told in words."""
UNKNOWN = "unknown"
MARK = " *"
"""Behind an interval that is extrapolated."""
TITLES = {
    CO2: ("CO2 by location, g/h", HOUR, 1),
    CO2_MARKET: ("CO2 by contract, g/h", HOUR, 1),
}
"""The titles of tables, the factor of their numbers and their digits; of money see `_title`."""


def text(topology: Topology, scenario: Scenario, present: Present, answer: Effect) -> str:
    """Tables, and in words what is saved and what is not."""
    head = f"{scenario.name or 'Scenario'}: topology {topology.name}, figures of {_moment(present.at)}"
    parts = [head, *_changes(scenario), "", "Watts", _watts(answer)]
    for weight in answer.weights.all:
        if not _known(answer, weight.name):
            continue
        title, factor, digits = _title(weight.name)
        parts += ["", title, _amounts(answer, weight.name, factor, digits)]
    return "\n".join([*parts, "", *_words(answer)])


def _known(answer: Effect, name: str) -> bool:
    """Whether some row has a number in a unit."""
    return name in answer.weighed or any(name in {**row.weighed, **row.marginal_weighed} for row in answer.rows)


def _title(name: str) -> tuple[str, float, int]:
    """The title of a table, the factor of its numbers, and their digits."""
    return TITLES.get(name, (f"{name}/h", 1.0, 4))


def as_json(topology: Topology, scenario: Scenario, present: Present, answer: Effect) -> str:
    """One object; watts, and grams of CO2 a second. null is not known."""
    data = {
        "topology": topology.name,
        "time": _moment(present.at),
        "scenario": scenario.model_dump(mode="json", exclude_defaults=True),
        "applications": {row.name: _row(row) for row in answer.rows},
        "left_out": list(answer.left_out),
        "extrapolated": [asdict(far) for far in answer.beyond],
        "meters": {"watts": answer.meters, "saved_watts": asdict(answer.saved), "idle_saved_watts": answer.idle_saved},
        **_by_unit("", {name: _pair(pair) for name, pair in answer.weighed.items()}),
    }
    return json.dumps(data, indent=2)


def _row(row: Row) -> dict[str, Any]:
    return {
        "attributed_watts": None if row.attributed is None else _pair(row.attributed),
        "marginal_watts": None if row.marginal is None else asdict(row.marginal),
        "extrapolated": row.extrapolated,
        **_by_unit("attributed_", {name: _pair(pair) for name, pair in row.weighed.items()}),
        **_by_unit("marginal_", {name: asdict(added) for name, added in row.marginal_weighed.items()}),
    }


def _by_unit(prefix: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """CO2 in grams a second, and costs by currency."""
    costs = {name: value for name, value in values.items() if name not in {CO2, CO2_MARKET}}
    return {
        f"{prefix}co2_grams_per_second": values.get(CO2),
        f"{prefix}co2_market_grams_per_second": values.get(CO2_MARKET),
        f"{prefix}cost_per_hour": costs,
    }


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


HEADS = ["", "share now", "then", "change", "marginal now", "then", "change", "95 % interval"]


def _watts(answer: Effect) -> str:
    rows = [[row.name, *_cells(row.attributed), *_marginal(row, row.marginal)] for row in answer.rows]
    now, saved = answer.meters, answer.saved
    mark = MARK if answer.beyond else ""
    rows.append(["at the meters", *_cells((now, now - saved.value)), "", "", *_ends(saved.times(-1), mark=mark)])
    return _table(rows)


def _amounts(answer: Effect, name: str, factor: float, digits: int) -> str:
    """A table of grams or of money."""
    rows = [
        [row.name, *_cells(row.weighed.get(name), factor, digits),
         *_marginal(row, row.marginal_weighed.get(name), factor, digits)]
        for row in answer.rows
    ]  # fmt: skip
    whole, change = answer.weighed.get(name), answer.weighed_change.get(name)
    mark = MARK if answer.beyond else ""
    ends = [] if change is None else ["", "", *_ends(change, factor, digits, mark)]
    rows.append(["of all hosts", *_cells(whole, factor, digits), *ends])
    return _table(rows)


def _cells(pair: tuple[float, float] | None, factor: float = 1.0, digits: int = 1) -> list[str]:
    """Now, then, and the change."""
    if pair is None:
        return [UNKNOWN] * 3
    now, then = (factor * each for each in pair)
    return [f"{now:.{digits}f}", f"{then:.{digits}f}", _change(then - now, digits)]


def _marginal(row: Row, added: Added | None, factor: float = 1.0, digits: int = 1) -> list[str]:
    if added is None:
        return [] if row.name == UNATTRIBUTED else [UNKNOWN] * 3
    now, then = (factor * each.value for each in (added.now, added.then))
    return [
        f"{now:.{digits}f}",
        f"{then:.{digits}f}",
        *_ends(added.change, factor, digits, MARK if row.extrapolated else ""),
    ]


def _ends(change: Span, factor: float = 1.0, digits: int = 1, mark: str = "") -> list[str]:
    """A change, and the ends of its interval, with the mark of one that is extrapolated."""
    own = change.times(factor)
    if own.low is None or own.high is None:
        return [_change(own.value, digits), f"not known{mark}"]
    ends = "" if own.low == own.high else f"{_change(own.low, digits)} to {_change(own.high, digits)}"
    return [_change(own.value, digits), f"{ends}{mark}"]


def _table(rows: Sequence[Sequence[str]]) -> str:
    align = ["left", *["right"] * (len(HEADS) - 1)]
    return tabulate(rows, HEADS, tablefmt="simple", colalign=align, disable_numparse=True)


def _change(value: float, digits: int = 1) -> str:
    """With its sign; 0 has none."""
    text = f"{value:+.{digits}f}"
    return text if float(text) else text.lstrip("+-")


def _words(answer: Effect) -> Iterator[str]:
    """The watts that are saved at the meters, and those that only move."""
    saved = answer.saved
    if abs(saved.value) < LEAST:
        yield "The meters show the same watts: no power is saved."
    else:
        verb = "less" if saved.value > 0 else "more"
        part = 100 * abs(saved.value) / answer.meters if answer.meters else 0.0
        change = f"The meters show {abs(saved.value):.1f} W {verb}{_interval(saved)}"
        yield f"{change}, {part:.1f} % of their {answer.meters:.1f} W."
    if moved_units := list(_weighed(answer)):
        yield f"For all hosts that is {' and '.join(moved_units)}."
    if abs(answer.idle_saved) >= LEAST:
        verb = "falls" if answer.idle_saved > 0 else "rises"
        yield f"Idle power of hosts {verb} by {abs(answer.idle_saved):.1f} W; the rest follows traffic."
    falls = {row.name: row.attributed[0] - row.attributed[1] for row in answer.rows if row.attributed is not None}
    fallen = sum(fall for fall in falls.values() if fall > 0)
    moved = {name: -fall for name, fall in falls.items() if fall <= -LEAST}
    kept = fallen - max(saved.value, 0.0)
    if kept >= LEAST and moved:
        names = " and ".join(f"{name} ({watts:+.1f} W)" for name, watts in moved.items())
        yield f"Shares fall by {fallen:.1f} W. {kept:.1f} W of that are not saved: they stay, and count for {names}."
    for far in answer.beyond:
        of = "" if far.application is None else f" of {far.application}"
        yield (
            f"* Extrapolated: {far.component} has {far.rate:.4g} {far.unit}/s{of} then, and its `marginal` is measured "
            f"at {far.least:.4g} to {far.most:.4g}. Beyond these the interval may not hold."
        )
    yield from _lacking(answer)
    if dark := [*(row.name for row in answer.rows if row.attributed is None), *answer.left_out]:
        yield f"The share of {' and '.join(dark)} is unknown now: see `joulepath doctor`."
    if any(row.marginal is None and row.name != UNATTRIBUTED for row in answer.rows):
        yield "Marginal watts are unknown where a component has no `marginal`: run `joulepath calibrate marginal`."


def _weighed(answer: Effect) -> Iterator[str]:
    """The change of all hosts in each unit beside watts, where there is one."""
    for name, change in answer.weighed_change.items():
        title, factor, digits = _title(name)
        what, _, unit = title.rpartition(", ")
        amount = f"{abs(factor * change.value):.{digits}f}"
        if float(amount):
            yield " ".join(
                filter(None, [amount, unit, f"({what})" if what else "", "less" if change.value < 0 else "more"])
            )


def _interval(saved: Span) -> str:
    """The ends of the interval, in brackets; of one with 0 in it in words."""
    if saved.low is None or saved.high is None:
        return " (interval not known)"
    if saved.low == saved.high:
        return ""
    if saved.low < 0 < saved.high:
        return f" (between {-saved.low:.1f} W more and {saved.high:.1f} W less)"
    low, high = sorted((abs(saved.low), abs(saved.high)))
    return f" ({low:.1f} to {high:.1f} W)"


def _lacking(answer: Effect) -> Iterator[str]:
    """Sites without a factor or a price, because of which something is unknown."""
    titles = {CO2: "CO2 by location", CO2_MARKET: "CO2 by contract", PRICE: "Money"}
    for unit, sites in answer.weights.lacking.items():
        lacks = "price" if unit == PRICE else "factor"
        at = f"at {' and '.join(sites)}"
        yield f"{titles[unit]} is unknown for those with power {at}: no {lacks} is known there now."
    for site in answer.weights.mixed:
        yield (
            f"CO2 by contract at {site} is unknown then, since some of its supplies follow the grid: state "
            "`market_grams_per_kwh`."
        )
