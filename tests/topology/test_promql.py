# SPDX-License-Identifier: Apache-2.0
"""Reading PromQL: placeholders, selectors, types."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from joulepath_topology import durations, promql
from joulepath_topology.promql import quote

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("query", "timed"),
    [
        ("rate(x[$window])", "rate(x[2m])"),
        ("max_over_time(rate(x[$window])[$window:$interval])", "max_over_time(rate(x[2m])[2m:15s])"),
        ('label_replace(x, "a", "$1", "b", "(.*)$")', 'label_replace(x, "a", "$1", "b", "(.*)$")'),
        ('slo{window="$window"}', 'slo{window="2m"}'),
        ("rate(x[$windows])", "rate(x[$windows])"),
        ("rate(x[$window_s])", "rate(x[$window_s])"),
    ],
)
def test_placeholders_are_whole_words(query: str, timed: str) -> None:
    """Only `$window` and `$interval` are replaced, and no word that merely begins like them."""
    assert promql.timed(query, "2m", "15s") == timed


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("rate(x[$windows])", r"there is no \$windows"),
        ("rate(x[$window_s])", r"there is no \$window_s"),
        ("rate(x[$intervals])", r"there is no \$intervals"),
        ("rate(x[$__rate_interval])", r"there is no \$__rate_interval"),
        ("rate(x[${window}])", r"there is no \$\{window\}"),
        ("x + $", r"there is no \$"),
        ('x{a="it\'s"} + $y', r"there is no \$y"),
        ("rate(x)", "expected type matrix"),
        ("sum((x", "is not valid PromQL"),
        ('x{a=~"("}', "illegal regex"),
        ('x{a="b" or c="d"}', "no `or` between label matchers"),
        ("holt_winters(x[5m], 0.5, 0.5)", "unknown function"),  # which Prometheus 3 lost
    ],
)
def test_a_bad_query_is_refused_with_one_line(query: str, message: str) -> None:
    """Each mistake is one line that says why."""
    with pytest.raises(promql.QueryError, match=message) as caught:
        promql.parse(query)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "query",
    [
        'label_replace(x, "a", "$1", "b", "(.*)")',
        'x{a=~"b$"} # costs $5',
        "x{a=~'\\'$c'} + y{a=~`\\d$d`}",
    ],
)
def test_a_dollar_in_a_string_is_not_a_placeholder(query: str) -> None:
    """Strings of all three kinds and comments may contain one."""
    promql.parse(query)


@pytest.mark.parametrize(
    ("query", "selectors"),
    [
        ("vector(65)", []),
        ("time() + 1", []),
        ("x", ["x"]),
        ("rate(x[$window] offset 5m)", ["x"]),
        ("x{a='b'} @ end() / on (c) y offset -1m", ['x{a="b"}', "y"]),
        ("max_over_time((x + sum by (a) (y))[1h:1m])", ["x", "y"]),
        ('{__name__=~"v[:_]x",a!="b",c!~"d"}', ['{__name__=~"v[:_]x",a!="b",c!~"d"}']),
        ("topk(scalar(n), x)", ["n", "x"]),
        ("x{a=~`eth\\d+`}", ['x{a=~"eth\\\\d+"}']),
    ],
)
def test_the_selectors_of_a_query_are_listed(query: str, selectors: list[str]) -> None:
    """A query reads these series; ranges, offsets and `@` are left out."""
    assert promql.selectors(query) == selectors
    assert promql.is_constant(query) == (not selectors)


texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)


@pytest.mark.parametrize(
    ("query", "counters"),
    [
        ("rate(x_total[$window])", ["x_total"]),
        ('label_replace(increase(x{a="1"}[2m]), "a", "$1", "b", "") / sum(irate(y[1m] offset 5m))', ['x{a="1"}', "y"]),
        ("avg_over_time(gauge[5m]) + deriv(gauge[5m]) + gauge", []),
        ("rate(sum(gauge)[5m:1m])", []),
    ],
)
def test_only_the_argument_of_a_rate_is_a_counter(query: str, counters: list[str]) -> None:
    """Only what a rate reads is a counter, which may begin anew; a gauge that falls has not."""
    assert promql.counters(query) == counters


@given(st.dictionaries(st.from_regex("[a-z]{1,6}", fullmatch=True), texts, min_size=1, max_size=4))
def test_a_selector_is_read_back(labels: dict[str, str]) -> None:
    """Quotes, backslashes, line breaks and placeholders in label values survive."""
    labels = {name: value.replace("$", "") for name, value in labels.items()}
    written = "x{" + ",".join(f"{name}={quote(value)}" for name, value in labels.items()) + "}"
    [selector] = promql.selectors(f"rate({written}[5m] offset 1h)")
    assert promql.selectors(selector) == [selector]
    matchers = promql.parse(selector).matchers.matchers  # type: ignore[attr-defined]
    assert {matcher.name: matcher.value for matcher in matchers} == labels


@pytest.mark.parametrize(
    ("query", "ranges"),
    [("x", False), ("sum(x offset 5m)", False), ("sum(rate(x[5m]))", True), ("max_over_time(x[1h:1m])", True)],
)
def test_a_range_is_found_in_brackets_only(query: str, ranges: bool) -> None:
    """A range stands in brackets: a matrix selector's or a subquery's."""
    assert promql.has_range(query) is ranges


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("65", "scalar"),
        ("-(time() + scalar(x))", "scalar"),
        ("1 > bool 2", "scalar"),
        ("x > 1", "vector"),
        ("vector(1)", "vector"),
        ("sum(x)", "vector"),
        ("-x", "vector"),
        ("x[5m]", "matrix"),
        ("x[1h:1m]", "matrix"),
        ("'x'", "string"),
    ],
)
def test_a_query_has_one_of_four_value_types(query: str, expected: str) -> None:
    """The four types of PromQL."""
    assert promql.value_type(query) == expected


@pytest.mark.parametrize(
    ("query", "yes"), [("x_total", True), ("x{a='b'}", True), ("x offset 5m", False), ("x @ 5", False), ("(x)", False)]
)
def test_a_selector_is_distinguished_from_other_queries(query: str, yes: bool) -> None:
    """A range can be written behind a selector, and behind nothing else."""
    assert promql.is_selector(query) is yes


def test_spelling_does_not_make_another_query() -> None:
    """Spaces, quotes and the order of clauses do not make another query."""
    assert promql.normal("sum(x{a='b'}) by(c)") == promql.normal('sum by (c) (\n  x{a="b"}\n)')
    assert promql.normal("x") != promql.normal("y")


@pytest.mark.parametrize(("text", "seconds"), [("15d", 15 * 86400), ("1y", 365 * 86400), ("1h30m", 5400)])
def test_a_duration_becomes_seconds(text: str, seconds: float) -> None:
    """Durations as Prometheus' own options take them."""
    assert durations.seconds(text) == seconds


def test_matchers_of_a_selector_begin_with_its_name() -> None:
    found = promql.matchers('up{job="a",host!~"b.*"}')
    assert [str(each) for each in found] == ['__name__="up"', 'job="a"', 'host!~"b.*"']


def test_matchers_are_of_one_selector_alone() -> None:
    with pytest.raises(promql.QueryError):
        promql.matchers("rate(up[5m])")
