# SPDX-License-Identifier: Apache-2.0
"""Regular expressions that fit the same text, as far as examples show it."""

import re
from functools import cache


@cache
def both_fit(one: str, other: str) -> str | None:
    """A text that both expressions fit as a whole; None where none was found, though there may be one."""
    for pattern, against in ((one, other), (other, one)):
        text = _example(pattern)
        try:
            if text is not None and re.fullmatch(against, text):
                return text
        except re.error:  # Prometheus knows classes that Python does not
            return None
    return None


def _example(pattern: str) -> str | None:
    """A text that fits an expression of plain words with `.*` and `.+` among them; None for other expressions."""
    words = re.split(r"\.[*+]", pattern)
    return "x".join(words) if all(re.fullmatch(r"[\w/-]*", word) for word in words) else None
