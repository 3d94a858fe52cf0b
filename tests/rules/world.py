# SPDX-License-Identifier: Apache-2.0
"""A small world for live tests: exporters with counters that grow with the clock, and real servers that scrape them.

A scrape and an evaluation take place each second. Exporters can stop, start late, restart and lose scrapes.
"""

import json
import random
import threading
import time
import urllib.request
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from pathlib import Path
from subprocess import DEVNULL, Popen

import pytest

from joulepath_lab.run.ports import free_port
from joulepath_lab.run.waiting import until
from joulepath_prometheus.client import Prometheus
from joulepath_rules.generate import generate
from joulepath_rules.prometheus import write
from tests.conftest import Monitoring
from tests.rules.promtool import topology

QUICK = "interval: 1s\nwindow: 10s\n"
"""The head of a topology at the pace of the scrapes."""
WINDOW = 10.0

Rates = dict[str, float]
"""Counters by name and labels, with what they grow by in a second."""


def meter(name: str, labels: str, watts: float) -> Rates:
    """An energy counter with the time that it was measured."""
    return {f"{name}_energy_joules_total{{{labels}}}": watts, f"{name}_measured_seconds_total{{{labels}}}": 1}


def outlet(number: int, watts: float) -> Rates:
    """One outlet of a PDU."""
    return meter("pdu_outlet", f'outlet="{number}"', watts)


def capture(
    node: int,
    packets: float,
    volume: float,
    traces: Mapping[str, tuple[float, float]],
    flows: Mapping[str, tuple[float, float]] | None = None,
) -> Rates:
    """An ioam exporter: all packets/s and bytes/s of a node, those of each trace and flow, and the time that it
    counted."""
    rates: Rates = {f'ioam_node_measured_seconds_total{{node_id="{node}"}}': 1}
    for unit, whole in (("packets", packets), ("bytes", volume)):
        rates[f'ioam_node_{unit}_total{{node_id="{node}",direction="uplink"}}'] = whole
    marks = [("trace", f'ioam_namespace="123",trace_id="{trace}"', sent) for trace, sent in traces.items()]
    marks += [("flow", f'flow="{flow}"', sent) for flow, sent in (flows or {}).items()]
    for way, identity, amounts in marks:
        labels = f'{identity},node_id="{node}",direction="uplink"'
        for unit, amount in zip(("packets", "bytes"), amounts, strict=True):
            rates[f"ioam_{way}_{unit}_total{{{labels}}}"] = amount
    return rates


def vllm(model: str, requests: float, tokens: float, application: str) -> Rates:
    """A model server's counters for one application."""
    labels = f'model_name="{model}",application="{application}"'
    return {
        f'vllm:request_success_total{{{labels},finished_reason="stop"}}': requests,
        f"vllm:generation_tokens_total{{{labels}}}": tokens,
    }


class Target:
    """One exporter. A scrape fails while it is not `up`, and by chance with the probability `loss`."""

    def __init__(self, instance: str, job: str, rates: Rates, loss: float = 0.0, up: bool = True) -> None:
        self.instance, self.job, self.loss, self.up = instance, job, loss, up
        self._rates, self._values = dict(rates), dict.fromkeys(rates, 0.0)
        self._started, self._last = time.time() - 3600, time.monotonic()
        self._chance = random.Random(instance)
        self._lock = threading.Lock()

    def count(self, rates: Rates) -> None:
        """From now on these counters grow at these rates; new ones begin at 0."""
        with self._lock:
            self._advance()
            self._rates |= rates
            self._values = dict.fromkeys(rates, 0.0) | self._values

    def show(self, gauges: Mapping[str, float]) -> None:
        """From now on these series have these values."""
        with self._lock:
            self._advance()
            self._rates |= dict.fromkeys(gauges, 0.0)
            self._values |= gauges

    def forget(self, *names: str) -> None:
        """From now on these series are not there."""
        with self._lock:
            self._advance()
            for name in names:
                del self._rates[name], self._values[name]

    def restart(self) -> None:
        """Starts anew: counters at 0, and up."""
        with self._lock:
            self._advance()
            self._values = dict.fromkeys(self._values, 0.0)
            self._started = time.time()
            self.up = True

    def page(self) -> str | None:
        """The exposition of this moment; None for a scrape that fails."""
        with self._lock:
            self._advance()
            if not self.up or self._chance.random() < self.loss:
                return None
            lines = [f"{name} {value!r}\n" for name, value in self._values.items()]
            return f"process_start_time_seconds {self._started!r}\n{''.join(lines)}"

    def _advance(self) -> None:
        now = time.monotonic()
        passed, self._last = now - self._last, now
        for name, rate in self._rates.items():
            self._values[name] += rate * passed


class World(ThreadingHTTPServer):
    """All targets on one port of loopback, each at a path of its own."""

    daemon_threads = True
    pace = "1s"
    """Time between two scrapes."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Page)
        self.targets: dict[str, Target] = {}
        self._again: list[tuple[str, dict[str, str]]] = []

    def target(self, instance: str, rates: Rates, job: str = "exporters", loss: float = 0.0, up: bool = True) -> Target:
        """Adds an exporter."""
        self.targets[instance] = Target(instance, job, rates, loss, up)
        return self.targets[instance]

    def again(self, name: str, **labels: str) -> None:
        """The exporter of this name is scraped a second time, with other labels."""
        self._again.append((name, labels))

    def jobs(self) -> list[dict[str, object]]:
        """The scrape configurations."""
        own = [(name, {"instance": name, "job": target.job}) for name, target in self.targets.items()]
        address = f"127.0.0.1:{self.server_address[1]}"
        return [
            {
                "job_name": f"scrape-{number}",
                "honor_labels": True,
                "metrics_path": f"/{name}",
                "static_configs": [{"targets": [address], "labels": labels}],
            }
            for number, (name, labels) in enumerate([*own, *self._again])
        ]


class _Page(BaseHTTPRequestHandler):
    server: World
    protocol_version = "HTTP/1.1"  # a connection serves many scrapes

    def do_GET(self) -> None:
        target = self.server.targets.get(self.path.removeprefix("/"))
        text = target.page() if target else None
        if text is None:
            self.send_error(503 if target else 404)
            return
        page = text.encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        self.send_header("Content-Length", str(len(page)))
        self.end_headers()
        self.wfile.write(page)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the library's own name
        """Says nothing."""


@contextmanager
def served(kind: type[World] = World) -> Iterator[World]:
    """A world that answers scrapes."""
    with kind() as world:
        thread = threading.Thread(target=world.serve_forever)
        thread.start()
        try:
            yield world
        finally:
            world.shutdown()
            thread.join()


class Asked(Prometheus):
    """A server that answers PromQL, with rows as tests compare them."""

    def await_ready(self) -> None:
        """Waits until it answers."""
        until(self.ready, 30)

    def ask(self, query: str) -> dict[str, float]:
        """The rows of a query, by the values of their labels in the order of the labels' names."""
        return {named(row.labels): row.value for row in self.query(query)}

    def until(self, query: str, expected: Mapping[str, float], seconds: float, rel: float = 1e-3) -> None:
        """Waits until the query gives these rows."""
        end = time.monotonic() + seconds
        while (rows := self.ask(query)) != pytest.approx(expected, rel=rel) and time.monotonic() < end:
            time.sleep(0.2)
        assert rows == pytest.approx(expected, rel=rel), f"{query} gives {rows}"


class Server(Asked):
    """A real Prometheus over a world, with its rules and data in `folder`."""

    def __init__(self, program: Path, folder: Path, world: World) -> None:
        port = free_port()
        super().__init__(f"http://127.0.0.1:{port}")
        folder.mkdir(exist_ok=True)
        self._folder = folder
        self._words = [str(program), "--config.file=prometheus.yml", f"--web.listen-address=127.0.0.1:{port}"]
        self._words += ["--storage.tsdb.path=data", "--web.enable-lifecycle"]
        self._process: Popen[bytes] | None = None
        self._pace = world.pace
        self._configure(world.jobs())

    def write_rules(self, *topologies: str) -> None:
        """Writes the rule file of each topology in place of those that were there."""
        for old in self._folder.glob("*.rules.yaml"):
            old.unlink()
        for number, text in enumerate(topologies):
            model = topology(text)
            (self._folder / f"{number}.rules.yaml").write_text(write(generate(model), model.hash))

    def start(self) -> None:
        """Starts the server and waits until it answers."""
        self._process = Popen(self._words, cwd=self._folder, stdout=DEVNULL, stderr=DEVNULL)
        self.await_ready()

    def reload(self) -> None:
        """Makes the server read its rules again."""
        request = urllib.request.Request(f"{self.url}/-/reload", method="POST")
        with urllib.request.urlopen(request, timeout=10):
            pass

    def rest(self) -> None:
        """Scrapes and evaluates nothing from now on, and answers still."""
        self.write_rules()
        self._configure([])
        self.reload()

    def _configure(self, jobs: list[dict[str, object]]) -> None:
        config = {
            "global": dict.fromkeys(("scrape_interval", "scrape_timeout", "evaluation_interval"), self._pace),
            "rule_files": ["*.rules.yaml"],
            "scrape_configs": jobs,
        }
        (self._folder / "prometheus.yml").write_text(json.dumps(config))

    def stop(self) -> None:
        """Ends the server in good order."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(30)
            self._process = None
            self.close()

    def written(self, series: str, begin: float, end: float) -> dict[float, dict[str, float]]:
        """The samples written between two moments: rows by the values of their labels, at their own time."""
        rows: dict[float, dict[str, float]] = defaultdict(dict)
        for row in self.samples(f"{series}[{round((end - begin) * 1000)}ms]", end):
            rows[row.at][named(row.labels)] = row.value
        return dict(sorted(rows.items()))

    def disturbed(self, instances: str, begin: float, end: float) -> list[tuple[float, float]]:
        """When a busy machine spoils rates of these instances (a regular expression) that no measured seconds correct.

        A scrape that begins late, or takes long between its time and its values, is in each rate for a window.
        """
        scrapes: dict[str, list[tuple[float, float]]] = defaultdict(list)
        matcher = f'{{instance=~"{instances}"}}[{round((end - begin) * 1000)}ms]'
        for row in self.samples(f"scrape_duration_seconds{matcher}", end):
            scrapes[named(row.labels)].append((row.at, row.value))
        spoilt = [at for each in scrapes.values() for at, seconds in each if seconds > 0.1]
        spoilt += [a for each in scrapes.values() for (a, _), (b, _) in pairwise(each) if b - a > 1.05]
        return [(at, at + WINDOW + 1) for at in spoilt]

    def failures(self) -> list[str]:
        """The rule groups in which a rule has failed."""
        with urllib.request.urlopen(f"{self.url}/metrics", timeout=5) as answer:
            lines = answer.read().decode().splitlines()
        counted = [line for line in lines if line.startswith("prometheus_rule_evaluation_failures_total{")]
        assert counted, "the server counts no failures: are there rules?"
        return [line for line in counted if not line.endswith(" 0")]


@dataclass
class History:
    """The servers that watch a world, and since when."""

    servers: dict[str, Server]
    began: float = field(default_factory=time.time)

    def until(self, moment: float) -> None:
        """Waits until so many seconds after the beginning."""
        time.sleep(max(0.0, self.began + moment - time.time()))


@contextmanager
def watched(
    world: World, programs: Mapping[str, Monitoring], folders: pytest.TempPathFactory, *topologies: str
) -> Iterator[History]:
    """Watches a world, all targets of which are there, with each version of Prometheus, by its name."""
    with ExitStack() as stack:
        servers = {}
        for name, path in programs.items():
            server = servers[name] = Server(path.prometheus, folders.mktemp(name), world)
            server.write_rules(*topologies)
            server.start()
            stack.callback(server.stop)
        yield History(servers)


def named(labels: Mapping[str, str]) -> str:
    """The values of labels, without the name."""
    return " ".join(value for name, value in sorted(labels.items()) if name != "__name__")
