# SPDX-License-Identifier: Apache-2.0
"""Describes in one line why a request got no answer: exceptions of requests, urllib3 and the system."""

import socket
import ssl
from collections.abc import Iterator

import requests
import urllib3

from joulepath_prometheus.errors import NoAnswerError, PrometheusError

_KINDS: tuple[tuple[tuple[type[BaseException], ...], type[PrometheusError], str], ...] = (
    (
        (requests.ConnectTimeout,),
        NoAnswerError,
        "no connection within {seconds:g} s: check the address and the network",
    ),
    (
        (requests.Timeout, urllib3.exceptions.ReadTimeoutError, TimeoutError),
        NoAnswerError,
        "no whole answer within {seconds:g} s: ask for less, or allow more time",
    ),
    (
        (requests.exceptions.ProxyError, urllib3.exceptions.ProxyError),
        NoAnswerError,
        "the proxy of the environment cannot be used: check HTTPS_PROXY, HTTP_PROXY and NO_PROXY",
    ),
    (
        (ssl.SSLCertVerificationError,),
        PrometheusError,
        "its certificate cannot be trusted ({reason}): state tls_config.ca_file",
    ),
    (
        (ssl.SSLError,),
        PrometheusError,
        "TLS failed ({reason}): is that the port of https, and does it want tls_config.cert_file?",
    ),
    (
        (requests.exceptions.InvalidURL, urllib3.exceptions.LocationParseError),
        PrometheusError,
        "is not a URL that can be asked: check its host",
    ),
    ((socket.gaierror,), NoAnswerError, "its host name cannot be resolved: check the address"),
)
"""Exceptions, the first of which is found counts; the error that they become, and its text."""


def fault(url: str, error: BaseException, seconds: float) -> PrometheusError:
    """The error to raise for a request to `url`, to which `seconds` were allowed."""
    causes = list(_causes(error))
    for kinds, becomes, text in _KINDS:
        if found := next((one for one in causes if isinstance(one, kinds)), None):
            return becomes(f"{url}: {text.format(seconds=seconds, reason=_reason(found))}")
    words = (one.strerror for one in causes if isinstance(one, OSError) and isinstance(one.errno, int))
    if strerror := next(filter(None, words), ""):
        return NoAnswerError(f"{url}: cannot be reached: {strerror}: is Prometheus running there?")
    return NoAnswerError(f"{url}: the connection broke ({type(error).__name__}): is that the port of Prometheus?")


def _reason(error: BaseException) -> str:
    """OpenSSL's words."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return error.verify_message
    reason = error.reason if isinstance(error, ssl.SSLError) else ""
    return (reason or "unknown reason").replace("_", " ").lower()


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error and those behind it: requests and urllib3 keep them in several places."""
    seen, left = set[int](), [error]
    while left:
        one = left.pop()
        if id(one) not in seen:
            seen.add(id(one))
            yield one
            held = (one.__cause__, one.__context__, getattr(one, "reason", None), *one.args)
            left += [inner for inner in held if isinstance(inner, BaseException)]
