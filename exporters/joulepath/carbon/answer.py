# SPDX-License-Identifier: Apache-2.0
"""Points from a source's JSON answer. All that is not as the source is known to write it is one fault, and no point."""

import json
import math
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from joulepath.carbon.settings import GRAMS, Feed, Point, Provider, State
from joulepath.errors import JoulepathError

MOST_ROWS = 20_000
MOST_GRAMS = 5000.0
"""For each kWh; the worst grid is below 1500, the worst power station below 3000."""
_SHOWN = 40


class FormatError(JoulepathError):
    """The source has changed its format, or this is not the source."""

    def __init__(self, what: str) -> None:
        super().__init__(f"its answer is not in the known format: {what}")


def points(provider: Provider, feed: Feed, body: bytes, filled: Mapping[str, str]) -> list[Point]:
    """The points of an answer; `filled` has the zone and the boundary that were asked for. Raises FormatError."""
    document = parsed(body)
    for path, template in provider.checks.items():
        if not path.startswith("row."):
            _compare(path, at(document, path), template.format_map(filled))
    rows = at(document, feed.rows) if feed.rows else [document]
    if not isinstance(rows, list):
        raise FormatError(f"{feed.rows} is not a list")
    if len(rows) > MOST_ROWS:
        raise FormatError(f"{feed.rows} has more than {MOST_ROWS} rows")
    if feed.only_first:
        rows = rows[:1]
    found: list[Point] = []
    for number, row in enumerate(rows):
        place = f"{feed.rows}[{number}]" if feed.rows else ""
        try:
            found += _row(provider, feed, row, filled)
        except FormatError as error:
            raise FormatError(f"{place}: {str(error).partition('format: ')[2]}" if place else str(error)) from None
    return found


def parsed(body: bytes) -> Any:
    """The document. Raises FormatError."""
    try:
        return json.loads(body, parse_constant=_refuse)
    except RecursionError:
        raise FormatError("it is nested too deeply") from None
    except ValueError:
        raise FormatError("it is not JSON") from None


def _refuse(name: str) -> None:
    raise ValueError(name)


def _row(provider: Provider, feed: Feed, row: Any, filled: Mapping[str, str]) -> Iterator[Point]:
    for path, template in provider.checks.items():
        if path.startswith("row."):
            own = path.removeprefix("row.")
            _compare(own, at(row, own), template.format_map(filled))
    start = _time(provider.time, at(row, provider.time))
    for stated, path in feed.values.items():
        value = at(row, path)
        if value is None:  # not yet known
            continue
        grams = _number(path, value) * GRAMS[provider.unit]
        if not 0 <= grams <= MOST_GRAMS:
            raise FormatError(f"{path} is {value!r:.{_SHOWN}}, which is not possible")
        yield Point(start, provider.period_seconds, _state(provider, row, stated), grams)


def _state(provider: Provider, row: Any, stated: State) -> State:
    if not provider.state_field or stated != "estimated":
        return stated
    value = json.dumps(at(row, provider.state_field))
    if value not in provider.states:
        raise FormatError(f"{provider.state_field} is {value:.{_SHOWN}}")
    return provider.states[value]


def at(document: Any, path: str) -> Any:
    """The value at a path of keys. Raises FormatError."""
    value = document
    for key in path.split("."):
        if not isinstance(value, dict) or key not in value:
            raise FormatError(f"{path} is absent")
        value = value[key]
    return value


def _compare(path: str, value: object, wanted: str) -> None:
    if value != wanted:
        raise FormatError(f"{path} is {value!r:.{_SHOWN}}, not {wanted}")


def _number(path: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise FormatError(f"{path} is {value!r:.{_SHOWN}}, not a number")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise FormatError(f"{path} is not a finite number")
    return number


def _time(path: str, value: object) -> float:
    try:
        moment = datetime.fromisoformat(value if isinstance(value, str) else "")
        seconds = moment.timestamp()
    except (ValueError, OverflowError):
        moment, seconds = None, 0.0
    if moment is None or moment.tzinfo is None:
        raise FormatError(f"{path} is {value!r:.{_SHOWN}}, not a time with its zone")
    return seconds
