# SPDX-License-Identifier: Apache-2.0
"""The factory on a real Prometheus, once a second: the same numbers, and an outlet that goes dark and comes back."""

import json
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from subprocess import DEVNULL, Popen

import pytest

from joulepath_lab.ports import free_port
from joulepath_rules.generate import generate
from joulepath_rules.prometheus import FILE_NAME, write
from tests.rules import factory
from tests.rules.promtool import topology

pytestmark = pytest.mark.lab

SERIES = factory.everything()


class Meters(ThreadingHTTPServer):
    """Counters that grow with the clock, at the rates of the factory; those of `stalled` stand still."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Page)
        self.stalled: tuple[str, ...] = ()
        self.values = dict.fromkeys(SERIES, 0.0)
        self.last = time.monotonic()

    def page(self) -> str:
        """The exposition of this moment."""
        now = time.monotonic()
        passed, self.last = now - self.last, now
        for name, values in SERIES.items():
            if values.startswith("0+"):
                rate = float(values.removeprefix("0+").removesuffix("x40")) / 15
                self.values[name] += 0 if name in self.stalled else rate * passed
            else:
                self.values[name] = float(values.removesuffix("x40"))
        return "".join(f"{name} {value!r}\n" for name, value in self.values.items())


class _Page(BaseHTTPRequestHandler):
    server: Meters

    def do_GET(self) -> None:
        text = self.server.page().encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the library's own name
        """Says nothing."""


@pytest.fixture
def meters() -> Iterator[Meters]:
    """The counters, served on loopback."""
    server = Meters()
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def url(prometheus: Path, meters: Meters, tmp_path: Path) -> Iterator[str]:
    """A Prometheus with the factory's rules at 1 s and 10 s."""
    quick = topology("interval: 1s\nwindow: 10s" + factory.TOPOLOGY)
    (tmp_path / FILE_NAME).write_text(write(generate(quick), quick.hash))
    port = free_port()
    config = {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "rule_files": [FILE_NAME],
        "scrape_configs": [
            {
                "job_name": "factory",
                "honor_labels": True,
                "static_configs": [{"targets": [f"127.0.0.1:{meters.server_address[1]}"]}],
            }
        ],
    }
    (tmp_path / "prometheus.yml").write_text(json.dumps(config))
    words = [str(prometheus), "--config.file=prometheus.yml", f"--web.listen-address=127.0.0.1:{port}"]
    with Popen([*words, "--storage.tsdb.path=data"], cwd=tmp_path, stdout=DEVNULL, stderr=DEVNULL) as process:
        yield f"http://127.0.0.1:{port}"
        process.terminate()


def ask(url: str, query: str) -> dict[str, float]:
    """The rows of a query, by the values of their labels; nothing while the server starts."""
    address = f"{url}/api/v1/query?{urllib.parse.urlencode({'query': query})}"
    try:
        with urllib.request.urlopen(address, timeout=5) as answer:  # http, on loopback
            rows = json.load(answer)["data"]["result"]
    except OSError:
        return {}
    return {" ".join(row["metric"].values()): float(row["value"][1]) for row in rows}


def until(url: str, query: str, expected: dict[str, float], seconds: float) -> None:
    """Waits until the query gives these rows, to a thousandth."""
    end = time.monotonic() + seconds
    rows: dict[str, float] = {}
    while time.monotonic() < end:
        rows = ask(url, query)
        if rows == pytest.approx(expected, rel=1e-3):
            return
        time.sleep(0.2)
    assert rows == pytest.approx(expected, rel=1e-3)


def test_dark_and_back(url: str, meters: Meters) -> None:
    """Numbers as in promtool; a dark outlet is a gap within the window and at no moment half the watts."""
    total = "sum by (application) (application:power_watts)"
    truth = {"a": 123, "b": 88.5, "unattributed": 188.5}
    pairs = 'sum by (component) (application_component:power_watts{application="a"})'
    until(url, total, truth, 25)
    until(url, pairs, {"ru-1": 42.5, "du-1": 55, "upf-1": 25.5}, 5)
    until(url, "application:bits:rate", {"application:bits:rate a": 2e6, "application:bits:rate b": 4e6}, 15)
    meters.stalled = tuple(name for name in SERIES if 'pdu-2",outlet="2"' in name)
    until(url, total, {}, 12)
    until(url, "sum by (host) (host:power_watts)", {"ru-1": 100}, 2)
    until(url, "sum by (application) (application:power_covered_watts)", {"a": 42.5, "b": 22, "unattributed": 35.5}, 2)
    meters.stalled = ()
    until(url, total, truth, 12)
    lowest = ask(url, 'min_over_time(host:power_watts{host="edge-1"}[30s])')
    assert min(lowest.values()) == pytest.approx(300, rel=1e-3)
    with urllib.request.urlopen(f"{url}/metrics", timeout=5) as answer:  # http, on loopback
        lines = answer.read().decode().splitlines()
    failures = [line for line in lines if line.startswith("prometheus_rule_evaluation_failures_total{")]
    assert len(failures) == 3
    assert all(line.endswith(" 0") for line in failures), failures
    wrong = ask(url, "max(abs(host:conservation_error_watts))")
    assert max(wrong.values()) < 1e-9
