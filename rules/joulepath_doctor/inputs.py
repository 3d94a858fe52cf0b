# SPDX-License-Identifier: Apache-2.0
"""Selectors in the rules of a topology of series that other programs supply."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

import promql_parser as parser

from joulepath_rules.constants import PREFIX
from joulepath_rules.rule import Group, Rule
from joulepath_topology import promql

EVERYWHERE = frozenset({"process_start_time_seconds"})
"""Metrics that nearly every target has: they do not tell who supplies a topology."""


@dataclass(frozen=True)
class Input:
    """A selector of the rules that no rule records."""

    selector: str
    name: str
    """The metric, or a regular expression of its name."""
    labels: frozenset[str]
    """The labels that it matches."""
    seconds: float
    """The range over which it is read; 0 for an instant."""
    record: str
    """The rule that reads it."""
    instance: str
    """The `instance` that it matches, where it names one."""

    @property
    def family(self) -> str:
        """The first word of the metric, in small letters: `pdu`, `kepler`, `dcgm`."""
        return re.split("[_:\\[]", self.name.lower(), maxsplit=1)[0]


def inputs(groups: Iterable[Group]) -> frozenset[Input]:
    """All selectors of series that other programs supply."""
    found = set[Input]()
    for group in groups:
        for rule in group.rules:
            if isinstance(rule, Rule) and not rule.record.startswith(PREFIX):
                found.update(parsed(selector, seconds, rule.record) for selector, seconds in _selectors(rule.expr))
    return frozenset(one for one in found if "topology" not in one.labels and one.name not in EVERYWHERE)


def _selectors(expr: str) -> Iterable[tuple[str, float]]:
    over = promql.ranges(expr)
    ranged = {selector for selector, _ in over}
    return [*over, *((each, 0.0) for each in promql.selectors(expr) if each not in ranged)]


@cache
def parsed(selector: str, seconds: float = 0.0, record: str = "") -> Input:
    """A selector in parts."""
    tree = promql.parse(selector)
    if not isinstance(tree, parser.VectorSelector):
        raise TypeError(f"{selector} is not a selector")
    matchers = {matcher.name: matcher for matcher in tree.matchers.matchers}
    name = tree.name or (matchers["__name__"].value if "__name__" in matchers else "")
    instance = matchers.get("instance")
    exact = instance is not None and instance.op == parser.MatchOp.Equal
    return Input(
        selector=selector,
        name=name,
        labels=frozenset(matchers) - {"__name__"},
        seconds=seconds,
        record=record,
        instance=instance.value if instance is not None and exact else "",
    )


def named(inputs: Iterable[Input]) -> str:
    """A selector of all metrics that are read; of nothing where nothing is."""
    names = sorted({one.name for one in inputs if one.name})
    return f"{{__name__=~{promql.quote('|'.join(names) or '-')}}}"
