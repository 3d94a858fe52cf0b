# SPDX-License-Identifier: Apache-2.0
"""A host that a test writes: proc, cgroups of both versions, and the files with names."""

import shutil
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

MODES = ("user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal")
POD = "0d7f9c2e-5b1a-4c53-9d0e-2f1b7a6c8e90"
ID = "4f" * 32


@dataclass
class FakeHost:
    """Its file systems below `root`. Times are CPU seconds; /proc has them in hundredths."""

    root: Path
    cpus: int = 4
    modes: dict[str, float] = field(default_factory=lambda: dict.fromkeys(MODES, 100.0))

    @property
    def procfs(self) -> Path:
        return self.root / "proc"

    @property
    def cgroup(self) -> Path:
        return self.root / "cgroup"

    def busy(self, **seconds: float) -> None:
        """Adds to modes and writes /proc/stat."""
        for mode, amount in seconds.items():
            self.modes[mode] += amount
        self.procfs.mkdir(parents=True, exist_ok=True)
        words = " ".join(str(round(self.modes[mode] * 100)) for mode in MODES)
        lines = [f"cpu  {words} 7 0", *(f"cpu{number} {words} 7 0" for number in range(self.cpus)), "intr 0", "ctxt 5"]
        (self.procfs / "stat").write_text("\n".join(lines) + "\n")

    def group(
        self,
        path: str,
        seconds: float,
        memory: int | None = None,
        io: Iterable[tuple[str, int, int]] | None = None,
        folder: str = "",
    ) -> Path:
        """Adds or changes a cgroup of version 2."""
        top = self.cgroup / folder
        top.mkdir(parents=True, exist_ok=True)
        (top / "cgroup.controllers").write_text("cpu io memory\n")
        made = top / path.lstrip("/")
        made.mkdir(parents=True, exist_ok=True)
        (made / "cpu.stat").write_text(f"usage_usec {round(seconds * 1e6)}\nuser_usec 0\nsystem_usec 0\n")
        if memory is not None:
            (made / "memory.current").write_text(f"{memory}\n")
        if io is not None:
            lines = [
                f"{number} rbytes={read} wbytes={written} rios=1 wios=1 dbytes=9\n" for number, read, written in io
            ]
            (made / "io.stat").write_text("".join(lines))
        return made

    def group_v1(
        self, path: str, seconds: float, memory: int | None = None, io: Iterable[tuple[str, int, int]] | None = None
    ) -> None:
        """Adds or changes a cgroup of version 1."""
        files = {"cpuacct/cpuacct.usage": f"{round(seconds * 1e9)}\n"}
        if memory is not None:
            files["memory/memory.usage_in_bytes"] = f"{memory}\n"
        if io is not None:
            lines = [
                f"{number} Read {read}\n{number} Write {written}\n{number} Total 1\n" for number, read, written in io
            ]
            files["blkio/blkio.throttle.io_service_bytes_recursive"] = "".join(lines) + "Total 17\n"
        for file, text in files.items():
            controller, _, name = file.partition("/")
            made = self.cgroup / controller / path.lstrip("/")
            made.mkdir(parents=True, exist_ok=True)
            (made / name).write_text(text)

    def remove(self, path: str, folder: str = "") -> None:
        """Removes a cgroup and those in it. Its inode stays in use: the kernel does not give it to the next one."""
        graves = self.root / "graves"
        graves.mkdir(exist_ok=True)
        (self.cgroup / folder / path.lstrip("/")).rename(graves / str(len(list(graves.iterdir()))))

    def process(
        self, pid: int, command: str, seconds: float, *, start: int = 5, path: str = "/", name: str | None = None
    ) -> None:
        """Adds or changes a process; `command` is empty for a thread of the kernel."""
        made = self.procfs / str(pid)
        made.mkdir(parents=True, exist_ok=True)
        words = command.split(" ")
        comm = name if name is not None else words[0].rpartition("/")[2][:15]
        ticks = round(seconds * 100)
        fields = ["S", "1", *["0"] * 9, str(ticks - ticks // 3), str(ticks // 3), *["0"] * 6, str(start), *["0"] * 20]
        (made / "stat").write_text(f"{pid} ({comm}) {' '.join(fields)}\n")
        (made / "comm").write_text(f"{comm}\n")
        (made / "cmdline").write_bytes(b"".join(word.encode() + b"\0" for word in words) if command else b"")
        (made / "cgroup").write_text(f"5:cpuacct,cpu:{path}\n1:name=systemd:/\n0::{path}\n")

    def end(self, pid: int) -> None:
        """Removes a process."""
        shutil.rmtree(self.procfs / str(pid))
