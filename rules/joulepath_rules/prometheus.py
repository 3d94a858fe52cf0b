# SPDX-License-Identifier: Apache-2.0
"""Writes groups as a Prometheus rule file.

PyYAML would need half a minute for the thirty thousand rules of a thousand hosts; the shape is always the same, and
strings in the form of JSON are YAML.
"""

import json
from collections.abc import Iterable, Iterator, Mapping

from joulepath_rules.rule import Alert, Group, Rule

FILE_NAME = "joulepath.rules.yaml"


def write(groups: Iterable[Group], topology_hash: str) -> str:
    """The text of the rule file. It holds no date: the same topology gives the same bytes."""
    header = f"# Written by `joulepath rules generate` from topology {topology_hash}: change that, not this file."
    return "\n".join([header, "groups:", *(line for group in groups for line in _group(group))]) + "\n"


def _group(group: Group) -> Iterator[str]:
    yield f"  - name: {group.name}"
    yield f"    interval: {group.interval}"
    yield "    rules:"
    for rule in group.rules:
        if isinstance(rule, Rule):
            yield f"      - record: {rule.record}"
            if rule.labels:
                yield f"        labels: {_json(rule.labels)}"
            yield from _expression(rule.expr)
        else:
            yield from _alert(rule)


def _alert(rule: Alert) -> Iterator[str]:
    yield f"      - alert: {rule.alert}"
    yield from _expression(rule.expr)
    yield f"        for: {rule.wait}"
    yield f"        labels: {_json(rule.labels)}"
    yield "        annotations:"
    for name, text in rule.annotations.items():
        yield f"          {name}: {_json(text)}"


def _expression(expr: str) -> Iterator[str]:
    yield "        expr: |-"
    for line in expr.split("\n"):
        yield f"          {line}"


def _json(value: str | Mapping[str, str]) -> str:
    return json.dumps(value, ensure_ascii=False)
