# SPDX-License-Identifier: Apache-2.0
"""Libraries that answer like the vendors'. Each is built and loaded once, as its binding does."""

from pathlib import Path

import pytest

from joulepath.gpu.vendors.loading import preload
from tests.exporters.gpu.stub import Stub, build


@pytest.fixture(scope="session")
def nvml_library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    library = build("nvml.c", "libnvidia-ml.so.1", tmp_path_factory.mktemp("nvml"))
    preload(library)
    return library


@pytest.fixture
def nvml(nvml_library: Path, tmp_path: Path) -> Stub:
    """NVML on a host with two H100 of one name."""
    stub = Stub(nvml_library, tmp_path / "nvml.state")
    stub.put("gpus", 2)
    for index, bus in enumerate((0x3B, 0x5E)):
        stub.gpu(index, uuid=f"GPU-{index}", name="NVIDIA H100 80GB HBM3", bus=bus, energy=5_000_000, power=70_000, mig=0)
    return stub
