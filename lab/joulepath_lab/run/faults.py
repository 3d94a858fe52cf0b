# SPDX-License-Identifier: Apache-2.0
"""Runs the lab through a series of faults and writes down what Prometheus recorded, for tests to judge.

`python -m joulepath_lab.run.faults FOLDER [--queries FILE]` leaves `recorded.json` and `history.jsonl` in FOLDER. Each
fault lasts `FAULT_SECONDS`, long enough for gaps to show, and the lab recovers before the next.
"""

import argparse
import json
import os
import shutil
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from joulepath_lab.network import isolation, nodes
from joulepath_lab.run import programs
from joulepath_lab.run.stack import Lab

INSIDE = "--inside"
FAULT_SECONDS = 20.0
SETTLE_SECONDS = 24.0  # a busy machine starts an exporter in some seconds, and its window is 10 s
SERIES = '{__name__=~".+:.+|pdu_up|joulepath_topology_.+"}'


def faults(lab: Lab) -> dict[str, tuple[Callable[[], None], Callable[[], None]]]:
    """Name of a fault: how it begins and how it ends."""
    trace = lab.scenario.streams[0].name
    return {
        "meter": (
            lambda: lab.signal_process("pdu-agent", signal.SIGSTOP),
            lambda: lab.signal_process("pdu-agent", signal.SIGCONT),
        ),
        "exporter": (lambda: lab.stop_process("upf-1"), lambda: lab.restart_process("upf-1")),
        "trace": (lambda: lab.ledger.pause(trace, paused=True), lambda: lab.ledger.pause(trace, paused=False)),
    }


def run(lab: Lab, queries: list[str]) -> dict[str, Any]:
    """The whole session. Times are seconds since the epoch."""
    lab.start()
    begin = time.time()
    time.sleep(SETTLE_SECONDS)
    windows: dict[str, tuple[float, float]] = {}
    # Asked more than once: a budget has no figure in the first minute of its period.
    healthy, faulty = dict.fromkeys(queries, 0), dict.fromkeys(queries, 0)
    for name, (start, end) in faults(lab).items():
        start()
        started = time.time()
        time.sleep(FAULT_SECONDS)
        _ask(lab, faulty)
        end()
        windows[name] = (started, time.time())
        time.sleep(SETTLE_SECONDS)
        _ask(lab, healthy)
    finish = time.time()
    time.sleep(1.0)  # the truth must reach beyond the last evaluation
    samples = lab.prometheus.samples(f"{SERIES}[{finish - begin:.0f}s]", finish)
    return {
        "begin": begin,
        "finish": finish,
        "stamping": lab.stamping,
        "faults": windows,
        "answers": healthy,
        "answers_in_faults": faulty,
        "alerts": lab.alerts,
        "samples": [[sample.labels, sample.at, sample.value] for sample in samples],
        "rules": [group.model_dump() for group in lab.prometheus.rules()],
        "ioam_node_ids": nodes.IOAM_NODE_IDS,
    }


def _ask(lab: Lab, answers: dict[str, int]) -> None:
    """Keeps the largest number of rows that each query has given so far."""
    for query, rows in answers.items():
        answers[query] = max(rows, len(lab.prometheus.query(query)))


def main() -> None:
    """Re-enters itself inside fresh namespaces, then runs the session."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--queries", type=Path, help="a JSON list of PromQL to be asked in each fault and after it")
    parser.add_argument(INSIDE, action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if not args.inside:
        isolation.enter(
            [sys.executable, "-m", "joulepath_lab.run.faults", INSIDE, *sys.argv[1:]], rootless=os.geteuid() != 0
        )
    queries = json.loads(args.queries.read_text(encoding="utf-8")) if args.queries else []
    lab = Lab(isolation.private_folder(programs.CACHE / "lab"))
    try:
        recorded = run(lab, queries)
        (args.folder / "recorded.json").write_text(json.dumps(recorded), encoding="utf-8")
        shutil.copy(lab.history, args.folder)
    finally:
        lab.stop()


if __name__ == "__main__":
    main()
