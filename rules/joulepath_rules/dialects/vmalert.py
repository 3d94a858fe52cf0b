# SPDX-License-Identifier: Apache-2.0
"""Rules for vmalert, which evaluates like Prometheus but for one thing: a rule does not see what the rule before wrote.

vmalert sends results to VictoriaMetrics and goes on without waiting, so a read of "this very evaluation" finds nothing.
Each such read becomes one of the evaluation before: always that one, never now this and now the other.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace

from joulepath_rules.reads import NOW
from joulepath_rules.rule import Group
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
        yield replace(group, rules=tuple(replace(rule, expr=_FRESH.sub(before, rule.expr)) for rule in group.rules))
