# SPDX-License-Identifier: Apache-2.0
"""Means over windows of one length, and how they are read from a CSV file."""

import csv
import math
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from statistics import fmean
from typing import NamedTuple

from joulepath.errors import UsageError
from joulepath.files import text_of


class Window(NamedTuple):
    """Means over one window. `at` is its end in Unix seconds, `load` the busy part of the processor, 0 to 1."""

    at: float
    watts: float
    load: float


class TokenWindow(NamedTuple):
    """Means over one window: watts, tokens/s of prompts, and generated tokens/s. `at` is its end in Unix seconds."""

    at: float
    watts: float
    input: float
    output: float


def from_csv(path: Path, length: float, columns: Sequence[str]) -> Iterator[tuple[float, ...]]:
    """The end and the mean of each column, for the windows of `length` seconds that a file has samples of.

    The file has a column `time` in Unix seconds, and `columns`. Raises UsageError.
    """
    groups: dict[int, list[tuple[float, ...]]] = {}
    for at, *values in _samples(path, ("time", *columns)):
        groups.setdefault(math.floor(at / length), []).append(tuple(values))
    for number in sorted(groups):
        yield (number + 1) * length, *(fmean(values) for values in zip(*groups[number], strict=True))


def _samples(path: Path, columns: Sequence[str]) -> Iterator[tuple[float, ...]]:
    rows: Iterable[dict[str, str | None]] = csv.DictReader(text_of(path, "data").splitlines(), strict=True)
    try:
        for number, row in enumerate(rows, 2):
            if absent := [name for name in columns if name not in row]:
                raise UsageError(f"{path}: has no column {absent[0]}: name the columns {', '.join(columns)}")
            yield tuple(_number(row[name], f"{path}:{number}: {name}") for name in columns)
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
