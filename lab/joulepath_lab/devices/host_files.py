# SPDX-License-Identifier: Apache-2.0
"""A host's files as the kernel shows them: /proc/stat, cgroups of version 2, processes, and the kubelet's folders.

`joulepath workload` and `joulepath gpu` read them in place of this machine's.
"""

import uuid
from collections.abc import Mapping
from pathlib import Path

TICKS_PER_SECOND = 100  # USER_HZ, the unit of /proc/stat (proc_stat(5))
_MODES = ("user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal")


def replace(path: Path, text: str) -> None:
    """Publishes a file's new content at once."""
    fresh = path.with_name(f".{path.name}.new")
    fresh.write_text(text, encoding="utf-8")
    fresh.replace(path)


def pod_group(name: str) -> str:
    """The cgroup of the pod NAMESPACE/NAME, by systemd's driver."""
    return f"/kubepods.slice/kubepods-pod{_uid(name).replace('-', '_')}.slice"


def machine_group(name: str) -> str:
    """The cgroup of a virtual machine of libvirt."""
    escaped = f"qemu-1-{name}".replace("-", "\\x2d")
    return f"/machine.slice/machine-{escaped}.scope"


def unit_group(name: str) -> str:
    """The cgroup of a unit."""
    return f"/system.slice/{name}"


class HostFiles:
    """The folders `procfs`, `cgroup`, `sysfs` and `rootfs` below `root`, as the exporters' arguments call them."""

    def __init__(self, root: Path, cpus: int) -> None:
        self.root = root
        self._cpus = cpus
        for name in ("procfs", "cgroup", "sysfs", "rootfs"):
            (root / name).mkdir(parents=True)
        (root / "cgroup" / "cgroup.controllers").write_text("cpu io memory\n", encoding="ascii")

    def add_pod(self, name: str) -> None:
        """Makes the folder of a pod's logs, which tells its name from its UID."""
        space, _, pod = name.partition("/")
        (self.root / "rootfs" / "var" / "log" / "pods" / f"{space}_{pod}_{_uid(name)}").mkdir(parents=True)

    def add_process(self, pid: int, group: str) -> None:
        """Makes a process that is in a cgroup."""
        folder = self.root / "procfs" / str(pid)
        folder.mkdir()
        (folder / "cgroup").write_text(f"0::{group}\n", encoding="ascii")

    def write(self, groups: Mapping[str, float], modes: Mapping[str, float]) -> None:
        """Publishes CPU seconds by cgroup and by mode of /proc/stat, all since the start."""
        for path, seconds in groups.items():
            folder = self.root / "cgroup" / path.lstrip("/")
            folder.mkdir(parents=True, exist_ok=True)
            replace(folder / "cpu.stat", f"usage_usec {round(seconds * 1e6)}\nuser_usec 0\nsystem_usec 0\n")
        words = " ".join(str(round(modes.get(mode, 0.0) * TICKS_PER_SECOND)) for mode in _MODES)
        each = (f"cpu{number} 0 0 0 0 0 0 0 0 0 0\n" for number in range(self._cpus))
        replace(self.root / "procfs" / "stat", f"cpu  {words} 0 0\n{''.join(each)}intr 0\nctxt 0\n")


def _uid(name: str) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_URL, name))
