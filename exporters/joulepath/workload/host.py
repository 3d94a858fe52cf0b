# SPDX-License-Identifier: Apache-2.0
"""CPU time of the whole host by mode, from the first line of /proc/stat (proc_stat(5))."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from joulepath.errors import JoulepathError
from joulepath.workload.kernelfile import content, number
from joulepath.workload.process import TICKS

MODES = ("user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal")
"""In the order of /proc/stat. `guest` and `guest_nice` follow there, and are part of user and nice."""


@dataclass(frozen=True)
class HostTimes:
    """CPU seconds by mode, and how many CPUs are on."""

    modes: Mapping[str, float]
    cpus: int


def read(procfs: Path = Path("/proc")) -> HostTimes:
    """The host's times now. Raises JoulepathError when they cannot be read."""
    path = procfs / "stat"
    text = content(str(path))
    if text is None:
        raise JoulepathError(f"{path}: cannot be read: is --path.procfs where proc is mounted?")
    name, *words = text.partition(b"\n")[0].split() or [b""]
    values = [seconds for word in words if (seconds := number(word, TICKS)) is not None]
    if name != b"cpu" or len(values) < len(words) or len(values) < len(MODES):
        raise JoulepathError(f"{path}: does not begin with the times of all CPUs")
    return HostTimes(dict(zip(MODES, values, strict=False)), max(1, text.count(b"\ncpu")))
