# SPDX-License-Identifier: Apache-2.0
"""One real Prometheus with many faults of its own: each topology's doctor names the cause of that topology alone."""

import json
import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from joulepath_doctor.context import context
from joulepath_doctor.examine import examine
from joulepath_doctor.finding import Finding
from joulepath_lab.run.ports import free_port
from joulepath_rules.generate import generate
from joulepath_rules.prometheus import write
from joulepath_topology import Topology
from tests.conftest import Monitoring
from tests.rules import factory
from tests.rules.promtool import topology
from tests.rules.world import Server, World, meter, served

pytestmark = pytest.mark.lab

REFUSED = f"127.0.0.1:{free_port()}"


@dataclass(frozen=True)
class Case:
    """A topology with one plug, and a fault of its server or target."""

    name: str
    finds: Mapping[str, str]
    """The id and place of each finding."""
    says: str
    """Words that must be in the message."""
    power: str = ""
    """The source of the host's power, in place of outlet 1 of NAME-pdu."""
    loaded: Mapping[str, str] = field(default_factory=dict)
    """Words of the topology, and those in their place from which the server's rules were made."""
    rules: int = 1
    """How many rule files the server has of it."""
    job: Mapping[str, Any] = field(default_factory=dict)
    """Changes of the scrape configuration."""
    series: Mapping[str, float] = field(default_factory=dict)
    loss: float = 0.0

    @property
    def text(self) -> str:
        power = self.power or f'{{pdu: {self.name}-pdu, outlets: ["1"]}}'
        return (
            f"name: {self.name}\ninterval: 2s\nwindow: 8s\nsites: {{s: {{grams_per_kwh: 100}}}}\n"
            f"hosts: {{h: {{site: s, power: [{power}]}}}}\ncomponents: {{c: {{role: device, host: h}}}}\n"
        )

    @property
    def topology(self) -> Topology:
        return topology(self.text)


def target(name: str) -> str:
    """The place of the one target of a case."""
    return f"targets.exporters.{name}-pdu"


CASES = [
    Case("healthy", {}, ""),
    Case(
        "own-range", {}, "",
        power="{watts: 'sum(rate(pdu_outlet_energy_joules_total{instance=\"own-range-pdu\"}[20s]))'}",
    ),
    Case("declared", {}, "", power="{watts: 65}"),
    Case("absent", {"rules/absent": "rules"}, "but rules of ", rules=0),
    Case(
        "outdated", {"rules/outdated": "rules"}, "rules of group attribution differ (",
        loaded={"site: s,": "site: s, static_watts: 5,"},
    ),
    Case("slower", {"rules/outdated": "rules"}, "has the interval 1s, not 2s", loaded={"interval: 2s": "interval: 1s"}),
    Case("twice", {"rules/twice": "rules"}, "twice.1.rules.yaml", rules=2),
    Case(
        "failing", {"rules/failing": "hosts.h.power[0]"}, "rule source:power_watts fails: found duplicate series",
        power="{watts: 'twins * on (kind) twins'}",
        series={'twins{kind="a",number="1"}': 1, 'twins{kind="a",number="2"}': 1},
    ),
    Case("silent", {"target/down": target("silent")}, "503", loss=1.0),
    Case(
        "refused", {"target/down": target("refused")}, "connection refused: start the exporter there",
        job={"static_configs": [{"targets": [REFUSED], "labels": {"instance": "refused-pdu", "job": "exporters"}}]},
    ),
    Case("secure", {"target/down": target("secure")}, "state `scheme: http`", job={"scheme": "https"}),
    Case(
        "lost", {"target/down": target("lost")}, "status 404 Not Found: correct metrics_path",
        job={"metrics_path": "/nowhere"},
    ),
    Case("doubled", {"target/twice": "targets.again.doubled-pdu"}, "is scraped 2 times"),
    Case("flapping", {"target/unsteady": target("flapping")}, "of the scrapes of 1h succeeded", loss=0.7),
    Case(
        "stubborn", {"target/old-config": target("stubborn")}, "older configuration",
        series={"joulepath_config_last_reload_successful": 0},
    ),
    Case(
        "renamed", {"scrape/renamed": "targets.exporters"}, "has exported_room",
        power="{watts: 'sum(renamed_watts{room=\"lab\"})'}", series={'renamed_watts{room="lab"}': 1},
        job={"honor_labels": False},
    ),
    Case(
        "rare", {"scrape/sparse": target("rare")}, "scrape_interval: 2s` in the job, or `window: 12s`",
        job={"scrape_interval": "3s"},
    ),
    Case("rarest", {"scrape/too-sparse": target("rarest")}, "every 5s", job={"scrape_interval": "5s"}),
    Case(
        "older", {"versions/differ": target("older")}, "is of version 0.0.1",
        series={'joulepath_build_info{version="0.0.1",exporter="pdu"}': 1},
    ),
    Case(
        "late", {"clock/differs": target("late")}, "s behind that of Prometheus",
        series={"node_time_seconds": time.time() - 1000},
    ),
]  # fmt: skip


class Faulty(Server):
    """A server with the rules and scrape configurations of all cases, which keeps samples for a day."""

    def __init__(self, program: Path, folder: Path, world: World) -> None:
        super().__init__(program, folder, world)
        self._words += ["--storage.tsdb.retention.time=1d"]
        config = json.loads((folder / "prometheus.yml").read_text())
        for job in config["scrape_configs"]:
            name = job["metrics_path"].removeprefix("/").removesuffix("-pdu")
            case = next((each for each in CASES if each.name == name), None)
            if case is not None:
                job.update(case.job)
                if not job["honor_labels"]:
                    job["static_configs"][0]["labels"]["room"] = "cellar"
        (folder / "prometheus.yml").write_text(json.dumps(config))
        for case in CASES:
            for number in range(case.rules):
                self._load(folder / f"{case.name}.{number}.rules.yaml", case.text, case.loaded)
        self._load(folder / "factory.rules.yaml", FACTORY, {})

    @staticmethod
    def _load(path: Path, text: str, changes: Mapping[str, str]) -> None:
        for old, new in changes.items():
            text = text.replace(old, new)
        made = topology(text)
        path.write_text(write(generate(made), made.hash))


FACTORY = f"""
name: factory
interval: 1s
window: 10s
{factory.TOPOLOGY}
budgets:
  b-day: {{application: b, energy: 1 kWh, per: day}}
  b-month: {{application: b, energy: 10 kWh, per: month}}
"""


@pytest.fixture(scope="module")
def server(monitoring: Monitoring, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Faulty]:
    """The server, once everything has run for three windows."""
    with served() as world:
        for case in CASES:
            one = world.target(f"{case.name}-pdu", meter("pdu_outlet", 'outlet="1"', 100), loss=case.loss)
            one.show(case.series)
        world.again("doubled-pdu", instance="doubled-pdu", job="again")
        world.target("factory", factory.rates()).show(factory.gauges())
        server = Faulty(monitoring.prometheus, tmp_path_factory.mktemp(monitoring.name), world)
        server.start()
        time.sleep(26)
        yield server
        server.stop()


def told(server: Faulty, about: Topology) -> list[Finding]:
    """The findings about a topology."""
    return list(examine(context(about, server, since=3600)))


@pytest.mark.parametrize("case", CASES, ids=lambda case: str(case.name))
def test_the_doctor_names_the_one_cause(server: Faulty, case: Case) -> None:
    found = [one for one in told(server, case.topology) if one.kind.severity != "note"]
    assert {one.kind.id: one.where for one in found} == case.finds, [one.message for one in found]
    assert all(case.says in one.message for one in found), [one.message for one in found]


def test_a_budget_that_outlives_the_samples_is_found(server: Faulty) -> None:
    """A day needs a day; a month needs 31 of them."""
    found = [one for one in told(server, topology(FACTORY)) if one.kind.id == "retention/short"]
    assert [one.where for one in found] == ["budgets.b-month.per"]
    assert "--storage.tsdb.retention.time=32d" in found[0].message


def test_targets_of_others_that_are_down_are_a_note(server: Faulty) -> None:
    notes = [one for one in told(server, CASES[0].topology) if one.kind.severity == "note"]
    assert [one.kind.id for one in notes] == ["target/unread"]
    assert re.match(r"\d targets of jobs scrape-\d+, .* are down: ", notes[0].message)
