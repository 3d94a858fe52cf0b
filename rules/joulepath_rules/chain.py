# SPDX-License-Identifier: Apache-2.0
"""The chain of `attribution.yaml`, as far as a topology can use it, with its durations."""

from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from importlib.resources import files
from string import Template
from typing import Any

import yaml

from joulepath_rules import factors, marks, meters
from joulepath_rules.constants import labelled
from joulepath_rules.places import beside_directions, used_directions, used_rows
from joulepath_rules.policy_constants import STEP, most_steps
from joulepath_rules.rule import Rule
from joulepath_topology import Topology
from joulepath_topology.durations import duration
from joulepath_topology.labels import label_names

POLICIES, OF_ROWS = "joulepath_topology_policy", "joulepath_topology_weight"
"""Weights of traffic that is read where it is counted, and of what has a row for each application."""
WEIGHTS = {"plain": POLICIES, "several": f'label_replace({OF_ROWS}, "by", "$1", "of", "(.+)")'}
"""Both by the amount that power follows, and the feature that shows them."""


def slow(topology: Topology) -> float:
    """The interval, in seconds, of what need not be as quick as the chain: four of its own, at most a minute."""
    return min(4 * topology.interval, max(60.0, topology.interval))


@cache
def shipped() -> Any:
    """The groups of attribution.yaml."""
    text = files("joulepath_rules").joinpath("attribution.yaml").read_text(encoding="utf-8")
    return yaml.safe_load(text)["groups"]


def records(group: str) -> frozenset[str]:
    """The names that a group of the chain can record."""
    return frozenset(rule["record"] for each in shipped() if each["name"] == group for rule in each["rules"])


def chain(topology: Topology, group: str, features: frozenset[str]) -> list[Rule]:
    """The rules of a group that the topology can use. Its own series and constants are still read plainly."""
    shape = (rule for each in shipped() if each["name"] == group for rule in each["rules"])
    rules = (copy for rule in shape for copy in _copies(rule, topology))
    rendered = ((rule, _render(rule, features)) for rule in rules)
    return [
        Rule(rule["record"], _filled(expr, topology, features), rule.get("labels", {}))
        for rule, expr in rendered
        if expr is not None
    ]


def _copies(entry: Mapping[str, Any], topology: Topology) -> Iterator[Mapping[str, Any]]:
    """The rule or alternative; one with `each`, for each of what it names. Kinds of meters come later."""
    if "any_of" in entry:
        entry = {**entry, "any_of": [copy for each in entry["any_of"] for copy in _copies(each, topology)]}
    if entry.get("each", "meter") == "meter":
        yield entry
        return
    word, values = _each(entry["each"], topology)
    for value in values:
        yield _replaced({key: of for key, of in entry.items() if key != "each"}, word, value)


def _each(what: str, topology: Topology) -> tuple[str, Iterable[str]]:
    """The word in an entry with `each`, and what stands in its place in each copy."""
    match what:
        case "directed":
            return "$by", beside_directions(topology)
        case "row":
            return "$by", used_rows(topology)
        case "direction":
            return "$direction", used_directions(topology)
        case "step":
            return "$step", [f"{STEP}{number}" for number in range(1, most_steps(topology) + 1)]
    return "$label", label_names(labelled(topology)[what].values())


def _replaced(entry: Any, word: str, text: str) -> Any:
    """The rule with a text in place of a word."""
    if isinstance(entry, Mapping):
        return {key: _replaced(value, word, text) for key, value in entry.items()}
    if isinstance(entry, list):
        return [_replaced(value, word, text) for value in entry]
    return entry.replace(word, text) if isinstance(entry, str) else entry


def _render(entry: Mapping[str, Any], features: frozenset[str]) -> str | None:
    """The expression of a rule or an alternative; None where its features, or those of all its alternatives, lack."""
    when = entry.get("when", [])
    if not features.issuperset([when] if isinstance(when, str) else when):
        return None
    if "any_of" not in entry:
        return str(entry["expr"])
    alternatives = [expr for each in _alternatives(entry) if (expr := _render(each, features)) is not None]
    if not alternatives:
        return None
    joined = "\nor ".join(alternatives)
    return str(entry["expr"]).replace("$any_of", _indented(joined)) if "expr" in entry else joined


def _alternatives(entry: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The entry's alternatives, for each kind of meter where it says so."""
    for words in meters.alternatives() if "each" in entry else [{}]:
        for each in entry["any_of"]:
            yield {key: Template(value).substitute(words) for key, value in each.items()} if words else each


def _indented(text: str) -> str:
    return "\n" + "\n".join(f"  {line}" for line in text.split("\n"))


def _filled(expr: str, topology: Topology, features: frozenset[str]) -> str:
    both = f"({POLICIES} or {OF_ROWS})"
    words = {
        **marks.words(topology, features),
        "$directed": "|".join(beside_directions(topology)),
        "$or_steps": " or component:step_watts" if "several_steps" in features else "",
        # A component that has some of each kind is complete, or absent in both.
        "$policies": both if "several" in features else POLICIES,
        "$row_policies": both if "plain" in features else OF_ROWS,
        "$weights": " or ".join(text for word, text in WEIGHTS.items() if word in features),
        **factors.words(features),
        "$several": meters.several(features),
        "[2m]": f"[{duration(topology.window)}]",
    }
    for word, text in words.items():
        expr = expr.replace(word, text)
    return expr
