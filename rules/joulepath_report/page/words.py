# SPDX-License-Identifier: Apache-2.0
"""Sentences and times as they stand on a page."""

from datetime import UTC, datetime

from markupsafe import Markup, escape


def prose(text: str) -> Markup:
    """A sentence, with the names that stand in backquotes as code."""
    parts = text.split("`")
    if len(parts) % 2 == 0:
        return escape(text)
    code, plain = Markup("<code>{}</code>"), Markup("{}")
    return Markup("").join((code if number % 2 else plain).format(part) for number, part in enumerate(parts))


def day(seconds: float) -> str:
    """The day (UTC) of a time."""
    return _utc(seconds).strftime("%Y-%m-%d")


def instant(seconds: float) -> Markup:
    """A time (UTC), for readers and for programs."""
    moment = _utc(seconds)
    shown = moment.strftime("%Y-%m-%d %H:%M" if not moment.second else "%Y-%m-%d %H:%M:%S")
    return Markup('<time datetime="{}">{}</time>').format(moment.strftime("%Y-%m-%dT%H:%M:%SZ"), shown)


def span(seconds: float) -> str:
    """A length of time in its two largest units."""
    left, words = round(seconds), []
    for unit, length in (("day", 86400), ("hour", 3600), ("minute", 60), ("second", 1)):
        count, left = divmod(left, length)
        if count:
            words.append(f"{count} {unit}{'' if count == 1 else 's'}")
    return " ".join(words[:2])


def _utc(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
