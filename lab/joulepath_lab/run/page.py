# SPDX-License-Identifier: Apache-2.0
"""`joulepath report` on the running lab, as its user would call it."""

import shutil
import subprocess
import sys
from pathlib import Path

from joulepath_lab.run import monitoring

REPORT, DATA, TOPOLOGY = "report.html", "report.json", "topology.yaml"


def keep(topology: Path, folder: Path) -> Path:
    """A copy of the lab's topology that stays after its end; older answers beside it are removed."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in (REPORT, DATA, TOPOLOGY):
        (folder / name).unlink(missing_ok=True)
    return Path(shutil.copy(topology, folder / TOPOLOGY))


def report(topology: Path, begin: float, end: float) -> str:
    """Writes the report of a period [seconds since the epoch] beside the topology, as a page and as JSON.

    Returns what went wrong, if any.
    """
    page = topology.with_name(REPORT)
    command = [sys.executable, "-m", "joulepath", "report", str(topology), "--prometheus", monitoring.PROMETHEUS_URL]
    command += ["--from", f"{begin:.0f}", "--to", f"{end:.0f}", "--html", str(page)]
    command += ["--json", str(topology.with_name(DATA))]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 and page.exists() else (done.stderr or done.stdout).strip()
