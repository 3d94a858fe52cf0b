# SPDX-License-Identifier: Apache-2.0
"""A machine that a test writes, and power models for it."""

from pathlib import Path

from tests.exporters.workload.tree import FakeHost

CPU_MODEL = "Example CPU 4 cores"
GIGABYTE = 10**9
MEMORY = 8 * 1024 * 1024
"""kB."""

MODEL = f"""\
name: {{name}}
machine: {{{{cpu_model: {CPU_MODEL}, cpus: {{cpus}}}}}}
idle_watts: {{{{value: 100, standard_error: 1}}}}
cpu:
  - {{{{busy_ratio: 0.5, watts: {{{{value: 80, standard_error: 1}}}}}}}}
  - {{{{busy_ratio: 1, watts: {{{{value: 120, standard_error: 1}}}}}}}}
"""
TERMS = """\
memory: {watts_per_gigabyte: {value: 0.5, standard_error: 0.1}}
disk: {joules_per_gigabyte: {value: 4, standard_error: 0.1}}
"""


def made(folder: Path, cpus: int = 4) -> FakeHost:
    """A host with all that a power model reads: idle, no memory in use, one disk with one partition."""
    host = FakeHost(folder, cpus)
    host.busy()
    (host.procfs / "cpuinfo").write_text(f"processor\t: 0\nmodel name\t: {CPU_MODEL}\n\nprocessor\t: 1\n")
    memory(host, 0)
    disk(host, 0)
    part = folder / "sys/dev/block/8:1/partition"
    part.parent.mkdir(parents=True)
    part.write_text("1\n")
    (folder / "sys/dev/block/253:0/slaves/sda1").mkdir(parents=True)
    return host


def memory(host: FakeHost, used: int) -> None:
    """Memory in use, in bytes."""
    lines = [
        f"MemTotal: {MEMORY} kB",
        "MemFree: 5 kB",
        f"MemAvailable: {MEMORY - used // 1024} kB",
        "HugePages_Total: 0",
    ]
    (host.procfs / "meminfo").write_text("\n".join(lines) + "\n")


def disk(host: FakeHost, octets: int) -> None:
    """Bytes of the disk, half of them read; they stand again at its partition, and at what lies on that."""
    half = octets // 2 // 512
    names = (("8", "0", "sda"), ("8", "1", "sda1"), ("253", "0", "dm-0"), ("252", "0", "zram0"), ("7", "0", "loop0"))
    lines = [f" {major} {minor} {name} 1 0 {half} 9 1 0 {half} 9 0 9 9 0 0 0 0 0 0" for major, minor, name in names]
    (host.procfs / "diskstats").write_text("\n".join(lines) + "\n")


def written(folder: Path, name: str = "example", cpus: int = 4, terms: str = "") -> Path:
    """A file with a model."""
    path = folder / f"{name}-{cpus}.yaml"
    path.write_text(MODEL.format(name=name, cpus=cpus) + terms)
    return path
