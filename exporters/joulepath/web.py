# SPDX-License-Identifier: Apache-2.0
"""Serves an exporter over HTTP: `/metrics`, `/probe?target=NAME`, a landing page. A thread per request."""

import argparse
import html
import logging
import socket
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from socketserver import ThreadingMixIn
from typing import TYPE_CHECKING
from urllib.parse import parse_qs
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer
from wsgiref.types import StartResponse, WSGIEnvironment

from prometheus_client.core import Metric
from prometheus_client.exposition import make_wsgi_app

from joulepath.errors import JoulepathError
from joulepath.metrics import registry

if TYPE_CHECKING:
    from joulepath.exporter import Exporter

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Address:
    """Where to listen; an empty host means all addresses, IPv6 and IPv4."""

    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> "Address":
        """`:9100`, `127.0.0.1:9100`, `[::1]:9100`. Raises argparse.ArgumentTypeError."""
        host, colon, port = text.rpartition(":")
        bare = ":" in host and not (host.startswith("[") and host.endswith("]"))
        if not colon or not port.isdecimal() or int(port) > 65535 or bare:
            raise argparse.ArgumentTypeError(f"{text!r} is not [HOST]:PORT; write an IPv6 host in brackets")
        return cls(host.strip("[]"), int(port))

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class _Handler(WSGIRequestHandler):
    """Logs requests at debug level only: a scrape every few seconds is no event."""

    timeout = 30  # a client that sends nothing does not keep its thread

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the base class's own name
        logger.debug(format, *args)


class _Listener(ThreadingMixIn, WSGIServer):
    daemon_threads = True

    def server_bind(self) -> None:
        if self.address_family == socket.AF_INET6 and self.server_address[0] == "::":
            self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        # WSGIServer's own asks DNS for the host's name, which may block.
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])
        self.setup_environ()


def _listener(address: Address) -> _Listener:
    """A bound, listening socket. Raises JoulepathError naming the address."""
    hosts = [address.host] if address.host else ["::", "0.0.0.0"]  # noqa: S104  # an exporter is there to be scraped
    fault: OSError | None = None
    for host in hosts:
        try:
            family, _, _, _, where = socket.getaddrinfo(host, address.port, type=socket.SOCK_STREAM)[0]
            kind = type("_Listener", (_Listener,), {"address_family": family})
            listener: _Listener = kind(where, _Handler)
        except OSError as error:
            fault = error
        else:
            return listener
    raise JoulepathError(f"cannot listen on {address}: {fault.strerror if fault else 'no address'}") from None


class Server:
    """Listens on every address from construction on; answers from `start` to `stop`."""

    def __init__(self, exporter: "Exporter", addresses: Sequence[Address]) -> None:
        self._exporter = exporter
        self._listeners: list[_Listener] = []
        for address in addresses:
            listener = _listener(address)
            listener.set_app(self._answer)
            self._listeners.append(listener)

    @property
    def ports(self) -> list[int]:
        """The ports in use, in the order of the addresses; useful where 0 was asked for."""
        return [listener.server_port for listener in self._listeners]

    def start(self) -> None:
        """Answers requests in threads of its own."""
        for listener in self._listeners:
            threading.Thread(target=listener.serve_forever, args=(0.1,), name="web", daemon=True).start()
            host, port = listener.server_address[:2]
            logger.info("listening", extra={"address": str(Address(str(host), int(port)))})

    def stop(self) -> None:
        """Stops answering and listening."""
        for listener in self._listeners:
            listener.shutdown()
        self.close()

    def close(self) -> None:
        """Stops listening."""
        for listener in self._listeners:
            listener.server_close()

    def _answer(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "/")
        if path == "/metrics":
            return _exposition(self._exporter.collect, environ, start_response)
        if path == "/probe":
            return self._probe(environ, start_response)
        if path == "/":
            return _text(start_response, "200 OK", self._landing(), "text/html; charset=utf-8")
        return _text(start_response, "404 Not Found", "Not found; see / for what there is.\n")

    def _probe(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        names = parse_qs(environ.get("QUERY_STRING", "")).get("target", [])
        if len(names) != 1:
            return _text(start_response, "400 Bad Request", "Name one target: /probe?target=NAME\n")
        name = names[0]
        if name not in self._exporter.targets:
            return _text(start_response, "404 Not Found", "No target of that name is configured.\n")
        return _exposition(lambda: self._exporter.probe(name), environ, start_response)

    def _landing(self) -> str:
        links = [("metrics", "/metrics"), *((name, f"/probe?target={name}") for name in sorted(self._exporter.targets))]
        items = "".join(f'<li><a href="{html.escape(path)}">{html.escape(text)}</a></li>' for text, path in links)
        name, reads = html.escape(self._exporter.name), html.escape(self._exporter.reads)
        return (
            f"<!doctype html><title>joulepath {name}</title><h1>joulepath {name}</h1><p>{reads}</p><ul>{items}</ul>\n"
        )


def _exposition(
    collect: Callable[[], Iterable[Metric]], environ: WSGIEnvironment, start_response: StartResponse
) -> Iterable[bytes]:
    """The families in the format and compression that the client asks for."""
    answer: Iterable[bytes] = make_wsgi_app(registry(collect))(environ, start_response)
    return answer


def _text(
    start_response: StartResponse, status: str, text: str, kind: str = "text/plain; charset=utf-8"
) -> Iterable[bytes]:
    start_response(status, [("Content-Type", kind)])
    return [text.encode()]
