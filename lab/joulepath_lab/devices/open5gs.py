# SPDX-License-Identifier: Apache-2.0
"""The metrics of an Open5GS UPF about its data plane: names and labels as in its src/upf/metrics.c.

Octets are those of users' packets, without GTP-U (its src/upf/gtp-path.c).
"""

from collections.abc import Callable, Iterable
from http.server import BaseHTTPRequestHandler, HTTPServer

PORT = 9091

Volume = tuple[int, bool, int, int]
"""A QFI, whether its packets go up, and their number and octets."""


def exposition(volumes: Iterable[Volume]) -> str:
    """The text of a scrape."""
    found = list(volumes)
    lines: list[str] = []
    for way, up in (("in", True), ("out", False)):
        rows = [(qfi, packets, octets) for qfi, uplink, packets, octets in found if uplink is up]
        by_qfi: dict[int, int] = {}
        for qfi, _, octets in rows:
            by_qfi[qfi] = by_qfi.get(qfi, 0) + octets
        names = {
            f"fivegs_ep_n3_gtp_{way}datapktn3upf": {"": sum(packets for _, packets, _ in rows)},
            f"fivegs_ep_n3_gtp_{way}datavolumen3upf": {"": sum(octets for _, _, octets in rows)},
            f"fivegs_ep_n3_gtp_{way}datavolumeqosleveln3upf": {
                f'{{qfi="{qfi}"}}': octets for qfi, octets in by_qfi.items()
            },
        }
        for name, samples in names.items():
            lines += [f"# HELP {name} GTP data on the N3 interface", f"# TYPE {name} counter"]
            lines += [f"{name}{labels} {value}" for labels, value in samples.items()]
    return "\n".join(lines) + "\n"


def serve(address: str, volumes: Callable[[], Iterable[Volume]]) -> None:
    """Serves the exposition until the process ends, in the calling thread."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = exposition(volumes()).encode("ascii")
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the base class's own name
            """Writes nothing."""

    HTTPServer((address, PORT), Handler).serve_forever()
