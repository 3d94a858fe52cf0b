# SPDX-License-Identifier: Apache-2.0
"""The key `flows` of the configuration of `joulepath ioam`, and the file of its key `flows_file`."""

import re
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Discriminator, Field, Tag, model_validator

from joulepath.bpf.senders import POD, UNIT
from joulepath.config import Model, Prefix, load
from joulepath.errors import UsageError
from joulepath.ioam.settings import Flow, Match
from joulepath.ioam.table.flows import MAX_OCTETS, too_many
from joulepath.ioam.wire.protocols import NAMES

_MOST_MISTAKES = 3

_DIGITS = r"\s*(0[xX][0-9a-fA-F]{1,16}|[0-9]{1,20})\s*"
_RANGE = re.compile(rf"{_DIGITS}(?:-{_DIGITS})?")
_FOLDER = re.compile(r"/[^\x00-\x1f]{0,4094}")
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


def _folder(value: str) -> str:
    if not _FOLDER.fullmatch(value):
        raise ValueError("must be a cgroup v2 folder as in /proc/PID/cgroup, such as /system.slice/camera.service")
    return value


def _is_list(value: Any) -> str:
    return "match[list]" if isinstance(value, list | tuple) else "match[one]"


def _is_sender(value: Any) -> str:
    return "cgroup[folder]" if isinstance(value, str) else "cgroup[sender]"


Name = Annotated[str, AfterValidator(_named)]
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


class Sender(Model):
    """A local sender, by the name that it keeps when its cgroup is made anew."""

    unit: Annotated[str, Field(pattern=r"^[A-Za-z0-9:_.\\@-]{1,240}\.(service|scope|slice)$")] | None = None
    """A systemd unit, such as `camera.service`."""
    pod: Annotated[str, Field(pattern=r"^[a-z0-9.-]{1,63}/[a-z0-9.-]{1,253}$")] | None = None
    """A pod of this node, as NAMESPACE/POD."""

    @model_validator(mode="after")
    def _one(self) -> "Sender":
        if (self.unit is None) is (self.pod is None):
            raise ValueError("give either `unit` or `pod`")
        return self

    @property
    def name(self) -> str:
        """As joulepath.bpf.senders finds it."""
        return f"{POD}{self.pod}" if self.unit is None else f"{UNIT}{self.unit}"


class MatchModel(Model):
    """The packets that fit all of the keys given. An empty list fits no packet."""

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
    cgroup: (
        Annotated[
            Annotated[str, AfterValidator(_folder), Tag("cgroup[folder]")] | Annotated[Sender, Tag("cgroup[sender]")],
            Discriminator(_is_sender),
        ]
        | None
    ) = None
    """Local sender: its cgroup v2 folder as in /proc/PID/cgroup, `{unit: NAME.service}` or `{pod: NAMESPACE/POD}`.

    With the cgroups below it. Backend `ebpf` only.
    """

    @model_validator(mode="after")
    def _some(self) -> "MatchModel":
        if all(getattr(self, name) is None for name in self.model_fields_set):
            raise ValueError("give at least one key, such as `ue` or `ports`")
        self.match()
        return self

    @property
    def empty(self) -> bool:
        """Whether one of the lists has no entry, so that no packet fits: a program may write it for no users."""
        return any(getattr(self, name) == () for name in self.model_fields_set)

    def match(self) -> Match:
        """As the counting reads it; not for an empty one. Raises ValueError."""
        ranges = {name: _ranges(name, getattr(self, name)) for name in _BOUNDS}
        cgroup = self.cgroup.name if isinstance(self.cgroup, Sender) else self.cgroup or ""
        return Match(ue=self.ue, remote=self.remote, cgroup=cgroup, **ranges)


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
        Flow(name, tuple(model.match() for model in _listed(models_) if not model.empty))
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
    if mistake := next(iter(too_many(found)), None):
        raise UsageError(f"{path}: {mistake}")
    return found


def _ranges(name: str, value: tuple[int | str, ...]) -> tuple[range, ...]:
    return tuple(_range(name, item) for item in value)


def _range(name: str, item: int | str) -> range:
    if name == "protocol" and isinstance(item, str) and item.lower() in NAMES:
        item = NAMES[item.lower()]
    least, most = _BOUNDS[name]
    try:
        return range_of(item, least, most)
    except ValueError:
        shown = hex(item) if isinstance(item, int) and abs(item) > 1 << 64 else str(item)
        names = "a name such as udp, " if name == "protocol" else ""
        message = f"{name}: {shown[:40]!r} is not {names}a number or range within {least}-{most}"
        raise ValueError(message) from None


def range_of(item: int | str, least: int, most: int) -> range:
    """A number, or a range such as `5000-5999` or `0x10-0x1f`. Raises ValueError also where it is not within bounds."""
    if isinstance(item, int):
        first = last = item
    elif matched := _RANGE.fullmatch(item):
        first = int(matched[1], 0)
        last = first if matched[2] is None else int(matched[2], 0)
    else:
        raise ValueError(item)
    if not least <= first <= last <= most:
        raise ValueError(item)
    return range(first, last + 1)
