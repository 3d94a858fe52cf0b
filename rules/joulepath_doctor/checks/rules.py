# SPDX-License-Identifier: Apache-2.0
"""Rules of the topology on the server: there, of this file and this version, without a fault, and evaluated in time."""

import re
import shlex
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import PurePath

from joulepath.meant import did_you_mean
from joulepath_doctor import places, questions
from joulepath_doctor.catalogue import found, not_checked
from joulepath_doctor.context import Context
from joulepath_doctor.finding import Finding
from joulepath_doctor.places import RULES
from joulepath_prometheus.errors import NoAnswerError, PrometheusError, one_line
from joulepath_prometheus.state import Rule as LoadedRule
from joulepath_prometheus.state import RuleGroup
from joulepath_rules.constants import PREFIX
from joulepath_rules.dialects import DIALECTS, vmalert
from joulepath_rules.generate import generate
from joulepath_rules.reads import NOW
from joulepath_rules.rule import Group, Rule
from joulepath_topology import Topology
from joulepath_topology.durations import duration
from joulepath_topology.problem import Place
from joulepath_topology.promql import QueryError, normal, quote

Form = tuple[str, frozenset[tuple[str, str]], str]
"""Name, labels and query of a rule, in one spelling."""

_CONSTANT = re.compile(r"vector\([0-9.]+\)")
_NAME = re.compile(r'topology="(?:[^"\\]|\\.)*"')
LATE = 3.0
"""Intervals after which a group that was not evaluated stands still."""
BEATS = 20
"""Evaluations of the chain of which it may have lost two, one at each end of the range included."""


def check(context: Context) -> Iterator[Finding]:
    """Findings about the rule file that the server has loaded."""
    try:
        groups = context.server.rules()
    except NoAnswerError:
        raise
    except PrometheusError as error:
        groups, refusal = (), f"{error}"
    else:
        refusal = "the server lists no rules"
    own = [group for group in groups if _own(group, context.topology.name)]
    if own:
        yield from _loaded(context, own)
        if _own_constants(own):  # else the rules do not tell topologies with other numbers apart
            yield from _renamed(context, own, groups)
    elif context.server.query(f"attribution:heartbeat{{topology={quote(context.topology.name)}}}"):
        yield not_checked("rules/outdated", RULES, f"another program evaluates the rules: {refusal}")
    else:
        yield _absent(context, groups)


def _own(group: RuleGroup, topology: str) -> bool:
    return any(rule.labels.get("topology") == topology for rule in group.rules)


def _absent(context: Context, groups: Iterable[RuleGroup]) -> Finding:
    name = context.topology.name
    others = sorted({
        rule.labels["topology"]
        for group in groups
        if group.name == "attribution"
        for rule in group.rules
        if "topology" in rule.labels
    })  # fmt: skip
    there = f", but rules of {', '.join(others)}{did_you_mean(name, others)}" if others else ""
    return found(
        "rules/absent", RULES,
        f"the server has no rules of topology {name!r}{there}: write them with `{_command(context)}`, "
        "name the file under rule_files and reload Prometheus",
    )  # fmt: skip


def _loaded(context: Context, groups: Sequence[RuleGroup]) -> Iterator[Finding]:
    expected = {group.name: group for group in _expected(context.topology, groups)}
    copies: dict[str, list[RuleGroup]] = {}
    for group in groups:
        copies.setdefault(group.name, []).append(group)
    doubles = [group for several in copies.values() if len(several) > 1 for group in several]
    if doubles:
        files = sorted({group.file for group in doubles})
        stale = next((each.file for each in doubles if _difference(expected.get(each.name), each)), files[-1])
        yield found(
            "rules/twice", RULES,
            f"the rules of topology {context.topology.name!r} are loaded from {len(files)} files ({', '.join(files)}): "
            f"remove {stale}, or give each topology a name of its own",
        )  # fmt: skip
    wrong = [
        text
        for name in dict.fromkeys([*expected, *copies])
        if (text := _difference(expected.get(name), *copies.get(name, ())))
    ]
    if wrong:
        more = f" (and {len(wrong) - 1} more group{'s' if len(wrong) > 2 else ''})" if len(wrong) > 1 else ""
        yield found(
            "rules/outdated", RULES,
            f"{wrong[0]}{more}, compared with this file and this version: run `{_command(context, groups)}` and reload "
            "the server",
        )  # fmt: skip
    yield from _failing(context.topology, groups)
    for group in groups:
        yield from _slow(context, group)


def _renamed(context: Context, own: Sequence[RuleGroup], groups: Iterable[RuleGroup]) -> Iterator[Finding]:
    """Topologies with the very same rules: a name that this one had before. Those that differ are meant to be there."""
    named: dict[str, list[RuleGroup]] = {}
    for group in groups:
        for name in {rule.labels.get("topology", "") for rule in group.rules} - {"", context.topology.name}:
            named.setdefault(name, []).append(group)
    ours = _nameless(own)
    for name, others in sorted(named.items()):
        if _nameless(others) == ours:
            files = sorted({group.file for group in others})
            yield found(
                "rules/renamed", RULES,
                f"the rules of topology {name!r} ({', '.join(files)}) are those of {context.topology.name!r} under "
                f"another name: if this topology was called {name} before, remove {' and '.join(files)} and reload "
                "Prometheus",
            )  # fmt: skip


def _nameless(groups: Iterable[RuleGroup]) -> Counter[tuple[str, Form]]:
    """All rules of groups, without the name of their topology."""
    return Counter(
        (group.name, (rule.name, frozenset(_entry(rule.labels).items()), _NAME.sub("", rule.query)))
        for group in groups
        for rule in group.rules
    )


def _command(context: Context, groups: Sequence[RuleGroup] = ()) -> str:
    """The command that writes the rules in the form that the server has, and over its file where the name is ours."""
    dialect = "vmalert" if groups and _lags(groups) else "prometheus"
    name = f"{context.topology.name}{DIALECTS[dialect].ending}"
    folders = {path.parent for group in groups if (path := PurePath(group.file)).name == name}
    words = ["joulepath", "rules", "generate", context.file, "-o", f"{folders.pop()}" if len(folders) == 1 else "DIR"]
    if groups and not _own_constants(groups):
        words += ["--constants", "scraped"]
    if dialect != "prometheus":
        words += ["--dialect", dialect]
    return shlex.join(words)


def _own_constants(groups: Iterable[RuleGroup]) -> bool:
    return any(rule.name.startswith(PREFIX) for group in groups for rule in group.rules)


def _lags(groups: Iterable[RuleGroup]) -> bool:
    """Whether rules read what others wrote at the evaluation before, as those for vmalert do."""
    return not any(f"[{NOW}]" in rule.query for group in groups for rule in group.rules)


def _expected(topology: Topology, groups: Sequence[RuleGroup]) -> Iterable[Group]:
    """The rules that this program would write, in the form of those that the server has."""
    made = generate(topology, "rules" if _own_constants(groups) else "scraped")
    return vmalert.lagging(made) if _lags(groups) else made


def _difference(expected: Group | None, *copies: RuleGroup) -> str:
    """How a group differs in each of its copies, in words; empty where one of them is as expected."""
    if expected is None:
        return f"group {copies[0].name} is there"
    if not copies:
        return f"group {expected.name} is missing"
    texts = [_compared(expected, copy) for copy in copies]
    return "" if "" in texts else texts[0]


def _compared(expected: Group, loaded: RuleGroup) -> str:
    interval = duration(loaded.interval)
    if interval != expected.interval:
        return f"group {loaded.name} has the interval {interval}, not {expected.interval}"
    ours, theirs = Counter(_expected_forms(expected)), Counter(_loaded_forms(loaded))
    lacking, surplus = ours - theirs, theirs - ours
    if not lacking and not surplus:
        return ""
    differing, whole = (lacking, ours) if lacking else (surplus, theirs)
    names = sorted({name for name, _, _ in differing})
    shown = ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")
    return f"{differing.total()} of the {whole.total()} rules of group {loaded.name} differ ({shown})"


def _expected_forms(group: Group) -> Iterator[Form]:
    for rule in group.rules:
        name = rule.record if isinstance(rule, Rule) else rule.alert
        yield name, frozenset(rule.labels.items()), _normal(rule.expr)


def _loaded_forms(group: RuleGroup) -> Iterator[Form]:
    for rule in group.rules:
        yield rule.name, frozenset(rule.labels.items()), _normal(rule.query)


def _normal(expr: str) -> str:
    """The query in the parser's spelling, or its words where the parser cannot read it."""
    if _CONSTANT.fullmatch(expr):
        return expr  # thousands of them are compared as they are
    try:
        return normal(expr)
    except QueryError:
        return " ".join(expr.split())


def _failing(topology: Topology, groups: Iterable[RuleGroup]) -> Iterator[Finding]:
    """One finding for each place: several rules of an entry fail for one reason."""
    failing: dict[Place, list[LoadedRule]] = {}
    for group in groups:
        for rule in group.rules:
            if rule.health == "err":
                place = places.of_labels(topology, _entry(rule.labels)) or (*RULES, rule.name)
                failing.setdefault(place, []).append(rule)
    for place, rules in failing.items():
        more = f" and {len(rules) - 1} more" if len(rules) > 1 else ""
        yield found(
            "rules/failing", place,
            f"rule {rules[0].name}{more} fails: {one_line(rules[0].last_error, 200)}: correct its query in the "
            "topology",
        )  # fmt: skip


def _entry(labels: Mapping[str, str]) -> Mapping[str, str]:
    """The labels without those of alerts."""
    return {name: value for name, value in labels.items() if name not in {"topology", "severity"}}


def _kept_up(context: Context, group: RuleGroup) -> bool:
    """Whether the chain lost hardly any of its last evaluations: a busy machine makes a single one late."""
    heartbeat = questions.own(context, "attribution:heartbeat")
    beats = questions.value(context, f"max(count_over_time({heartbeat}[{duration(BEATS * group.interval)}]))")
    return group.name == "attribution" and beats is not None and beats >= BEATS - 2


def _slow(context: Context, group: RuleGroup) -> Iterator[Finding]:
    if group.last_evaluation is None:
        if group.name == "attribution":
            yield not_checked("rules/slow", RULES, f"the rules were just loaded: wait {group.interval:g} s")
        return
    since = context.now - group.last_evaluation
    if group.evaluation_time > group.interval and not _kept_up(context, group):
        yield found(
            "rules/slow", RULES,
            f"one evaluation of group {group.name} takes {group.evaluation_time:.3g} s, its interval is "
            f"{group.interval:g} s: raise interval in the topology, or see docs/guides/large.md",
        )  # fmt: skip
    elif since > LATE * group.interval + context.unsure + 5:
        yield found(
            "rules/slow", RULES,
            f"group {group.name} was evaluated {since:.0f} s ago, its interval is {group.interval:g} s: look at the "
            "log of Prometheus",
        )  # fmt: skip
