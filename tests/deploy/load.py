# SPDX-License-Identifier: Apache-2.0
"""An exporter with very many counters, in a process of its own: one text, in which only the numbers change."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing import get_context

from joulepath_lab.run.ports import free_port

NAME = "load_seconds_total"


def serve(port: int, series: int) -> None:
    """Answers every request with so many counters; each has the Unix time in seconds."""
    names = [f'{NAME}{{number="{number}"}} ' for number in range(series)]

    class Page(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            end = f"{time.time():.3f}\n"
            page = (end.join(names) + end).encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.send_header("Content-Length", str(len(page)))
            self.end_headers()
            self.wfile.write(page)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the library's own name
            """Says nothing."""

    ThreadingHTTPServer(("127.0.0.1", port), Page).serve_forever()


@contextmanager
def load(series: int) -> Iterator[str]:
    """The address of an exporter with so many series."""
    port = free_port()
    process = get_context("spawn").Process(target=serve, args=(port, series), daemon=True)
    process.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        process.terminate()
        process.join()
