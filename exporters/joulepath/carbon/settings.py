# SPDX-License-Identifier: Apache-2.0
"""A source of carbon intensity as data, a question to it, and the points that it answers; without pydantic."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

Kind = Literal["average", "marginal"]
Boundary = Literal["lifecycle", "direct"]
State = Literal["estimated", "settled", "forecast"]
Unit = Literal["grams_per_kilowatt_hour", "pounds_per_megawatt_hour"]
Form = Literal["json", "generation_mix", "table"]
Access = Literal["none", "token", "login"]

GRAMS: Mapping[Unit, float] = {
    "grams_per_kilowatt_hour": 1.0,
    "pounds_per_megawatt_hour": 0.45359237,  # 453.59237 g for each pound, and 1000 kWh for each MWh
}
"""Grams for each kWh that one of a unit stands for."""


@dataclass(frozen=True)
class Feed:
    """One kind of request to a source."""

    url: str
    parameters: Mapping[str, str] = field(default_factory=dict)
    """Of the query; `{zone}`, `{boundary}`, `{start}`, `{end}` and `{token}` are filled in, as in `url`."""
    rows: str = ""
    """Path of the list of rows in a JSON answer; empty where the answer is the one row."""
    values: Mapping[State, str] = field(default_factory=dict)
    """Path of the value in a row, by the state of that value."""
    hours: float = 0.0
    """Hours before now that a live request covers."""
    days: float = 1.0
    """Most days of one request for the past."""
    only_first: bool = False
    """Whether the first row alone is the present, and the others are a forecast."""


@dataclass(frozen=True)
class Provider:
    """One source."""

    name: str
    """Label `source`."""
    title: str
    page: str
    licence: str
    attribution: str
    kind: Kind
    boundaries: tuple[Boundary, ...]
    form: Form
    refresh_seconds: float
    """Between two requests for a zone, unless the configuration says more."""
    least_seconds: float
    """Between two requests by one exporter: the source's limit of requests, or less than it."""
    age_limit_seconds: float
    """A value is withdrawn so long after the end of its interval; 0 means never."""
    settles_after_hours: float
    """Its history is not taken as settled before that."""
    period_seconds: float
    """The interval of one value."""
    zones: Mapping[str, str] = field(default_factory=dict)
    """The source's own name of each zone; empty where the names are the source's."""
    zone_pattern: str = ""
    """Other names of zones that it takes, as a regular expression; empty for none."""
    unit: Unit = "grams_per_kilowatt_hour"
    time: str = ""
    """Path of the interval's start in a row."""
    time_format: str = "%Y-%m-%dT%H:%MZ"
    """How times stand in a request, in UTC."""
    align_seconds: float = 0.0
    """Begin and end of a request lie on multiples of it; 0 where the source takes any time."""
    ahead_seconds: float = 0.0
    """A value that begins so much later than now counts as the present one."""
    state_field: str = ""
    """Path of what says the state of a row's value, for values with the state `estimated`."""
    states: Mapping[str, State] = field(default_factory=dict)
    """State by that field, as JSON writes it."""
    checks: Mapping[str, str] = field(default_factory=dict)
    """Values that an answer must hold, by path; a path that begins with `row.` is one of each row."""
    headers: Mapping[str, str] = field(default_factory=dict)
    access: Access = "none"
    login: str = ""
    """URL that gives a token for a user and a password."""
    live: Feed | None = None
    history: Feed | None = None
    factors: Mapping[str, float] = field(default_factory=dict)
    """Grams for each kWh by type of generation; for the form `generation_mix`."""
    left_out: frozenset[str] = frozenset()
    """Types that are storage: what they give was generated before."""


@dataclass(frozen=True)
class Point:
    """A factor of one interval."""

    start: float
    """Seconds since the epoch."""
    seconds: float
    """Length of the interval."""
    state: State
    grams: float
    """Grams for each kWh."""

    @property
    def end(self) -> float:
        """Seconds since the epoch."""
        return self.start + self.seconds


@dataclass(frozen=True)
class Secrets:
    """Keys that open a source. They stand in no message."""

    token: str = field(default="", repr=False)
    user: str = ""
    password: str = field(default="", repr=False)


@dataclass(frozen=True)
class Question:
    """A zone of a source, as the configuration asks for it."""

    provider: Provider
    zone: str
    boundary: Boundary
    interval: float
    """Seconds between requests."""
    secrets: Secrets = Secrets()
    origin: str = ""
    """Replaces the scheme and host of the source's URLs."""
    ca_file: Path | None = None
    known: Point | None = None
    """The factor, where it comes with the program."""
    year: str = ""
    """The year of that factor."""
    files: tuple[Path, ...] = ()
    """Files that it was read from, beside the configuration."""

    @property
    def name(self) -> str:
        """Unique in a configuration."""
        several = len(self.provider.boundaries) > 1
        return f"{self.provider.name}/{self.zone}" + (f"/{self.boundary}" if several else "")

    @property
    def labels(self) -> tuple[str, str, str]:
        """grid_zone, source and boundary."""
        return self.zone, self.provider.name, self.boundary
