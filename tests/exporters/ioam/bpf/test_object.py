# SPDX-License-Identifier: Apache-2.0
"""The object files: each is what its source says, and is in the wheel."""

import os
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest

from joulepath.bpf.libbpf import Object, UnavailableError, library
from tests.conftest import ROOT

pytestmark = pytest.mark.unit

OBJECTS = ("joulepath/ioam/bpf/count.bpf.o", "joulepath/tag/bpf/tag.bpf.o")
LICENCE = "SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause"
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


@pytest.mark.parametrize("name", OBJECTS)
def test_the_named_toolchain_builds_the_committed_object(toolchain: str, tmp_path: Path, name: str) -> None:
    built, committed = tmp_path / "made.o", ROOT / "exporters" / name
    command = ["make", "-s", "-C", str(committed.parent), f"ROOT={toolchain}", f"OBJECT={built}"]
    subprocess.run(command, check=True, timeout=120)
    assert built.read_bytes() == committed.read_bytes()


def test_the_wheel_has_objects_that_open(absent: Absent, tmp_path: Path) -> None:
    try:
        library()
    except UnavailableError as fault:
        absent("bpf", str(fault))
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=120)
    (wheel,) = tmp_path.glob("*.whl")
    for name, table in zip(OBJECTS, ("reserved_traces", "tables"), strict=True):
        image = zipfile.ZipFile(wheel).read(name)
        assert image == (ROOT / "exporters" / name).read_bytes()
        with Object(image, name) as opened:
            assert opened.map(table).name == table


def test_every_bpf_source_is_under_both_licences_that_the_object_names() -> None:
    sources = [path for path in (ROOT / "exporters").rglob("*") if path.suffix in {".c", ".h"}]
    assert {path.name for path in sources} >= {"count.bpf.c", "state.h", "tag.bpf.c"}
    for source in sources:
        assert source.read_text(encoding="utf-8").splitlines()[0].strip("/* ") == LICENCE, source
    for name in OBJECTS:
        assert b"Dual BSD/GPL\0" in (ROOT / "exporters" / name).read_bytes()


def test_the_wheel_has_the_text_of_each_licence(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=120)
    (wheel,) = tmp_path.glob("*.whl")
    files = zipfile.ZipFile(wheel).namelist()
    for name in ("Apache-2.0", "BSD-2-Clause", "GPL-2.0-only"):
        assert any(file.endswith(f".dist-info/licenses/LICENSES/{name}.txt") for file in files), name
