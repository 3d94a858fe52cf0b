# SPDX-License-Identifier: Apache-2.0
"""A real Prometheus that scrapes constants: a change leaves no hole, whichever of the two hears of it first."""

import json
import signal
import threading
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from subprocess import DEVNULL, Popen

import pytest

from joulepath_lab.run.ports import free_port
from joulepath_lab.run.waiting import until
from joulepath_prometheus.client import Prometheus
from joulepath_rules.generate import generate
from joulepath_rules.prometheus import write
from joulepath_rules.serving.awaited import await_constants
from joulepath_topology import read
from tests.conftest import NEXT_TAKES_LONG, ROOT, Monitoring
from tests.exporters.process import Exporter
from tests.rules import factory
from tests.rules.world import QUICK, Server, World, served

pytestmark = pytest.mark.lab

TEXT = (ROOT / "examples" / "two-sites.yaml").read_text()
CHANGED = TEXT.replace("interval: 15s", "interval: 10s")
assert CHANGED != TEXT


class Plant:
    """The topology file, its server, and a Prometheus with one rule that selects by generation."""

    def __init__(self, folder: Path, server: Exporter, topology: Path, program: Path) -> None:
        self.folder = folder
        self.server = server
        self.topology = topology
        (targets,) = [json.loads(server.get("/targets")[1])]
        self.name = targets[0]["labels"]["__param_target"]
        self.write_rule()
        job = {"job_name": "topology", "honor_labels": True, "static_configs": targets}
        config = {
            "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
            "rule_files": ["rules.yaml"],
            "scrape_configs": [job],
        }
        (folder / "prometheus.yml").write_text(json.dumps(config))
        port = free_port()
        self.api = Prometheus(f"http://127.0.0.1:{port}")
        words = [str(program), "--config.file=prometheus.yml", f"--web.listen-address=127.0.0.1:{port}"]
        self.process = Popen([*words, "--storage.tsdb.path=data"], cwd=folder, stdout=DEVNULL, stderr=DEVNULL)

    @property
    def generation(self) -> str:
        """The current content of the file."""
        return read(self.topology).hash

    def write_rule(self) -> None:
        """The work of `generate` with --constants scraped, for one rule."""
        mine = f'{{topology="{self.name}",generation="{self.generation}"}}'
        rule = {"record": "sites:count", "expr": f"count(joulepath_topology_site{mine})"}
        group = {"name": "one", "interval": "1s", "rules": [rule]}
        (self.folder / "rules.yaml").write_text(json.dumps({"groups": [group]}))

    def reload(self) -> None:
        """Prometheus reads its rules again."""
        self.process.send_signal(signal.SIGHUP)

    def longest_gap(self, since: float) -> float:
        """Seconds without a sample of the rule since then; infinite without any sample."""
        now = time.time()
        times = sorted(sample.at for sample in self.api.samples(f"sites:count[{round(now - since)}s]", now))
        return max((after - before for before, after in zip([since, *times], [*times, now], strict=True)))


@pytest.fixture
def plant(monitoring: Monitoring, tmp_path: Path) -> Iterator[Plant]:
    """Each version of Prometheus, running, and its rule evaluated."""
    topology = tmp_path / "topology.yaml"
    topology.write_text(TEXT)
    with Exporter("rules", "serve", topology) as server:
        started = Plant(tmp_path, server, topology, monitoring.prometheus)
        try:
            until(started.api.ready)
            until(lambda: bool(started.api.query("sites:count")))
            yield started
        finally:
            started.process.terminate()
            started.process.wait()
            started.api.close()


@NEXT_TAKES_LONG
def test_the_chain_has_no_hole_when_the_server_changes_first(plant: Plant) -> None:
    """Prometheus is reloaded 5 s after the server: it finds the former generation until then, and the new one then."""
    began = time.time()
    plant.topology.write_text(CHANGED)
    plant.server.reload()
    time.sleep(5)
    plant.write_rule()
    plant.reload()
    time.sleep(5)
    assert plant.longest_gap(began) < 2.5
    assert len(plant.api.query("count by (generation) (joulepath_topology_site)")) == 2


@NEXT_TAKES_LONG
def test_the_chain_has_no_hole_when_the_rules_change_first(plant: Plant) -> None:
    """`generate --await` starts before the server knows of the change, and writes once Prometheus has it."""
    began = time.time()
    new = plant.topology.with_name("new.yaml")
    new.write_text(CHANGED)
    generation = read(new).hash

    def generate() -> None:
        await_constants(plant.api.url, plant.name, generation)
        plant.write_rule()
        plant.reload()

    thread = threading.Thread(target=generate)
    thread.start()
    time.sleep(3)
    assert thread.is_alive()
    plant.topology.write_text(CHANGED)
    plant.server.reload()
    thread.join(30)
    assert not thread.is_alive()
    time.sleep(5)
    assert plant.longest_gap(began) < 2.5
    wanted = f'sites:count and on () joulepath_topology_site{{generation="{generation}"}}'
    assert plant.api.query(wanted)


def test_constants_keep_exactly_their_labels(plant: Plant) -> None:
    """The join of a constant with its meter keeps all labels of the constant: none may come from the scrape."""
    rows = plant.api.query('joulepath_topology_source{kind="pdu"}')
    assert rows
    assert not any("job" in row.labels for row in rows)
    assert all(row.labels["instance"].startswith("pdu-") for row in rows)
    assert not any({"job", "instance"} & set(row.labels) for row in plant.api.query("joulepath_topology_site"))


FACTORY = QUICK + factory.TOPOLOGY
OTHER_FACTORY = FACTORY.replace("static_watts: 70", "static_watts: 60")


class Factory:
    """A real Prometheus that evaluates the whole chain over scraped constants, once a second."""

    def __init__(self, folder: Path, program: Path, world: World, constants: Exporter) -> None:
        self.topology = folder / "factory.yaml"
        self.server = Server(program, folder / "server", world)
        self.rules = folder / "server" / "factory.rules.yaml"
        config = json.loads((folder / "server" / "prometheus.yml").read_text())
        targets = json.loads(constants.get("/targets")[1])
        config["scrape_configs"].append({"job_name": "topology", "honor_labels": True, "static_configs": targets})
        (folder / "server" / "prometheus.yml").write_text(json.dumps(config))

    def generate(self) -> None:
        """Writes the rules of what the file holds now."""
        topology = read(self.topology)
        self.rules.write_text(write(generate(topology, "scraped"), topology.hash))


def test_the_chain_is_right_over_scraped_constants(monitoring: Monitoring, tmp_path: Path) -> None:
    """The numbers of constants that are rules. A change leaves no second without them, and is right within a few."""
    total = "sum by (application) (application:power_watts)"
    truth = {"a": 123, "b": 88.5, "unattributed": 188.5}
    static = 'sum by (host) (host:power_part_watts{host="ru-1",part="static"})'
    (tmp_path / "factory.yaml").write_text(FACTORY)
    with served() as world, Exporter("rules", "serve", tmp_path / "factory.yaml") as constants:
        world.target("factory", factory.rates()).show(factory.gauges())
        plant = Factory(tmp_path, monitoring.prometheus, world, constants)
        plant.generate()
        plant.server.start()
        try:
            plant.server.until(total, truth, 30)
            plant.server.until(static, {"ru-1": 70}, 2)
            assert plant.server.ask('count({__name__=~".+:.+",generation!=""} or {__name__=~".+:.+",job!=""})') == {}

            began = time.time()
            plant.topology.write_text(OTHER_FACTORY)
            constants.reload()
            time.sleep(4)
            plant.generate()
            plant.server.reload()
            plant.server.until(static, {"ru-1": 60}, 4)
            time.sleep(3)
            written = plant.server.written("application:power_watts", began, time.time())
            assert max(after - before for before, after in pairwise(written)) < 2.5
            assert len(written) > 5
            assert [sum(rows.values()) for rows in written.values()] == pytest.approx([400] * len(written), rel=1e-3)
            assert plant.server.failures() == []
        finally:
            plant.server.stop()
