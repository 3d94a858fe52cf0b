# SPDX-License-Identifier: Apache-2.0
"""A Prometheus on one core, and what its rules cost, for `benchmarks.rules`."""

import json
import os
import re
import statistics
import subprocess
import sys
import time
import urllib.request
from collections import defaultdict
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from benchmarks._synthetic import OUTLET_WATTS, Size
from joulepath_lab.run.ports import free_port
from joulepath_prometheus.client import Prometheus
from joulepath_prometheus.errors import PrometheusError

PACE = 15.0
"""The interval [s] to which figures for a minute are scaled."""

CONSTANT = "joulepath_topology_"
# The first that matches names the family. Rules of slower groups are families by group.
FAMILIES = {
    "constants": CONSTANT,
    "CO2": r"site:|application_site:|application_raw:|application:co2_",
    "plug to host": r"attribution:|adapter:power|source:|host_tier:|host:",
    "host to component": r"adapter:(host_)?active|component:(active|share|power|unmeasured)|component_\w+:power",
    "pairs": r"application_component:|component:watts_per|domain:|application_domain:",
    "traffic": r"node:|adapter:|component:",
    "application": r"application",
}


@dataclass
class Costs:
    """The cost of one run, by family: seconds of one evaluation (least and median) and the rows that it wrote."""

    least: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    median: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    rows: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    figures: dict[str, float] = field(default_factory=dict)
    rules: dict[str, tuple[float, float]] = field(default_factory=dict)
    """Least and median of each rule."""


class Server:
    """One Prometheus, pinned to a core, with its configuration in `folder`."""

    def __init__(self, program: Path, folder: Path, core: int, nice: int) -> None:
        address = f"127.0.0.1:{free_port()}"
        self.api = Prometheus(f"http://{address}", timeout=60)
        self._log = folder / "log"
        words = ["nice", "-n", str(nice), "taskset", "-c", str(core), str(program), "--config.file=prometheus.yml"]
        words += [f"--web.listen-address={address}", "--storage.tsdb.path=data"]
        with self._log.open("wb") as log:
            environment = {**os.environ, "GOMAXPROCS": "1"}
            self.process = subprocess.Popen(
                words, cwd=folder, stdout=log, stderr=log, env=environment, start_new_session=True
            )
        # Linux shares the processor out by session first, and nice counts within one only.
        with suppress(OSError):
            Path(f"/proc/{self.process.pid}/autogroup").write_text(str(nice), encoding="ascii")

    def stop(self) -> None:
        """Ends the server."""
        self.process.kill()
        self.process.wait()
        self.api.close()

    def metrics(self) -> str:
        """The server's own series. Raises OSError."""
        with urllib.request.urlopen(f"{self.api.url}/metrics", timeout=60) as answer:
            return str(answer.read().decode())

    def query(self, expr: str) -> dict[str, float]:
        """The rows of a query, by name. Raises PrometheusError."""
        return {row.labels.get("__name__", ""): row.value for row in self.api.query(expr)}

    def head_series(self) -> float:
        """How many series the server holds in memory."""
        match = re.search(r"^prometheus_tsdb_head_series (\S+)$", self.metrics(), re.MULTILINE)
        return float(match[1]) if match else 0.0

    def groups(self, metric: str) -> dict[str, float]:
        """A metric that the server has for each group, by the group's name."""
        pattern = rf'^prometheus_rule_{metric}{{rule_group="[^;]*;([^"]*)"}} (\S+)$'
        return {name: float(value) for name, value in re.findall(pattern, self.metrics(), re.MULTILINE)}

    def wait(self, condition: str, seconds: float) -> None:
        """Waits until the query gives a row. Exits with the end of the log when it does not."""
        until = time.monotonic() + seconds
        while time.monotonic() < until and self.process.poll() is None:
            with suppress(PrometheusError):
                if self.query(condition):
                    return
            time.sleep(1)
        sys.exit(f"not true within {seconds:.0f} s: {condition}\n{self._log.read_text()[-2000:]}")

    def cpu(self) -> tuple[float, float]:
        """Seconds so far in which its threads ran, and in which they waited for the core."""
        tasks = Path(f"/proc/{self.process.pid}/task").iterdir()
        rows = [(task / "schedstat").read_text().split() for task in tasks]
        return sum(int(row[0]) for row in rows) / 1e9, sum(int(row[1]) for row in rows) / 1e9


class Watch:
    """Collects the times of each rule's evaluations while a server runs."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._times: dict[tuple[str, int], dict[float | None, float]] = defaultdict(dict)
        self._names: dict[tuple[str, int], str] = {}
        self._intervals: dict[str, float] = {}
        self._durations: dict[str, list[float]] = defaultdict(list)
        self._last = server.groups("group_last_evaluation_timestamp_seconds")
        self._began, self._cpu, self._asked = time.monotonic(), server.cpu(), 0.0
        self._ended, self._cpu_ended = self._began, self._cpu

    def step(self) -> None:
        """Waits for the next evaluation of the quick group and reads what it took."""
        server, last = self._server, self._last
        while (now := server.groups("group_last_evaluation_timestamp_seconds"))["attribution"] == last["attribution"]:
            time.sleep(0.25)
        before, _ = server.cpu()
        for name, duration in server.groups("group_last_duration_seconds").items():
            if now[name] != last[name] or name not in self._durations:
                self._durations[name].append(duration)
        for group in server.api.rules():
            self._intervals[group.name] = group.interval
            for number, rule in enumerate(group.rules):
                key = (group.name, number)
                self._times[key][rule.last_evaluation] = rule.evaluation_time
                self._names[key] = rule.name
        self._ended, self._cpu_ended = time.monotonic(), server.cpu()
        self._asked += self._cpu_ended[0] - before
        self._last = now

    def costs(self, interval: float) -> Costs:
        """The costs until the last step, and the rows of this moment; `interval` is the quick group's [s]."""
        server = self._server
        totals = Costs()
        # Without the time that went into our own questions.
        ran, waited = (now - then for now, then in zip(self._cpu_ended, self._cpu, strict=True))
        cpu = (ran - self._asked) / (self._ended - self._began)
        minute: dict[str, float] = defaultdict(float)
        records: dict[str, str] = {}
        for key, seconds in self._times.items():
            kind = records[self._names[key]] = family(key[0], self._names[key])
            least, median = min(seconds.values()), statistics.median(seconds.values())
            totals.least[kind] += least
            totals.median[kind] += median
            paced = 60 / PACE * interval / self._intervals[key[0]]
            minute["constants' rules" if kind == "constants" else "other rules"] += median * paced
            minute["all rules, least"] += least * paced
            if kind != "constants":
                totals.rules[f"{key[0]} {key[1] + 1:3} {self._names[key]}"] = (least, median)
        matcher = json.dumps("|".join(sorted(records)))
        for name, count in server.query(f"count by (__name__) ({{__name__=~{matcher}}})").items():
            totals.rows[records[name]] += count
        for name, durations in sorted(self._durations.items()):
            totals.figures[f"group {name} [s]"] = statistics.median(durations)
        rows = 0.0
        for name, count in sorted(server.groups("group_last_evaluation_samples").items()):
            totals.figures[f"group {name} [rows]"] = count
            rows += count * 60 / PACE * interval / self._intervals[name]
        totals.figures["all rows [1/min]"] = rows
        totals.figures |= {f"{name} [s/min]": seconds for name, seconds in minute.items()}
        scraping = sum(server.query('max(scrape_duration_seconds{job="constants"})').values())
        totals.figures["scraping constants [s/min]"] = scraping * 60 / PACE
        totals.figures["processor, all [s/min]"] = cpu * 60 * interval / PACE
        totals.figures["waited for the core, of running"] = waited / ran
        totals.figures["resident [MiB]"] = psutil.Process(server.process.pid).memory_info().rss / 2**20
        totals.figures["series in the head"] = server.head_series()
        totals.figures["missed evaluations"] = sum(server.groups("group_iterations_missed_total").values())
        totals.figures["rules"] = len(self._times)
        return totals


def family(group: str, record: str) -> str:
    """The family of a rule."""
    if not record.startswith(CONSTANT) and group != "attribution":
        return f"group {group}"
    return next((name for name, pattern in FAMILIES.items() if re.match(pattern, record)), "other")


def is_right(server: Server, size: Size) -> None:
    """Exits unless the chain's numbers add up: a broken chain is a cheap one."""
    failures = sum(server.groups("evaluation_failures_total").values())
    watts = 2 * OUTLET_WATTS * size.hosts
    attributed = sum(server.query("sum(application_component:power_watts)").values())
    applications = sum(server.query('count(application:power_watts{application!="unattributed"})').values())
    if failures or applications != size.applications or abs(attributed / watts - 1) > 0.01:
        sys.exit(
            f"{failures:g} rules failed, {applications:g} of {size.applications} applications are complete, "
            f"{attributed:.0f} of {watts} W were given out"
        )
