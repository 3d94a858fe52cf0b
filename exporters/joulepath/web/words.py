# SPDX-License-Identifier: Apache-2.0
"""Words of the landing page: times, durations, and texts of others, safe in HTML."""

import html
from datetime import UTC, datetime

GAP = "&ndash;"
"""Stands for what is not known."""
_MOST_CHARACTERS = 300


def ago(timestamp: float | None, now: float) -> str:
    """How long ago an instant was, both in seconds since the epoch."""
    if timestamp is None:
        return GAP
    when = datetime.fromtimestamp(timestamp, UTC)
    return f'<time datetime="{when:%Y-%m-%dT%H:%M:%SZ}">{duration(now - timestamp)} ago</time>'


def instant(timestamp: float) -> str:
    """An instant, seconds since the epoch, in UTC."""
    when = datetime.fromtimestamp(timestamp, UTC)
    return f'<time datetime="{when:%Y-%m-%dT%H:%M:%SZ}">{when:%Y-%m-%d %H:%M:%S} UTC</time>'


def duration(seconds: float) -> str:
    """With two digits or so; a clock that was set back gives 0 s."""
    seconds = max(seconds, 0.0)
    for size, unit in ((86400.0, "d"), (3600.0, "h"), (60.0, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"


def safe(text: str) -> str:
    """Escaped and on one line; a device's words may hold anything, and may be long."""
    text = " ".join(text.split())
    shortened = text if len(text) <= _MOST_CHARACTERS else f"{text[: _MOST_CHARACTERS - 1]}…"
    return html.escape("".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in shortened))
