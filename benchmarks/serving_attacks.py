# SPDX-License-Identifier: Apache-2.0
"""Measures scrapes beside clients that never read, that log in with wrong passwords, and that read slowly.

A server of its own process answers 3.7 MB; a scraper asks once a second over new connections.
"""

import argparse
import base64
import http.client
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import bcrypt
from prometheus_client.core import Metric

from benchmarks.serving_slow_clients import resident
from joulepath.exporter import Condition
from joulepath.exposition import Labels
from joulepath.metrics import Shown, gauge
from joulepath.web import Address, Server
from joulepath.web.auth import Passwords
from joulepath.web.rules import read

SERIES = 40_000
RIGHT = "Basic " + base64.b64encode(b"prometheus:right").decode()
ASK = b"GET /metrics HTTP/1.1\r\nHost: exporter\r\nAuthorization: %b\r\n\r\n"
SCRAPE_SECONDS = 1.0


class Large:
    """An exporter of SERIES series."""

    name = "large"
    reads = "Nothing"
    targets: tuple[str, ...] = ()
    ready = True
    shown: tuple[Shown, ...] = ()

    def __init__(self) -> None:
        self._metric = gauge("large_value", "One of many.", "number")
        self._labels = [Labels(number=f"{number:060}") for number in range(SERIES)]

    def condition(self, target: str = "") -> Condition:
        """Nothing is read."""
        return Condition(target)

    def collect(self) -> Iterable[Metric]:
        """All series."""
        family = self._metric.family()
        for number, labels in enumerate(self._labels):
            family.add_sample(self._metric.name, labels, number)
        return [family]

    def probe(self, target: str) -> Iterable[Metric]:
        """Knows no target."""
        raise KeyError(target)


def serve() -> None:
    """Serves `Large` to one user until standard input ends."""
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder, "web-config.yml")
        config.write_text(f"basic_auth_users: {{prometheus: '{bcrypt.hashpw(b'right', bcrypt.gensalt(10)).decode()}'}}")
        server = Server(Large(), [Address("127.0.0.1", 0)], security=read(config, Passwords()))
    server.start()
    print(server.ports[0], flush=True)
    sys.stdin.read()
    server.stop()


def scrape(port: int) -> float | None:
    """Seconds of one scrape with gzip; None where it fails."""
    began = time.perf_counter()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", "/metrics", headers={"Authorization": RIGHT, "Accept-Encoding": "gzip"})
        answer = connection.getresponse()
        answer.read()
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()
    return time.perf_counter() - began if answer.status == 200 else None


def unread(client: socket.socket, ended: threading.Event) -> None:
    """Asks again and again and never reads."""
    for _ in range(10):
        client.sendall(ASK % RIGHT.encode() * 10)
        if ended.wait(1):
            return


def passwords(client: socket.socket, ended: threading.Event) -> None:
    """A new wrong password with each request."""
    while not ended.is_set():
        client.sendall(ASK % (b"Basic " + base64.b64encode(b"prometheus:" + os.urandom(8))))
        if not client.recv(4096):
            return


def slowly(client: socket.socket, ended: threading.Event) -> None:
    """Reads an octet a second."""
    client.sendall(ASK % RIGHT.encode())
    while not ended.wait(1):
        if not client.recv(1):
            return


def measure(name: str, attack: Callable[[socket.socket, threading.Event], None], count: int, seconds: float) -> None:
    """One line of the table."""
    command = [sys.executable, "-m", "benchmarks.serving_attacks", "--serve"]
    ended = threading.Event()
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        port = int(process.stdout.readline()) if process.stdout else 0
        scrape(port)
        idle = resident(process.pid)

        def run() -> None:
            while not ended.is_set():
                with socket.socket() as client:
                    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                    client.settimeout(15)
                    try:
                        client.connect(("127.0.0.1", port))
                        attack(client, ended)
                    except OSError:
                        ended.wait(0.02)

        threads = [threading.Thread(target=run, daemon=True) for _ in range(count)]
        for thread in threads:
            thread.start()
        time.sleep(1)
        took: list[float | None] = []
        most = idle
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            took.append(scrape(port))
            most = max(most, resident(process.pid))
            time.sleep(SCRAPE_SECONDS)
        ended.set()
        process.kill()
    in_time = [t for t in took if t is not None and t < SCRAPE_SECONDS]
    answered = [t for t in took if t is not None]
    print(
        f"{name:36}{count:>8}{len(in_time):>8} of {len(took):<4}"
        f"{statistics.median(answered) * 1e3 if answered else float('nan'):>9.0f} ms"
        f"{max(answered, default=float('nan')) * 1e3:>9.0f} ms{idle:>9.1f}{most:>9.1f} MiB"
    )


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--serve", action="store_true", help="be the server")
    args = parser.parse_args()
    if args.serve:
        serve()
        return
    print(f"{'clients that':36}{'number':>8}{'within 1 s':>16}{'median':>12}{'longest':>12}{'idle':>9}{'most RSS':>13}")
    measure("ask and never read", unread, 140, args.seconds)
    measure("log in with wrong passwords", passwords, 140, args.seconds)
    measure("read 1 octet/s of 3.7 MB", slowly, 200, args.seconds)


if __name__ == "__main__":
    main()
