# SPDX-License-Identifier: Apache-2.0
"""The configuration file of `joulepath pfcp`; docs/guides/pfcp.md describes its keys."""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Discriminator, Field, Tag, model_validator

from joulepath import secret
from joulepath.config import Model, Prefix, load
from joulepath.errors import UsageError
from joulepath.pfcp.settings import RESERVED, Bounds, FlowsFile, Group, Match, Settings

_SLICE = re.compile(r"(0|[1-9][0-9]{0,2})(-[0-9a-fA-F]{6})?")


def _listed(value: Any) -> Any:
    return value if isinstance(value, list | tuple) else [value]


def _slice(value: str) -> str:
    matched = _SLICE.fullmatch(value)
    if "*" not in value and (matched is None or int(matched[1]) > 255):
        raise ValueError("a slice is its SST, or SST and SD as in `1-010203`, with `*` for any text")
    return value


def _quoted(value: Any) -> Any:
    if isinstance(value, int):
        raise ValueError("a slice looks like a number: put it in quotes")  # noqa: TRY004  # pydantic's validators
    return value


def _is_list(value: Any) -> str:
    return "match[list]" if isinstance(value, list | tuple) else "match[one]"


def _form(value: Any) -> str:
    return "match[more]" if isinstance(value, dict) and {"match", "each"} & value.keys() else _is_list(value)


Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.:@-]{1,48}$")]
Interface = Annotated[str, Field(min_length=1, max_length=15)]
Text = Annotated[str, Field(min_length=1, max_length=100)]
Slice = Annotated[Text, AfterValidator(_slice), BeforeValidator(_quoted)]
Qfi = Annotated[int, Field(ge=0, le=63, strict=True)]
_SOME = Field(min_length=1)
Texts = Annotated[tuple[Text, ...], _SOME, BeforeValidator(_listed, json_schema_input_type=Text | tuple[Text, ...])]
Slices = Annotated[tuple[Slice, ...], _SOME, BeforeValidator(_listed, json_schema_input_type=Slice | tuple[Slice, ...])]
Qfis = Annotated[tuple[Qfi, ...], _SOME, BeforeValidator(_listed, json_schema_input_type=Qfi | tuple[Qfi, ...])]
Prefixes = Annotated[
    tuple[Prefix, ...], _SOME, BeforeValidator(_listed, json_schema_input_type=Prefix | tuple[Prefix, ...])
]


class MatchModel(Model):
    """The sessions that fit all of the keys given. `*` in a text fits any text."""

    dnn: Texts = ()
    """DNN or APN, without the operator's part. Without one, the Network Instance of the data network's side."""
    slice: Slices = ()
    """S-NSSAI: SST, or SST and SD as in `1-010203`; in quotes, as it looks like a number."""
    ue: Prefixes = ()
    """Prefixes of users' addresses."""
    qfi: Qfis = ()
    """QFIs: the part of a session that has them, where URRs measure QoS flows."""
    subscriber: Texts = ()
    """Identities of subscribers with their kind, such as `imsi-00101*`. They never become labels."""

    @model_validator(mode="after")
    def _some(self) -> "MatchModel":
        if not any(getattr(self, name) != () for name in type(self).model_fields):
            raise ValueError("give at least one key, such as `dnn` or `slice`")
        return self

    def match(self) -> Match:
        """As the exporter reads it."""
        return Match(self.dnn, self.slice, self.ue, frozenset(self.qfi), self.subscriber)


Matches = Annotated[tuple[MatchModel, ...], _SOME, Tag("match[list]")]


class GroupModel(Model):
    """A group with more than matches."""

    match: Annotated[Annotated[MatchModel, Tag("match[one]")] | Matches, Discriminator(_is_list)]
    """One match, or a list of which any may fit."""
    each: Literal["subscriber"] | None = None
    """`subscriber`: each subscriber is a group, named by the group and a keyed hash of the identity. Needs
    `secret_file`."""


class FlowsModel(Model):
    """The file with flows for `joulepath ioam`."""

    path: Path
    """Where it is written. Its folder must be writable, because the file is replaced as a whole. A relative path starts
    at the configuration's folder, here as in the other keys."""
    match: Literal["ue", "teid"] = FlowsFile.match
    """`ue`: users' addresses, and tunnels for sessions without one. `teid`: tunnels for all."""
    seconds: Annotated[float, Field(ge=0.5, le=3600)] = FlowsFile.seconds
    """The least time between two writings [s]."""
    matches: Annotated[int, Field(ge=1, le=512)] = FlowsFile.matches
    """The most matches in it. `joulepath ioam` accepts 512 with those of its own `flows`: leave room for these."""
    prefixes: Annotated[int, Field(ge=1, le=65_536)] = FlowsFile.prefixes
    """The most prefixes and ranges of TEIDs in it; `joulepath ioam` accepts 65536 with its own."""


class BoundsModel(Model):
    """Bounds on what hostile or endless signalling may take."""

    sessions: Annotated[int, Field(ge=1, le=1_000_000)] = Bounds.sessions
    """The most sessions that are followed; usage of the others is `unknown`. 5 KiB each."""
    series: Annotated[int, Field(ge=1, le=100_000)] = Bounds.series
    """The most combinations of group, DNN, slice and UPF that become labels."""
    transactions: Annotated[int, Field(ge=100, le=1_000_000)] = Bounds.transactions
    """The most requests within a minute that are recognised when they are sent again."""


class PfcpConfig(Model):
    """The whole file."""

    interfaces: tuple[Interface, ...] = ()
    """Interfaces of this host, the SMF's or the UPF's, that N4 passes."""
    mirrors: tuple[Interface, ...] = ()
    """Interfaces that get a copy of N4 from a switch; they are set to promiscuous mode."""
    groups: dict[
        Name,
        Annotated[
            Annotated[GroupModel, Tag("match[more]")] | Annotated[MatchModel, Tag("match[one]")] | Matches,
            Discriminator(_form),
        ],
    ] = Field(default_factory=dict)
    """Groups by name: a match, a list of matches, or a mapping with `match`. The first that fits has the session."""
    upfs: dict[Name, Prefixes] = Field(default_factory=dict)
    """Names of UPFs by their addresses on N4; without a name the label `upf` is the address."""
    flows_file: FlowsModel | None = None
    """Writes the sessions of each group as flows for `joulepath ioam`."""
    state_file: Path | None = None
    """Keeps the sessions over a restart of the exporter of at most 5 minutes. Its folder must be writable."""
    secret_file: Path | None = None
    """The file with the key of the hashes that `each: subscriber` makes."""
    bounds: BoundsModel = BoundsModel()
    """Bounds on sessions, labels and memory."""

    @model_validator(mode="after")
    def _coherent(self) -> "PfcpConfig":
        mistakes = list(self._mistakes())
        if mistakes:
            raise ValueError("; ".join(mistakes))
        return self

    def _mistakes(self) -> Iterable[str]:
        names = [*self.interfaces, *self.mirrors]
        for name in sorted({name for name in names if names.count(name) > 1}):
            yield f"interfaces: {name} stands twice"
        for name in sorted(RESERVED & self.groups.keys()):
            yield f"groups: {name!r} is the name of sessions that no group has: take another"
        hashed = [name for name, group in self.groups.items() if isinstance(group, GroupModel) and group.each]
        if hashed and self.secret_file is None:
            yield f"groups.{hashed[0]}.each: needs `secret_file`: without a key, identities can be guessed from hashes"

    def settings(self, folder: Path) -> Settings:
        """As the exporter reads it; relative paths start at `folder`. Raises UsageError."""
        flows = self.flows_file
        return Settings(
            interfaces=self.interfaces,
            mirrors=self.mirrors,
            groups=tuple(_group(name, model) for name, model in self.groups.items()),
            upfs=self.upfs,
            bounds=Bounds(self.bounds.sessions, self.bounds.series, self.bounds.transactions),
            flows=None if flows is None else FlowsFile(**dict(flows) | {"path": folder / flows.path}),
            state=None if self.state_file is None else folder / self.state_file,
            secret="" if self.secret_file is None else secret.of_file(folder / self.secret_file, "secret_file"),
        )


def read(path: Path, text: str | None = None) -> Settings:
    """The settings in a file, or in its text as read. Raises UsageError with one line per mistake."""
    model = load(path, PfcpConfig, text, empty=True)
    try:
        return model.settings(path.parent)
    except UsageError as error:
        raise UsageError([f"{path}: {message}" for message in error.messages]) from None


def _group(name: str, model: GroupModel | MatchModel | tuple[MatchModel, ...]) -> Group:
    each = model.each if isinstance(model, GroupModel) else None
    matches = model.match if isinstance(model, GroupModel) else model
    return Group(name, tuple(match.match() for match in _listed(matches)), each)
