# SPDX-License-Identifier: Apache-2.0
"""NVIDIA's GPUs through the real nvidia-ml-py, with a library that answers like NVML."""

import time
from collections.abc import Iterator

import pytest

from joulepath.errors import JoulepathError
from joulepath.gpu.source import LostError, MissingError
from joulepath.gpu.vendors.nvidia import IMPOSSIBLE, NvidiaLibrary
from tests.exporters.gpu.stub import Stub

pytestmark = pytest.mark.unit

NO_PERMISSION, DRIVER_NOT_LOADED, VERSION_MISMATCH, UNKNOWN = 4, 9, 18, 999

FORBIDDEN = "Insufficient Permissions: load the driver with NVreg_RestrictProfilingToAdminUsers=0"
MISMATCH = "RM has detected an NVML/RM version mismatch."


@pytest.fixture
def library(nvml: Stub) -> Iterator[NvidiaLibrary]:
    library = NvidiaLibrary()
    yield library
    library.close()
    assert nvml.loaded.stub_allocated() == 0


def test_two_gpus_of_one_name_are_separate(library: NvidiaLibrary, nvml: Stub) -> None:
    nvml.gpu(1, energy=7_000_123, power=650_500)
    first, second = library.open()
    assert first.identity.name == second.identity.name == "NVIDIA H100 80GB HBM3"
    assert [device.identity.uuid for device in (first, second)] == ["GPU-0", "GPU-1"]
    assert [device.identity.bus for device in (first, second)] == ["0000:3b:00.0", "0000:5e:00.0"]
    reading = second.read()
    assert (reading.joules, reading.watts) == (7000.123, 650.5)  # mJ and mW
    assert reading.instances == {}
    assert not reading.faults
    assert reading.memory is None
    nvml.gpu(1, memory=3 << 30)
    assert second.read().memory == 3 * 1024**3


def test_a_gpu_without_an_energy_counter_has_its_power(library: NvidiaLibrary, nvml: Stub) -> None:
    nvml.gpu(0, energy=None, mig=None)
    reading = library.open()[0].read()
    assert (reading.joules, reading.watts) == (None, 70.0)
    assert not reading.faults


def test_a_lost_gpu_leaves_the_others_alone_and_returns(library: NvidiaLibrary, nvml: Stub) -> None:
    first, second = library.open()
    nvml.gpu(1, lost=1)
    with pytest.raises(LostError, match=r"^nvidia: GPU GPU-1 does not answer: GPU is lost: reset it"):
        second.read()
    assert first.read().joules == 5000.0
    assert library.open() == [first]
    with pytest.raises(LostError, match=r"^nvidia: GPU GPU-1 has gone$"):
        second.read()
    nvml.gpu(1, lost=None)
    assert library.open() == [first, second]
    assert second.read().joules == 5000.0


def test_a_single_value_that_fails_takes_no_other_along(library: NvidiaLibrary, nvml: Stub) -> None:
    nvml.gpu(0, **{"error.nvmlDeviceGetPowerUsage": UNKNOWN, "error.nvmlDeviceGetProcessUtilization": NO_PERMISSION})
    reading = library.open()[0].read()
    assert (reading.joules, reading.watts, reading.shares) == (5000.0, None, None)
    assert reading.faults == [
        "nvidia: GPU GPU-0: power cannot be read: Unknown Error",
        f"nvidia: GPU GPU-0: processes cannot be read: {FORBIDDEN}",
    ]


def test_activity_has_the_same_gap(library: NvidiaLibrary, nvml: Stub) -> None:
    """A GPU that was away for some time: its first answer is about a time that is not known."""
    device = library.open()[0]
    device.read()
    nvml.gpu(0, lost=1)
    with pytest.raises(LostError):
        device.read()
    nvml.gpu(0, lost=None)
    time.sleep(0.05)
    nvml.put("gpu.0.sample", f"{int(time.time() * 1e6)} 4711 40")
    assert device.read().shares is None
    time.sleep(0.05)
    nvml.put("gpu.0.sample", f"{int(time.time() * 1e6)} 4711 40")
    shares = device.read().shares
    assert shares is not None
    assert shares.seconds < 5
    assert shares.of == {4711: 0.4}


def test_a_library_that_has_ended_is_begun_anew(library: NvidiaLibrary, nvml: Stub) -> None:
    """As where the driver was loaded anew: its counter begins at 0."""
    first, second = library.open()
    assert nvml.loaded.nvmlShutdown() == 0
    with pytest.raises(LostError, match="Uninitialized"):
        first.read()
    nvml.gpu(0, energy=12)
    assert library.open() == [first, second]
    assert first.read().joules == 0.012


@pytest.mark.parametrize(
    ("code", "line"),
    [
        (DRIVER_NOT_LOADED, "nvidia: NVML does not start: Driver Not Loaded: load it (modprobe nvidia)"),
        (
            VERSION_MISMATCH,
            f"nvidia: NVML does not start: {MISMATCH}: the driver was updated: load the new one, or reboot",
        ),
        (
            NO_PERMISSION,
            "nvidia: NVML does not start: Insufficient Permissions: the user may not open /dev/nvidiactl",
        ),
    ],
)
def test_a_driver_that_does_not_start_is_one_line(library: NvidiaLibrary, nvml: Stub, code: int, line: str) -> None:
    nvml.put("error.nvmlInitWithFlags", code)
    with pytest.raises(JoulepathError) as caught:
        library.open()
    assert str(caught.value) == line
    assert not isinstance(caught.value, MissingError)


def test_processes_have_the_mean_since_the_last_reading(nvml: Stub, library: NvidiaLibrary) -> None:
    """Two samples, 0.2 s and 0.1 s ago: one process at 40 and 80 %, the other at 0 and 20 %."""
    device = library.open()[0]
    assert device.read().shares is None  # a beginning
    time.sleep(0.3)
    now = int(time.time() * 1e6)
    nvml.put("gpu.0.sample", f"{now - 200_000} 4711 40", f"{now - 100_000} 4711 80", f"{now - 100_000} 815 20")
    shares = device.read().shares
    assert shares is not None
    assert shares.of == {4711: 0.6, 815: 0.1}  # (40 + 80) / 2 samples, (0 + 20) / 2 samples
    assert 0.1 < shares.seconds < 0.3
    assert device.read().shares is None  # no new sample, and too soon to be idle


def test_an_impossible_utilisation_is_rejected(nvml: Stub, library: NvidiaLibrary) -> None:
    device = library.open()[0]
    device.read()
    nvml.put("gpu.0.sample", f"{int(time.time() * 1e6)} 4711 4294967")
    reading = device.read()
    assert reading.shares is None
    assert reading.rejected == {IMPOSSIBLE: 1}
    assert reading.joules == 5000.0


def test_mig_has_instances_and_no_processes(nvml: Stub, library: NvidiaLibrary) -> None:
    nvml.gpu(0, mig=1, gpm=1)
    nvml.put("gpu.0.mig.device", "0 3 1 1g.10gb MIG-a", "2 5 3 3g.40gb MIG-b", "3 5 3 3g.40gb MIG-c")
    nvml.put("gpu.0.gpm.3", "1000 10000")
    nvml.put("gpu.0.gpm.5", "0 10000")
    device = library.open()[0]
    first = device.read()
    assert first.shares is None
    assert {identity: (found.profile, found.slices, found.uuid) for identity, found in first.instances.items()} == {
        "3": ("1g.10gb", 1, "MIG-a"),
        "5": ("3g.40gb", 3, "MIG-b"),
    }
    assert first.instances["3"].seconds is None
    time.sleep(0.12)
    nvml.put("gpu.0.gpm.3", "1250 11000")
    nvml.put("gpu.0.gpm.5", "0 11000")
    second = device.read().instances
    assert second["3"].share == 0.25  # (1250 - 1000) / (11000 - 10000)
    assert second["5"].share == 0.0
    assert second["3"].seconds is not None
    assert 0.1 < second["3"].seconds < 5


def test_an_impossible_activity_of_an_instance_is_not_measured(nvml: Stub, library: NvidiaLibrary) -> None:
    nvml.gpu(0, mig=1, gpm=1)
    nvml.put("gpu.0.mig.device", "0 3 1 1g.10gb MIG-a")
    nvml.put("gpu.0.gpm.3", "0 1000")
    device = library.open()[0]
    device.read()
    time.sleep(0.12)
    nvml.put("gpu.0.gpm.3", "1200 2000")  # 120 %
    assert device.read().instances["3"].seconds is None


def test_mig_before_hopper_has_instances_without_activity(nvml: Stub, library: NvidiaLibrary) -> None:
    nvml.gpu(0, mig=1, gpm=0)
    nvml.put("gpu.0.mig.device", "0 3 1 1g.5gb MIG-a")
    device = library.open()[0]
    device.read()
    assert device.read().instances["3"].seconds is None


def test_activity_that_is_forbidden_is_a_line(nvml: Stub, library: NvidiaLibrary) -> None:
    nvml.gpu(0, mig=1, gpm=1, **{"error.nvmlGpmMigSampleGet": NO_PERMISSION})
    nvml.put("gpu.0.mig.device", "0 3 1 1g.10gb MIG-a")
    reading = library.open()[0].read()
    assert reading.instances["3"].seconds is None
    (line,) = reading.faults
    assert line == f"nvidia: GPU GPU-0: activity of instance 3 cannot be read: {FORBIDDEN}"


def test_an_instance_that_goes_frees_its_sample(nvml: Stub, library: NvidiaLibrary) -> None:
    nvml.gpu(0, mig=1, gpm=1)
    nvml.put("gpu.0.mig.device", "0 3 1 1g.10gb MIG-a")
    nvml.put("gpu.0.gpm.3", "1 1")
    device = library.open()[0]
    device.read()
    assert nvml.loaded.stub_allocated() == 1
    nvml.put("gpu.0.mig.device")
    assert device.read().instances == {}
    assert nvml.loaded.stub_allocated() == 0
