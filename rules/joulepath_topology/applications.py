# SPDX-License-Identifier: Apache-2.0
"""Applications, and the marks by which they are told apart."""

import re
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, BeforeValidator, Field, GetJsonSchemaHandler, model_validator
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from joulepath_topology.common import Entry, Name, Positive, Text, Whole
from joulepath_topology.cores.keys import InCore, listed
from joulepath_topology.labels import Labels
from joulepath_topology.query import Query

_UUID = re.compile(r"(?:urn:uuid:)?([0-9a-f]{8})-([0-9a-f]{4})-([0-9a-f]{4})-([0-9a-f]{4})-([0-9a-f]{12})")

# The label of every packet of a namespace with `key: namespace`.
WHOLE_NAMESPACE = "all"


def _trace_id(text: str) -> str:
    """The id as the ioam exporter writes it into `trace_id`: two lower-case hexadecimal digits for each octet."""
    plain = text.strip().lower()
    plain = _UUID.sub(lambda found: "".join(found.groups()), plain).removeprefix("0x")
    if plain == WHOLE_NAMESPACE or re.fullmatch(r"(?:[0-9a-f]{2}){1,16}", plain):
        return plain
    if plain == "other":
        raise ValueError("'other' is what the exporter calls all traces without a label: no application's")
    raise ValueError("must be 2 to 32 hexadecimal digits, two for each octet, as in the label trace_id, or `all`")


TraceId = Annotated[Text, AfterValidator(_trace_id)]
"""A trace id; capitals, `0x` and the dashes of a UUID are taken away."""


class Trace(Entry):
    """One IOAM trace id, as the ioam exporter writes it into the label `trace_id`, and its own path if it has one."""

    ioam_namespace: Annotated[Whole, Field(ge=0, le=0xFFFF)]
    """IOAM Namespace-ID."""
    id: TraceId
    """Trace id: hexadecimal digits, two for each octet, as in the label `trace_id`, or `all`."""
    path: tuple[Name, ...] = ()
    """Components that this trace passes, in place of the application's `path`."""

    way: ClassVar = "trace"

    @property
    def identity(self) -> Mapping[str, str]:
        """The labels by which the ioam exporters tell it from others."""
        return {"ioam_namespace": str(self.ioam_namespace), "trace_id": self.id}

    def __str__(self) -> str:
        return f"trace {self.id} of namespace {self.ioam_namespace}"


def _flow_name(name: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_.:@/-]{1,64}", name):
        raise ValueError("must be a name under `flows` of joulepath ioam: 1 to 64 letters, digits and _ . : @ / - only")
    return name


class Flow(Entry):
    """One flow of the ioam exporters, by its name there, and its own path if it has one."""

    flow: Annotated[str, AfterValidator(_flow_name)]
    """Name under `flows` in the configuration of `joulepath ioam`."""
    path: tuple[Name, ...] = ()
    """Components that this flow passes, in place of the application's `path`."""

    way: ClassVar = "flow"

    @model_validator(mode="before")
    @classmethod
    def _short(cls, value: Any) -> Any:
        return {"flow": value} if isinstance(value, str) else value

    @property
    def identity(self) -> Mapping[str, str]:
        """The label by which the ioam exporters tell it from others."""
        return {"flow": self.flow}

    def __str__(self) -> str:
        return f"flow {self.flow}"

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """Either form: `camera-v4`, or `{flow: camera-v4, path: [...]}`."""
        schema = handler(core)
        return {"anyOf": [{"type": "string"}, schema]}


Mark = Trace | Flow
"""A trace or flow: it tells an application's packets from others at an IOAM node."""


class Sessions(Entry):
    """User sessions of an application: how many are active, how many end in a second."""

    active: Query | None = None
    """Query for the number of active sessions."""
    ended: Query | None = None
    """Query for the sessions/s that end."""

    @model_validator(mode="after")
    def _any(self) -> "Sessions":
        if self.active is None and self.ended is None:
            raise ValueError("needs active, ended or both")
        return self


class Application(Entry):
    """An application: its traces and flows, the components that they pass and the models it asks."""

    traces: tuple[Trace, ...] = ()
    """IOAM traces of the application; each trace belongs to one application."""
    flows: tuple[Flow, ...] = ()
    """Flows of the application, by their names at the ioam exporters; each flow belongs to one application."""
    models: tuple[Name, ...] = ()
    """Models that the application asks."""
    path: tuple[Name, ...] = ()
    """Components that its packets pass, with the anchor of each anchored one; in any order."""
    core: Annotated[tuple[InCore, ...], BeforeValidator(listed)] = ()
    """Its key in the core that counts it, such as `{qfi: 5}`, or a list of them, of which any fits."""
    sessions: Sessions | None = None
    """Its user sessions, for watts and joules of one."""
    reservation: Positive | None = None
    """Part of each component on its path that is held for it, in the unit of `capacity`: for `policy: reservation`."""
    labels: Labels = Field(default_factory=dict)
    """Labels such as `{team: vision}`; the rules record the sum over the applications of each value."""

    @property
    def marks(self) -> tuple[Mark, ...]:
        """Its traces and flows."""
        return (*self.traces, *self.flows)

    @property
    def placed_marks(self) -> tuple[tuple[tuple[str, int], Mark], ...]:
        """The same, each with its key and number."""
        lists: tuple[tuple[str, tuple[Mark, ...]], ...] = (("traces", self.traces), ("flows", self.flows))
        return tuple(((key, number), mark) for key, marks in lists for number, mark in enumerate(marks))
