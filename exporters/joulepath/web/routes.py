# SPDX-License-Identifier: Apache-2.0
"""The answer of each path. Nothing here waits for a device, and only configured names reach the exporter."""

import json
import threading
import time
import weakref
import zlib
from collections.abc import Callable, Iterable, Sequence
from http import HTTPStatus
from urllib.parse import parse_qs

from prometheus_client.core import Metric

from joulepath import exposition
from joulepath.exporter import Served
from joulepath.log import Line
from joulepath.web import landing
from joulepath.web.http import HTML, JSON, Request, Response
from joulepath.web.negotiation import Format, accepts_gzip, exposition_format

_WORTH_COMPRESSING = 1400
"""Octets; less fits in one segment either way."""
_GZIP_MAGIC = b"\x1f\x8b"
SHARED_SECONDS = 1.0
_COMPRESSION_LEVEL = 1
"""Twice as fast as the default on expositions, and hardly larger."""
_PAGE_COMPRESSION_LEVEL = 6
"""Of what is compressed once and sent at every scrape."""


class Routes:
    """Answers requests for one exporter.

    `telemetry` are the families of `/metrics` that all exporters have, `warnings` the latest lines of its log.
    """

    def __init__(
        self,
        exporter: Served,
        telemetry: Callable[[], Iterable[Metric]],
        warnings: Callable[[], Sequence[Line]] = tuple,
    ) -> None:
        self._exporter = exporter
        self._telemetry = telemetry
        self._landing = landing.Landing(exporter, telemetry, warnings)
        self._expositions = _Expositions()
        self._routes: dict[str, Callable[[Request], Response]] = {
            "/": self._page,
            "/metrics": self._metrics,
            "/probe": self._probe,
            "/targets": self._targets,
            "/-/healthy": lambda _: Response.text(HTTPStatus.OK, f"joulepath {exporter.name} is healthy."),
            "/-/ready": self._ready,
        }

    def answer(self, request: Request) -> Response:
        """The response to one request."""
        route = self._routes.get(request.path)
        if route is None:
            return Response.text(HTTPStatus.NOT_FOUND, "Not found; see / for what there is.")
        if request.method not in ("GET", "HEAD"):
            return Response.text(HTTPStatus.METHOD_NOT_ALLOWED, "Use GET.", {"Allow": "GET, HEAD"})
        return route(request)

    def _metrics(self, request: Request) -> Response:
        return self._expositions.response("/metrics", lambda: [*self._telemetry(), *self._exporter.collect()], request)

    def _probe(self, request: Request) -> Response:
        names = parse_qs(request.query).get("target", [])
        if len(names) != 1:
            return Response.text(HTTPStatus.BAD_REQUEST, "Name one target: /probe?target=NAME")
        name = names[0]
        unknown = Response.text(HTTPStatus.NOT_FOUND, "No target of that name is configured.")
        if name not in self._exporter.targets:
            return unknown
        try:
            return self._expositions.response(f"/probe {name}", lambda: self._exporter.probe(name), request)
        except KeyError:  # it has left the configuration just now
            return unknown

    def _targets(self, request: Request) -> Response:
        """HTTP service discovery: the address as the client itself wrote it, since only that reaches us from there."""
        address = request.header("host") or request.local
        groups = [
            {
                "targets": [address],
                "labels": {"instance": name, "__metrics_path__": "/probe", "__param_target": name},
            }
            for name in self._exporter.targets
        ]
        alone = [{"targets": [address], "labels": {"__metrics_path__": "/metrics"}}]
        return Response(HTTPStatus.OK, json.dumps(groups or alone).encode(), JSON)

    def _ready(self, _: Request) -> Response:
        if self._exporter.ready:
            return Response.text(HTTPStatus.OK, f"joulepath {self._exporter.name} is ready.")
        return Response.text(HTTPStatus.SERVICE_UNAVAILABLE, f"joulepath {self._exporter.name} is not ready.")

    def _page(self, request: Request) -> Response:
        """The landing page, of all targets or of one."""
        names = parse_qs(request.query).get("target", [""])
        try:
            body = self._landing.page(names[0])
        except KeyError:
            return Response.text(HTTPStatus.NOT_FOUND, "No target of that name is configured.")
        headers = dict(landing.HEADERS)
        if accepts_gzip(request.header("accept-encoding")) and len(body) >= _WORTH_COMPRESSING:
            body = zlib.compress(body, _COMPRESSION_LEVEL, wbits=31)
            headers["Content-Encoding"] = "gzip"
        return Response(HTTPStatus.OK, body, HTML, headers)


class _Body:
    """An encoded exposition, and when the collection for it began."""

    __slots__ = ("__weakref__", "began", "data")

    def __init__(self, data: bytes, began: float) -> None:
        self.data = data
        self.began = began


class _Expositions:
    """Encodes expositions. A hundred clients that read slowly hold one body, not a hundred.

    While a client does not take a body at once, others that ask for the same within SHARED_SECONDS get that one.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._bodies: weakref.WeakValueDictionary[tuple[str, Format, bool], _Body] = weakref.WeakValueDictionary()
        self._making = threading.Lock()
        self._sharing = threading.Lock()

    def response(self, name: str, collect: Callable[[], Iterable[Metric]], request: Request) -> Response:
        """The families called `name` in the format and coding that the client asks for."""
        chosen = exposition_format(request.header("accept"))
        gzip = accepts_gzip(request.header("accept-encoding"))
        key = (name, chosen, gzip)
        with self._making:  # a client that asks meanwhile waits, and shares the body
            body = self._bodies.get(key)
            if body is None or self._clock() - body.began >= SHARED_SECONDS:
                began = self._clock()
                body = _Body(_encoded(collect(), chosen, gzip=gzip), began)
        headers = {"Vary": "Accept, Accept-Encoding"}
        if body.data.startswith(_GZIP_MAGIC):
            headers["Content-Encoding"] = "gzip"

        def share() -> None:
            # A client that still reads an older body must not hide the newer one that the next ones share.
            with self._sharing:
                latest = self._bodies.get(key)
                if latest is None or latest.began < body.began:
                    self._bodies[key] = body

        return Response(HTTPStatus.OK, body.data, chosen.content_type, headers, on_stall=share)


def _encoded(families: Iterable[Metric], chosen: Format, *, gzip: bool) -> bytes:
    """The families in a format and coding; a page's are encoded once."""
    bodies = families.bodies if isinstance(families, exposition.Page) else {}
    way = (chosen.openmetrics, gzip)
    if way not in bodies:
        data = exposition.encode(families, chosen.encode, openmetrics=chosen.openmetrics)
        if gzip and len(data) >= _WORTH_COMPRESSING:
            level = _PAGE_COMPRESSION_LEVEL if isinstance(families, exposition.Page) else _COMPRESSION_LEVEL
            data = zlib.compress(data, level, wbits=31)
        bodies[way] = data
    return bodies[way]
