# SPDX-License-Identifier: Apache-2.0
"""Where a host's file systems are mounted."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Places:
    """Their mount points, as this process sees them."""

    procfs: Path = Path("/proc")
    cgroup: Path = Path("/sys/fs/cgroup")
    sysfs: Path = Path("/sys")
    rootfs: Path = Path("/")
