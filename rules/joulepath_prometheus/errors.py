# SPDX-License-Identifier: Apache-2.0
"""Faults of a server that answers PromQL. Each message is one line: URL, fault and remedy, without credentials."""

from joulepath.errors import JoulepathError


class PrometheusError(JoulepathError):
    """The server cannot be asked, or its answer is not one of Prometheus."""


class NoAnswerError(PrometheusError):
    """The server cannot be reached, is not ready or takes too long: the same question may succeed later."""


class RejectedQueryError(PrometheusError):
    """The server refuses the question; the message has the server's own words."""


def one_line(text: str, most: int = 300) -> str:
    """Untrusted text for a message: printable, on one line, cut after `most` characters."""
    flat = "".join(letter if letter.isprintable() else " " for letter in text[: 4 * most])
    flat = " ".join(flat.split())
    return flat if len(flat) <= most else f"{flat[:most]} ..."
