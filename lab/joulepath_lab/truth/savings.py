# SPDX-License-Identifier: Apache-2.0
"""The savings of a change, from the senders' counts and the law alone.

The counts of an interval are scaled as the question says, the law gives the joules for them, and both make a history
of one step, which the truth divides as any other.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from joulepath_lab.scenarios.scenario import Question, Scenario
from joulepath_lab.scenarios.streams import answer_of
from joulepath_lab.truth.law import power
from joulepath_lab.truth.ledger import FIELDS, Sent
from joulepath_lab.truth.truth import Truth


@dataclass(frozen=True)
class Savings:
    """Watts of one application and of all plugs, now and then."""

    application: tuple[float, float]
    meters: tuple[float, float]


def savings(
    scenario: Scenario, truth: Truth, question: Question, interval: tuple[float, float], folder: Path
) -> Savings:
    """Means over an interval [seconds since the epoch]. `folder` takes the history of the changed interval."""
    begin, end = interval
    sent = {
        name: Sent(**{field: round(truth.sent(name, field, begin, end)) for field in FIELDS})
        for name in scenario.senders
    }
    seconds = end - begin
    nothing = dict.fromkeys(sent, Sent(0, 0))
    totals, applications = [], []
    for counts in (sent, _changed(scenario, question, sent)):
        drawn = power(scenario, nothing, counts, seconds)
        joules = {
            f"{host}:{part}": watts * seconds
            for host, each in drawn.items()
            for part, watts in {"static": each.static, "housekeeping": each.housekeeping, **each.dynamic}.items()
        }
        fields = {f"{name}:{field}": getattr(one, field) for name, one in counts.items() for field in FIELDS}
        last = {"at": seconds, **joules, **fields}
        path = folder / f"{question.name}.jsonl"
        # One step of time on each side, since an instant lies between two records.
        steps = ({**last, "at": at, **dict.fromkeys((*joules, *fields), 0.0)} for at in (-1.0, 0.0))
        path.write_text("\n".join(json.dumps(step) for step in (*steps, last, {**last, "at": seconds + 1})))
        then = Truth(path, scenario)
        shares = (then.component(component, 0.0, seconds) for component in scenario.components)
        applications.append(sum(share[question.application].total for share in shares))
        totals.append(sum(each.total for each in drawn.values()))
    return Savings((applications[0], applications[1]), (totals[0], totals[1]))


def _changed(scenario: Scenario, question: Question, sent: Mapping[str, Sent]) -> Mapping[str, Sent]:
    """The counts with those of one application's senders changed."""
    changed = dict(sent)
    for name in _senders(scenario, question.application):
        one = sent[name]
        packets, octets = (round(question.data_rate * each) for each in (one.packets, one.bytes))
        changed[name] = replace(one, packets=packets, bytes=octets)
        if question.instead is not None:
            # Each request goes to the detector, which does not write.
            changed[name] = replace(
                changed[name], requests=0, tokens=0, prompts=0, detections=one.detections + one.requests
            )
    return changed


def _senders(scenario: Scenario, application: str) -> Iterable[str]:
    for stream in scenario.streams:
        if stream.application == application:
            yield from (name for name in (stream.name, answer_of(stream)) if name in scenario.senders)
