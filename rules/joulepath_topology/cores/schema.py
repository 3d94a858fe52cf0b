# SPDX-License-Identifier: Apache-2.0
"""A core as data: which series hold its traffic, what they count, and which of their labels name an application.

A new core is one more YAML file in this folder. The key `core` of a topology, its checks, the queries of the rules and
the pages of docs/guides/cores follow from it. The facts come from the file that `source` names.
"""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field, model_validator

from joulepath.config import Model
from joulepath_topology.common import Text

Kind = Literal["counter", "rate", "period", "since_read"]
"""The content of a series.

counter     all since the start: its rate is read, whatever type the exporter gives to it
rate        the amount in a second, now: its mean is read
period      the amount of the last reporting period: its mean is read, and only parts of the whole are right
since_read  the amount since anyone last read it: its samples are added, and only parts of the whole are right
"""

By = Literal["count", "volume"]
KeyName = Literal["qfi", "ue", "dnn", "slice", "group", "session"]
Metric = Annotated[str, Field(pattern=r"^[a-zA-Z_][a-zA-Z0-9_]*$")]


class Series(Model):
    """One metric, or some of its series."""

    metric: Metric
    """Name of the metric."""
    labels: Mapping[Metric, Text] = {}
    """Labels that its series must have."""
    having: tuple[Metric, ...] = ()
    """Labels that must not be empty, where the same metric has series of something else."""


class Amount(Model):
    """An amount that the core counts: packets (`count`), or bytes or the like (`volume`)."""

    unit: Literal["packets", "bytes", "kilobits", "PRBs"]
    """Unit after `scale`."""
    kind: Kind
    """The content of its series."""
    scale: float = Field(1, gt=0)
    """Factor from the series' unit to `unit`."""
    parts: tuple[Series, ...] = ()
    """Series with a label for each key, which are added; without them an application cannot be told apart."""
    total: tuple[Series, ...] = ()
    """Series of all traffic, which are added; without them all parts are the total."""

    @model_validator(mode="after")
    def _any(self) -> "Amount":
        if not self.parts and not self.total:
            raise ValueError("needs parts, total or both")
        if self.kind == "since_read" and self.total:
            raise ValueError("total must be the parts: a second reader takes of both alike only then")
        if self.kind == "period" and self.unit == "bytes":
            raise ValueError("a unit of bytes promises bytes/s, which a period of unknown length does not give")
        return self

    @property
    def whole(self) -> tuple[Series, ...]:
        """The series of all traffic."""
        return self.total or self.parts

    @property
    def absolute(self) -> bool:
        """Whether it gives packets/s or bytes/s, and not only parts of a whole."""
        return self.kind in {"counter", "rate"} and self.unit in {"packets", "bytes"}

    @property
    def label(self) -> str:
        """The unit as the recorded series has it: of what has only parts, a word that cannot be taken for bytes/s."""
        return self.unit if self.absolute else f"parts_of_{self.unit}"


class Core(Model):
    """A core, or another function with counters of its own. The name of its file is the key of the topology."""

    title: str
    """Its name, for messages and pages."""
    counts: str
    """The traffic that it counts."""
    octets: str
    """The octets of a packet that it counts."""
    version: str
    """Version or commit in which this was read."""
    source: str
    """Where this was read."""
    needs: str
    """How its series come to be."""
    trap: str
    """The mistake that its series lead to, in one sentence."""
    keys: Mapping[KeyName, Metric] = {}
    """The label behind each key by which an application can be named."""
    values: Mapping[KeyName, str] = {}
    """The form of each key's value, for the page."""
    instance: Metric = "instance"
    """The label that names one of several such functions."""
    amounts: Mapping[By, Amount] = Field(min_length=1)
    """Packets and bytes, or the like."""
    beside: tuple[Series, ...] = ()
    """Counters of bytes on its interfaces, with which the sum of what was read since the last time is compared."""
    notes: tuple[str, ...] = ()
    """More facts for the page."""

    @model_validator(mode="after")
    def _keys_belong_to_parts(self) -> "Core":
        if bool(self.keys) != any(amount.parts for amount in self.amounts.values()):
            raise ValueError("keys and parts go together: a key is a label of the parts")
        if self.keys.keys() != self.values.keys():
            raise ValueError("keys and values have the same names")
        return self

    @property
    def divides(self) -> bool:
        """Whether it tells applications apart."""
        return bool(self.keys)
