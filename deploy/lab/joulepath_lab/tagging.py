# SPDX-License-Identifier: Apache-2.0
"""What `joulepath tag` is told of programs that know nothing of IOAM: robots by cgroup, the model's answers by port."""

import contextlib
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from joulepath.ioam.encode import DEFAULT_TRANSIT_NODES
from joulepath.tag import cgroup
from joulepath_lab import network
from joulepath_lab.streams import Stream

_NAME = "joulepath-lab-"


class Cgroups:
    """A cgroup for each stream's program. The kernel keeps them when all else ends, so the next start tidies up."""

    def __init__(self, streams: Sequence[Stream], root: Path | None = None) -> None:
        """Raises JoulepathError where no cgroup v2 is mounted, OSError where none can be made."""
        root = root or cgroup.mounted()
        for left in root.glob(f"{_NAME}*"):
            _remove(left)
        self.folder = root / f"{_NAME}{uuid.uuid4().hex[:8]}"
        for stream in streams:
            (self.folder / stream.name).mkdir(parents=True)

    def inside(self, stream: Stream) -> list[str]:
        """Starts the command that follows in the stream's cgroup."""
        return ["sh", "-c", f'echo 0 > {self.folder / stream.name}/cgroup.procs && exec "$@"', "sh"]

    def remove(self) -> None:
        """Removes them; their programs have ended."""
        _remove(self.folder)

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
    return {"ioam_namespace": network.IOAM_NAMESPACE, "id": stream.trace_id}


def _remove(folder: Path) -> None:
    # In use by another lab: left to it.
    with contextlib.suppress(OSError):
        for below in folder.glob("*/"):
            below.rmdir()
        folder.rmdir()
