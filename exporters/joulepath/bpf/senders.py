# SPDX-License-Identifier: Apache-2.0
"""Finds the cgroup v2 folder of a local sender that is named by its systemd unit or its pod.

systemd makes a folder with the unit's name, at a place that depends on slices. The kubelet makes one with the UID of
the pod (`podUID`, or `...-podUID.slice` with `_` for `-`), and a folder of logs NAMESPACE_POD_UID in /var/log/pods.
"""

import os
import time
from collections.abc import Callable, Collection
from pathlib import Path

from joulepath.bpf.cgroup import find_id, mounted

UNIT, POD = "unit:", "pod:"
"""Before the name of a unit, and before NAMESPACE/POD; a folder has neither."""
LOOK_SECONDS = 5.0
"""A sender that is not there is looked for no more often than this."""
_PODS = Path("/var/log/pods")


class Senders:
    """Remembers where each sender's folder is, and looks for it again once it is gone."""

    def __init__(
        self,
        root: Callable[[], Path] = mounted,
        pods: Path = _PODS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._root = root
        self._pods = pods
        self._clock = clock
        self._folders: dict[str, Path] = {}
        self._looked: dict[str, float] = {}

    def find_id(self, name: str) -> int | None:
        """The id of the sender's folder, None while there is no such folder.

        Raises JoulepathError where cgroup v2 is not mounted.
        """
        if not name.startswith((UNIT, POD)):
            return find_id(name)
        if (found := _id(self._folders.get(name))) is not None:
            return found
        now = self._clock()
        if now - self._looked.get(name, -LOOK_SECONDS) < LOOK_SECONDS:
            return None
        self._looked[name] = now
        wanted = {name.removeprefix(UNIT)} if name.startswith(UNIT) else self._of_pod(name.removeprefix(POD))
        folder = _below(self._root(), wanted) if wanted else None
        if folder is None:
            self._folders.pop(name, None)
            return None
        self._folders[name] = folder
        return _id(folder)

    def _of_pod(self, pod: str) -> Collection[str]:
        """The names that a folder of the pod may have. A pod that was made anew under its name has several UIDs."""
        try:
            entries = os.listdir(self._pods)  # noqa: PTH208  # names alone
        except OSError:
            return ()
        begin = pod.replace("/", "_") + "_"
        uids = [entry.removeprefix(begin) for entry in entries if entry.startswith(begin)]
        escaped = [uid.replace("-", "_") for uid in uids]
        classes = ("", "-burstable", "-besteffort")
        return {f"pod{uid}" for uid in uids} | {f"kubepods{each}-pod{uid}.slice" for each in classes for uid in escaped}


def _below(root: Path, names: Collection[str]) -> Path | None:
    """The first folder with one of these names, those nearest to the root before others."""
    level = [root]
    while level:
        found = [Path(entry.path) for folder in level for entry in _folders(folder)]
        if (there := next((one for one in found if one.name in names), None)) is not None:
            return there
        level = found
    return None


def _folders(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return sorted((entry for entry in entries if entry.is_dir(follow_symlinks=False)), key=lambda one: one.name)
    except OSError:  # it has gone
        return []


def _id(folder: Path | None) -> int | None:
    try:
        return None if folder is None else folder.stat().st_ino
    except OSError:
        return None
