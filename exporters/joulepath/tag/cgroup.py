# SPDX-License-Identifier: Apache-2.0
"""Finds the cgroup v2 folder of a systemd unit, a container or a pod."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

from joulepath.errors import JoulepathError, UsageError
from joulepath.tag.settings import Sender

_MOUNTS = Path("/proc/self/mounts")


class AmbiguousError(JoulepathError):
    """Several folders have the name."""


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


def given(root: Path) -> Path:
    """The folder that the user says it is. Raises UsageError where it is not: version 1 has no such file at its top."""
    if not (root / "cgroup.controllers").is_file():
        raise UsageError(
            f"--path.cgroup {root}: is not where cgroup v2 is mounted; `mount -t cgroup2` lists where it is"
        )
    return root


def find(sender: Sender, root: Path) -> Path | None:
    """The topmost folder of the sender, None while it does not exist. Raises AmbiguousError."""
    if sender.kind == "cgroup":
        # Both /sys/fs/cgroup/a/b and the path as in /proc/PID/cgroup, /a/b.
        path = Path(sender.name)
        path = path if path.is_relative_to(root) else root / sender.name.lstrip("/")
        return path if path.is_dir() else None
    found = list(_named(root, _pattern(sender)))
    if len(found) > 1:
        names = ", ".join(str(path.relative_to(root)) for path in found[:3])
        raise AmbiguousError(f"{sender.kind} {sender.name}: several cgroups have this name ({names}): give `cgroup`")
    return found[0] if found else None


def _pattern(sender: Sender) -> re.Pattern[str]:
    """The names that systemd, container runtimes and the kubelet give to such a folder."""
    name = re.escape(sender.name)
    if sender.kind == "unit":
        return re.compile(name)
    if sender.kind == "container":
        # docker-ID.scope, cri-containerd-ID.scope, crio-ID.scope, libpod-ID.scope; ID alone. Not crio-conmon-ID.scope.
        return re.compile(rf"(?:(?!.*conmon-)[a-z-]+-)?{name}[0-9a-f]*(?:\.scope)?")
    # podUID (cgroupfs driver); kubepods-burstable-podUID.slice with underscores (systemd driver)
    return re.compile(rf"pod{name}|kubepods(?:-[a-z]+)?-pod{re.escape(sender.name.replace('-', '_'))}\.slice")


def _named(root: Path, pattern: re.Pattern[str]) -> Iterator[Path]:
    """The folders with a matching name, without those below them."""
    for folder, below, _ in os.walk(root):
        below.sort()
        for name in list(below):
            if pattern.fullmatch(name):
                below.remove(name)
                yield Path(folder) / name
