# SPDX-License-Identifier: Apache-2.0
"""AMD's GPUs through the real amdsmi, with a library that answers like AMD SMI."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from joulepath.errors import JoulepathError
from joulepath.gpu.source import LostError
from joulepath.gpu.vendors.amd import AmdLibrary
from tests.exporters.gpu.stub import Stub

pytestmark = pytest.mark.unit

NO_PERM, DRIVER_NOT_LOADED, BUSY, RETRY = 10, 34, 30, 9


@pytest.fixture
def library(smi: Stub, tmp_path: Path) -> Iterator[AmdLibrary]:
    library = AmdLibrary(tmp_path / "sys")
    yield library
    library.close()


def test_energy_power_and_memory_in_their_units(library: AmdLibrary, smi: Stub) -> None:
    first, second = library.open()
    assert first.identity.name == "AMD Instinct MI300X"
    assert [device.identity.uuid for device in (first, second)] == ["ab0", "ab1"]
    assert [device.identity.bus for device in (first, second)] == ["0000:05:00.0", "0000:26:00.0"]
    reading = first.read()
    assert reading.joules == 61.0  # 4,000,000 x 15.25 uJ
    assert reading.watts == 140.0
    assert reading.shares is None
    assert reading.memory is None
    smi.gpu(0, vram=2048)
    assert first.read().memory == 2 * 1024**3


def test_an_older_gpu_has_its_mean_power(library: AmdLibrary, smi: Stub) -> None:
    smi.gpu(0, current=None, average=93)
    assert library.open()[0].read().watts == 93.0
    for without in (None, 0, 0xFFFFFFFF):
        smi.gpu(0, average=without)
        assert library.open()[0].read().watts is None


def test_a_partition_is_not_a_gpu_of_its_own(library: AmdLibrary, smi: Stub) -> None:
    """In mode CPX each partition is a function of the card's PCI device; all of them show the socket's meter."""
    smi.gpu(1, bus=0x05, function=1)
    assert [device.identity.uuid for device in library.open()] == ["ab0"]


def test_a_gpu_that_does_not_answer_leaves_the_other_alone(library: AmdLibrary, smi: Stub) -> None:
    first, second = library.open()
    for code in (BUSY, RETRY):
        smi.gpu(0, **{"error.amdsmi_get_energy_count": code})
        with pytest.raises(LostError, match=r"^amd: GPU ab0 does not answer: [^\n]+$"):
            first.read()
    assert second.read().joules == 61.0
    smi.gpu(0, **{"error.amdsmi_get_energy_count": None})
    assert first.read().joules == 61.0


def test_a_value_that_is_forbidden_is_a_line(library: AmdLibrary, smi: Stub) -> None:
    smi.gpu(0, **{"error.amdsmi_get_power_info": NO_PERM})
    reading = library.open()[0].read()
    assert (reading.joules, reading.watts) == (61.0, None)
    assert reading.faults == ["amd: GPU ab0: power cannot be read: join the groups render and video"]


def test_a_driver_that_is_not_loaded_is_one_line(library: AmdLibrary, smi: Stub) -> None:
    smi.put("error.amdsmi_init", DRIVER_NOT_LOADED)
    with pytest.raises(JoulepathError, match=r"^amd: AMD SMI does not start: [^\n]*DRIVER_NOT_LOADED[^\n]*$"):
        library.open()


def test_a_gpu_that_cannot_be_opened_is_a_line(library: AmdLibrary, smi: Stub) -> None:
    smi.gpu(0, **{"error.amdsmi_get_gpu_device_bdf": BUSY})
    assert [device.identity.uuid for device in library.open()] == ["ab1"]
    (line,) = library.faults
    assert line.startswith("amd: a GPU cannot be opened: ")
    smi.gpu(0, **{"error.amdsmi_get_gpu_device_bdf": None})
    assert len(library.open()) == 2
    assert not library.faults


def test_it_is_opened_anew_and_keeps_its_gpus(library: AmdLibrary) -> None:
    assert library.open() == library.open()
    library.close()
    device = library.open()[0]
    library.close()
    with pytest.raises(LostError, match="has gone"):
        device.read()
