# SPDX-License-Identifier: Apache-2.0
"""The key `flows` of the configuration of `joulepath ioam`, and the file of its key `flows_file`."""

import re
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Discriminator, Field, Tag, model_validator

from joulepath.config import Model, load
from joulepath.errors import UsageError
from joulepath.ioam.settings import Flow, Match
from joulepath.ioam.table.flows import MAX_OCTETS, too_many
from joulepath.ioam.wire.protocols import NAMES

_MOST_MISTAKES = 3

_NAME = re.compile(r"[A-Za-z0-9_.:@/-]{1,64}")


def _listed(value: Any) -> Any:
    return value if isinstance(value, list | tuple) else [value]


def _number(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise ValueError("must be a number, or a range such as 5000-5999")  # noqa: TRY004  # pydantic's validators
    return value


def _named(value: str) -> str:
    if not _NAME.fullmatch(value):
        raise ValueError("a name of a flow has 1 to 64 letters, digits and _ . : @ / -")
    return value


def _is_list(value: Any) -> str:
    return "match[list]" if isinstance(value, list | tuple) else "match[one]"


Name = Annotated[str, AfterValidator(_named)]
Prefix = IPv4Network | IPv6Network
Prefixes = Annotated[tuple[Prefix, ...], BeforeValidator(_listed, json_schema_input_type=Prefix | tuple[Prefix, ...])]
Number = Annotated[int | str, BeforeValidator(_number)]
Numbers = Annotated[tuple[Number, ...], BeforeValidator(_listed, json_schema_input_type=Number | tuple[Number, ...])]
_BOUNDS = {
    "protocol": (0, 255),
    "ports": (0, 65535),
    "ue_ports": (0, 65535),
    "dscp": (0, 63),
    "vlan": (1, 4094),
    "teid": (0, 0xFFFFFFFF),
    "qfi": (0, 63),
}


class MatchModel(Model):
    """The packets that fit all of the keys given."""

    ue: Prefixes = ()
    """Address prefixes of the user: the source of a packet that it sends, the destination of one that it gets."""
    remote: Prefixes = ()
    """Address prefixes of the other end."""
    protocol: Numbers = ()
    """IP protocols: names such as `udp`, or numbers."""
    ports: Numbers = ()
    """Ports of the other end (UDP, TCP, SCTP): numbers, and ranges such as `5000-5999`."""
    ue_ports: Numbers = ()
    """Ports of the user."""
    dscp: Numbers = ()
    """DSCP of the counted packet, 0 to 63."""
    vlan: Numbers = ()
    """VLAN ID of the tag nearest to the counted packet, 1 to 4094."""
    teid: Numbers = ()
    """TEID of the innermost GTP-U message that carries the packet: numbers, and ranges such as `0x1000-0x1fff`."""
    qfi: Numbers = ()
    """QFI in the PDU session container of that message, 0 to 63."""
    cgroup: Annotated[str, Field(pattern=r"^/[^\x00-\x1f]{0,4094}$")] | None = None
    """cgroup v2 folder of the local sender, as in /proc/PID/cgroup; with the folders below it. Backend `ebpf` only."""

    @model_validator(mode="after")
    def _some(self) -> "MatchModel":
        if all(getattr(self, name) in ((), None) for name in self.model_fields_set):
            raise ValueError("give at least one key, such as `ue` or `ports`")
        self.match()
        return self

    def match(self) -> Match:
        """As the counting reads it. Raises ValueError."""
        ranges = {name: _ranges(name, getattr(self, name)) for name in _BOUNDS}
        return Match(ue=self.ue, remote=self.remote, cgroup=self.cgroup or "", **ranges)


Flows = dict[
    Name,
    Annotated[
        Annotated[MatchModel, Tag("match[one]")]
        | Annotated[tuple[MatchModel, ...], Field(min_length=1), Tag("match[list]")],
        Discriminator(_is_list),
    ],
]


class FlowsFile(Model):
    """A file with more flows."""

    flows: Flows
    """Flows by name: one match, or a list of matches. The first flow that fits a packet counts it."""


def flows(models: Flows) -> tuple[Flow, ...]:
    """As the counting reads them."""
    return tuple(
        Flow(name, tuple(model.match() for model in (models_ if isinstance(models_, tuple) else (models_,))))
        for name, models_ in models.items()
    )


def read(path: Path, text: str) -> tuple[Flow, ...]:
    """The flows in the text of a `flows_file`, YAML or JSON. Raises UsageError with one line for each mistake."""
    octets = len(text.encode())
    if octets > MAX_OCTETS:
        raise UsageError(f"{path}: has {octets} octets; at most {MAX_OCTETS}")
    try:
        found = flows(load(path, FlowsFile, text).flows)
    except UsageError as error:
        rest = len(error.messages) - _MOST_MISTAKES
        more = [f"{path}: has {rest} more mistakes"] if rest > 0 else []
        raise UsageError([*error.messages[:_MOST_MISTAKES], *more]) from None
    except RecursionError:
        raise UsageError(f"{path}: lists stand in lists too deep") from None
    if mistake := next(iter(too_many(found)), None):
        raise UsageError(f"{path}: {mistake}")
    return found


def _ranges(name: str, value: tuple[int | str, ...]) -> tuple[range, ...]:
    return tuple(_range(name, item) for item in value)


def _range(name: str, item: int | str) -> range:
    least, most = _BOUNDS[name]
    try:
        if isinstance(item, int):
            first = last = item
        elif name == "protocol" and item.lower() in NAMES:
            first = last = NAMES[item.lower()]
        else:
            begin, _, end = item.partition("-")
            first, last = int(begin, 0), int(end or begin, 0)
    except ValueError:
        first, last = 0, -1
    if not least <= first <= last <= most:
        names = "a name such as udp, " if name == "protocol" else ""
        raise ValueError(f"{name}: {str(item)[:40]!r} is not {names}a number or range within {least}-{most}")
    return range(first, last + 1)
