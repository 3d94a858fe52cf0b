# SPDX-License-Identifier: Apache-2.0
"""Clones the checkout, follows the pages there, and compares the figures at the end with the truth of the stand-ins.

Steps that fetch packages run first, on the machine's own network. All others run in namespaces of their own.
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from joulepath_lab.network import isolation
from joulepath_lab.run import programs
from scripts.first_hour.follow import Followed, StepError, say
from scripts.first_hour.pages import GUIDE, README, steps
from scripts.first_hour.terminal import Terminal

ROOT = Path(__file__).resolve().parents[2]


def main() -> int:
    """Returns the exit code."""
    rootless = os.geteuid() != 0
    if refusal := isolation.refusal(rootless=rootless):
        say(refusal)
        return 1
    with tempfile.TemporaryDirectory(prefix="first-hour-", ignore_cleanup_errors=True) as name:
        home = Path(name, "home")
        tree = home / "src"
        home.mkdir()
        subprocess.run(["git", "clone", "--quiet", str(ROOT), str(tree)], check=True)
        followed, began = Followed(), time.time()
        with Terminal(tree, reader(home)) as terminal:
            try:
                followed.follow(
                    (step for step in [*steps(tree / README), *steps(tree / GUIDE)] if step.fetches), terminal
                )
                environment, folder = terminal.environment(), terminal.folder()
            except (StepError, TimeoutError, RuntimeError) as fault:
                say(f"FAIL {fault}")
                return 1
        inside = [sys.executable, "-P", "-m", "scripts.first_hour.inside", str(began), str(followed.count)]
        # The namespaces end with this process, whatever ends it.
        command = ["setpriv", "--pdeathsig", "KILL", "--", *isolation.command(inside, rootless=rootless)]
        return subprocess.run(command, cwd=folder, env={**environment, "PYTHONPATH": str(ROOT)}, check=False).returncode


def reader(home: Path) -> dict[str, str]:
    """The variables of a reader with an empty home, and with the packages that this machine has fetched already."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("VIRTUAL_ENV", "PYTHON", "MAKE"))}
    pip = os.environ.get("PIP_CACHE_DIR", str(Path.home() / ".cache" / "pip"))
    return {**kept, "HOME": str(home), "JOULEPATH_CACHE": str(programs.CACHE), "PIP_CACHE_DIR": pip}


if __name__ == "__main__":
    sys.exit(main())
