# SPDX-License-Identifier: Apache-2.0
"""The rules of many topologies on real servers: each spells queries in its own way, and none of them is outdated."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from subprocess import DEVNULL, Popen

import pytest

from joulepath_doctor.checks import rules
from joulepath_doctor.context import context
from joulepath_doctor.examine import examine
from joulepath_lab.run.ports import free_port
from joulepath_lab.scenarios import scenario
from joulepath_prometheus.client import Prometheus
from joulepath_rules.dialects import DIALECTS, Options
from joulepath_rules.generate import generate
from joulepath_rules.prometheus import write
from joulepath_topology import Topology, read
from tests.conftest import ROOT, Monitoring
from tests.rules import factory
from tests.rules.promtool import topology
from tests.rules.world import Asked, World, served

pytestmark = pytest.mark.lab


def topologies() -> Iterator[Topology]:
    """The examples, the one with everything in it, and those of the lab, each with a name of its own."""
    paths = [*(ROOT / "examples").glob("*.yaml"), *(ROOT / "tests" / "rules" / "topologies").glob("*.yaml")]
    for path in sorted(paths):
        if path.stem.startswith("core-") and path.stem not in CORES:
            continue
        yield read(path).model_copy(update={"name": path.stem})
    for name in scenario.NAMES:
        for way, data in scenario.load(name).topologies.items():
            yield Topology.model_validate({**data, "name": f"{name}-{way}"})


CORES = ("core-open5gs", "core-sdcore")
"""Examples of cores: one with counters, one with gauges that a read sets back. The others have rules of these forms."""
ALL = list(topologies())


@pytest.fixture(scope="module", params=["rules", "scraped"])
def server(
    monitoring: Monitoring, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Prometheus]:
    """A server that has loaded the rules of all of them, with constants as rules or to be scraped."""
    folder, port = tmp_path_factory.mktemp(monitoring.name), free_port()
    for one in ALL:
        (folder / f"{one.name}.rules.yaml").write_text(write(generate(one, request.param), one.hash))
    (folder / "prometheus.yml").write_text(json.dumps({"rule_files": ["*.rules.yaml"]}))
    words = [str(monitoring.prometheus), "--config.file=prometheus.yml", "--storage.tsdb.path=data"]
    words.append(f"--web.listen-address=127.0.0.1:{port}")
    with (
        Popen(words, cwd=folder, stdout=DEVNULL, stderr=DEVNULL) as process,
        Asked(f"http://127.0.0.1:{port}") as asked,
    ):
        asked.await_ready()
        yield asked
        process.terminate()


def outdated(server: Prometheus, about: Topology) -> Sequence[str]:
    """The messages about rules of another file or version."""
    found = rules.check(context(about, server, since=3600))
    return [one.message for one in found if one.kind.id in {"rules/outdated", "rules/absent", "rules/twice"}]


@pytest.mark.parametrize("one", ALL, ids=lambda one: str(one.name))
def test_loaded_rules_are_those_of_the_file(server: Prometheus, one: Topology) -> None:
    assert outdated(server, one) == []


@pytest.mark.parametrize("one", [ALL[0], ALL[-1]], ids=lambda one: str(one.name))
def test_rules_of_a_changed_file_are_outdated(server: Prometheus, one: Topology) -> None:
    """Another overhead of one site: one number of one constant, or the generation of all scraped ones."""
    first = next(iter(one.sites))
    site = one.sites[first].model_copy(update={"overhead": 2.5})
    changed = one.model_copy(update={"sites": {**one.sites, first: site}})
    changed.__dict__.pop("hash", None)  # which the copy takes along
    assert len(outdated(server, changed)) == 1


# ---- VictoriaMetrics -----------------------------------------------------------------------------------------------

PLANT = topology(f"name: plant\ninterval: 2s\nwindow: 10s\n{factory.TOPOLOGY}")


@pytest.fixture
def world() -> Iterator[World]:
    """The factory's counters at their rates."""
    with served() as world:
        world.target("factory", factory.rates()).show(factory.gauges())
        yield world


@pytest.mark.long
@pytest.mark.parametrize("proxied", [False, True], ids=["alone", "with-rules"])
def test_a_healthy_victoria_metrics_has_notes_alone(
    victoria_metrics: Path, vmalert_program: Path, world: World, tmp_path: Path, proxied: bool
) -> None:
    """It shows vmalert's rules if -vmalert.proxyURL says where that is; else they cannot be compared."""
    path = tmp_path / "plant.rules.yaml"
    path.write_text(DIALECTS["vmalert"].write(PLANT, generate(PLANT), Options()))
    (tmp_path / "scrape.yml").write_text(
        json.dumps({"global": {"scrape_interval": "1s"}, "scrape_configs": world.jobs()})
    )
    address, other = (f"127.0.0.1:{free_port()}" for _ in range(2))
    database = [str(victoria_metrics), f"-httpListenAddr={address}", "-promscrape.config=scrape.yml"]
    database += ["-search.latencyOffset=1s", *([f"-vmalert.proxyURL=http://{other}"] if proxied else [])]
    evaluator = [str(vmalert_program), f"-httpListenAddr={other}", f"-rule={path}", f"-datasource.url=http://{address}"]
    evaluator += [
        f"-remoteWrite.url=http://{address}",
        "-remoteWrite.flushInterval=200ms",
        "-notifier.url=http://[::1]:9",
    ]
    evaluator += ["-datasource.queryStep=5m"]
    with (
        Popen(database, cwd=tmp_path, stdout=DEVNULL, stderr=DEVNULL) as storage,
        Popen(evaluator, cwd=tmp_path, stdout=DEVNULL, stderr=DEVNULL) as evaluation,
        Asked(f"http://{address}") as asked,
    ):
        try:
            asked.await_ready()
            # Each rule of vmalert reads the evaluation before, so the first figures take their time.
            asked.until("count(component:unmeasured:info) or vector(0)", {"": 2}, 90)
            asked.until("count(component:unmeasured:info) or vector(0)", {"": 0}, 90)
            asked.until("group by (application) (application:power_watts)", {"a": 1, "b": 1, "unattributed": 1}, 90)
            told = examine(context(PLANT, asked, since=3600))
        finally:
            evaluation.terminate()
            storage.terminate()
    assert [one.message for one in told if one.kind.severity != "note"] == []
    assert proxied != any("not checked: rules/outdated" in one.message for one in told)
