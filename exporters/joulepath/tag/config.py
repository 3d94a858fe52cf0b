# SPDX-License-Identifier: Apache-2.0
"""The configuration file of `joulepath tag`; docs/guides/tagging.md describes its keys."""

import pwd
import re
from collections.abc import Iterable
from ipaddress import IPv6Network, ip_network
from pathlib import Path
from typing import Annotated

from pydantic import BeforeValidator, Field, field_validator, model_validator

from joulepath.config import Model, load
from joulepath.ioam.wire.encode import MAX_TRANSIT_NODES, NO_NODE_ID
from joulepath.tag.settings import (
    EVERYWHERE,
    MAX_FLOWS,
    TRACE_ID,
    CgroupKind,
    Flow,
    Protocol,
    Sender,
    Settings,
    TooLarge,
)

Port = Annotated[int, Field(ge=1, le=65535, strict=True)]
Name = Annotated[str, Field(min_length=1, max_length=128)]
Interface = Annotated[str, Field(pattern=r"^[^\s/]{1,15}$")]

CGROUP_KINDS: tuple[CgroupKind, ...] = ("cgroup", "unit", "container", "pod")
_CONTAINER = re.compile(r"(?:[a-z-]+://)?([0-9a-f]{12,64})")
_POD = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def _quoted(value: object) -> object:
    # YAML reads an id of digits alone as a number, and 12e4... as a float.
    if isinstance(value, int | float):
        message = "the id looks like a number: put it in quotes"
        raise ValueError(message)  # noqa: TRY004  # pydantic's validators speak so
    return value


def _not_ipv4(value: object) -> object:
    if not isinstance(value, str):
        raise ValueError("must be an IPv6 address or prefix")  # noqa: TRY004  # pydantic's validators speak so
    try:
        network = ip_network(value, strict=False)
    except ValueError:
        return value
    if "%" in value:
        raise ValueError("packets do not carry the zone of an address: leave out % and what follows")
    if isinstance(network, IPv6Network) and network.network_address.ipv4_mapped is None:
        return value
    message = (
        f"{value}: IPv4 packets cannot carry a trace, which is an option of IPv6: send them through an IPv6 tunnel and "
        "give its addresses here (docs/guides/tagging.md, IPv4), or count them by `flows` of `joulepath ioam`"
    )
    raise ValueError(message)


Prefix = Annotated[IPv6Network, BeforeValidator(_not_ipv4)]


class FlowModel(Model):
    """One flow."""

    ioam_namespace: Annotated[int, Field(ge=0, le=0xFFFF, strict=True)]
    """IOAM Namespace-ID."""
    id: Annotated[str, BeforeValidator(_quoted)] | None = None
    """Trace id: 32 hexadecimal digits, in quotes."""
    id_file: Path | None = None
    """File that holds the id, in place of `id`; read again every second. A relative path starts at the configuration's
    folder."""
    id_owner: Annotated[int, Field(ge=0, lt=1 << 32, strict=True)] | Name | None = None
    """Name or number of the user who writes the `id_file`; without it root or the tagger's user."""
    protocol: Protocol | None = None
    """Protocol behind the IPv6 header; without it all three. `ipip6` is IPv4 in IPv6."""
    source: Prefix = EVERYWHERE
    """IPv6 address or prefix of the sender."""
    source_port: Port | None = None
    """Source port; without it any."""
    destination: Prefix = EVERYWHERE
    """IPv6 address or prefix of the receiver."""
    destination_port: Port | None = None
    """Destination port; without it any."""
    cgroup: Name | None = None
    """Path of the sender's cgroup, from the mount point or whole."""
    unit: Name | None = None
    """Sender's systemd unit, with its suffix."""
    container: Name | None = None
    """Sender's container id, at least 12 digits; `containerd://ID` is understood."""
    pod: Name | None = None
    """The `metadata.uid` of the sender's pod."""
    too_large: TooLarge = "pass"
    """Fate of UDP datagrams that have no room for the trace."""

    @model_validator(mode="after")
    def _coherent(self) -> "FlowModel":
        mistakes = list(self._mistakes())
        if mistakes:
            raise ValueError("; ".join(mistakes))
        return self

    def _mistakes(self) -> Iterable[str]:
        if (self.id is None) == (self.id_file is None):
            yield "give either `id` or `id_file`"
        if self.id_owner is not None and self.id_file is None:
            yield "id_owner: says who writes the `id_file`: leave it out"
        if isinstance(self.id_owner, str) and _uid(self.id_owner) is None:
            yield f"id_owner: {self.id_owner[:40]!r} is not a user of this host"
        if self.id is not None and not TRACE_ID.fullmatch(self.id):
            yield f"id: {self.id[:40]!r} is not 32 hexadecimal digits"
        if self.protocol == "ipip6" and (self.source_port or self.destination_port):
            yield "protocol: IPv4 in IPv6 has no ports: leave the ports out"
        if self.too_large == "drop" and self.protocol in {"tcp", "ipip6"}:
            yield "too_large: only UDP datagrams can be dropped"
        kinds = [kind for kind in CGROUP_KINDS if getattr(self, kind) is not None]
        if len(kinds) > 1:
            yield f"a packet has one sender: leave only one of {', '.join(kinds)}"
        if self.container is not None and not _CONTAINER.fullmatch(self.container):
            yield "container: give its id, at least the first 12 digits"
        if self.pod is not None and not _POD.fullmatch(self.pod):
            yield "pod: give its metadata.uid"
        everything = {"source": EVERYWHERE, "destination": EVERYWHERE}
        if not kinds and self.model_dump(include=set(_SELECTORS), exclude_none=True) == everything:
            yield f"say which packets: at least one of {', '.join((*_SELECTORS, *CGROUP_KINDS))}"

    def flow(self, name: str, folder: Path) -> Flow:
        """As the tagger reads it; `folder` is where a relative `id_file` begins."""
        return Flow(
            name=name,
            namespace=self.ioam_namespace,
            trace_id=bytes.fromhex(self.id) if self.id is not None else folder / str(self.id_file),
            source=self.source,
            destination=self.destination,
            protocol=self.protocol,
            source_port=self.source_port or 0,
            destination_port=self.destination_port or 0,
            sender=next((Sender(kind, self._sender(kind)) for kind in CGROUP_KINDS if getattr(self, kind)), None),
            too_large=self.too_large,
            id_owner=_uid(self.id_owner) if isinstance(self.id_owner, str) else self.id_owner,
        )

    def _sender(self, kind: CgroupKind) -> str:
        value = str(getattr(self, kind))
        # Kubernetes writes the runtime in front: containerd://ID.
        return value.rpartition("/")[2] if kind == "container" else value


def _uid(name: str) -> int | None:
    try:
        return pwd.getpwnam(name).pw_uid
    except KeyError:
        return None


_SELECTORS = ("protocol", "source", "source_port", "destination", "destination_port")


class ConfigModel(Model):
    """The whole file."""

    interfaces: Annotated[tuple[Interface, ...], Field(min_length=1)]
    """Interfaces through which the packets leave."""
    node_id: Annotated[int, Field(ge=0, lt=NO_NODE_ID, strict=True)] | None = None
    """Node id that the trace begins with, 24 bits; without it `net.ipv6.ioam6_id`."""
    nodes: Annotated[int, Field(ge=0, le=MAX_TRANSIT_NODES, strict=True)] | None = None
    """Nodes on the way that the header has room for; without it up to 5, as the MTU allows."""
    path_mtu: Annotated[int, Field(ge=1280, le=65535, strict=True)] | None = None
    """Octets of the largest packet that the path carries; without it each route's MTU, else the interface's. Below 1320
    not even a trace without nodes fits, and the tagger does not start."""
    flows: Annotated[dict[Name, FlowModel], Field(min_length=1, max_length=MAX_FLOWS)]
    """Flows by name. A packet belongs to the first flow that it fits."""

    @field_validator("interfaces")
    @classmethod
    def _once_each(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(value)) < len(value):
            raise ValueError("an interface stands twice")
        return value

    def settings(self, folder: Path) -> Settings:
        """As the tagger reads it."""
        return Settings(
            interfaces=self.interfaces,
            flows=tuple(model.flow(name, folder) for name, model in self.flows.items()),
            node_id=self.node_id,
            nodes=self.nodes,
            path_mtu=self.path_mtu,
        )


def read(path: Path, text: str | None = None) -> Settings:
    """The settings in a file, or in its text as read. Raises UsageError with one line per mistake."""
    return load(path, ConfigModel, text).settings(path.parent)
