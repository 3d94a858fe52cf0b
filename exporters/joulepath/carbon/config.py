# SPDX-License-Identifier: Apache-2.0
"""The configuration file of `joulepath carbon`; docs/guides/carbon.md describes its keys."""

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import Discriminator, Field, Tag, field_validator, model_validator

from joulepath import secret
from joulepath.carbon.catalogue import providers, yearly
from joulepath.carbon.settings import Boundary, Point, Provider, Question, Secrets
from joulepath.config import Model, load
from joulepath.errors import UsageError
from joulepath.meant import did_you_mean

Zone = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.()-]{1,48}$")]
MOST_SECONDS = 86400.0


class SourceModel(Model):
    """One source, and the zones to ask it for."""

    zones: tuple[Zone, ...] = ()
    """Zones by their names in the table of sources; without the key all zones of a source that has only one."""
    boundary: Annotated[
        Annotated[Boundary, Tag("[one]")] | Annotated[tuple[Boundary, ...], Tag("[several]")],
        Discriminator(lambda value: "[one]" if isinstance(value, str) else "[several]"),
    ] = ()
    """`lifecycle`, `direct` or a list of both, for sources that have both. Without the key `lifecycle` where there is
    a choice."""
    token_file: Path | None = None
    """File with the key of a source that needs one (ENTSO-E, Electricity Maps)."""
    user: str | None = None
    """Name of the account, for WattTime."""
    password_file: Path | None = None
    """File with that account's password."""
    interval: Annotated[float, Field(ge=60, le=MOST_SECONDS)] | None = None
    """Seconds between two requests for a zone; without it, and at least, what the source stands."""
    origin: str = ""
    """`https://HOST` of a copy of the source inside your network, in place of the source's own host."""
    ca_file: Path | None = None
    """Certificates of the authorities that sign the host's, in PEM; without it the usual ones."""

    @field_validator("origin")
    @classmethod
    def _origin(cls, value: str) -> str:
        parts = urlsplit(value)
        if value and (parts.scheme not in ("http", "https") or not parts.hostname or parts.path or parts.query):
            raise ValueError("must be https://HOST or http://HOST:PORT, and nothing after it")
        if "@" in parts.netloc:
            raise ValueError("cannot hold a login: use token_file, or user and password_file")
        return value


class CarbonConfig(Model):
    """`carbon.yaml`."""

    sources: Mapping[str, SourceModel] = Field(min_length=1)
    """Sources to ask, by name: `ember`, `uk`, `rte`, `entsoe`, `electricitymaps`, `watttime`."""

    @model_validator(mode="after")
    def _known(self) -> "CarbonConfig":
        mistakes = [line for name, model in self.sources.items() for line in _mistakes(name, model)]
        if mistakes:
            raise ValueError("; ".join(mistakes))
        return self


def _mistakes(name: str, model: SourceModel) -> Iterable[str]:
    provider = providers().get(name)
    if provider is None:
        known = list(providers())
        yield f"sources: {name!r} is not a source{did_you_mean(name, known)}: take one of {', '.join(known)}"
        return
    where = f"sources.{name}"
    if not _zones(provider, model):
        yield f"{where}.zones: name at least one"
    for zone in model.zones:
        if zone not in provider.zones and not re.fullmatch(provider.zone_pattern, zone):
            known = list(provider.zones)
            cure = did_you_mean(zone, known) if len(known) != 1 else f": it has {known[0]} only"
            yield f"{where}.zones: {zone!r} is not a zone of {provider.title}{cure}"
    for zone in sorted({zone for zone in model.zones if model.zones.count(zone) > 1}):
        yield f"{where}.zones: {zone} stands twice"
    for boundary in _several(model.boundary):
        if boundary not in provider.boundaries:
            yield f"{where}.boundary: {provider.title} has {' and '.join(provider.boundaries)} only"
    wanted = {"none": set[str](), "token": {"token_file"}, "login": {"user", "password_file"}}[provider.access]
    for key in ("token_file", "user", "password_file"):
        if (getattr(model, key) is not None) != (key in wanted):
            yield f"{where}.{key}: {'is missing' if key in wanted else f'{provider.title} needs none'}"
    if model.interval is not None and model.interval < provider.refresh_seconds:
        yield f"{where}.interval: at least {provider.refresh_seconds:g}: the source has nothing newer"
    if provider.live is None and (model.origin or model.ca_file or model.interval):
        yield f"{where}: comes with the program and is not asked: leave out interval, origin and ca_file"


def read(path: Path, text: str | None = None) -> tuple[Question, ...]:
    """The questions in a file, or in its text as read. Raises UsageError with one line per mistake."""
    model = load(path, CarbonConfig, text)
    questions: list[Question] = []
    mistakes: list[str] = []
    for name, source in model.sources.items():
        try:
            questions += _questions(providers()[name], source, path.parent)
        except UsageError as error:
            mistakes += [f"{path}: sources.{name}.{message}" for message in error.messages]
    if mistakes:
        raise UsageError(mistakes)
    return tuple(questions)


def _questions(provider: Provider, model: SourceModel, folder: Path) -> Iterable[Question]:
    paths = [folder / path for path in (model.token_file, model.password_file, model.ca_file) if path is not None]
    secrets = Secrets(
        "" if model.token_file is None else _token(folder / model.token_file),
        model.user or "",
        "" if model.password_file is None else secret.of_file(folder / model.password_file, "password_file"),
    )
    for zone in _zones(provider, model):
        for boundary in _several(model.boundary) or provider.boundaries[:1]:
            known, year = _known_point(zone) if provider.form == "table" else (None, "")
            yield Question(
                provider,
                zone,
                boundary,
                model.interval or provider.refresh_seconds,
                secrets,
                model.origin,
                None if model.ca_file is None else folder / model.ca_file,
                known,
                year,
                tuple(paths),
            )


def _token(path: Path) -> str:
    token = secret.of_file(path, "token_file")
    if not token.isascii() or not token.isprintable() or " " in token:
        raise UsageError(f"token_file: {path} is not a key: write the key alone, on one line")
    return token


def _known_point(zone: str) -> tuple[Point, str]:
    average = yearly()[zone]
    start, end = (datetime(year, 1, 1, tzinfo=UTC).timestamp() for year in (average.year, average.year + 1))
    return Point(start, end - start, "settled", average.grams), str(average.year)


def _zones(provider: Provider, model: SourceModel) -> tuple[str, ...]:
    return model.zones or (tuple(provider.zones) if len(provider.zones) == 1 else ())


def _several(value: Boundary | tuple[Boundary, ...]) -> tuple[Boundary, ...]:
    return value if isinstance(value, tuple) else (value,)
