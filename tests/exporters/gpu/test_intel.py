# SPDX-License-Identifier: Apache-2.0
"""Intel's GPUs, with a library that answers like Level Zero."""

from pathlib import Path

import pytest

from joulepath.errors import JoulepathError
from joulepath.gpu.gpus import Gpus
from joulepath.gpu.source import LostError, MissingError
from joulepath.gpu.vendors.intel import IntelLibrary
from tests.exporters.gpu.stub import Stub
from tests.exporters.gpu.test_gpus import NoNames

pytestmark = pytest.mark.unit

DEVICE_LOST, INSUFFICIENT_PERMISSIONS, UNINITIALIZED = 0x70000001, 0x70010000, 0x78000001


@pytest.fixture
def library(zes: Stub) -> IntelLibrary:
    return IntelLibrary(str(zes.library))


def test_the_cards_energy_counter(library: IntelLibrary) -> None:
    (device,) = library.open()
    assert device.identity.name == "Intel(R) Data Center GPU Max 1550"
    assert device.identity.uuid == 30 * "0" + "a1"
    assert device.identity.bus == "0000:29:00.0"
    reading = device.read()
    assert (reading.joules, reading.watts) == (3.0, None)  # uJ


def test_without_a_cards_domain_it_is_that_of_no_tile(library: IntelLibrary, zes: Stub) -> None:
    """The first domain is a tile's, the second the package's."""
    zes.gpu(0, card=0)
    assert library.open()[0].read().joules == 3.0
    zes.gpu(0, domains=1)
    assert library.open()[0].read().joules is None  # a tile is not the GPU


def test_a_lost_gpu_is_one_line_and_returns(library: IntelLibrary, zes: Stub) -> None:
    (device,) = library.open()
    zes.gpu(0, **{"error.zesPowerGetEnergyCounter": DEVICE_LOST})
    with pytest.raises(LostError, match=r"^intel: GPU 0000:29:00.0 does not answer: zesPowerGetEnergyCounter failed"):
        device.read()
    zes.gpu(0, **{"error.zesPowerGetEnergyCounter": None})
    assert library.open() == [device]
    assert device.read().joules == 3.0


def test_a_counter_that_is_forbidden_is_a_line(library: IntelLibrary, zes: Stub) -> None:
    zes.gpu(0, **{"error.zesPowerGetEnergyCounter": INSUFFICIENT_PERMISSIONS})
    assert library.open()[0].read().faults == ["intel: GPU 0000:29:00.0: energy cannot be read: run as root"]


def test_a_gpu_that_fails_when_it_is_opened_leaves_the_others(library: IntelLibrary, zes: Stub) -> None:
    zes.gpu(1, type=1, name="Intel(R) Arc(TM) A770", bus=0x03, energy=1_000_000)
    zes.gpu(0, **{"error.zesDevicePciGetProperties": DEVICE_LOST})
    assert [device.identity.name for device in library.open()] == ["Intel(R) Arc(TM) A770"]
    (line,) = library.faults
    assert line.startswith("intel: a GPU cannot be opened: zesDevicePciGetProperties failed")


def test_two_gpus_of_one_uuid_are_separate(library: IntelLibrary, zes: Stub) -> None:
    zes.gpu(1, type=1, uuid=0xA1, name="Intel(R) Data Center GPU Max 1550", bus=0x3A, energy=7_000_000)
    first, second = library.open()
    assert (first.read().joules, second.read().joules) == (3.0, 7.0)
    assert library.open() == [first, second]
    snapshot = Gpus([library], NoNames(), bound=frozenset).read()
    assert [(gpu.label, gpu.identity.bus) for gpu in snapshot.gpus] == [("0", "0000:29:00.0"), ("1", "0000:3a:00.0")]


def test_without_a_driver_it_is_one_line(library: IntelLibrary, zes: Stub) -> None:
    zes.put("error.zesInit", UNINITIALIZED)
    with pytest.raises(JoulepathError, match=r"^intel: Level Zero does not start: zesInit failed with 0x78000001"):
        library.open()


def test_without_the_library_it_is_missing(tmp_path: Path) -> None:
    with pytest.raises(MissingError, match=r"libze_loader\.so\.1 is not there"):
        IntelLibrary(str(tmp_path / "libze_loader.so.1")).open()


def test_a_library_of_another_kind_is_one_line(nvml: Stub) -> None:
    with pytest.raises(JoulepathError, match=r"^intel: Level Zero does not start: [^\n]*zesInit"):
        IntelLibrary(str(nvml.library)).open()
