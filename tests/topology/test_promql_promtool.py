# SPDX-License-Identifier: Apache-2.0
"""The parser and promtool 2.42 agree on which queries are PromQL, but for the known few."""

import json
import re
from pathlib import Path

import pytest

from joulepath_rules.promtool import refused_rules
from joulepath_topology import promql

pytestmark = pytest.mark.unit

BOTH_ACCEPT = r"""
x{a="b",}
sum by (a,) (x)
SUM(x) WITHOUT (a) > BOOL 5
x OFFSET 5m AND x UNLESS ON (a) y
x * on (a) group_left (b) y / ignoring (c) group_right () z
0x1F * x + 1e3 - .5 % 5. ^ +Inf
-x ^ 2 atan2 y
x @ 1609746000.5 offset 5m
rate(x[1h30m] @ end() offset -1m)
rate(x[1y2w3d4h5m6s7ms])
a:b:c
sum
x{sum="a",by="b",on="c",offset="d",bool="e"}
sum by (sum, by, on) (x)
x{a="\x41\u00e9\101\n\t\\\""} + x{a='\x41'}
x{a=~"a{2}|a{b|(?i)abc|(?P<n>a)|[[:alpha:]]+|\\pL\\d|\\-|]|}"}
x{a=~`eth\d+[.]com`}
{__name__=~"x|y",a="b"}
label_replace(x, "a", "$1", "b", "(.*)$")
histogram_quantile(0.9, sum by (le) (rate(x_bucket[5m])))
max_over_time((x > 1)[1h:] offset 5m)
day_of_year() + days_in_month(vector(time()))
count_values("a", x) or topk by (a) (3, x)
x{a="#"} # a "comment'
x{a='"'} + y{b="'"} + z{c=`a"b'c`}
x{a="é"}
""".strip().splitlines()

BOTH_REFUSE = r"""
sum(x[5m])
rate(x)
rate(x[5m], 2)
x y
x +
(x
x)
x{a="b
x{a=b}
x[m]
foo(x)
clamp(x)
vector(x)
topk(x, x)
"a" + x
x and 1
1 > 2
sum by a (x)
x * group_left y
x * on (a) group_left (a) y
x or on (a) group_left () y
x{a=~"(?=a)"}
x{a=~"("}
{a=""}
x offset 5m offset 5m
é
rate(x[$windows])
""".strip().splitlines()

# Functions and forms of later versions: Prometheus 3 takes them, some of them behind a flag.
ONLY_THE_PARSER_ACCEPTS = r"""
mad_over_time(x[5m])
histogram_avg(x)
{"a.b"}
x > 10m
rate(x[300])
""".strip().splitlines()

ONLY_PROMTOOL_ACCEPTS = r"""
holt_winters(x[5m], 0.5, 0.5)
x{a=~"\\Qa.b\\E"}
""".strip().splitlines()

ALL = [*BOTH_ACCEPT, *BOTH_REFUSE, *ONLY_THE_PARSER_ACCEPTS, *ONLY_PROMTOOL_ACCEPTS]


def test_the_parser_agrees_with_promtool(promtool: Path) -> None:
    """Each query is read by both; promtool reads all of them in one file."""
    rules = [{"record": "a:b", "labels": {"n": str(number)}, "expr": query} for number, query in enumerate(ALL)]
    lines = refused_rules(str(promtool), json.dumps({"groups": [{"name": "all", "rules": rules}]}), "all.yaml")
    numbers = [int(match[1]) - 1 for line in lines if (match := re.search(r'group "all", rule (\d+)', line))]
    theirs = [query for number, query in enumerate(ALL) if number not in numbers]
    assert theirs == [*BOTH_ACCEPT, *ONLY_PROMTOOL_ACCEPTS]
    assert [query for query in ALL if is_accepted(query)] == [*BOTH_ACCEPT, *ONLY_THE_PARSER_ACCEPTS]


def is_accepted(query: str) -> bool:
    """Whether the parser takes it."""
    try:
        promql.parse(query)
    except promql.QueryError:
        return False
    return True
