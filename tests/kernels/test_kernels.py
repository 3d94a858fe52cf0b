# SPDX-License-Identifier: Apache-2.0
"""Both programs on kernels that this machine does not run, each in a virtual machine of its own.

The distribution's kernel is fetched; `JOULEPATH_KERNELS` names folders, separated by colons, of other unpacked kernel
packages. Verifiers differ: what one kernel takes, an older one may not.
"""

import lzma
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest

from joulepath_lab.run import packages
from tests.conftest import ROOT
from tests.kernels.guest import DONE

pytestmark = pytest.mark.long

QEMU = "qemu-system-x86_64"
GUEST = [
    *("busybox-static", "libbpf1", "libc6", "libelf1", "libexpat1", "libffi8", "libssl3", "zlib1g"),
    *("python3.11-minimal", "libpython3.11-minimal", "libpython3.11-stdlib"),
]
MODULES = ("sch_ingress", "cls_bpf")
SECONDS = 600  # without KVM; about 90 are needed
INIT = """#!/bin/busybox sh
busybox mount -t proc proc /proc
busybox mount -t sysfs sys /sys
for module in /modules/*; do busybox insmod $module; done
busybox ip link set lo up
cd /srv
PYTHONPATH=/srv/exporters:/srv python3.11 -m tests.kernels.guest
busybox poweroff -f
"""


@pytest.fixture(scope="module")
def guest(absent: Callable[[str, str], NoReturn]) -> Path:
    """A folder with Python, libbpf and busybox of the distribution."""
    if platform.machine() != "x86_64" or "bookworm" not in platform.freedesktop_os_release().get(
        "VERSION_CODENAME", ""
    ):
        absent("qemu", "the virtual machine is made of packages of Debian 12 on x86-64")
    if shutil.which(QEMU) is None:
        absent("qemu", f"{QEMU} is not installed (package qemu-system-x86)")
    folder = ROOT / ".cache" / "guest"
    if not folder.is_dir():
        packages.unpack(folder, GUEST)
    return folder


def kernels() -> list[Path]:
    """Folders of unpacked kernel packages, the distribution's first."""
    return [ROOT / ".cache" / "kernel", *map(Path, filter(None, os.environ.get("JOULEPATH_KERNELS", "").split(":")))]


def fetch(folder: Path) -> None:
    """Unpacks the distribution's kernel."""
    asked = ["apt-cache", "depends", "--important", "linux-image-cloud-amd64"]
    lines = subprocess.run(asked, capture_output=True, text=True, check=True).stdout.splitlines()
    packages.unpack(folder, [line.split()[-1] for line in lines if line.strip().startswith("Depends:")])


def image(guest: Path, kernel: Path, folder: Path) -> Path:
    """An initial file system that runs guest.py."""
    root = folder / "root"
    shutil.copytree(guest, root, symlinks=True)
    for part in ("proc", "sys", "dev", "modules", "srv/tests"):
        (root / part).mkdir(parents=True, exist_ok=True)
    for name in MODULES:
        (file,) = kernel.rglob(f"{name}.ko*")
        octets = file.read_bytes()
        (root / "modules" / f"{name}.ko").write_bytes(lzma.decompress(octets) if file.suffix == ".xz" else octets)
    ours = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "exporters", root / "srv" / "exporters", ignore=ours)
    for part in ("__init__.py", "exporters/__init__.py", "exporters/ioam", "kernels"):
        source, target = ROOT / "tests" / part, root / "srv" / "tests" / part
        if source.is_dir():
            shutil.copytree(source, target, ignore=ours)
        else:
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, target)
    (root / "init").write_text(INIT)
    (root / "init").chmod(0o755)
    names = "\n".join(str(path.relative_to(root)) for path in root.rglob("*"))
    initrd = folder / "initrd"
    with initrd.open("wb") as file_:
        archive = [str(root / "bin" / "busybox"), "cpio", "-o", "-H", "newc"]
        subprocess.run(archive, cwd=root, input=names.encode(), stdout=file_, stderr=subprocess.DEVNULL, check=True)
    return initrd


@pytest.mark.parametrize("kernel", kernels(), ids=lambda path: path.name)
def test_the_programs_load_and_count(guest: Path, kernel: Path, tmp_path: Path) -> None:
    if not kernel.is_dir():
        fetch(kernel)
    initrd = image(guest, kernel, tmp_path)
    linux = next(path for path in kernel.rglob("vmlinuz*") if path.is_file())
    # On a busy host the emulated timer is late, which the kernel would take for a broken one.
    command = [QEMU, "-M", "q35", "-cpu", "max", "-m", "2048", "-nographic", "-no-reboot", "-nic", "none"]
    command += ["-kernel", str(linux), "-initrd", str(initrd), "-append", "console=ttyS0 quiet panic=-1 no_timer_check"]
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=SECONDS, check=False
    )
    sys.stdout.write(done.stdout)
    assert DONE in done.stdout
