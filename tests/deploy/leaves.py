# SPDX-License-Identifier: Apache-2.0
"""Leaves that send to a global server: two sites, one with a pair, VictoriaMetrics and vmalert of the distribution.

The configuration is that of deploy/leaves, flags and topology are those of docs/guides/leaves.md.

Sites (both have a PDU `pdu-1`, an ioam exporter `counter` and an IOAM node 4)
    plant   ru-1 draws 100 W; of 1,000,000 bytes/s robot sends 1/2 and camera 1/4
    edge    upf-1 draws 300 W; of 1,000,000 bytes/s robot sends 1/4 and camera 1/2
Applications
    robot   50 + 75 = 125 W     camera  25 + 150 = 175 W     rest  25 + 75 = 100 W
"""

import json
import re
import shlex
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from subprocess import DEVNULL, Popen
from typing import Any

import yaml

from joulepath_lab.run.ports import free_port
from joulepath_rules.dialects import DIALECTS, Options
from joulepath_rules.division import Global, Leaf
from joulepath_rules.generate import generate
from joulepath_rules.prometheus import write
from joulepath_topology import Topology
from tests.conftest import ROOT
from tests.rules.promtool import topology
from tests.rules.world import Asked, World, capture, outlet, served

PAGE = (ROOT / "docs" / "guides" / "leaves.md").read_text()
INTERVAL = 4
WINDOW = 16
TRACES = ("0000000000000000000000000000000a", "0000000000000000000000000000000b")
WATTS = {"plant": 100, "edge": 300}
PARTS = {"plant": (0.5, 0.25), "edge": (0.25, 0.5)}
APPLICATIONS = {"robot": 125.0, "camera": 175.0, "unattributed": 100.0}


def fleet() -> Topology:
    """The page's topology, at the pace of the test."""
    (text,) = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    return topology(f"interval: {INTERVAL}s\nwindow: {WINDOW}s\n{text}")


def flags(program: str, changes: Mapping[str, str]) -> list[str]:
    """The page's flags of a program, some with other values."""
    (line,) = re.findall(rf"^{program} (.*?[^\\])$", PAGE, re.DOTALL | re.MULTILINE)
    given = dict(word.split("=", 1) for word in shlex.split(line.replace("\\\n", " ")))
    return [f"{name}={value}" for name, value in {**given, **changes}.items()]


LEAVES = ROOT / "deploy" / "leaves"


def leaf(site: str, replica: str, url: str, jobs: list[dict[str, Any]], name: str = "leaf.yml") -> dict[str, Any]:
    """A shipped configuration of one leaf, at the pace of the test."""
    config: dict[str, Any] = yaml.safe_load((LEAVES / name).read_text())
    config["global"]["external_labels"] = {"leaf": site, "replica": replica}
    config["global"] |= dict.fromkeys(("scrape_interval", "scrape_timeout", "evaluation_interval"), f"{INTERVAL}s")
    config["remote_write"][0]["url"] = f"{url}/api/v1/write"
    config["rule_files"] = ["local.yaml"]
    return {**config, "scrape_configs": jobs}


LOCAL = {"groups": [{"name": "local", "rules": [
    {"record": "source:power_watts", "expr": "vector(7)", "labels": {"host": "ru-1", "topology": "fleet"}},
]}]}  # fmt: skip
"""A rule of a leaf's own."""


def qualified(job: dict[str, Any], site: str) -> dict[str, Any]:
    """A job that gives names their site at the scrape, as the shipped example does."""
    ((example),) = yaml.safe_load((LEAVES / "leaf-thanos-sidecar.yml").read_text())["scrape_configs"]
    keys = {key: example[key] for key in ("relabel_configs", "metric_relabel_configs")}
    own: dict[str, Any] = json.loads(json.dumps(keys).replace("plant/", f"{site}/"))
    return {**job, **own}


class Fleet:
    """Leaves, and the global server that they send to. `divided`: leaves record hosts and components."""

    def __init__(
        self, folder: Path, programs: Mapping[str, Path], world: World, stack: ExitStack, divided: bool = False
    ) -> None:
        self._folder, self._programs, self._world, self._stack = folder, programs, world, stack
        self._divided = divided
        self.leaves: dict[tuple[str, str], Popen[bytes]] = {}
        self.loads: dict[str, str] = {}
        """The address of one more exporter for each site, from the next start of a leaf on."""
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        self._run("victoria-metrics", folder, flags("victoria-metrics", {
            "-httpListenAddr": f"127.0.0.1:{port}", "-storageDataPath": "data",
            "-dedup.minScrapeInterval": f"{INTERVAL}s",
        }))  # fmt: skip
        self.asked = stack.enter_context(Asked(self.url))
        self.asked.await_ready()
        plant = fleet()
        groups = generate(plant, "rules", Global() if divided else None)
        (folder / "fleet.rules.yaml").write_text(DIALECTS["vmalert"].write(plant, groups, Options()))
        self._run("vmalert", folder, flags("vmalert", {
            "-httpListenAddr": f"127.0.0.1:{free_port()}", "-rule": "*.rules.yaml", "-datasource.url": self.url,
            "-remoteWrite.url": self.url, "-remoteWrite.flushInterval": "200ms", "-notifier.url": "http://127.0.0.1:9",
        }))  # fmt: skip

    def start(self, site: str, replica: str) -> None:
        """Starts a leaf, or starts it again."""
        address = f"127.0.0.1:{self._world.server_address[1]}"
        jobs = [
            {
                "job_name": name,
                "metrics_path": f"/{name}",
                "static_configs": [{"targets": [address], "labels": {"instance": target.instance.split("-", 1)[1]}}],
            }
            for name, target in self._world.targets.items()
            if name.startswith(f"{site}-")
        ]
        if site in self.loads:
            jobs.append({"job_name": "load", "static_configs": [{"targets": [self.loads[site]]}]})
        folder = self._folder / f"{site}-{replica}"
        folder.mkdir(exist_ok=True)
        if self._divided:
            config = leaf(site, replica, self.url, [qualified(job, site) for job in jobs], "leaf-recorded.yml")
            rules = write(generate(fleet(), "rules", Leaf(site)), "")
        else:
            config, rules = leaf(site, replica, self.url, jobs), json.dumps(LOCAL)
        (folder / "prometheus.yml").write_text(json.dumps(config))
        (folder / "local.yaml").write_text(rules)
        words = ["--config.file=prometheus.yml", "--storage.tsdb.path=data"]
        words.append(f"--web.listen-address=127.0.0.1:{free_port()}")
        self.leaves[site, replica] = self._run("prometheus", folder, words)

    def kill(self, site: str, replica: str) -> None:
        """Kills a leaf, without a chance to say goodbye."""
        process = self.leaves.pop((site, replica))
        process.kill()
        process.wait()

    def _run(self, program: str, folder: Path, words: list[str]) -> Popen[bytes]:
        process = Popen([str(self._programs[program]), *words], cwd=folder, stdout=DEVNULL, stderr=DEVNULL)
        self._stack.callback(_end, process)
        return process


def _end(process: Popen[bytes]) -> None:
    process.kill()
    process.wait()


@contextmanager
def sites() -> Iterator[World]:
    """The exporters of both sites."""
    with served() as world:
        for site, parts in PARTS.items():
            amounts = {name: (1.0, part * 1e6) for name, part in zip(TRACES, parts, strict=True)}
            world.target(f"{site}-pdu-1", outlet(3, WATTS[site]))
            world.target(f"{site}-counter", capture(4, 10, 1e6, amounts))
        yield world


@contextmanager
def started(
    folder: Path,
    programs: Mapping[str, Path],
    world: World,
    loads: Mapping[str, str] | None = None,
    divided: bool = False,
) -> Iterator[Fleet]:
    """A pair at the plant, one leaf at the edge; `loads` are addresses of one more exporter for each site."""
    with ExitStack() as stack:
        fleet = Fleet(folder, programs, world, stack, divided)
        fleet.loads.update(loads or {})
        for site, replica in (("plant", "a"), ("plant", "b"), ("edge", "a")):
            fleet.start(site, replica)
        yield fleet
