# SPDX-License-Identifier: Apache-2.0
"""`joulepath workload` alone divides a host between two components: real cgroups, a real Prometheus, and the rules.

The truth is read from the kernel by this test: the cgroups' counters and the host's times of /proc/stat.
"""

import statistics
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from joulepath.workload.cgroup import Tree, find
from tests.conftest import NEXT_TAKES_LONG, Monitoring
from tests.exporters.process import Exporter
from tests.exporters.workload.real import MOUNT, RealCgroups, cgroups
from tests.rules.world import QUICK, WINDOW, Server, World, meter

pytestmark = [pytest.mark.lab, pytest.mark.usefixtures("as_root")]

WATTS = 100
TOPOLOGY = f"""{QUICK}
sites: {{s: {{}}}}
hosts:
  h: {{site: s, power: [{{rapl: h}}]}}
components:
  du: {{role: du, host: h, share: [{{workload: a}}]}}
  cu: {{role: cu, host: h, share: [{{workload: b}}, {{workload: short}}]}}
"""
AT_TIMES = """
import sys, time
busy, idle = map(float, sys.argv[1:])
while True:
    end = time.monotonic() + busy
    while time.monotonic() < end: pass
    time.sleep(idle)
"""
SHORT = "while :; do /bin/ls / >/dev/null; sleep 0.02; done"


class Hosts(World):
    """With the exporter of this machine as the host h."""

    workloads = ""

    def jobs(self) -> list[dict[str, object]]:
        """The scrape configurations."""
        target = {"targets": [self.workloads], "labels": {"instance": "h"}}
        return [*super().jobs(), {"job_name": "workload", "static_configs": [target]}]


class Truth:
    """CPU seconds so far of this machine: of cgroups, and of all that was busy."""

    def __init__(self, tree: Tree, groups: RealCgroups) -> None:
        self._tree = tree
        self._name = groups.name
        self._seen: list[tuple[float, dict[str, float]]] = []

    def look(self, seconds: float) -> None:
        """Reads the counters again and again for so long."""
        end = time.time() + seconds
        while time.time() < end:
            self._seen.append((time.time(), self._now()))
            time.sleep(0.1)

    def _now(self) -> dict[str, float]:
        """The counters as they are."""
        found = {name: self._tree.cpu_seconds(f"{self._name}/{name}") for name in ("a", "b", "short")}
        user, nice, system, _, _, irq, softirq = map(int, Path("/proc/stat").read_text().split()[1:8])
        busy = (user + nice + system + irq + softirq) / 100
        return {name: seconds or 0.0 for name, seconds in found.items()} | {"busy": busy}

    def watts(self, at: float, *names: str) -> float:
        """The share of these cgroups in the watts, over the window that ends then."""
        (_, first), (_, last) = (min(self._seen, key=lambda seen: abs(seen[0] - when)) for when in (at - WINDOW, at))
        used = sum(last[name] - first[name] for name in names)
        return WATTS * used / (last["busy"] - first["busy"])


@pytest.fixture
def groups() -> Iterator[RealCgroups]:
    """Three cgroups with programs that use CPU time in them, one of them in programs that end at once."""
    tree = find(MOUNT)
    assert tree is not None
    with cgroups(Path(tree.root)) as made:
        for name in ("a", "b", "short"):
            made.make(name)
        started = [
            made.start("a", sys.executable, "-c", AT_TIMES, "0.03", "0.03"),
            made.start("b", sys.executable, "-c", AT_TIMES, "0.02", "0.06"),
            made.start("short", "sh", "-c", SHORT),
        ]
        try:
            yield made
        finally:
            for process in started:
                process.kill()
                process.wait()


@NEXT_TAKES_LONG
def test_watts_follow_the_workloads(tmp_path: Path, monitoring: Monitoring, groups: RealCgroups) -> None:
    tree = find(MOUNT)
    assert tree is not None
    config = tmp_path / "workload.yaml"
    rule = f"{{cgroup_regex: '{groups.name}/(.*)', name: '\\1'}}"
    config.write_text(f"workloads: [{rule}]\nhierarchy: {tree.version}\n")
    with Hosts() as world, Exporter("workload", "--config", config) as exporter:
        world.workloads = exporter.url.removeprefix("http://")
        world.target("h", meter("rapl_host", "", WATTS))
        thread = threading.Thread(target=world.serve_forever)
        thread.start()
        try:
            server = Server(monitoring.prometheus, tmp_path / "server", world)
            server.write_rules(TOPOLOGY)
            server.start()
            try:
                query = "component:power_watts"
                end = time.monotonic() + 60
                while not server.ask(query) and time.monotonic() < end:
                    time.sleep(0.2)
                truth = Truth(tree, groups)
                began = time.time()
                truth.look(4 * WINDOW)
                written = server.written(query, began + WINDOW + 1, time.time())
                failures = server.failures()
            finally:
                server.stop()
        finally:
            world.shutdown()
            thread.join()
    assert not failures
    assert len(written) > 2 * WINDOW
    for component, names in {"du": ("a",), "cu": ("b", "short")}.items():
        recorded = statistics.mean(sum(v for name, v in row.items() if component in name) for row in written.values())
        true = statistics.mean(truth.watts(at, *names) for at in written)
        print(f"{component}: {recorded:.2f} W, in truth {true:.2f} W")  # noqa: T201  # shown beside a failure
        assert recorded == pytest.approx(true, rel=0.03)
    assert all(sum(row.values()) == pytest.approx(WATTS, rel=1e-3) for row in written.values())
