# SPDX-License-Identifier: Apache-2.0
"""A synthetic topology with its meters and packets, of any size, for `benchmarks.rules`."""

import json
import multiprocessing
import random
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

NAMESPACE = 123
OUTLET_WATTS = 50
STATIC_WATTS = 60
DIRECTIONS = {"uplink": 3, "downlink": 1}
OCTETS = 700  # of a packet
UNTRACED = 2000  # packets/s at each node


@dataclass(frozen=True)
class Size:
    """How large the topology is. Each host has two outlets and is one component; each application has one trace."""

    hosts: int
    applications: int
    path: int
    sites: int = 1
    anchored: bool = False
    static: bool = True

    def paths(self) -> list[list[int]]:
        """The components of each application, by number: chosen at random, the same in each run.

        With `anchored` an odd component is counted at the even one before it, so they come in twos.
        """
        chance = random.Random(1)  # noqa: S311  # the same topology each time
        if self.anchored:
            twos = (chance.sample(range(0, self.hosts - 1, 2), self.path // 2) for _ in range(self.applications))
            return [[member for even in each for member in (even, even + 1)] for each in twos]
        return [chance.sample(range(self.hosts), self.path) for _ in range(self.applications)]

    def counted(self, component: int) -> bool:
        """Whether the component's packets are counted there, instead of at its anchor."""
        return not self.anchored or component % 2 == 0

    def topology(self) -> dict[str, Any]:
        """The topology file's content."""
        static = {"static_watts": STATIC_WATTS} if self.static else {}
        return {
            "sites": {f"site-{number}": {"grams_per_kwh": 300 + number} for number in range(self.sites)},
            "hosts": {
                f"host-{number}": {
                    "site": f"site-{number % self.sites}",
                    **static,
                    "power": [{"pdu": f"pdu-{number // 10}", "outlets": outlets(number)}],
                }
                for number in range(self.hosts)
            },
            "components": {
                f"host-{number}": {
                    "role": "router",
                    "traffic": {"ioam": number} if self.counted(number) else {"anchor": f"host-{number - 1}"},
                }
                for number in range(self.hosts)
            },
            "applications": {
                f"application-{number}": {
                    "traces": [{"ioam_namespace": NAMESPACE, "id": trace(number)}],
                    "path": [f"host-{member}" for member in path],
                }
                for number, path in enumerate(self.paths())
            },
        }

    def series(self) -> Iterator[tuple[str, float]]:
        """All series that are scraped, each with its rate [1/s]."""
        packets = dict.fromkeys(range(self.hosts), UNTRACED)
        for number, path in enumerate(self.paths()):
            rate = 40 + 4 * (number % 50)
            for node in filter(self.counted, path):
                packets[node] += rate
                ours = (
                    f'instance="host-{node}",ioam_namespace="{NAMESPACE}",trace_id="{trace(number)}",node_id="{node}"'
                )
                yield from traffic("trace", ours, rate)
        for node, rate in packets.items():
            if self.counted(node):
                yield from traffic("node", f'instance="host-{node}",node_id="{node}"', rate)
                yield f'ioam_node_measured_seconds_total{{instance="host-{node}",node_id="{node}"}}', 1
            for outlet in outlets(node):
                labels = f'instance="pdu-{node // 10}",outlet="{outlet}"'
                yield f"pdu_outlet_energy_joules_total{{{labels}}}", OUTLET_WATTS
                yield f"pdu_outlet_measured_seconds_total{{{labels}}}", 1

    def started(self) -> Iterator[str]:
        """The series that say since when each exporter runs: without their value, which stands still."""
        return (f'process_start_time_seconds{{instance="host-{number}"}}' for number in range(self.hosts))


def outlets(host: int) -> list[str]:
    """The two outlets of a host; ten hosts share a PDU."""
    return [str(2 * (host % 10) + 1), str(2 * (host % 10) + 2)]


def trace(application: int) -> str:
    """The trace id of an application."""
    return f"{application + 1:032x}"


def traffic(kind: str, labels: str, rate: float) -> Iterator[tuple[str, float]]:
    """Packets and bytes in both directions."""
    for direction, part in DIRECTIONS.items():
        share = rate * part / sum(DIRECTIONS.values())
        yield f'ioam_{kind}_packets_total{{{labels},direction="{direction}"}}', share
        yield f'ioam_{kind}_bytes_total{{{labels},direction="{direction}"}}', share * OCTETS


class Target:
    """A process that serves the series, and a file of constants where there is one."""

    def __init__(self, size: Size) -> None:
        ours, theirs = multiprocessing.Pipe()
        self._process = multiprocessing.Process(target=_serve, args=(size, theirs), daemon=True)
        self._process.start()
        self.port: int = ours.recv()
        self._constants = ours

    def constants(self, file: Path | None) -> None:
        """From now on /constants shows this file."""
        self._constants.send(file)
        self._constants.recv()

    def stop(self) -> None:
        """Ends the process."""
        self._process.terminate()
        self._process.join()


def _serve(size: Size, control: Connection) -> None:
    began = time.time()
    # Only the rates differ from moment to moment, and there are few of them: the rest is rendered once.
    lines = [(name + " ", rate) for name, rate in size.series()]
    rates = {rate for _, rate in lines}
    still = "".join(f"{name} {began - 86400:.0f}\n" for name in size.started())
    constants = [b""]

    class Page(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            if self.path == "/constants":
                body = constants[0]
            else:
                passed = time.time() - began
                values = {rate: f"{rate * passed:.3f}\n" for rate in rates}
                body = (still + "".join([name + values[rate] for name, rate in lines])).encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the library's own name
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Page)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    control.send(server.server_address[1])
    while True:
        file = control.recv()
        constants[0] = file.read_bytes() if file else b""
        control.send(None)


def write(size: Size, interval: float, window: float, file: Path) -> None:
    """Writes the topology file (JSON is YAML)."""
    file.write_text(json.dumps({"interval": f"{interval:g}s", "window": f"{window:g}s", **size.topology()}))
