# SPDX-License-Identifier: Apache-2.0
"""The steps that need the stand-ins, in namespaces of their own, and the figures at their end.

Started by `python -m scripts.first_hour` in the folder and with the variables of the reader's terminal.
"""

import os
import shlex
import subprocess
import sys
import time
from pathlib import Path

from joulepath_lab.run import programs
from joulepath_prometheus.client import Prometheus
from scripts.first_hour import figures
from scripts.first_hour.follow import Followed, StepError, say
from scripts.first_hour.pages import GUIDE, README, steps
from scripts.first_hour.stand_ins import NAMES, stand_ins
from scripts.first_hour.terminal import Terminal

REPORT_SECONDS = 120.0
"""As the page has it: `--since 2m`."""
ALERT_SECONDS = 90.0
"""Alertmanager's `group_wait`, and some patience."""


def main(began: float, before: int) -> int:
    """Follows the rest of the README and the guide, and compares. Returns the exit code."""
    tree, home = Path.cwd(), Path(os.environ["HOME"])
    own_names(home.parent)
    followed = Followed()
    with stand_ins(home.parent) as webhook, Terminal(tree, reader(home.parent)) as terminal:
        try:
            followed.follow((step for step in steps(tree / README) if not step.fetches), terminal)
            followed.follow(steps(tree / GUIDE), terminal)
        except (StepError, TimeoutError, RuntimeError) as fault:
            say(f"FAIL {fault}")
            return 1
        with Prometheus("http://127.0.0.1:9090") as prometheus:
            found = list(figures.measured(prometheus))
        page = (home / "plant" / "report.html").read_text(encoding="utf-8")
        found += figures.reported(followed.done[-1].output, page, REPORT_SECONDS)
        deadline = time.monotonic() + ALERT_SECONDS
        while not figures.alerted(webhook.alerts) and time.monotonic() < deadline:
            time.sleep(0.5)
        alerted = figures.alerted(webhook.alerts)
    for figure in found:
        say(str(figure))
    say(f"{'ok  ' if alerted else 'FAIL'} the budget's alert is at the webhook")
    minutes = (time.time() - began) / 60
    kept = programs.CACHE / "first-hour" / "report.html"
    kept.parent.mkdir(parents=True, exist_ok=True)
    kept.write_text(page, encoding="utf-8")
    say(f"{before + followed.count} steps, {minutes:.1f} minutes; the report: {kept}")
    return 0 if alerted and all(figure.holds for figure in found) else 1


def own_names(folder: Path) -> None:
    """The names of the page are this machine, for all programs in these namespaces."""
    hosts = folder / "hosts"
    hosts.write_text(f"127.0.0.1 localhost {' '.join(NAMES)}\n", encoding="ascii")
    for command in (["ip", "link", "set", "lo", "up"], ["mount", "--bind", str(hosts), "/etc/hosts"]):
        subprocess.run(command, check=True)


def reader(folder: Path) -> dict[str, str]:
    """The reader's variables, with the servers of Prometheus on the path where this machine lacks them."""
    own = folder / "bin"
    own.mkdir(exist_ok=True)
    words = programs.with_templates([str(programs.require("prometheus-alertmanager"))])
    wrapper = own / "prometheus-alertmanager"
    wrapper.write_text(f'#!/bin/sh\nexec {shlex.join(words)} "$@"\n', encoding="utf-8")
    wrapper.chmod(0o755)
    path = [str(own), os.environ["PATH"], str(programs.FOLDER)]
    return {
        **{name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
        "PATH": os.pathsep.join(path),
    }


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1]), int(sys.argv[2])))
