# SPDX-License-Identifier: Apache-2.0
"""The machines' electricity: applies the law five times a second, moves every meter, and keeps the history of truth.

Meters: watts per outlet in a file that the PDU's agent serves over SNMP, a powercap tree, a Kepler endpoint. A mutation
makes one of them lie; the truth never does.
"""

import argparse
import json
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import CounterMetricFamily, Metric

from joulepath_lab.network import nodes
from joulepath_lab.scenarios import scenario
from joulepath_lab.scenarios.scenario import Scenario
from joulepath_lab.scenarios.streams import NAMES
from joulepath_lab.truth.law import Power, power
from joulepath_lab.truth.ledger import FIELDS, Ledger

TICK_SECONDS = 0.2
KEPLER_PORT = 28282
# RAPL and Kepler see this part of a machine's dynamic watts; fans and supplies take the rest.
PROCESSOR_SHARE = 0.62
RAPL_RANGE_UJ = 65_536_000_000
MUTATIONS = ("outlet", "kepler", "rapl")


def replace(path: Path, text: str) -> None:
    """Publishes a file's new content at once."""
    fresh = path.with_name(f".{path.name}.new")
    fresh.write_text(text, encoding="utf-8")
    fresh.replace(path)


@dataclass(eq=False)
class Plant:
    """Publishes into `folder`: `outlets.json`, `sys/class/powercap`, `history.jsonl`."""

    folder: Path
    ledger: Ledger
    scenario: Scenario
    mutation: str | None = None
    clock: Callable[[], float] = time.time
    _joules: dict[str, dict[str, float]] = field(default_factory=dict)
    _recent: deque[Mapping[str, Power]] = field(default_factory=lambda: deque(maxlen=round(1 / TICK_SECONDS)))

    def run(self) -> None:
        """Ticks until it is ended."""
        history = (self.folder / "history.jsonl").open("a", encoding="utf-8", buffering=1)
        then, before = self.clock(), self.ledger.read()
        while True:
            time.sleep(TICK_SECONDS)
            now, after = self.clock(), self.ledger.read()
            watts = power(self.scenario.machines, before, after, now - then)
            self._integrate(watts, now - then)
            self._publish(watts)
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

    def _publish(self, watts: Mapping[str, Power]) -> None:
        self._recent.append(watts)
        outlets = {}
        for outlet, (host, part) in self.scenario.outlets.items():
            mean = sum(recent[host].total for recent in self._recent) / len(self._recent)
            lie = 1.12 if self.mutation == "outlet" and outlet == 3 else 1.0
            outlets[outlet] = [f"{host}-psu{outlet}", mean * part * lie]
        replace(self.folder / "outlets.json", json.dumps(outlets))
        core = sum(self._joules["core-1"].values())
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

    def collect(self) -> list[Metric]:
        """Kepler's families: one pod per component, and the node's active energy."""
        labels = ["pod_id", "pod_name", "pod_namespace", "state", "zone", "node_name"]
        pods = CounterMetricFamily("kepler_pod_cpu_joules", "Energy of a pod.", labels=labels)
        node = CounterMetricFamily(
            "kepler_node_cpu_active_joules", "Active energy of a node.", labels=["zone", "path", "node_name"]
        )
        for host, space in self.scenario.pods.items():
            parts = {name: joules for name, joules in self._joules.get(host, {}).items() if name != "static"}
            for zone, share in {"package": 0.85, "dram": 0.15, "core": 0.6}.items():
                for name, joules in parts.items():
                    if name != "housekeeping":
                        lie = 2.0 if self.mutation == "kepler" and name == "du-1" else 1.0
                        values = [f"id-{name}", f"{name}-0", space, "running", zone, host]
                        pods.add_metric(values, joules * PROCESSOR_SHARE * share * lie)
                node.add_metric([zone, f"/{zone}", host], sum(parts.values()) * PROCESSOR_SHARE * share)
        return [pods, node]


def main() -> None:
    """Runs the plant until it is ended."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--ledger", type=Path, required=True)
    parser.add_argument("--scenario", choices=scenario.NAMES, required=True)
    parser.add_argument("--mutation", choices=MUTATIONS)
    args = parser.parse_args()
    plant = Plant(args.folder, Ledger(args.ledger, NAMES), scenario.load(args.scenario), args.mutation)
    registry = CollectorRegistry(auto_describe=False)
    registry.register(plant)
    start_http_server(KEPLER_PORT, nodes.MGMT_CALLER, registry)
    plant.run()


if __name__ == "__main__":
    main()
