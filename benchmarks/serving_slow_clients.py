# SPDX-License-Identifier: Apache-2.0
"""A hundred clients that send one octet a second for a minute (slow loris), and what a scraper notices of them."""

import argparse
import http.client
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from benchmarks.serving import powercap

HEAD = b"GET /metrics HTTP/1.1\r\nHost: exporter\r\nX-Slow: " + b"x" * 10_000


def resident(pid: int, key: str = "VmRSS") -> float:
    """VmRSS or VmHWM [MiB]."""
    match = re.search(rf"{key}:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    return int(match[1]) / 1024 if match else 0.0


class Slow:
    """One client; connects again whenever it is cut off."""

    def __init__(self, port: int) -> None:
        self._port = port
        self.cut_off = 0
        self._connect()

    def send(self) -> None:
        """One octet more."""
        try:
            self._socket.send(HEAD[self._sent : self._sent + 1])
            self._sent += 1
        except OSError:
            self.cut_off += 1
            self._socket.close()
            self._connect()

    def _connect(self) -> None:
        self._sent = 0
        self._socket = socket.create_connection(("127.0.0.1", self._port), timeout=5)


def main() -> None:
    """Prints the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--clients", type=int, default=100)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        powercap(Path(folder))
        command = [sys.executable, "-m", "joulepath", "rapl", "--path.sysfs", folder]
        with subprocess.Popen([*command, "--web.listen-address", "127.0.0.1:0"], stderr=subprocess.PIPE) as process:
            try:
                run(process, args.clients, args.seconds)
            finally:
                process.terminate()


def run(process: "subprocess.Popen[bytes]", clients: int, seconds: float) -> None:
    """Scrapes once a second over a new connection, the harder case, while the clients dawdle."""
    assert process.stderr is not None  # noqa: S101  # asked for above
    match = re.search(rb"127\.0\.0\.1:(\d+)", process.stderr.readline())
    port = int(match[1]) if match else 0
    scrape(port)
    before = resident(process.pid)
    slow = [Slow(port) for _ in range(clients)]
    ended = threading.Event()

    def dawdle() -> None:
        while not ended.wait(1):
            for client in slow:
                client.send()

    thread = threading.Thread(target=dawdle)
    thread.start()
    took, memory = [], []
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        took.append(scrape(port))
        memory.append(resident(process.pid))
        time.sleep(1)
    ended.set()
    thread.join()
    print(f"{clients} slow clients for {seconds:g} s, cut off {sum(client.cut_off for client in slow)} times")
    print(f"{len(took)} scrapes: median {statistics.median(took) * 1e3:.1f} ms, longest {max(took) * 1e3:.1f} ms")
    print(f"resident {before:.1f} MiB before, at most {max(memory):.1f}, peak {resident(process.pid, 'VmHWM'):.1f} MiB")


def scrape(port: int) -> float:
    """Seconds that it took. Raises OSError where it fails."""
    began = time.perf_counter()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    connection.request("GET", "/metrics")
    status = connection.getresponse().status
    connection.close()
    if status != 200:
        raise OSError(f"status {status}")
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
