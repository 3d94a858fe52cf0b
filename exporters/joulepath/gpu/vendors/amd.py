# SPDX-License-Identifier: Apache-2.0
"""GPUs of AMD by AMD SMI, a library of ROCm, through its Python binding `amdsmi`.

Units as in amdsmi.h: the energy accumulator in steps of `counter_resolution` uJ, power in W. The binding loads the
library of ROCM_PATH, else of the loader's search path; both have to be of one ROCm release. The library gives no
activity of processes for compute queues: that is the kernel's (kfd.py).
"""

import contextlib
import importlib
import io
import logging
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from joulepath.errors import JoulepathError
from joulepath.gpu.source import Device, Identity, LostError, MissingError, Reading
from joulepath.gpu.vendors.kfd import Occupancy

logger = logging.getLogger(__name__)

MIB = 1024.0**2
"""amdsmi_vram_usage_t counts in these."""
MOST_WATTS = 0xFFFF
"""Values from here on mean that the GPU does not have the value."""


class AmdLibrary:
    """AMD SMI."""

    vendor = "amd"

    def __init__(self, sysfs: Path = Path("/sys"), clock: Callable[[], float] = time.monotonic) -> None:
        self._sysfs = sysfs
        self._clock = clock
        self.faults: list[str] = []
        self._smi: Any = None
        self._known: dict[str, AmdDevice] = {}

    def open(self) -> Sequence[Device]:
        """Begins to use AMD SMI anew. Raises MissingError or JoulepathError."""
        self.close()
        self.faults = []
        smi = _binding()
        try:
            smi.amdsmi_init()
        except smi.AmdSmiException as error:
            raise JoulepathError(f"amd: AMD SMI does not start: {_text(error)}: is amdgpu loaded?") from None
        self._smi = smi
        try:
            handles = smi.amdsmi_get_processor_handles()
        except smi.AmdSmiException as error:
            raise JoulepathError(f"amd: AMD SMI does not list the GPUs: {_text(error)}") from None
        found: dict[str, AmdDevice] = {}
        for handle in handles:
            device = self._device(handle)
            # A partition (CPX and the like) is a PCI function of its own; the socket's meter is that of the first.
            if device is not None:
                found.setdefault(device.identity.bus.rpartition(".")[0], device)
        return list(found.values())

    def close(self) -> None:
        """Ends the use of AMD SMI."""
        smi, self._smi = self._smi, None
        if smi is not None:
            for device in self._known.values():
                device.detach()
            try:
                smi.amdsmi_shut_down()
            except smi.AmdSmiException as error:
                logger.debug("amd: AMD SMI does not end: %s", _text(error))

    def _device(self, handle: Any) -> "AmdDevice | None":
        smi = self._smi
        try:
            uuid = smi.amdsmi_get_gpu_device_uuid(handle)
            if uuid not in self._known:
                bus = smi.amdsmi_get_gpu_device_bdf(handle).lower()
                name = str(smi.amdsmi_get_gpu_asic_info(handle)["market_name"])
                occupancy = Occupancy(bus, self._sysfs, self._clock)
                self._known[uuid] = AmdDevice(smi, Identity(self.vendor, uuid, name, bus), occupancy)
        except smi.AmdSmiException as error:
            self.faults.append(f"amd: a GPU cannot be opened: {_text(error)}")
            return None
        self._known[uuid].handle = handle
        return self._known[uuid]


class AmdDevice:
    """One GPU; partitions of it have no meter of their own."""

    def __init__(self, smi: Any, identity: Identity, occupancy: Occupancy) -> None:
        self.identity = identity
        self.handle: Any = None
        self._smi = smi
        self._occupancy = occupancy

    def detach(self) -> None:
        """AMD SMI is being closed: its handles hold no longer."""
        self.handle = None

    def read(self) -> Reading:
        """Reads energy, power, memory and activity. Raises LostError."""
        if self.handle is None:
            raise LostError(f"amd: GPU {self.identity.uuid} has gone")
        faults: list[str] = []
        try:
            return self._read(faults)
        except LostError:
            self._occupancy.forget()
            raise

    def _read(self, faults: list[str]) -> Reading:
        energy = self._value("energy", faults, self._smi.amdsmi_get_energy_count)
        power = self._value("power", faults, self._smi.amdsmi_get_power_info)
        joules = None if energy is None else energy["energy_accumulator"] * energy["counter_resolution"] / 1e6
        memory = self._value("memory", faults, self._smi.amdsmi_get_gpu_vram_usage)
        watts = None if power is None else _watts(power)
        used = None if memory is None else float(memory["vram_used"]) * MIB
        return Reading(joules, watts, self._occupancy.read(), memory=used, faults=faults)

    def _value(self, what: str, faults: list[str], read: Callable[[Any], Any]) -> Any:
        wrapper = sys.modules[f"{self._smi.__name__}.amdsmi_wrapper"]
        try:
            return read(self.handle)
        except self._smi.AmdSmiLibraryException as error:
            code = error.get_error_code()
            if code == wrapper.AMDSMI_STATUS_NO_PERM:
                faults.append(f"amd: GPU {self.identity.uuid}: {what} cannot be read: join the groups render and video")
            elif code not in (wrapper.AMDSMI_STATUS_NOT_SUPPORTED, wrapper.AMDSMI_STATUS_NOT_YET_IMPLEMENTED):
                raise LostError(f"amd: GPU {self.identity.uuid} does not answer: {_text(error)}") from None
        except self._smi.AmdSmiException as error:
            raise LostError(f"amd: GPU {self.identity.uuid} does not answer: {_text(error)}") from None
        return None


def _binding() -> Any:
    """The module. If its library is missing it writes to standard output, where `--once` writes the exposition."""
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            return importlib.import_module("amdsmi")
    except ModuleNotFoundError:
        raise MissingError("amd: amdsmi is not installed: pip install /opt/rocm/share/amd_smi") from None
    except KeyError:  # the binding's own way to say so
        raise MissingError("amd: libamd_smi.so is not there: install amd-smi-lib, or set ROCM_PATH") from None
    except (AttributeError, OSError) as error:
        raise JoulepathError(
            f"amd: amdsmi does not fit libamd_smi.so: {error}: install that of this ROCm (/opt/rocm/share/amd_smi)"
        ) from None


def _watts(power: dict[str, Any]) -> float | None:
    """The socket's power now (MI300 and newer), else its mean."""
    for key in ("current_socket_power", "average_socket_power"):
        value = power.get(key)
        if isinstance(value, int) and 0 < value < MOST_WATTS:
            return float(value)
    return None


def _text(error: Exception) -> str:
    """One line of the binding's message, which has several."""
    return " ".join(str(error).split())
