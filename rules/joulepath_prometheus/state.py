# SPDX-License-Identifier: Apache-2.0
"""The state of a server as it tells it: targets, rules, metadata of metrics. Times are Unix seconds."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from joulepath_prometheus.answer import Answered, List, Map


def _unix(value: Any) -> float | None:
    """Unix seconds of a time as in RFC 3339; None for Go's year 1, which stands for never."""
    if value is None:
        return None
    if not isinstance(value, str):
        raise ValueError("must be a time in a string")  # noqa: TRY004  # pydantic passes on ValueError alone
    moment = datetime.fromisoformat(value)
    if moment.tzinfo is None:
        raise ValueError("must be a time with a time zone")
    return moment.timestamp() if moment.year > 1 else None


Time = Annotated[float | None, BeforeValidator(_unix)]
Seconds = Annotated[float, Field(strict=True, allow_inf_nan=False)]


class Target(Answered):
    """A target that is scraped."""

    scrape_pool: str
    """The name of its job in the configuration."""
    scrape_url: str
    labels: Map[str]
    """Labels of its series."""
    discovered_labels: Map[str] = Field(default_factory=dict)
    """Labels before relabelling."""
    health: str
    """`up`, `down` or `unknown`."""
    last_error: str = ""
    last_scrape: Time = None
    last_scrape_duration: Seconds = 0.0
    """[s]"""
    scrape_interval: str = ""
    """As Prometheus writes it: `15s`, `1m30s`."""
    scrape_timeout: str = ""


class Targets(Answered):
    """The answer about targets."""

    active_targets: List[Target]


class Rule(Answered):
    """A rule of a group, recording or alerting."""

    name: str
    """The recorded series, or the alert."""
    query: str
    type: str
    """`recording` or `alerting`."""
    labels: Map[str] = Field(default_factory=dict)
    health: str = ""
    """`ok`, `err` or `unknown`."""
    last_error: str = ""
    last_evaluation: Time = None
    evaluation_time: Seconds = 0.0
    """How long the last evaluation took [s]."""
    state: str = ""
    """Of an alert: `inactive`, `pending` or `firing`."""
    duration: Seconds = 0.0
    """Of an alert: how long it is pending before it fires [s]."""


class RuleGroup(Answered):
    """Rules that are evaluated one after the other."""

    name: str
    file: str = ""
    interval: Seconds
    """[s]"""
    rules: List[Rule]
    last_evaluation: Time = None
    evaluation_time: Seconds = 0.0
    """How long the last evaluation of the group took [s]."""


class RuleGroups(Answered):
    """The answer about rules."""

    groups: List[RuleGroup]


class Metadata(Answered):
    """Type, help and unit of a metric, as one of its targets states them."""

    type: str
    help: str = ""
    unit: str = ""


class RuntimeInfo(Answered):
    """The answer about the running server."""

    storage_retention: str
    start_time: Time = None
