# SPDX-License-Identifier: Apache-2.0
"""The questions of a user to the demo's servers at its end: `joulepath report` and `joulepath doctor`."""

import shutil
import subprocess
import sys
from pathlib import Path

from joulepath_lab.run import monitoring

REPORT, TOPOLOGY = "report.html", "topology.yaml"


def keep(topology: Path, folder: Path) -> Path:
    """A copy of the lab's topology that stays after its end; older answers beside it are removed."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in (REPORT, TOPOLOGY):
        (folder / name).unlink(missing_ok=True)
    return Path(shutil.copy(topology, folder / TOPOLOGY))


def report(topology: Path, begin: float, end: float) -> str:
    """Writes the report of a period [seconds since the epoch] beside the topology. Returns what went wrong, if any."""
    page = topology.with_name(REPORT)
    done = _joulepath("report", topology, "--from", f"{begin:.0f}", "--to", f"{end:.0f}", "--html", str(page))
    return "" if done.returncode == 0 and page.exists() else (done.stderr or done.stdout).strip()


def doctor(topology: Path) -> str:
    """The findings of the doctor, or that there are none."""
    done = _joulepath("doctor", topology)
    return (done.stdout + done.stderr).strip()


def _joulepath(command: str, topology: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    words = [sys.executable, "-m", "joulepath", command, str(topology), "--prometheus", monitoring.PROMETHEUS_URL]
    return subprocess.run([*words, *arguments], capture_output=True, text=True, check=False)
