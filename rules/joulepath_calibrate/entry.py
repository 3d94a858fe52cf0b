# SPDX-License-Identifier: Apache-2.0
"""The entry of a topology that is calibrated, and how a fault names it."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TypeVar

from joulepath.errors import UsageError
from joulepath.meant import did_you_mean
from joulepath_calibrate.errors import RefusedError
from joulepath_topology.hosts import Host

Entry = TypeVar("Entry")


def named(entries: Mapping[str, Entry], name: str, place: str) -> Entry:
    """The entry of a name. Raises UsageError with the name that was probably meant."""
    entry = entries.get(name)
    if entry is None:
        raise UsageError(f"{place}: is not in the file{did_you_mean(name, list(entries))}")
    return entry


def check_measured(host: Host, place: str, use: str) -> None:
    """Raises UsageError for a source of power that is not a meter; `use` is the use of one, such as `fitted to`."""
    for number, source in enumerate(host.power):
        if source.method != "measured":
            raise UsageError(f"{place}.power[{number}]: is {source.method}: only a meter can be {use}")


@contextmanager
def refusals_of(place: str) -> Iterator[None]:
    """Lets a RefusedError name the entry."""
    try:
        yield
    except RefusedError as error:
        raise RefusedError([f"{place}: {message}" for message in error.messages]) from None
