# SPDX-License-Identifier: Apache-2.0
"""Runs the lab for a Prometheus elsewhere, until it is ended: its path, its machines and its exporters.

Writes the topology, and the files of targets for deploy/prometheus/prometheus.yml.
"""

import argparse
import json
import socket
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import yaml

from joulepath_lab.network import isolation
from joulepath_lab.run import doors, monitoring, programs
from joulepath_lab.run.doors import Door, Place
from joulepath_lab.run.stack import Lab, LabError
from joulepath_lab.scenarios import scenario
from joulepath_lab.scenarios.scenario import Scenario

TOPOLOGY = "topology.yaml"
DOORS = "--doors"
EVERYWHERE = "0.0.0.0"  # noqa: S104  # in a container
SERVERS: monitoring.Targets = {
    "alertmanager": [{"targets": ["alertmanager:9093"]}],
    "prometheus": [{"targets": ["prometheus:9090"], "labels": {"instance": "prometheus"}}],
}
"""Servers that are not of this lab, as in deploy/compose/targets."""
LAB_PACE = ("interval", "window")
"""Keys of the lab's topologies that suit its own Prometheus, which asks once a second."""


def places(scene: Scenario) -> Iterator[Place]:
    """The servers that Prometheus scrapes, each under its address in the lab."""
    for entries in _scraped(scene).values():
        for entry in entries:
            for address in entry["targets"]:
                yield Place(address, *doors.split(address))


def write(folder: Path, scene: Scenario, opened: Sequence[Door], name: str) -> None:
    """Writes the files; `name` is this machine's for Prometheus. The topology comes last."""
    outside = {door.place.title: f"{name}:{door.listener.getsockname()[1]}" for door in opened}
    targets = {
        job: [entry | {"targets": [outside[address] for address in entry["targets"]]} for entry in entries]
        for job, entries in _scraped(scene).items()
    }
    for job, entries in {**targets, **SERVERS}.items():
        (folder / f"{job}.json").write_text(json.dumps(entries), encoding="utf-8")
    topology = next(iter(scene.topologies.values()))
    written = {key: value for key, value in topology.items() if key not in LAB_PACE}
    (folder / TOPOLOGY).write_text(yaml.safe_dump(written, sort_keys=False), encoding="utf-8")


def _scraped(scene: Scenario) -> monitoring.Targets:
    return {job: entries for job, entries in monitoring.targets(scene).items() if job not in SERVERS}


def main() -> None:
    """Re-enters itself inside fresh namespaces, then runs the lab."""
    parser = argparse.ArgumentParser(prog="python -m joulepath_lab.run.feed", description=__doc__)
    parser.add_argument("folder", type=Path, help="where the topology and the targets go")
    parser.add_argument("--scenario", choices=scenario.NAMES, default="native", help="default %(default)s")
    parser.add_argument("--listen", default=EVERYWHERE, metavar="HOST", help="default %(default)s")
    parser.add_argument("--name", default=socket.gethostname(),
                        help="of this machine, for Prometheus (default %(default)s)")  # fmt: skip
    parser.add_argument(DOORS, type=int, nargs="*", help=argparse.SUPPRESS)
    args = parser.parse_args()
    scene = scenario.load(args.scenario)
    if args.doors is None:
        if reason := isolation.refusal(rootless=False):
            sys.exit(f"feed: {reason}")
        listeners = doors.listen(places(scene), args.listen)
        descriptors = [str(listener.fileno()) for listener in listeners]
        words = [sys.executable, "-m", "joulepath_lab.run.feed", *sys.argv[1:], DOORS, *descriptors]
        isolation.enter(words, rootless=False)
    opened = doors.inherited(places(scene), args.doors)
    lab = Lab(isolation.private_folder(programs.CACHE / "lab"), scenario=scene)
    try:
        lab.start_exporters(lambda line: print(line, flush=True))  # noqa: T201  # progress
        doors.open_all(opened)
        write(args.folder, scene, opened, args.name)
        print(f"running; targets are in {args.folder}", flush=True)  # noqa: T201
        while True:
            lab.check()
            time.sleep(1)
    except LabError as fault:
        sys.exit(f"feed: {fault}")
    finally:
        lab.stop()


if __name__ == "__main__":
    main()
