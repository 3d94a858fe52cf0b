# SPDX-License-Identifier: Apache-2.0
"""Finds the cgroup v2 folder of a systemd unit, a container or a pod."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

from joulepath.bpf.cgroup import mounted
from joulepath.errors import JoulepathError, UsageError
from joulepath.tag.settings import Sender

__all__ = ["AmbiguousError", "find", "given", "mounted"]


class AmbiguousError(JoulepathError):
    """Several folders have the name."""


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
