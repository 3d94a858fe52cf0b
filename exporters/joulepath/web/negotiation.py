# SPDX-License-Identifier: Apache-2.0
"""The format and the coding that a client asks for (RFC 9110 section 12.5). Nothing of its words is repeated."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from prometheus_client import exposition
from prometheus_client.openmetrics import exposition as openmetrics_exposition
from prometheus_client.registry import CollectorRegistry


@dataclass(frozen=True)
class Format:
    """An exposition format."""

    content_type: str
    encode: Callable[[CollectorRegistry], bytes]
    openmetrics: bool


def _openmetrics(registry: CollectorRegistry) -> bytes:
    encoded: bytes = openmetrics_exposition.generate_latest(registry)  # type: ignore[no-untyped-call]
    return encoded


TEXT: Final = Format("text/plain; version=0.0.4; charset=utf-8", exposition.generate_latest, openmetrics=False)
OPENMETRICS: Final = Format(
    "application/openmetrics-text; version=1.0.0; charset=utf-8", _openmetrics, openmetrics=True
)

# Metric names here are ASCII, so that every `escaping` holds and text 1.0.0 is the same as 0.0.4.
_FORMATS: Mapping[tuple[str, str], Format] = {
    ("application/openmetrics-text", ""): OPENMETRICS,
    ("application/openmetrics-text", "1.0.0"): OPENMETRICS,
    ("text/plain", ""): TEXT,
    ("text/plain", "0.0.4"): TEXT,
    ("text/plain", "1.0.0"): TEXT,
}


@lru_cache(maxsize=16)
def exposition_format(accept: str) -> Format:
    """The known format with the greatest weight, the first of equals; the text format where the client names none."""
    for name, parameters, _ in sorted(_weighted(accept), key=lambda option: -option[2]):
        if (chosen := _FORMATS.get((name, parameters.get("version", "")))) is not None:
            return chosen
    return TEXT


@lru_cache(maxsize=16)
def accepts_gzip(accept_encoding: str) -> bool:
    """Whether gzip has a weight above 0; the name itself counts before `*`."""
    weights: dict[str, float] = {}
    for name, _, weight in _weighted(accept_encoding, least=0.0):
        weights.setdefault({"x-gzip": "gzip"}.get(name, name), weight)
    return weights.get("gzip", weights.get("*", 0.0)) > 0


def _weighted(header: str, least: float = 1e-3) -> Iterable[tuple[str, Mapping[str, str], float]]:
    """Name, parameters and weight of each element of a list, from the weight `least` on."""
    for element in header.split(","):
        name, *rest = (part.strip().lower() for part in element.split(";"))
        parameters = {}
        for part in rest:
            key, _, value = part.partition("=")
            parameters[key.strip()] = value.strip().strip('"')
        weight = _weight(parameters.get("q", "1"))
        if name and weight >= least:
            yield name, parameters, weight


def _weight(text: str) -> float:
    """A qvalue (RFC 9110 section 12.4.2), 0 for anything else: nothing is sent that a client may have refused."""
    try:
        weight = float(text) if text.isascii() and text.replace(".", "", 1).isdigit() else 0.0
    except ValueError:
        return 0.0
    return weight if weight <= 1 else 0.0
