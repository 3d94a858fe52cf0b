# SPDX-License-Identifier: Apache-2.0
"""Everything that runs in the lab, started in order, each with a log of its own. Ends with its namespaces."""

import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from joulepath.errors import JoulepathError
from joulepath_lab.devices import upf
from joulepath_lab.network import nodes
from joulepath_lab.network.namespace import NetworkNamespace
from joulepath_lab.network.path import TransportPath
from joulepath_lab.run import monitoring, programs, software, tagging
from joulepath_lab.run.core import flows, pfcp
from joulepath_lab.scenarios import core, native
from joulepath_lab.scenarios.scenario import Scenario
from joulepath_lab.truth.ledger import Ledger
from joulepath_prometheus.client import Prometheus

PDU_SNMP = f"{nodes.MGMT_CALLER}:1161"
PDUS = ("pdu-1",)  # known to Prometheus by the exporter's own word
SECONDS_TO_ANSWER = 60.0


class LabError(RuntimeError):
    """A part of the lab failed; the message names it and its log."""


class Lab:
    """The running lab. `folder` holds all it writes and must vanish with its mount namespace."""

    def __init__(
        self,
        folder: Path,
        *,
        mutation: str | None = None,
        edit_rules: Callable[[str], str] = str,
        scenario: Scenario = native.SCENARIO,
        topologies: Mapping[str, dict[str, Any]] | None = None,
    ) -> None:
        self.folder = folder
        self.prometheus = Prometheus(monitoring.PROMETHEUS_URL)
        self.alerts: list[dict[str, Any]] = []
        self.stamping = "kernel"
        self.ledger = Ledger(folder / "ledger", scenario.senders)
        self._mutation = mutation
        self._edit_rules = edit_rules
        self.scenario = scenario
        self.topologies = {**scenario.topologies, **(topologies or {})}
        self._targets = monitoring.targets(scenario)
        self._cgroups: tagging.Cgroups | None = None
        self._nodes: Mapping[str, NetworkNamespace] = {}
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._commands: dict[str, list[str]] = {}

    @property
    def history(self) -> Path:
        """The plant's record of the truth."""
        return self.folder / "history.jsonl"

    def topology_file(self, name: str) -> Path:
        """Where a running lab has the topology of that name; it ends with the lab."""
        return self.folder / f"topology-{name}.yaml"

    def start(self, progress: Callable[[str], None] = lambda _: None) -> None:
        """Starts all parts; returns when every one answers and every application is settled."""
        self.start_exporters(progress)
        progress("starting Prometheus with the generated rules, and Alertmanager")
        self._start_monitoring()
        self._wait("Prometheus", self.prometheus.ready)
        progress("waiting until Prometheus has scraped every target")
        self._wait("every target", self._all_up)
        progress("waiting until every application is complete, and settled for a whole window")
        self._wait("the attribution", self._settled)

    def start_exporters(self, progress: Callable[[str], None] = lambda _: None) -> None:
        """Starts the path, the machines on it and their exporters, for a Prometheus that is not of this lab."""
        (self.folder / "log").mkdir()
        progress("laying the path: robot, ru, du, cu, upf, model in network namespaces")
        path = TransportPath(self.scenario.robot_address, self.scenario.relays, self.scenario.users)
        self._nodes = path.nodes
        if not path.stamps:
            self.stamping = "simulated"
        self._start_machines()
        progress(f"starting the exporters (IOAM stamping: {self.stamping})")
        self._start_exporters()

    def stop_process(self, name: str) -> None:
        """Ends one part by name."""
        process = self._processes[name]
        process.send_signal(signal.SIGCONT)
        process.terminate()
        process.wait(10)

    def restart_process(self, name: str) -> None:
        """Starts an ended part again."""
        self._spawn(name, self._commands[name])

    def signal_process(self, name: str, number: signal.Signals) -> None:
        """Sends a signal to one part, for example SIGSTOP to a device that shall fall silent."""
        self._processes[name].send_signal(number)

    def stop(self) -> None:
        """Ends all parts."""
        for process in self._processes.values():
            process.kill()
        for process in self._processes.values():
            process.wait()
        self.prometheus.close()
        if self._cgroups:
            self._cgroups.remove()

    def check(self) -> None:
        """Raises LabError if a part has ended by itself."""
        for name, process in self._processes.items():
            if process.poll() is not None:
                raise LabError(f"{name} ended with {process.returncode}: {self._last_words(name)}")

    def _start_machines(self) -> None:
        ledger = ["--ledger", str(self.folder / "ledger")]
        simulated = ["--simulated"] if self.stamping == "simulated" else []
        mutation = ["--mutation", self._mutation] if self._mutation else []
        lie, mutation = (mutation, []) if self._mutation in core.MUTATIONS else ([], mutation)
        scene = ["--scenario", self.scenario.name]
        for node in self.scenario.relays:
            if node == upf.NODE and self.scenario.core:
                self._python("relay-upf", "joulepath_lab.devices.upf", *scene, *lie, node=node)
            else:
                self._python(f"relay-{node}", "joulepath_lab.devices.relay", *scene, "--node", node, node=node)
        self._python("model-server", "joulepath_lab.devices.model_server", *ledger, *scene, *simulated, node="model")
        if self.scenario.tagging:
            self._start_tagged(ledger + scene)
        else:
            self._python("robot", "joulepath_lab.devices.robot", *ledger, *scene, *simulated, *lie, node="robot")
        self._python("plant", "joulepath_lab.devices.plant", *ledger, *scene, "--folder", str(self.folder), *mutation)
        self._wait("the plant", (self.folder / "outlets.json").exists)
        self._python("pdu-agent", "joulepath_lab.devices.pdu_agent", "--folder", str(self.folder), "--listen", PDU_SNMP)

    def _start_tagged(self, arguments: Sequence[str]) -> None:
        """Every stream's program in a cgroup of its own, and the taggers, which are there before the first packet."""
        traced = [stream for stream in self.scenario.streams if stream.trace_id]
        try:
            self._cgroups = tagging.Cgroups(self.scenario.streams)
        except (JoulepathError, OSError) as fault:
            raise LabError(f"cgroups for the tagged programs: {fault}") from None
        for node, config in {"robot": self._cgroups.robots(traced), "model": tagging.answers(traced)}.items():
            self._exporter(
                "tag", monitoring.TAG_PORT, self._config(f"tag-{node}", config), name=f"tag-{node}", node=node
            )
            self._wait(f"the tagger of {node}", partial(_answers, nodes.mgmt_address(node), monitoring.TAG_PORT))
        for stream in self.scenario.streams:
            command = ["joulepath_lab.devices.robot", *arguments, "--stream", stream.name]
            self._python(stream.name, *command, node="robot", before=self._cgroups.inside(stream))

    def _start_exporters(self) -> None:
        (self.folder / "community").write_text("lab\n", encoding="utf-8")
        # A request waits half as long as elsewhere: a silent agent shows after three seconds, well within a window.
        device = {"address": f"udp://{PDU_SNMP}", "community_file": "community", "interval": 1, "timeout": 1}
        pdu = {"targets": dict.fromkeys(PDUS, device)}
        self._exporter("pdu", monitoring.PDU_PORT, self._config("pdu", pdu))
        if self.scenario.rapl:
            self._python(
                "rapl", "joulepath", "rapl", "--path.sysfs", str(self.folder / "sys"),
                "--web.listen-address", f"{nodes.MGMT_CALLER}:{monitoring.RAPL_PORT}",
            )  # fmt: skip
        if self.scenario.server:
            try:
                for each in software.exporters(self.scenario.server, self.folder):
                    self._python(each.name, "joulepath", *each.arguments, before=each.before)
            except LookupError as fault:
                raise LabError(f"{fault}") from None
        if self.scenario.core:
            self._exporter("pfcp", monitoring.PFCP_PORT, self._config("pfcp", pfcp(self.scenario.core, self.folder)))
            answers = partial(_answers, nodes.MGMT_CALLER, monitoring.PFCP_PORT)
            self._wait("joulepath pfcp, which must see sessions begin", answers)
        ids = [stream.trace_id for stream in self.scenario.streams if stream.application and stream.trace_id]
        for component, node in self.scenario.counted.items():
            config = {
                "nodes": [{"node_id": nodes.IOAM_NODE_IDS[node], "interfaces": dict(self.scenario.counters[node])}],
                "namespaces": {nodes.IOAM_NAMESPACE: {"key": "full", "ids": ids}},
                **flows(self.scenario, self.folder, self._mutation),
            }
            self._exporter("ioam", monitoring.IOAM_PORT, self._config(component, config), name=component, node=node)
        if self.scenario.core:
            self._python("smf", "joulepath_lab.devices.smf", "--scenario", self.scenario.name)

    def _start_monitoring(self) -> None:
        try:
            server, alertmanager = programs.require("prometheus"), programs.require("prometheus-alertmanager")
        except LookupError as fault:
            raise LabError(f"{fault}") from None
        folder = self.folder / "prometheus"
        (folder / "rules").mkdir(parents=True)
        self._generate_rules(folder / "rules")
        self._spawn("prometheus", monitoring.prometheus(server, folder, self._targets))
        monitoring.listen_for_alerts(self.alerts)
        self._spawn("alertmanager", monitoring.alertmanager(alertmanager, self.folder / "alertmanager"))

    def _generate_rules(self, folder: Path) -> None:
        for name, topology in self.topologies.items():
            written = self._config(f"topology-{name}", topology)
            command = [sys.executable, "-m", "joulepath", "rules", "generate", str(written), "-o", str(folder)]
            result = subprocess.run(command, capture_output=True, text=True, check=False)
            if result.returncode != 0:
                raise LabError(f"the rules: {result.stderr}")
        for path in folder.glob("*.yaml"):
            path.write_text(self._edit_rules(path.read_text(encoding="utf-8")), encoding="utf-8")

    def _all_up(self) -> bool:
        expected = len(PDUS) + sum(
            len(group["targets"])
            for job, entries in self._targets.items()
            for group in entries
            if job != "alertmanager"
        )
        ups = self.prometheus.query("up")
        return len(ups) >= expected and all(sample.value == 1 for sample in ups)

    def _settled(self) -> bool:
        expected = {
            (topology, application) for topology in self.topologies for application in self.scenario.applications
        }
        window = f"{self.scenario.window_seconds:g}s"
        settled = self.prometheus.query(
            "group by (topology, application) (application:power_watts) and on (topology, application)"
            f" group by (topology, application) (application:power_watts offset {window})"
        )
        return expected <= {(sample.labels["topology"], sample.labels["application"]) for sample in settled}

    def _config(self, name: str, data: object) -> Path:
        path = self.folder / f"{name}.yaml"
        path.write_text(yaml.safe_dump(data, sort_keys=False), encoding="utf-8")
        return path

    def _exporter(self, exporter: str, port: int, config: Path, name: str = "", node: str | None = None) -> None:
        address = nodes.mgmt_address(node) if node else nodes.MGMT_CALLER
        self._python(
            name or exporter, "joulepath", exporter, "--config", str(config),
            "--web.listen-address", f"{address}:{port}", node=node,
        )  # fmt: skip

    def _python(
        self, name: str, module: str, *arguments: str, node: str | None = None, before: Sequence[str] = ()
    ) -> None:
        command = [*before, sys.executable, "-m", module, *arguments]
        self._spawn(name, self._nodes[node].command(*command) if node else command)

    def _spawn(self, name: str, command: list[str]) -> None:
        self._commands[name] = command
        with (self.folder / "log" / f"{name}.log").open("ab") as log:
            self._processes[name] = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def _wait(self, what: str, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + SECONDS_TO_ANSWER
        while not condition():
            self.check()
            if time.monotonic() > deadline:
                raise LabError(f"waited {SECONDS_TO_ANSWER:.0f} s in vain for {what}; {self._state()}")
            time.sleep(0.2)

    def _state(self) -> str:
        """The reasons of a failed start: targets that are down, and rules that failed."""
        if not self.prometheus.ready():
            return f"Prometheus: {self._last_words('prometheus')}"
        down = [
            f"{target.labels.get('job')} {target.labels.get('instance')}: {target.last_error}"
            for target in self.prometheus.targets()
            if target.health != "up"
        ]
        failed = [
            f"{rule.name}: {rule.last_error}"
            for group in self.prometheus.rules()
            for rule in group.rules
            if rule.health == "err"
        ]
        return "; ".join(down + failed) or "all targets are up and no rule failed"

    def _last_words(self, name: str) -> str:
        lines = (self.folder / "log" / f"{name}.log").read_text(encoding="utf-8", errors="replace").splitlines()
        return " | ".join(lines[-5:]) or "it wrote nothing"


def _answers(host: str, port: int) -> bool:
    """Whether a program listens there."""
    try:
        socket.create_connection((host, port), timeout=1).close()
    except OSError:
        return False
    return True
