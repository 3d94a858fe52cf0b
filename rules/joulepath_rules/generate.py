# SPDX-License-Identifier: Apache-2.0
"""Turns a topology into groups of rules: constants, adapters, chain, history, budgets, alerts."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Literal

from joulepath_rules import division, reads
from joulepath_rules.accounts import hours
from joulepath_rules.adapters import adapters
from joulepath_rules.alerts import alerts
from joulepath_rules.budgets import budgets
from joulepath_rules.chain import chain, records, slow
from joulepath_rules.constants import PREFIX, Constant, constants
from joulepath_rules.features import features
from joulepath_rules.history import history, pace
from joulepath_rules.rule import Alert, Group, Rule, number
from joulepath_topology import Topology
from joulepath_topology.durations import duration

Source = Literal["rules", "scraped"]
"""Where a topology's constants come from: rules of the chain's own group, or `joulepath rules serve`."""


REGISTERS = 600.0
"""The interval, in seconds, of the alerts that compare a day."""


def generate(topology: Topology, source: Source = "rules", part: division.Part | None = None) -> list[Group]:
    """The groups of one rule file, in the order in which they build on each other. Same topology, same rules.

    With `part`, those of a leaf or of the server above the leaves; a leaf has its constants as rules.
    """
    known = list(constants(topology))
    used = features(topology, known)
    quick = [*_timed(adapters(topology), topology), *chain(topology, "attribution", used)]
    if part is not None:
        quick = division.divided(part, quick, topology)
    groups: list[tuple[str, float, Sequence[Rule | Alert]]] = [
        ("attribution", topology.interval, _read(quick, reader(topology, "attribution", source)))
    ]
    if isinstance(part, division.Leaf):
        known = division.local(topology, part.site, known)
    else:
        figures = chain(topology, "derived", used)
        groups += [
            ("derived", slow(topology), _read(figures, reader(topology, "derived", source))),
            ("history", pace(topology), [*history(topology, used), *hours(topology)]),
            ("budgets", slow(topology), list(budgets(topology)) if topology.budgets else []),
        ]
    names = {rule.record for _, _, rules in groups for rule in rules if isinstance(rule, Rule)}
    names.update(constant.name for constant in known)
    generation = topology.hash if source == "scraped" else ""
    for name, interval in _alerting(topology, source, part).items():
        groups.append((name, interval, list(alerts(topology, name, names, generation))))
    if source == "rules":
        if part is not None:
            known = division.read_by((rule for _, _, rules in groups for rule in rules), known)
        name, interval, first = groups[0]
        groups[0] = (name, interval, [*map(_constant, known), *first])
    return [
        Group(name, duration(interval), tuple(_labelled(rule, topology) for rule in rules))
        for name, interval, rules in groups
        if rules
    ]


def _alerting(topology: Topology, source: Source, part: division.Part | None) -> dict[str, float]:
    """The groups of alerts with their intervals in seconds: at a leaf those that read meters, which it keeps."""
    registers = {"registers": REGISTERS}
    if isinstance(part, division.Leaf):
        return registers
    everywhere = {"alerts": slow(topology)}
    if part is None:
        everywhere |= registers
    return {**everywhere, **({"scraped": slow(topology)} if source == "scraped" else {})}


def reader(topology: Topology, group: str, source: Source = "rules") -> Callable[[str], reads.Read | None]:
    """How a rule of `group` reads a series of the topology, by its name; None for a series of others."""
    quick, figures = records("attribution"), records("derived")
    own = reads.fresh(topology)
    chains = own if group == "attribution" else reads.before(topology, topology.interval)
    derived = own if group == "derived" else reads.before(topology, slow(topology))
    given = reads.scraped(topology) if source == "scraped" else reads.recorded(chains)

    def find(name: str) -> reads.Read | None:
        if name.startswith(PREFIX):
            return given
        if name in quick or name.startswith("adapter:") or name == division.SENDER:
            return chains
        if name.startswith(division.WIRE):
            return reads.before(topology, topology.interval)
        return derived if name in figures else None

    return find


def _constant(constant: Constant) -> Rule:
    return Rule(constant.name, f"vector({number(constant.value)})", constant.labels)


def _timed(rules: Iterable[Rule], topology: Topology) -> Iterator[Rule]:
    """The rules with the topology's durations in place of `$window` and the like."""
    values = {
        "window": duration(topology.window),
        "half": duration(topology.window / 2),
        "quarter": duration(topology.window / 4),
        "pair": duration(topology.interval * 2),
        "both": duration(topology.interval * 1.5),
        "reach": duration(topology.window * 1.25),
        "interval": duration(topology.interval),
        "start": duration(topology.window - topology.interval),
        "steps": str(int(topology.window / topology.interval / 2)),
    }
    placeholder = re.compile(rf"{_OWN}|\$(?P<word>{'|'.join(values)})\b")
    for rule in rules:
        expr = placeholder.sub(lambda match: values[match["word"]] if match["word"] else match[0], rule.expr)
        yield Rule(rule.record, expr, rule.labels)


# A `$` in a string or a comment is the query's own: label_replace has groups with names.
_OWN = r""""(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|`[^`]*`|#[^\n]*"""


def _read(rules: Iterable[Rule], read: Callable[[str], reads.Read | None]) -> list[Rule]:
    return [Rule(rule.record, reads.rewrite(rule.expr, read), rule.labels) for rule in rules]


def _labelled(rule: Rule | Alert, topology: Topology) -> Rule | Alert:
    """The rule with the topology's name, by which two topologies in one server stay apart."""
    labels = {"topology": topology.name, **rule.labels}
    if isinstance(rule, Rule):
        return Rule(rule.record, rule.expr, labels)
    return Alert(rule.alert, rule.expr, rule.wait, labels, rule.annotations)
