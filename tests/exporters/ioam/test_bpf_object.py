# SPDX-License-Identifier: Apache-2.0
"""The object file: it is what its source says, and it is in the wheel."""

import os
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest

from joulepath.bpf.libbpf import Object, UnavailableError, library
from joulepath.ioam.bpf import kernel
from tests.conftest import ROOT

pytestmark = pytest.mark.unit

FOLDER = ROOT / "exporters" / "joulepath" / "ioam" / "bpf"
Absent = Callable[[str, str], NoReturn]


@pytest.fixture
def toolchain(absent: Absent) -> str:
    """Where the packages of TOOLCHAIN are unpacked, empty where they are installed."""
    places = [os.environ.get("JOULEPATH_CLANG_ROOT"), str(ROOT / ".cache" / "clang"), ""]
    for place in (place for place in places if place is not None):
        clang = Path(place or "/", "usr/lib/llvm-14/bin/clang")
        if clang.exists() and Path(place or "/", "usr/include/bpf/bpf_helpers.h").exists():
            paths = {"LD_LIBRARY_PATH": f"{place}/usr/lib/{os.uname().machine}-linux-gnu"}
            version = subprocess.run([clang, "--version"], capture_output=True, text=True, check=True, env=paths).stdout
            if "14.0.6" in version:
                return place
    return absent(
        "clang", "the toolchain of exporters/joulepath/ioam/bpf/TOOLCHAIN is neither installed nor in .cache/clang"
    )


def test_the_committed_object_is_what_the_named_toolchain_makes_of_the_source(toolchain: str, tmp_path: Path) -> None:
    made = tmp_path / "made.o"
    command = ["make", "-s", "-C", str(FOLDER), f"ROOT={toolchain}", f"OBJECT={made}"]
    subprocess.run(command, check=True, timeout=120)
    assert made.read_bytes() == kernel.image()


def test_the_wheel_has_an_object_that_opens(absent: Absent, tmp_path: Path) -> None:
    try:
        library()
    except UnavailableError as fault:
        absent("bpf", str(fault))
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=120)
    (wheel,) = tmp_path.glob("*.whl")
    image = zipfile.ZipFile(wheel).read("joulepath/ioam/bpf/count.bpf.o")
    assert image == kernel.image()
    with Object(image, "count.bpf.o") as opened:
        assert opened.map("own").name == "own"
