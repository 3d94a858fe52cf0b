# SPDX-License-Identifier: Apache-2.0
"""Durations as Prometheus writes them."""

import promql_parser


def seconds(text: str) -> float:
    """A duration such as `15d`, `1y` or `1h30m` in seconds, above 0. Raises ValueError."""
    return promql_parser.parse_duration(text).total_seconds()


def duration(seconds: float) -> str:
    """Seconds as Prometheus writes them, in the largest unit that needs no fraction."""
    milliseconds = round(seconds * 1000)
    for unit, length in (("h", 3_600_000), ("m", 60_000), ("s", 1000)):
        if milliseconds % length == 0:
            return f"{milliseconds // length}{unit}"
    return f"{milliseconds}ms"
