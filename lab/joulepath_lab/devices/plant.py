# SPDX-License-Identifier: Apache-2.0
"""The machines' electricity: applies the law five times a second, moves every meter, and keeps the history of truth.

Meters: watts per outlet in a file that the PDU's agent serves over SNMP, a powercap tree, Kepler's endpoints, and the
software of a server. A mutation makes one of them lie; the truth never does.
"""

import argparse
import json
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import Metric

from joulepath_lab.devices import kepler, server
from joulepath_lab.devices.host_files import replace
from joulepath_lab.network import nodes
from joulepath_lab.scenarios import scenario
from joulepath_lab.scenarios.scenario import Scenario
from joulepath_lab.truth.law import Power, power
from joulepath_lab.truth.ledger import FIELDS, Ledger

TICK_SECONDS = 0.2
KEPLER_PORT = 28282
OLDER_KEPLER_PORT = 28283
# RAPL and Kepler see this part of a machine's dynamic watts; fans and supplies take the rest.
PROCESSOR_SHARE = 0.62
RAPL_RANGE_UJ = 65_536_000_000
MUTATIONS = ("outlet", "kepler", "rapl")
"""A plug shows too much, Kepler 0.10 counts the DU's pod twice, RAPL has lost a zone."""


@dataclass(eq=False)
class Plant:
    """Publishes into `folder`: `outlets.json`, `sys/class/powercap`, `history.jsonl`."""

    folder: Path
    ledger: Ledger
    scenario: Scenario
    mutation: str | None = None
    clock: Callable[[], float] = time.time
    _joules: dict[str, dict[str, float]] = field(default_factory=dict)
    _software: server.Software | None = None
    _recent: deque[tuple[Mapping[str, Power], float]] = field(
        default_factory=lambda: deque(maxlen=round(1 / TICK_SECONDS))
    )

    def __post_init__(self) -> None:
        if self.scenario.server:
            self._software = server.Software(self.scenario.server, self.folder, self.mutation, self.clock)

    def run(self) -> None:
        """Ticks until it is ended."""
        history = (self.folder / "history.jsonl").open("a", encoding="utf-8", buffering=1)
        then, before = self.clock(), self.ledger.read()
        while True:
            time.sleep(TICK_SECONDS)
            now, after = self.clock(), self.ledger.read()
            watts = power(self.scenario, before, after, now - then)
            self._integrate(watts, now - then)
            self._publish(watts, now - then)
            if self._software:
                machine = self._software.server
                self._software.advance(watts[machine.machine], watts[machine.gpu.machine], now - then)
            joules = {f"{host}:{part}": value for host, parts in self._joules.items() for part, value in parts.items()}
            sent = {f"{name}:{field}": getattr(sent, field) for name, sent in after.items() for field in FIELDS}
            history.write(json.dumps({"at": now, **joules, **sent}) + "\n")
            then, before = now, after

    def _integrate(self, watts: Mapping[str, Power], seconds: float) -> None:
        for host, drawn in watts.items():
            parts = {"static": drawn.static, "housekeeping": drawn.housekeeping, **drawn.dynamic}
            total = self._joules.setdefault(host, dict.fromkeys(parts, 0.0))
            for part, value in parts.items():
                total[part] += value * seconds

    def _publish(self, watts: Mapping[str, Power], seconds: float) -> None:
        """An outlet shows the mean of its last ticks, each by its length: on a busy machine they differ."""
        self._recent.append((watts, seconds))
        lasted = sum(length for _, length in self._recent)
        outlets = {}
        for outlet, parts in self.scenario.outlets.items():
            joules = (
                recent[host].total * part * length for recent, length in self._recent for host, part in parts.items()
            )
            lie = 1.12 if self.mutation == "outlet" and outlet == 3 else 1.0
            outlets[outlet] = [f"{next(iter(parts))}-psu{outlet}", sum(joules) / lasted * lie]
        replace(self.folder / "outlets.json", json.dumps(outlets))
        if self.scenario.rapl:
            self._publish_rapl(sum(self._joules[self.scenario.rapl].values()))

    def _publish_rapl(self, core: float) -> None:
        zones = {"intel-rapl:0": ("package-0", 0.8 * core), "intel-rapl:0:0": ("dram", 0.2 * core)}
        if self.mutation == "rapl":
            del zones["intel-rapl:0:0"]
        for name, (kind, joules) in zones.items():
            zone = self.folder / "sys" / "class" / "powercap" / name
            if not zone.is_dir():
                zone.mkdir(parents=True)
                replace(zone / "name", f"{kind}\n")
                replace(zone / "max_energy_range_uj", f"{RAPL_RANGE_UJ}\n")
            replace(zone / "energy_uj", f"{round(joules * 1e6) % RAPL_RANGE_UJ}\n")

    @property
    def nodes(self) -> list[kepler.Node]:
        """Kepler's view of each machine on which it runs."""
        if self._software:
            return [self._software.kepler]
        return [self._node(host, space) for host, space in self.scenario.pods.items()]

    def _node(self, host: str, space: str) -> kepler.Node:
        joules = {name: PROCESSOR_SHARE * value for name, value in self._joules.get(host, {}).items()}
        pods = {f"{space}/{name}-0": joules.get(name, 0.0) for name in self.scenario.machines[host].components}
        active = sum(joules.values()) - joules.get("static", 0.0)
        return kepler.Node(host, active, joules.get("static", 0.0), pods)


@dataclass(frozen=True)
class _Endpoint:
    """The metrics of one version of Kepler."""

    plant: Plant
    dialect: Callable[[Iterable[kepler.Node]], list[Metric]]

    def collect(self) -> list[Metric]:
        """The families of the scrape."""
        return self.dialect(self.plant.nodes)


def main() -> None:
    """Runs the plant until it is ended."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--ledger", type=Path, required=True)
    parser.add_argument("--scenario", choices=scenario.NAMES, required=True)
    parser.add_argument("--mutation", choices={*MUTATIONS, *server.MUTATIONS})
    args = parser.parse_args()
    scene = scenario.load(args.scenario)
    plant = Plant(args.folder, Ledger(args.ledger, scene.senders), scene, args.mutation)
    modern = partial(kepler.modern, twice="ran/du-" if args.mutation == "kepler" else None)
    for port, dialect in ((KEPLER_PORT, modern), (OLDER_KEPLER_PORT, kepler.older)):
        registry = CollectorRegistry(auto_describe=False)
        registry.register(_Endpoint(plant, dialect))
        start_http_server(port, nodes.MGMT_CALLER, registry)
    plant.run()


if __name__ == "__main__":
    main()
