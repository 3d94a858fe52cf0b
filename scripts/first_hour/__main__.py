# SPDX-License-Identifier: Apache-2.0
"""Clones the checkout, follows the pages there, and compares the figures at the end with the truth of the stand-ins.

Steps that fetch packages run first, on the machine's own network. All others run in namespaces of their own.
"""

import os
import signal
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
INTERRUPTED = 130
"""The exit code after SIGINT, as a shell has it."""


def main(root: Path = ROOT) -> int:
    """Follows the pages of the checkout at `root`. Returns the exit code."""
    rootless = os.geteuid() != 0
    if refusal := isolation.refusal(rootless=rootless):
        say(refusal)
        return 1
    for number in (signal.SIGINT, signal.SIGTERM):  # a shell lets jobs in the background ignore the first
        signal.signal(number, signal.default_int_handler)
    try:
        with tempfile.TemporaryDirectory(prefix="first-hour-", ignore_cleanup_errors=True) as name:
            return follow(root, Path(name, "home"), rootless=rootless)
    except KeyboardInterrupt:
        say("interrupted; the clone is removed")
        return INTERRUPTED


def follow(root: Path, home: Path, *, rootless: bool) -> int:
    """Follows the pages in a clone in `home`. Returns the exit code."""
    tree = home / "src"
    home.mkdir()
    if changes(root):
        say("note: the clone lacks what is not committed in this checkout")
    subprocess.run(["git", "clone", "--quiet", str(root), str(tree)], check=True)
    followed, began = Followed(), time.time()
    with Terminal(tree, reader(home)) as terminal:
        try:
            followed.follow((step for step in [*steps(tree / README), *steps(tree / GUIDE)] if step.fetches), terminal)
            environment, folder = terminal.environment(), terminal.folder()
        except (StepError, TimeoutError, RuntimeError) as fault:
            say(f"FAIL {fault}")
            return 1
    inside = [sys.executable, "-P", "-m", "scripts.first_hour.inside", str(began), str(followed.count)]
    # The namespaces end with this process, whatever ends it.
    command = ["setpriv", "--pdeathsig", "KILL", "--", *isolation.command(inside, rootless=rootless)]
    return subprocess.run(command, cwd=folder, env={**environment, "PYTHONPATH": str(ROOT)}, check=False).returncode


def changes(root: Path) -> bool:
    """Whether a checkout has files that are not committed."""
    words = ["git", "-C", str(root), "status", "--porcelain"]
    return bool(subprocess.run(words, capture_output=True, check=True).stdout)


def reader(home: Path) -> dict[str, str]:
    """The variables of a reader with an empty home, and with the packages that this machine has fetched already."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("VIRTUAL_ENV", "PYTHON", "MAKE"))}
    pip = os.environ.get("PIP_CACHE_DIR", str(Path.home() / ".cache" / "pip"))
    return {**kept, "HOME": str(home), "JOULEPATH_CACHE": str(programs.CACHE), "PIP_CACHE_DIR": pip}


if __name__ == "__main__":
    sys.exit(main())
