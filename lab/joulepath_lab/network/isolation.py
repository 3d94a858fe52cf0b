# SPDX-License-Identifier: Apache-2.0
"""Runs a program in namespaces of its own, so that the kernel removes all it made, whatever ends it.

`unshare` makes the program process 1 of a PID namespace; when it ends, everything in there ends, and with the last
process go the network namespaces, the mounts and the files below them.
"""

import ctypes
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

_PR_SET_PDEATHSIG = 1  # prctl(2)


def command(arguments: Sequence[str], *, rootless: bool) -> list[str]:
    """`arguments` inside fresh namespaces; `rootless` maps the caller to root of a user namespace."""
    user = ["--user", "--map-root-user"] if rootless else []
    kinds = ["--net", "--mount", "--pid", "--fork", "--kill-child=KILL", "--mount-proc"]
    return ["unshare", *user, *kinds, "--", *arguments]


def refusal(*, rootless: bool) -> str | None:
    """Why this machine will not make the namespaces, or None if it will."""
    if shutil.which("unshare") is None:
        return "unshare is missing: install util-linux"
    trial = subprocess.run(command(["true"], rootless=rootless), capture_output=True, text=True, check=False)
    if trial.returncode == 0:
        return None
    if "root filesystem propagation" in trial.stderr:
        mend = (
            "this chroot's root is not a mount point: `mount --bind TREE TREE` before entering, or use systemd-nspawn"
        )
    elif rootless:
        mend = "run as root"
    else:
        mend = "root alone is not enough here: the container needs CAP_SYS_ADMIN"
    return f"the kernel refuses namespaces ({trial.stderr.strip()}): {mend}"


def enter(arguments: Sequence[str], *, rootless: bool) -> None:
    """Becomes `arguments` inside fresh namespaces; ends with its parent, even when that is killed."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    words = command(arguments, rootless=rootless)
    sys.stdout.flush()
    os.execvp(words[0], words)  # noqa: S606  # the namespaces' own program


def private_folder(path: Path) -> Path:
    """`path` as an empty folder in memory that only this mount namespace sees and that vanishes with it."""
    path.mkdir(parents=True, exist_ok=True)
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mount(b"tmpfs", str(path).encode(), b"tmpfs", 0, None) != 0:
        raise OSError(ctypes.get_errno(), f"cannot mount a private {path}")
    return path
