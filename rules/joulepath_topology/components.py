# SPDX-License-Identifier: Apache-2.0
"""Components: network functions, supporting functions, devices and models, and how their work and traffic are known."""

from typing import Annotated, Any, Literal

from pydantic import AliasChoices, BeforeValidator, Field, GetJsonSchemaHandler, model_validator
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from joulepath_topology.common import Choice, Entry, Name, Positive, Text, Whole
from joulepath_topology.policies import PolicyName
from joulepath_topology.query import Pods, Query
from joulepath_topology.ranges import RANGE

Role = Literal[
    "ru", "du", "cu", "gnb", "upf", "router", "switch", "gateway", "firewall", "transport", "timing", "core-control",
    "management", "device", "model",
]  # fmt: skip


class Share(Choice):
    """A part of the host's active work: the pods of Kepler, a workload's CPU time, or any PromQL."""

    kinds = ("kepler_pod", "workload", "query")

    kepler_pod: Pods | None = None
    """Joules of Kepler's pods: regular expressions `NAMESPACE/POD`."""
    workload: Text | None = None
    """CPU seconds of a workload: `workload_cpu_seconds_total` with this label `workload`."""
    query: Query | None = None
    """Query for the component's work, in the unit of the host's `active` query."""


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
    traced: bool = False
    """Whether every user packet carries a trace, so that the traces' sum is the total."""

    @model_validator(mode="after")
    def _one_place(self) -> "Traffic":
        if self.anchor is not None and (self.ioam or self.query or self.traced):
            raise ValueError("anchor stands alone: the traffic is that of the other component")
        if self.traced and (self.ioam is None or self.query is not None):
            raise ValueError("traced: true goes with ioam alone: it says that all user packets carry a trace")
        if self.anchor is None and self.ioam is None and self.query is None:
            raise ValueError("needs one of ioam, anchor, query")
        return self


class Vllm(Entry):
    """vLLM's own counters: which model they are of, and the label that holds the application."""

    model_name: Text | None = None
    """Value of vLLM's label `model_name`; without it the component's name."""
    instance: Text | None = None
    """Value of the label `instance`; without it every server of the model."""
    application_label: Annotated[str, Field(pattern=r"^[a-zA-Z_][a-zA-Z0-9_]*$")] = "application"
    """Label that holds the application."""


class RequestQuery(Entry):
    """PromQL for requests/s and tokens/s: one row for each application (label `application`) and for all others."""

    requests: Query | None = None
    """Query for requests/s."""
    tokens: Query | None = None
    """Query for tokens/s."""

    @model_validator(mode="after")
    def _any(self) -> "RequestQuery":
        if self.requests is None and self.tokens is None:
            raise ValueError("needs requests, tokens or both")
        return self


class Requests(Choice):
    """Where a model's requests are counted."""

    kinds = ("vllm", "query")

    vllm: Vllm | None = None
    """vLLM's own counters."""
    query: RequestQuery | None = None
    """Queries for the requests."""

    @model_validator(mode="before")
    @classmethod
    def _short(cls, value: Any) -> Any:
        if isinstance(value, str) and value != "vllm":
            raise ValueError("must be `vllm`, or a mapping with the key vllm or query")
        return {"vllm": {}} if value == "vllm" else value

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """Either form: `vllm`, or one of its keys with what it needs."""
        return {"anyOf": [{"const": "vllm"}, handler(core)]}


class Component(Entry):
    """A function on a host, or the host itself. Alone on its host it needs neither share nor reservation."""

    role: Role
    """Function of the component; `model` and `device` are segments of their own."""
    host: Name | None = None
    """Host that it runs on; without it the host of its own name."""
    reservation: Positive | None = None
    """Part of the host's `capacity`, in the same unit."""
    share: tuple[Share, ...] = ()
    """Its active work on the host; entries of one kind, which are added."""
    traffic: Traffic | None = None
    """Place where its traffic is counted."""
    requests: Requests | None = None
    """For a model: place where its requests are counted."""
    policy: PolicyName | None = None
    """Policy of this component, in place of the file's."""
    supports: tuple[Name, ...] = ()
    """Components that it serves (for an AMF, an SMF, a clock). Its power follows theirs, in the segment `support`."""

    @property
    def segment(self) -> str:
        """Which segment of an application's power it belongs to: network, model, device or support."""
        if self.supports:
            return "support"
        return self.role if self.role in {"model", "device"} else "network"
