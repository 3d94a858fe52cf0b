# SPDX-License-Identifier: Apache-2.0
"""Means of power and load over windows of one length, from a CSV file."""

import csv
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from joulepath.errors import UsageError
from joulepath.files import text_of

COLUMNS = ("time", "watts", "load")


@dataclass(frozen=True)
class Window:
    """Means over one window. `at` is its end in Unix seconds, `load` the busy part of the processor, 0 to 1."""

    at: float
    watts: float
    load: float


def from_csv(path: Path, length: float) -> Sequence[Window]:
    """The windows of `length` seconds of a file with the columns time, watts and load. Raises UsageError."""
    groups: dict[int, list[Window]] = {}
    for sample in _samples(path):
        groups.setdefault(math.floor(sample.at / length), []).append(sample)
    return [_mean((number + 1) * length, groups[number]) for number in sorted(groups)]


def _mean(end: float, samples: Sequence[Window]) -> Window:
    return Window(end, fmean(one.watts for one in samples), fmean(one.load for one in samples))


def _samples(path: Path) -> Iterator[Window]:
    rows: Iterable[dict[str, str | None]] = csv.DictReader(text_of(path, "data").splitlines(), strict=True)
    try:
        for number, row in enumerate(rows, 2):
            if absent := [name for name in COLUMNS if name not in row]:
                raise UsageError(f"{path}: has no column {absent[0]}: name the columns {', '.join(COLUMNS)}")
            yield Window(*(_number(row[name], f"{path}:{number}: {name}") for name in COLUMNS))
    except csv.Error as error:
        raise UsageError(f"{path}: is not a CSV file: {error}") from None


def _number(text: str | None, place: str) -> float:
    try:
        value = float(text or "")
    except ValueError:
        value = math.nan
    if not math.isfinite(value) or value < 0:
        raise UsageError(f"{place}: must be a number of at least 0: {text!r}")
    return value
