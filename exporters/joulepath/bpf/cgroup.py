# SPDX-License-Identifier: Apache-2.0
"""Where cgroup v2 is mounted, and the ids that BPF programs know its folders by."""

import os
import re
from pathlib import Path

from joulepath.errors import JoulepathError

_MOUNTS = Path("/proc/self/mounts")


def mounted(mounts: Path = _MOUNTS) -> Path:
    """Where cgroup v2 is mounted, alone or beside version 1. Raises JoulepathError where it is not."""
    for line in map(os.fsdecode, mounts.read_bytes().splitlines()):  # names are octets
        _, where, kind, *_ = line.split(" ")
        if kind == "cgroup2":
            return Path(re.sub(r"\\([0-7]{3})", lambda octal: chr(int(octal[1], 8)), where))
    raise JoulepathError(
        "no cgroup v2 is mounted here: mount it (mount -t cgroup2 none /sys/fs/cgroup/unified), "
        "or choose packets by addresses and ports"
    )


def find_id(name: str) -> int | None:
    """The id of a folder, given as in /proc/PID/cgroup or with the place where cgroup v2 is mounted.

    None while there is no such folder. Raises JoulepathError where cgroup v2 is not mounted.
    """
    root = mounted()
    path = Path(name)
    path = path if path.is_relative_to(root) else root / name.lstrip("/")
    try:
        return path.stat().st_ino
    except OSError:
        return None
