# SPDX-License-Identifier: Apache-2.0
"""A scenario: the changes that are asked about. From a file, from arguments, or from both."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, WithJsonSchema, model_validator

from joulepath.config import Model
from joulepath.errors import UsageError
from joulepath.meant import did_you_mean
from joulepath_topology import Topology
from joulepath_topology.applications import Application
from joulepath_topology.checks.marginal import counted
from joulepath_topology.common import Name, NotNegative, Number, Text
from joulepath_topology.marginal import Small

_PIXELS = re.compile(r"(\d+)x(\d+)")


def amount(value: Any) -> float:
    """A number, or the pixels of a text such as 1920x1080. Raises ValueError."""
    found = _PIXELS.fullmatch(value) if isinstance(value, str) else None
    if found is not None:
        return float(int(found[1]) * int(found[2]))
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"must be a number, or a resolution such as 1920x1080: {value!r}")  # noqa: TRY004  # pydantic
    return float(value)


def _factor(value: Any) -> Any:
    """A factor as it is, or as the quotient of `{from: 30, to: 10}`."""
    if not isinstance(value, Mapping):
        return value
    if set(value) != {"from", "to"}:
        raise ValueError("must be a factor such as 0.5, or {from: 30, to: 10}")
    before, after = amount(value["from"]), amount(value["to"])
    if before <= 0:
        raise ValueError("from must be above 0")
    return after / before


_FACTOR_SCHEMA: dict[str, Any] = {
    "anyOf": [
        {"type": "number", "minimum": 0},
        {
            "type": "object",
            "properties": {
                key: {"type": ["number", "string"], "description": f"Amount {words}, or a resolution such as 1280x720."}
                for key, words in (("from", "now"), ("to", "then"))
            },
            "required": ["from", "to"],
            "additionalProperties": False,
        },
    ]
}
Factor = Annotated[NotNegative, BeforeValidator(_factor), WithJsonSchema(_FACTOR_SCHEMA)]


class ApplicationChange(Model):
    """Changes of an application: factors of its users, pictures, traffic and answers."""

    users: Factor = 1.0
    """Number of users: all of its traffic and requests."""
    frame_rate: Factor = 1.0
    """Frames in each second: all of its traffic and requests."""
    resolution: Factor = 1.0
    """Pixels of a frame: its packets and bytes."""
    data_rate: Factor = 1.0
    """Packets and bytes."""
    requests: Factor = 1.0
    """Requests and tokens."""
    tokens: Factor = 1.0
    """Tokens of an answer."""
    instead: dict[Name, Name] = Field(default_factory=dict)
    """Components that it uses in place of others: `{large: small}`, another model or another path."""

    def factor(self, unit: str) -> float:
        """The factor of its packets, bytes, requests or tokens."""
        often = self.users * self.frame_rate
        if unit in {"packets", "bytes"}:
            return often * self.resolution * self.data_rate
        return often * self.requests * (self.tokens if unit == "tokens" else 1.0)


class ComponentChange(Model):
    """A component that is replaced, or that is elsewhere."""

    joules_per_packet: Small | None = None
    """Marginal joules for a packet, in place of all that the topology states."""
    joules_per_byte: Small | None = None
    """The same for a byte."""
    joules_per_request: Small | None = None
    """The same for a request."""
    joules_per_token: Small | None = None
    """The same for a token."""
    tokens: Factor = 1.0
    """Tokens of an answer, for all who ask it: another model may say more or less."""
    site: Name | None = None
    """Site at which its power counts."""

    @property
    def joules(self) -> dict[str, float]:
        """The new joules by unit."""
        found = {unit: getattr(self, f"joules_per_{unit[:-1]}") for unit in ("packets", "bytes", "requests", "tokens")}
        return {unit: joules for unit, joules in found.items() if joules is not None}


class HostChange(Model):
    """A host with other idle power, or one that sleeps for a part of the time."""

    static_watts: NotNegative | None = None
    """Its idle power."""
    asleep: Annotated[Number, Field(ge=0, le=1)] | None = None
    """The part of the time in which it sleeps, 0 to 1."""
    asleep_watts: NotNegative = 0.0
    """Its power while it sleeps."""

    @model_validator(mode="after")
    def _one(self) -> "HostChange":
        if (self.static_watts is None) == (self.asleep is None):
            raise ValueError("needs either static_watts or asleep")
        return self

    def static(self, now: float) -> float:
        """Idle watts, from those now."""
        if self.asleep is None:
            return self.static_watts or 0.0
        return now * (1 - self.asleep) + self.asleep_watts * self.asleep


class SiteChange(Model):
    """A site with another grid, overhead or price."""

    grams_per_kwh: NotNegative | None = None
    """Emissions of its grid, in g/kWh; of a site with several supplies those of all together."""
    market_grams_per_kwh: NotNegative | None = None
    """Emissions of its contract, in g/kWh, where the site has `market`."""
    overhead: Annotated[Number, Field(ge=1)] | None = None
    """Joules of the site for each joule that a host draws."""
    price_per_kwh: Number | None = None
    """Price of a kWh, in the currency that the site has."""


class Scenario(Model):
    """The changes, by entry of the topology."""

    name: Text | None = None
    """Stands above the answer."""
    applications: dict[Name, ApplicationChange] = Field(default_factory=dict)
    """Applications that send or ask otherwise."""
    components: dict[Name, ComponentChange] = Field(default_factory=dict)
    """Components that are replaced or elsewhere."""
    hosts: dict[Name, HostChange] = Field(default_factory=dict)
    """Hosts with other idle power."""
    sites: dict[Name, SiteChange] = Field(default_factory=dict)
    """Sites with another grid, overhead or price."""

    def check(self, topology: Topology, place: str) -> None:
        """Raises UsageError for names that the topology does not have."""
        if wrong := list(self._wrong(topology)):
            raise UsageError([f"{place}: {line}" for line in wrong])

    def applied(self, topology: Topology) -> Topology:
        """The topology in which applications use other components."""
        changed = {
            name: _elsewhere(entry, self.applications[name].instead) if name in self.applications else entry
            for name, entry in topology.applications.items()
        }
        fields = {key: getattr(topology, key) for key in type(topology).model_fields}
        return topology.model_construct(**{**fields, "applications": changed})

    def _wrong(self, topology: Topology) -> Iterator[str]:
        sections: dict[str, Mapping[str, Any]] = {
            "applications": topology.applications,
            "components": topology.components,
            "hosts": topology.boxes,
            "sites": topology.sites,
        }
        for section, entries in sections.items():
            for name in getattr(self, section):
                yield from _unknown(f"{section}.{name}", name, entries)
        for name, application in self.applications.items():
            used = topology.route(name) if name in topology.applications else ()
            for before, after in application.instead.items():
                place = f"applications.{name}.instead.{before}"
                yield from _unknown(place, before, dict.fromkeys(used))
                yield from _unknown(place, after, topology.components)
                if before == after:
                    yield f"{place}: is replaced by itself: name another component"
        for name, application in self.applications.items():
            if name in topology.applications:
                yield from _without_effect(topology, name, application)
        for name, component in self.components.items():
            if name in topology.components:
                yield from _not_counted(topology, name, component)
            if component.site is not None:
                yield from _unknown(f"components.{name}.site", component.site, topology.sites)
        if not any(getattr(self, section) for section in sections):
            yield "changes nothing: name a change, such as --users camera=0.5"


FOLLOWS = {
    "resolution": ("packets", "bytes"),
    "data_rate": ("packets", "bytes"),
    "requests": ("requests", "tokens"),
    "tokens": ("tokens",),
}
"""The units that a change of an application is one of; the others are of all units."""


def _without_effect(topology: Topology, name: str, change: ApplicationChange) -> Iterator[str]:
    """Changes of what none of an application's components counts."""
    units = {unit for component in topology.route(name) for unit in counted(topology, component)}
    for key, own in FOLLOWS.items():
        if getattr(change, key) != 1 and not units.intersection(own):
            known = " and ".join(sorted(units)) or "nothing"
            yield f"applications.{name}.{key}: changes {' and '.join(own)}, and the components of {name} count {known}"


def _not_counted(topology: Topology, name: str, change: ComponentChange) -> Iterator[str]:
    """Numbers for a unit that a component does not count."""
    units = counted(topology, name)
    wrong = {f"joules_per_{unit[:-1]}": unit for unit in change.joules if unit not in units}
    if change.tokens != 1 and "tokens" not in units:
        wrong["tokens"] = "tokens"
    for key, unit in wrong.items():
        yield f"components.{name}.{key}: {name} counts no {unit}, but {' and '.join(units) or 'nothing'}"


def _unknown(place: str, name: str, entries: Mapping[str, Any]) -> Iterator[str]:
    if name not in entries:
        yield f"{place}: {name!r} is not in the topology{did_you_mean(name, list(entries))}"


def _elsewhere(entry: Application, instead: Mapping[str, str]) -> Application:
    """An application with other components on its paths."""

    def other(names: Iterable[str]) -> tuple[str, ...]:
        return tuple(dict.fromkeys(instead.get(name, name) for name in names))

    marks = {
        key: tuple(mark.model_copy(update={"path": other(mark.path)}) for mark in getattr(entry, key))
        for key in ("traces", "flows")
    }
    return entry.model_copy(update={"path": other(entry.path), "models": other(entry.models), **marks})
