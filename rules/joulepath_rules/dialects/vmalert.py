# SPDX-License-Identifier: Apache-2.0
"""Rules for vmalert, which evaluates like Prometheus but for one thing: a rule does not see what the rule before wrote.

vmalert sends results to VictoriaMetrics and goes on without waiting, so a read of "this very evaluation" finds nothing.
Each such read becomes one of the evaluation before: always that one, never now this and now the other.

A rest is what the rows of its own series leave of a whole, and so it is one evaluation older than these rows. A row
that appears would be in the rest still, and be counted twice. Rows that a rest reads therefore have another name first,
with `early:` before it, and get their own name in the evaluation of the rest.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import replace

from joulepath_rules.reads import NOW, now
from joulepath_rules.rule import Alert, Group, Rule, selector
from joulepath_topology.durations import duration, seconds

MAX_QUERY_BYTES = 16384
"""VictoriaMetrics refuses longer queries, unless -search.maxQueryLen says otherwise."""

# As joulepath_rules.reads.now writes it; quotes may hold braces.
_FRESH = re.compile(rf'(last_over_time\([a-zA-Z_:][\w:]*(?:\{{(?:"(?:\\.|[^"\\])*"|[^"{{}}])*\}})?)\[{NOW}\]\)')


def lagging(groups: Iterable[Group]) -> Iterator[Group]:
    """The groups with each read of this evaluation as one of the evaluation before."""
    for group in groups:
        interval = seconds(group.interval)
        # Of the samples, which are one interval apart, just one is between half an interval and one and a half ago.
        before = rf"\1[{duration(interval)}] offset {duration(interval / 2)})"
        rules = _held(group.rules)
        yield replace(group, rules=tuple(replace(rule, expr=_FRESH.sub(before, rule.expr)) for rule in rules))


def _held(rules: Iterable[Rule | Alert]) -> list[Rule | Alert]:
    """The rules of a group, with rows of watts held back until the rest of them is recorded."""
    made: list[Rule | Alert] = []
    waiting: dict[str, dict[int, Rule]] = defaultdict(dict)
    early: dict[str, str] = {}
    for rule in rules:
        if isinstance(rule, Alert) or not rule.record.endswith("_watts"):
            made.append(rule)
            continue
        name, own = rule.record, f"last_over_time({rule.record}"
        if not re.search(rf"{re.escape(own)}(?![\w:])", rule.expr):
            waiting[name][len(made)] = rule
            made.append(rule)
            continue
        if rows := waiting.pop(name, {}):
            early[name] = f"early_2:{name}" if name in early else f"early:{name}"
            for place, row in rows.items():
                made[place] = replace(row, record=early[name])
            topology = {"topology": rule.labels["topology"]}
            made.append(Rule(name, now(early[name] + selector(**topology)), topology))
        made.append(replace(rule, expr=rule.expr.replace(own, f"last_over_time({early.get(name, name)}")))
    return made
