# SPDX-License-Identifier: Apache-2.0
"""Libraries that answer like the vendors'. Each is built and loaded once, as its binding does."""

import re
from importlib.util import find_spec
from pathlib import Path

import pytest

from joulepath.gpu.vendors.loading import preload
from joulepath_lab.devices.gpu_library import SOURCES
from tests.exporters.gpu.stub import Stub, build


@pytest.fixture(scope="session")
def nvml_library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    library = build("nvml.c", "libnvidia-ml.so.1", tmp_path_factory.mktemp("nvml"))
    preload(library)
    return library


@pytest.fixture
def nvml(nvml_library: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stub:
    """NVML on a host with two H100 of one name."""
    stub = Stub(nvml_library, tmp_path, monkeypatch)
    stub.put("gpus", 2)
    for index, bus in enumerate((0x3B, 0x5E)):
        stub.gpu(
            index, uuid=f"GPU-{index}", name="NVIDIA H100 80GB HBM3", bus=bus, energy=5_000_000, power=70_000, mig=0
        )
    return stub


@pytest.fixture(scope="session")
def smi_library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """AMD SMI where its binding looks first: in ROCM_PATH. The binding asks for each of its symbols when it loads."""
    folder = tmp_path_factory.mktemp("rocm")
    (folder / "lib").mkdir()
    spec = find_spec("amdsmi") or pytest.skip("amdsmi is not installed")
    wrapper = Path(spec.origin or "").with_name("amdsmi_wrapper.py").read_text()
    symbols = set(re.findall(r"_libraries\['libamd_smi.so'\]\.(\w+)", wrapper))
    answered = set(re.findall(r"^int (\w+)\(", (SOURCES / "amd_smi.c").read_text(), re.MULTILINE))
    others = folder / "others.c"
    others.write_text("".join(f"int {name}(void) {{ return 2; }}\n" for name in sorted(symbols - answered)))
    return build("amd_smi.c", "libamd_smi.so", folder / "lib", others)


@pytest.fixture
def smi(smi_library: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stub:
    """AMD SMI on a host with two MI300X."""
    monkeypatch.setenv("ROCM_PATH", str(smi_library.parent.parent))
    stub = Stub(smi_library, tmp_path, monkeypatch)
    stub.put("gpus", 2)
    for index, bus in enumerate((0x05, 0x26)):
        stub.gpu(index, uuid=f"ab{index}", name="AMD Instinct MI300X", bus=bus, energy=4_000_000, current=140)
    return stub


@pytest.fixture(scope="session")
def zes_library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build("level_zero.c", "libze_loader.so.1", tmp_path_factory.mktemp("zes"))


@pytest.fixture
def zes(zes_library: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stub:
    """Level Zero on a host with one GPU of two tiles, and a device of another kind."""
    stub = Stub(zes_library, tmp_path, monkeypatch)
    stub.put("gpus", 2)
    stub.gpu(0, uuid=0xA1, name="Intel(R) Data Center GPU Max 1550", bus=0x29, energy=3_000_000, tile=1_000_000)
    stub.gpu(1, type=2, uuid=0xA2)
    return stub
