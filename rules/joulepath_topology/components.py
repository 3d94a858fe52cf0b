# SPDX-License-Identifier: Apache-2.0
"""Components: network functions, supporting functions, devices and models, and how their work and traffic are known."""

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import AliasChoices, BeforeValidator, Field, GetJsonSchemaHandler, create_model, model_validator
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from joulepath_topology.common import Choice, Entry, Name, NotNegative, Positive, Text, Whole
from joulepath_topology.cores.catalogue import CORES, CoreName
from joulepath_topology.cores.schema import Core
from joulepath_topology.labels import Labels
from joulepath_topology.marginal import Marginal
from joulepath_topology.model_servers import SERVERS
from joulepath_topology.policies import PolicyChoice
from joulepath_topology.query import Query
from joulepath_topology.ranges import RANGE
from joulepath_topology.reservations import KubeRequests, Reservation
from joulepath_topology.shares import Share

Role = Literal[
    "ru", "du", "cu", "gnb", "upf", "router", "switch", "gateway", "firewall", "transport", "timing", "core-control",
    "management", "device", "model",
]  # fmt: skip


def _list(value: Any) -> Any:
    return value if isinstance(value, list | tuple) else [value]


class IoamNode(Entry):
    """An IOAM node id: of all ioam exporters, or of some, which together see all of the node's packets."""

    node: Annotated[Whole, Field(ge=0, lt=1 << 56)]
    """IOAM node id."""
    instances: Annotated[tuple[Text, ...], BeforeValidator(_list)] = Field(
        (), validation_alias=AliasChoices("instances", "instance")
    )
    """Instances of the ioam exporters that together see all of the node's packets; without it all of them."""

    @model_validator(mode="before")
    @classmethod
    def _short(cls, value: Any) -> Any:
        return value if isinstance(value, dict) else {"node": value}

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """Either form: `4`, or `{node: 4, instances: [NAME, ...]}`; `instance: NAME` is short for one."""
        schema = handler(core)
        one = schema["properties"]["instances"]["items"]
        schema["properties"]["instance"] = {**one, "description": "Short for `instances` with one entry."}
        return {
            "anyOf": [{"type": "integer", "minimum": 0}, {"type": "string", "pattern": f"^{RANGE.pattern}$"}, schema]
        }


class TrafficQuery(Entry):
    """PromQL for packets/s and bytes/s: with `ioam` the total, else one row for each application (label `application`)
    and for all others; their sum is the total."""

    packets: Query | None = None
    """Query for packets/s."""
    bytes: Query | None = None
    """Query for bytes/s."""

    @model_validator(mode="after")
    def _any(self) -> "TrafficQuery":
        if self.packets is None and self.bytes is None:
            raise ValueError("needs packets, bytes or both")
        return self


class Traffic(Entry):
    """Where a component's traffic is counted."""

    ioam: IoamNode | None = None
    """IOAM node id at which ioam exporters count, or `{node, instances}`."""
    anchor: Name | None = None
    """Component on the same path that counts this component's traffic."""
    query: TrafficQuery | None = None
    """Queries for the traffic."""
    core: CoreName | None = None
    """Core that counts the traffic, and that of applications by their `core`; with `ioam` the total alone."""
    instances: Annotated[tuple[Text, ...], BeforeValidator(_list)] = ()
    """Instances of that core which together count all of it; without it all of them."""
    traced: bool = False
    """Whether every user packet carries a trace, so that the traces' sum is the total."""

    @model_validator(mode="after")
    def _one_place(self) -> "Traffic":
        if self.anchor is not None and (self.ioam or self.query or self.core or self.traced):
            raise ValueError("anchor stands alone: the traffic is that of the other component")
        if self.traced and (self.ioam is None or self.query is not None or self.core is not None):
            raise ValueError("traced: true goes with ioam alone: it says that all user packets carry a trace")
        if self.query is not None and self.core is not None:
            raise ValueError("has query and core: one of them gives the total")
        if self.instances and self.core is None:
            raise ValueError("instances belong to core; those of ioam stand in it: `ioam: {node: 4, instances: [...]}`")
        if self.anchor is None and self.ioam is None and self.query is None and self.core is None:
            raise ValueError("needs one of ioam, anchor, query, core")
        return self

    @property
    def of_core(self) -> Core | None:
        """The table of the core, if one counts."""
        return None if self.core is None else CORES[self.core]

    @property
    def by_application(self) -> bool:
        """Whether its rows are of applications, and not of traces or flows."""
        return self.ioam is None and (self.query is not None or self.core is not None)


class Served(Entry):
    """A model server's own counters: which model they are of, and the label that holds the application."""

    model_name: Text | None = None
    """Value of the label that holds the model; without it the component's name."""
    instance: Text | None = None
    """Value of the label `instance`; without it every server of the model."""
    application_label: Annotated[str, Field(pattern=r"^[a-zA-Z_][a-zA-Z0-9_]*$")] = "application"
    """Label that holds the application."""


class RequestQuery(Entry):
    """PromQL for requests/s and tokens/s: one row for each application (label `application`) and for all others."""

    requests: Query | None = None
    """Query for requests/s."""
    tokens: Query | None = None
    """Query for generated tokens/s."""
    input_tokens: Query | None = None
    """Query for tokens/s of the prompts, which `tokens` of the component weighs."""

    @model_validator(mode="after")
    def _any(self) -> "RequestQuery":
        if self.requests is None and self.tokens is None:
            raise ValueError("needs requests, tokens or both")
        return self


if TYPE_CHECKING:
    _Counted = Choice
else:
    _Counted = create_model(
        "Counted",
        __base__=Choice,
        **{
            kind: (Served | None, Field(None, description=f"Counters of {server.title}."))
            for kind, server in SERVERS.items()
        },
    )


class Requests(_Counted):
    """Where a model's requests are counted."""

    kinds = (*SERVERS, "query")

    query: RequestQuery | None = None
    """Queries for the requests."""

    @model_validator(mode="before")
    @classmethod
    def _short(cls, value: Any) -> Any:
        if isinstance(value, str) and value not in SERVERS:
            words = ", ".join(f"`{kind}`" for kind in SERVERS)
            raise ValueError(f"must be {words}, or a mapping with one of these keys or query")
        return {value: {}} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _model_without_a_label(self) -> "Requests":
        if self.served and self.served.model_name is not None and SERVERS[self.kind].model is None:
            title = SERVERS[self.kind].title
            raise ValueError(f"{title} names no model in its metrics: leave out model_name, and name the instance")
        return self

    @property
    def served(self) -> Served | None:
        """The server's counters, where they count."""
        return None if self.kind == "query" else getattr(self, self.kind)

    @property
    def units(self) -> tuple[str, ...]:
        """Those of `requests`, `tokens` and `input_tokens` that are counted."""
        if self.query is None:
            return SERVERS[self.kind].units
        return tuple(unit for unit in ("requests", "tokens", "input_tokens") if getattr(self.query, unit) is not None)

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """Either form: the name of a kind of server, or one of the keys with what it needs."""
        return {"anyOf": [{"type": "string", "enum": list(SERVERS)}, handler(core)]}


class Tokens(Entry):
    """Weights of prompts' tokens (prefill) and of generated ones (decode), where power follows tokens."""

    input: NotNegative
    """Weight of a token of the prompt."""
    output: NotNegative
    """Weight of a generated token."""

    @model_validator(mode="after")
    def _any(self) -> "Tokens":
        if not self.input and not self.output:
            raise ValueError("one of the weights must be above 0")
        return self


class Step(Entry):
    """Power that the component draws in addition while an application needs more than so much of it."""

    above: NotNegative
    """Bytes/s (a model: tokens/s) of one application above which it needs this step."""
    watts: Positive
    """Power of this step alone, in watts."""


class Component(Entry):
    """A function on a host, or the host itself. Alone on its host it needs neither share nor reservation."""

    role: Role
    """Function of the component; `model` and `device` are segments of their own."""
    host: Name | None = None
    """Host or virtual machine that it runs on; without it the host of its own name."""
    hosts: tuple[Name, ...] = ()
    """Hosts that it may run on, in place of `host`. It has 0 W on one where it does not run."""
    pool: Name | None = None
    """Pool of hosts that it may run on, in place of `hosts`."""
    reservation: Reservation | None = None
    """Part of the host's `capacity`, in the same unit; or `{kube: cpu}`, the requests of its pods."""
    share: tuple[Share, ...] = ()
    """Its active work on the host; entries of one kind, which are added."""
    traffic: Traffic | None = None
    """Place where its traffic is counted."""
    requests: Requests | None = None
    """For a model: place where its requests are counted."""
    tokens: Tokens | None = None
    """For a model: weights of prompts' and generated tokens, `{input: 0.1, output: 1}`; else generated ones count."""
    policy: PolicyChoice | None = None
    """Policy of this component, in place of the file's: a name, or own weights."""
    capacity: Positive | None = None
    """Most that it carries, in bytes/s (a model: tokens/s), for the policies `capacity` and `reservation`."""
    steps: tuple[Step, ...] = ()
    """Power beyond the static part that a large need switches on, for the policy `steps`."""
    marginal: tuple[Marginal, ...] = ()
    """Joules that each further packet, byte, request or token adds, `[{per: bytes, joules: 2.0e-6}]`."""
    supports: tuple[Name, ...] = ()
    """Components that it serves (for an AMF, an SMF, a clock). Its power follows theirs, in the segment `support`."""
    labels: Labels = Field(default_factory=dict)
    """Labels such as `{team: vision}`; the rules record the sum over the components of each value."""

    @model_validator(mode="after")
    def _one_place(self) -> "Component":
        given = [key for key in ("host", "hosts", "pool") if getattr(self, key)]
        if len(given) > 1:
            raise ValueError(f"has {' and '.join(given)}: one of them says where it runs")
        return self

    @model_validator(mode="after")
    def _known_pods(self) -> "Component":
        if isinstance(self.reservation, KubeRequests) and not self.requesting:
            raise ValueError("reservation needs pods, NAMESPACE/POD: there is no kepler_pod in share")
        return self

    @property
    def held(self) -> float | None:
        """The reservation, where it is a number."""
        return None if isinstance(self.reservation, KubeRequests) else self.reservation

    @property
    def requests_of_pods(self) -> KubeRequests | None:
        """The reservation, where it is what the pods request."""
        return self.reservation if isinstance(self.reservation, KubeRequests) else None

    @property
    def requesting(self) -> tuple[str, ...]:
        """The pods of which the requests are the reservation, `NAMESPACE/POD`."""
        if self.requests_of_pods is None:
            return ()
        if self.requests_of_pods.pods is not None:
            return (self.requests_of_pods.pods,)
        return tuple(share.kepler_pod for share in self.share if share.kepler_pod is not None and share.gpu is None)

    @property
    def moves(self) -> bool:
        """Whether it may be away from a host: its share of such a host is then 0, and not a gap."""
        return bool(self.hosts or self.pool)

    @property
    def segment(self) -> str:
        """Which segment of an application's power it belongs to: network, model, device or support."""
        if self.supports:
            return "support"
        return self.role if self.role in {"model", "device"} else "network"
