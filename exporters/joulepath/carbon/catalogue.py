# SPDX-License-Identifier: Apache-2.0
"""Reads the sources that come with the program: `providers.yaml`, `mix.yaml` and `yearly.csv` beside this module."""

import csv
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Annotated

from pydantic import Field

from joulepath.carbon.settings import Access, Boundary, Feed, Form, Kind, Provider, State, Unit
from joulepath.config import Model, load

FOLDER = Path(__file__).parent
Seconds = Annotated[float, Field(ge=0)]


class FeedModel(Model):
    """One kind of request."""

    url: str
    parameters: Mapping[str, str] = Field(default_factory=dict)
    rows: str = ""
    values: Mapping[State, str]
    hours: Annotated[float, Field(gt=0)] = 1.0
    days: Annotated[float, Field(gt=0)] = 1.0
    only_first: bool = False


class ProviderModel(Model):
    """One source; `joulepath.carbon.settings.Provider` describes the keys."""

    title: str
    page: str
    licence: str
    attribution: str
    kind: Kind
    boundaries: tuple[Boundary, ...] = Field(min_length=1)
    form: Form
    refresh_seconds: Annotated[float, Field(ge=60)]
    least_seconds: Seconds
    age_limit_seconds: Seconds
    settles_after_hours: Seconds
    period_seconds: Annotated[float, Field(gt=0)]
    zones: Mapping[str, str] = Field(default_factory=dict)
    zone_pattern: str = ""
    unit: Unit = "grams_per_kilowatt_hour"
    time: str = ""
    time_format: str = Provider.time_format
    align_seconds: Seconds = 0.0
    ahead_seconds: Seconds = 0.0
    state_field: str = ""
    states: Mapping[str, State] = Field(default_factory=dict)
    checks: Mapping[str, str] = Field(default_factory=dict)
    headers: Mapping[str, str] = Field(default_factory=dict)
    access: Access = "none"
    login: str = ""
    live: FeedModel | None = None
    history: FeedModel | None = None

    def provider(self, name: str) -> Provider:
        """The same without pydantic."""
        feeds = {key: Feed(**model.model_dump()) for key in ("live", "history") if (model := getattr(self, key))}
        return Provider(name=name, **{**self.model_dump(), "live": None, "history": None, **feeds})


class FactorModel(Model):
    """A type of generation."""

    type: str
    grams: Annotated[float, Field(ge=0)] | None = None
    like: Annotated[str, Field(alias="as")] = ""
    """The entry of the table that is taken for it, where that is named otherwise."""
    source: str = ""
    storage: bool = False


class ProvidersModel(Model):
    """`providers.yaml`, read below a key."""

    providers: Mapping[str, ProviderModel]


class MixModel(Model):
    """`mix.yaml`."""

    factors: Mapping[str, FactorModel]


@dataclass(frozen=True)
class Yearly:
    """An average over a year."""

    year: int
    grams: float


@cache
def providers() -> Mapping[str, Provider]:
    """The sources by name."""
    path = FOLDER / "providers.yaml"
    indented = "".join(f"  {line}" for line in path.read_text().splitlines(keepends=True))
    read = load(path, ProvidersModel, f"providers:\n{indented}").providers
    factors = mix()
    known = {code: one.grams for code, one in factors.items() if one.grams is not None}
    storage = frozenset(code for code, one in factors.items() if one.storage)
    return {
        name: replace(model.provider(name), factors=known, left_out=storage)
        if model.form == "generation_mix"
        else replace(model.provider(name), zones={zone: zone for zone in yearly()})
        if model.form == "table"
        else model.provider(name)
        for name, model in read.items()
    }


@cache
def mix() -> Mapping[str, FactorModel]:
    """Factors by type of generation."""
    return load(FOLDER / "mix.yaml", MixModel).factors


@cache
def yearly() -> Mapping[str, Yearly]:
    """Averages by country."""
    lines = [line for line in (FOLDER / "yearly.csv").read_text().splitlines() if not line.startswith("#")]
    return {row["zone"]: Yearly(int(row["year"]), float(row["grams"])) for row in csv.DictReader(lines)}
