# SPDX-License-Identifier: Apache-2.0
"""Rules and groups as plain data, and how PromQL text is quoted."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from joulepath_topology.promql import quote


@dataclass(frozen=True)
class Rule:
    """A recording rule."""

    record: str
    expr: str
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Alert:
    """An alerting rule; `wait` is its `for`, in seconds."""

    alert: str
    expr: str
    wait: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]


@dataclass(frozen=True)
class Group:
    """Rules that are evaluated together, in order; the interval as Prometheus writes it."""

    name: str
    interval: str
    rules: tuple[Rule | Alert, ...]


def selector(**labels: str) -> str:
    """`{a="x",b="y"}`."""
    return "{" + ",".join(f"{name}={quote(value)}" for name, value in labels.items()) + "}"


def number(value: float) -> str:
    """A float in as few digits as give it back, without a trailing `.0`."""
    return str(int(value)) if value == int(value) and abs(value) < 1e15 else repr(value)
