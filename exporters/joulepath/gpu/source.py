# SPDX-License-Identifier: Apache-2.0
"""The interface of a vendor's library: it lists GPUs, and each GPU is read by itself."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from joulepath.errors import JoulepathError


class MissingError(JoulepathError):
    """The library is not installed: this host may have no GPU of that vendor."""


class LostError(JoulepathError):
    """One GPU does not answer, with one line that names it and the fault. Others may answer."""


@dataclass(frozen=True)
class Identity:
    """The properties of a GPU that stay: the UUID tells it from others, `bus` (0000:3b:00.0) sorts it."""

    vendor: str
    uuid: str
    name: str
    bus: str


@dataclass(frozen=True)
class Shares:
    """The activity of processes in the time that ended with this reading.

    `of` has the mean share of the GPU's multiprocessors that each process kept busy, from 0 to 1, by process id. A
    process that is not in it had none.
    """

    seconds: float
    of: Mapping[int, float]


@dataclass(frozen=True)
class Instance:
    """A MIG instance: a part of a GPU with multiprocessors of its own."""

    uuid: str
    profile: str
    """As in `1g.5gb`."""
    slices: int
    """Compute slices; a whole A100 or H100 has 7."""
    seconds: float | None = None
    """The time that ended with this reading; None where the activity is not measured."""
    share: float = 0.0
    """The mean share of the instance's own multiprocessors that was busy in this time."""


@dataclass(frozen=True)
class Reading:
    """One reading of one GPU. None stands for a value that this GPU does not have."""

    joules: float | None
    """The hardware's energy counter."""
    watts: float | None
    shares: Shares | None = None
    instances: Mapping[str, Instance] = field(default_factory=dict)
    """By the id of the GPU instance."""
    memory: float | None = None
    """Bytes of its memory in use."""
    rejected: Mapping[str, int] = field(default_factory=dict)
    """How many values were not measurements, by reason."""
    faults: Sequence[str] = ()
    """A line for each value that exists and could not be read."""


class Device(Protocol):
    """One GPU."""

    @property
    def identity(self) -> Identity:
        """Its properties that stay."""

    def read(self) -> Reading:
        """Reads the GPU once. Raises LostError."""


class Library(Protocol):
    """The library of one vendor."""

    @property
    def vendor(self) -> str:
        """nvidia, amd or intel."""

    @property
    def faults(self) -> Sequence[str]:
        """A line for each GPU that was there and could not be opened, the last time."""

    def open(self) -> Sequence[Device]:
        """Loads the library and looks for GPUs anew. A GPU that was there before stays the same object.

        Raises MissingError where the library is not installed, JoulepathError where it does not work.
        """

    def close(self) -> None:
        """Ends the use of the library."""
