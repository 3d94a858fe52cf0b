# SPDX-License-Identifier: Apache-2.0
"""One selector on the server: does it match, when did it last, and which label values are near those that it names."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from joulepath.meant import did_you_mean
from joulepath_doctor.context import Context
from joulepath_doctor.questions import length, since, targets, value, window
from joulepath_doctor.supply import absent_because
from joulepath_prometheus.errors import one_line
from joulepath_topology.problem import Place
from joulepath_topology.promql import Matcher, matchers, quote

SHOWN = 4
"""Label values in a message."""
LONGEST = 60
"""Characters of each of them."""
NAMING = frozenset({"instance", "node_name", "Hostname", "model_name", "node_id", "node"})
"""Labels that name a device, a machine or a model."""
OWN = re.compile("(pdu|bmc|rapl|modelled|gpu|ioam|workload|pfcp)_")
"""Metrics that topologies name by a key of their own."""
STEPS = 100
"""Into which the time is divided to find a series' last sample."""


@dataclass(frozen=True)
class Selected:
    """The series that a selector matches."""

    selector: str
    now: bool
    """Within the window."""
    before: bool
    """Within the time that the doctor looks back."""
    targets: tuple[Place, ...]
    """The targets of its series; of a selector that matches nothing, those that it names."""


def select(context: Context, selector: str) -> Selected:
    """Asks the server about a selector."""
    now = context.server.query(f"present_over_time({selector}[{window(context)}])")
    if now:
        return Selected(selector, now=True, before=True, targets=targets(now))
    before = context.server.query(f"present_over_time({selector}[{since(context)}])")
    if before:
        return Selected(selector, now=False, before=True, targets=targets(before))
    named = [str(each) for each in matchers(selector) if each.label in {"job", "instance"}]
    return Selected(
        selector,
        now=False,
        before=False,
        targets=(
            *(targets(context.server.query(f"up{{{','.join(named)}}}")) if named else ()),
            *absent_because(context, selector),
        ),
    )


def last_seen(context: Context, selector: str) -> str:
    """The age of the newest sample, for a message."""
    step = max(context.since / STEPS, 1.0)
    newest = f"max(max_over_time(timestamp({selector})[{since(context)}:{step:.0f}s]))"
    at = value(context, newest)
    return "before" if at is None else f"{length(max(context.now - at, 0))} ago"


def nearest(context: Context, selector: str) -> str:
    """The label that a selector without series has wrong, and the values that there are: `no outlet="9" ...`."""
    name, *others = _ordered(matchers(selector))
    held = [name]
    if not context.server.label_values("__name__", _written(held)):
        return f"no series is called {_metric(name)}{_other_names(context, name)}"
    for each in others:
        if not context.server.label_values("__name__", _written([*held, each])):
            if each.operator == "=" and (other := _others_of(context, name, each)):
                return f"{each} has {other}, but not {_metric(name)}, which is dropped or not shown"
            there = context.server.label_values(each.label, _written(held))
            known = f" where {', '.join(map(str, held[1:]))}" if held[1:] else ""
            return f"{_metric(name)} has no {each}{known}: {_values(each, there)}"
        held.append(each)
    return f"{_metric(name)} has no series with {', '.join(map(str, others))} in this time"


def shown(word: str, values: Sequence[str]) -> str:
    """The values that are most like a word, or the first ones, with the number of the others."""
    near = get_close_matches(word, values, n=SHOWN, cutoff=0.5)
    first = [*near, *(each for each in sorted(values, key=_natural) if each not in near)][:SHOWN]
    text = ", ".join(quote(one_line(each, LONGEST)) for each in first)
    return f"{text} and {len(values) - SHOWN} more" if len(values) > SHOWN else text


def _values(matcher: Matcher, there: Sequence[str]) -> str:
    if not there:
        return f"its series have no label {matcher.label}"
    whole = matcher.operator == "=~" and any(re.search(matcher.value, each) for each in there)
    hint = " (a pattern must fit the whole value)" if whole else ""
    return f"there {'is' if len(there) == 1 else 'are'} {shown(matcher.value, there)}{hint}"


def _ordered(found: list[Matcher]) -> list[Matcher]:
    """The matchers with that of the name first, and exact ones before patterns: what they name is shared by more."""
    return sorted(found, key=lambda each: (each.label != "__name__", each.operator != "="))


def _others_of(context: Context, name: Matcher, label: Matcher) -> str:
    """A counter of the same exporter that has this label: the one that is most like the name."""
    family = re.match("[a-zA-Z]+[_:]", _metric(name))
    if label.label not in NAMING or family is None:
        return ""
    there = context.server.label_values("__name__", f'{{__name__=~"{family[0]}.+_total",{label}}}')
    return next(iter(get_close_matches(_metric(name), there, n=1, cutoff=0.0)), "")


def _written(found: Sequence[Matcher]) -> str:
    return f"{{{','.join(map(str, found))}}}"


def _metric(name: Matcher) -> str:
    """The name of a metric; a pattern of two spellings reads as the first."""
    return name.value.replace("[:_]", ":")


def _other_names(context: Context, name: Matcher) -> str:
    """Names like this one. That of Joulepath's own exporters is not mistyped, so it is not that of another one.

    A series that rules record is not one that an exporter was to show, unless the name has a colon, too.
    """
    if OWN.match(name.value):
        return ""
    names = [one for one in context.server.label_values("__name__") if ":" in name.value or ":" not in one]
    return did_you_mean(_metric(name), names)


def _natural(text: str) -> tuple[int, str]:
    """Shorter ones first: 9 comes before 10."""
    return len(text), text
