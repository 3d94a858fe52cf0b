# SPDX-License-Identifier: Apache-2.0
"""Configures `joulepath tag` for unmodified programs: robots by cgroup, the model's answers by port."""

import contextlib
import fcntl
import os
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

from joulepath.ioam.wire.encode import DEFAULT_TRANSIT_NODES
from joulepath.tag import cgroup
from joulepath_lab.network import nodes
from joulepath_lab.scenarios.streams import Stream

_NAME = "joulepath-lab-"


class Cgroups:
    """A cgroup for each stream's program. The kernel keeps them when all else ends, so the next start tidies up.

    Each lab holds a lock on its own (flock(2)), which ends with it however it ends: those of others are left alone.
    """

    def __init__(self, streams: Sequence[Stream], root: Path | None = None) -> None:
        """Raises JoulepathError where no cgroup v2 is mounted, OSError where none can be made."""
        root = root or cgroup.mounted()
        for left in root.glob(f"{_NAME}*"):
            with contextlib.suppress(OSError), _Hold(left, wait=False):
                _remove(left)
        self.folder, self._hold = _make_held(root)
        for stream in streams:
            (self.folder / stream.name).mkdir(parents=True)

    def inside(self, stream: Stream) -> list[str]:
        """Starts the command that follows in the stream's cgroup."""
        return ["sh", "-c", f'echo 0 > {self.folder / stream.name}/cgroup.procs && exec "$@"', "sh"]

    def remove(self) -> None:
        """Removes them; their programs have ended."""
        _remove(self.folder)
        self._hold.close()

    def robots(self, streams: Sequence[Stream]) -> dict[str, Any]:
        """The configuration of the tagger beside the robots."""
        return _config("core", {s.name: _trace(s) | {"cgroup": str(self.folder / s.name)} for s in streams})


def answers(streams: Sequence[Stream]) -> dict[str, Any]:
    """The configuration of the tagger beside the model server."""
    chosen = {protocol: {"protocol": protocol} for protocol in ("udp", "tcp")}
    return _config(
        "access",
        {
            f"{s.name}-{protocol}": _trace(s) | selector | {"source_port": s.port}
            for s in streams
            for protocol, selector in chosen.items()
        },
    )


def _config(interface: str, flows: dict[str, Any]) -> dict[str, Any]:
    return {"interfaces": [interface], "nodes": DEFAULT_TRANSIT_NODES, "flows": flows}


def _trace(stream: Stream) -> dict[str, Any]:
    return {"ioam_namespace": nodes.IOAM_NAMESPACE, "id": stream.trace_id}


class _Hold:
    """A lock on a folder, until `close` or the end of the process."""

    def __init__(self, folder: Path, *, wait: bool) -> None:
        """Locks `folder`. Raises OSError if it does not exist or, without `wait`, if another process holds the lock."""
        self._descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self.close()
            raise

    def close(self) -> None:
        """Ends it."""
        os.close(self._descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _make_held(root: Path) -> tuple[Path, _Hold]:
    """Makes a folder and locks it; another lab that starts now may have taken it for an abandoned one."""
    while True:
        folder = root / f"{_NAME}{uuid.uuid4().hex[:8]}"
        folder.mkdir()
        try:
            hold = _Hold(folder, wait=True)
        except FileNotFoundError:
            continue
        if folder.exists():
            return folder, hold
        hold.close()


def _remove(folder: Path) -> None:
    # A program that has not ended keeps its cgroup.
    with contextlib.suppress(OSError):
        for below in folder.glob("*/"):
            below.rmdir()
        folder.rmdir()
