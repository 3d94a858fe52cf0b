# SPDX-License-Identifier: Apache-2.0
"""Applications and their budgets."""

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from joulepath_topology.common import Entry, Joules, Name, Text, Whole
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


def _list(value: Any) -> Any:
    """One value is short for a list of one; numbers may stand without quotes."""
    items = value if isinstance(value, list | tuple) else [value]
    return [str(item) if isinstance(item, int) and not isinstance(item, bool) else item for item in items]


Values = Annotated[tuple[Text, ...], Field(min_length=1), BeforeValidator(_list)]
"""A value of a label, or several, of which any fits."""


class InCore(Entry):
    """The traffic of an application as a core knows it. All keys must fit; a core that lacks one of them counts none of it."""

    qfi: Values = ()
    """QoS flow identifiers."""
    ue: Values = ()
    """UEs, as the core names them: by address, IMSI, RNTI or number."""
    dnn: Values = ()
    """Data network names."""
    slice: Values = ()
    """S-NSSAIs."""
    group: Values = ()
    """Groups of UEs, as `joulepath pfcp` names them."""
    session: Values = ()
    """Sessions, as the core names them."""

    @model_validator(mode="after")
    def _any(self) -> "InCore":
        if not self.given:
            raise ValueError(f"needs one of {', '.join(type(self).model_fields)}")
        return self

    @property
    def given(self) -> dict[str, tuple[str, ...]]:
        """The keys that stand in it, with their values."""
        return {key: values for key, values in self if values}


def _cores(value: Any) -> Any:
    return value if isinstance(value, list | tuple) else [value]


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
    """An application: its traces, the components that they pass and the models it asks."""

    traces: tuple[Trace, ...] = ()
    """IOAM traces of the application; each trace belongs to one application."""
    models: tuple[Name, ...] = ()
    """Models that the application asks."""
    path: tuple[Name, ...] = ()
    """Components that its packets pass, with the anchor of each anchored one; in any order."""
    core: Annotated[tuple[InCore, ...], BeforeValidator(_cores)] = ()
    """Its key in the core that counts it, such as `{qfi: 5}`, or a list of them, of which any fits."""
    sessions: Sessions | None = None
    """Its user sessions, for watts and joules of one."""
    labels: Labels = Field(default_factory=dict)
    """Labels such as `{team: vision}`; the rules record the sum over the applications of each value."""


class Budget(Entry):
    """The energy that an application may use in each hour, day or month of the calendar (UTC)."""

    application: Name
    """Application that has this budget."""
    energy: Joules
    """Energy for one period, with its unit: `2kWh`, `500kJ`, `900J`, `1MJ`."""
    per: Literal["hour", "day", "month"]
    """Period of the calendar, UTC."""
