# SPDX-License-Identifier: Apache-2.0
"""GPUs of NVIDIA by NVML, the library of their driver, through nvidia-ml-py.

Units as in nvml.h: energy in mJ since the driver was loaded (Volta and newer), power in mW (on Ampere and newer, GA100
excepted, the mean over one second).
"""

import importlib
import logging
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from joulepath.errors import JoulepathError
from joulepath.gpu.source import Device, Identity, Instance, LostError, MissingError, Reading, Shares
from joulepath.gpu.vendors.mig import Instances, permission
from joulepath.gpu.vendors.processes import ImpossibleError, Sample, Window

logger = logging.getLogger(__name__)

IMPOSSIBLE = "impossible_utilization"
"""The reason for which an answer about processes is rejected."""


class NvidiaLibrary:
    """NVML. It is opened anew when a GPU is lost, since it finds GPUs only then."""

    vendor = "nvidia"

    def __init__(self) -> None:
        self.faults: list[str] = []
        self._nvml: Any = None
        self._known: dict[str, NvidiaDevice] = {}

    def open(self) -> Sequence[Device]:
        """Begins to use NVML anew. Raises MissingError or JoulepathError."""
        self.close()
        self.faults = []
        try:
            nvml = importlib.import_module("pynvml")
        except ImportError:
            raise MissingError("nvidia: nvidia-ml-py is not installed: pip install 'joulepath[gpu]'") from None
        try:
            nvml.nvmlInit()
        except nvml.NVMLError as error:
            if error.value == nvml.NVML_ERROR_LIBRARY_NOT_FOUND:
                raise MissingError("nvidia: libnvidia-ml.so.1 is not there: install NVIDIA's driver") from None
            raise JoulepathError(f"nvidia: NVML does not start: {error}{_advice(nvml, error.value)}") from None
        self._nvml = nvml
        return [device for index in range(self._count()) if (device := self._device(index)) is not None]

    def close(self) -> None:
        """Ends the use of NVML."""
        nvml, self._nvml = self._nvml, None
        if nvml is not None:
            for device in self._known.values():
                device.detach()
            try:
                nvml.nvmlShutdown()
            except nvml.NVMLError as error:
                logger.debug("nvidia: NVML does not end: %s", error)

    def _count(self) -> int:
        try:
            return int(self._nvml.nvmlDeviceGetCount())
        except self._nvml.NVMLError as error:
            raise JoulepathError(f"nvidia: NVML does not count the GPUs: {error}") from None

    def _device(self, index: int) -> "NvidiaDevice | None":
        nvml = self._nvml
        try:
            handle = nvml.nvmlDeviceGetHandleByIndex(index)
            uuid = nvml.nvmlDeviceGetUUID(handle)
            if uuid not in self._known:
                bus = _bus(nvml.nvmlDeviceGetPciInfo(handle))
                self._known[uuid] = NvidiaDevice(nvml, Identity(self.vendor, uuid, nvml.nvmlDeviceGetName(handle), bus))
        except nvml.NVMLError as error:
            self.faults.append(f"nvidia: GPU {index} cannot be opened: {error}{_advice(nvml, error.value)}")
            return None
        self._known[uuid].attach(handle)
        return self._known[uuid]


class NvidiaDevice:
    """One GPU."""

    def __init__(self, nvml: Any, identity: Identity) -> None:
        self.identity = identity
        self._nvml = nvml
        self._handle: Any = None
        self._window = Window(self._samples)
        self._instances = Instances(nvml)
        self._absent = {
            nvml.NVML_ERROR_NOT_SUPPORTED,
            nvml.NVML_ERROR_FUNCTION_NOT_FOUND,  # an older driver
            nvml.NVML_ERROR_ARGUMENT_VERSION_MISMATCH,
        }
        self._lost = {
            nvml.NVML_ERROR_UNINITIALIZED,
            nvml.NVML_ERROR_INVALID_ARGUMENT,  # a handle from before
            nvml.NVML_ERROR_NOT_FOUND,
            nvml.NVML_ERROR_DRIVER_NOT_LOADED,
            nvml.NVML_ERROR_TIMEOUT,
            nvml.NVML_ERROR_GPU_IS_LOST,
            nvml.NVML_ERROR_RESET_REQUIRED,
            nvml.NVML_ERROR_OPERATING_SYSTEM,
            nvml.NVML_ERROR_LIB_RM_VERSION_MISMATCH,
            nvml.NVML_ERROR_GPU_NOT_FOUND,
        }

    def attach(self, handle: Any) -> None:
        """Takes the handle that NVML gives since it was opened."""
        self._handle = handle

    def detach(self) -> None:
        """NVML is being closed: its handles hold no longer."""
        self._handle = None
        self._instances.forget()

    def read(self) -> Reading:
        """Reads energy, power, memory and activity. Raises LostError."""
        nvml, faults, rejected = self._nvml, list[str](), Counter[str]()
        if self._handle is None:
            raise LostError(f"nvidia: GPU {self.identity.uuid} has gone")
        try:
            joules = self._value("energy", faults, lambda: nvml.nvmlDeviceGetTotalEnergyConsumption(self._handle) / 1e3)
            watts = self._value("power", faults, lambda: nvml.nvmlDeviceGetPowerUsage(self._handle) / 1e3)
            memory = self._value("memory", faults, lambda: float(nvml.nvmlDeviceGetMemoryInfo(self._handle).used))
            shares: Shares | None = None
            instances: dict[str, Instance] = {}
            if self._value("MIG mode", faults, lambda: nvml.nvmlDeviceGetMigMode(self._handle)[0]):
                instances = self._value("MIG instances", faults, lambda: self._instances.read(self._handle)) or {}
                faults += [f"nvidia: GPU {self.identity.uuid}: {fault}" for fault in self._instances.faults]
            else:
                shares = self._value("processes", faults, self._window.read)
        except ImpossibleError:
            rejected[IMPOSSIBLE] += 1
        except nvml.NVMLError as error:
            self._window.interrupt()
            self._instances.forget()
            advice = _advice(nvml, error.value)
            raise LostError(f"nvidia: GPU {self.identity.uuid} does not answer: {error}{advice}") from None
        return Reading(joules, watts, shares, instances, memory, rejected, faults)

    def _value(self, what: str, faults: list[str], read: Callable[[], Any]) -> Any:
        """A value, None where this GPU does not have it or it alone fails. Raises NVMLError where the GPU is lost."""
        try:
            return read()
        except self._nvml.NVMLError as error:
            if error.value in self._lost:
                raise
            if error.value not in self._absent:
                mend = permission(self._nvml, error)
                faults.append(f"nvidia: GPU {self.identity.uuid}: {what} cannot be read: {error}{mend}")
            return None

    def _samples(self, since: int) -> Sequence[Sample]:
        nvml = self._nvml
        try:
            found = nvml.nvmlDeviceGetProcessUtilization(self._handle, since)
        except nvml.NVMLError as error:
            # NVML_SUCCESS: the binding raises it where the first call, for the number of samples, finds none. With a
            # sample more at the second call than at the first, the buffer is too small: they are asked for again.
            if error.value in (nvml.NVML_ERROR_NOT_FOUND, nvml.NVML_SUCCESS, nvml.NVML_ERROR_INSUFFICIENT_SIZE):
                return ()
            raise
        return [Sample(sample.pid, sample.timeStamp, sample.smUtil) for sample in found]


def _bus(info: Any) -> str:
    return f"{info.domain:04x}:{info.bus:02x}:{info.device:02x}.0"


def _advice(nvml: Any, code: int) -> str:
    """The mend, where the error tells one."""
    return {
        nvml.NVML_ERROR_DRIVER_NOT_LOADED: ": load it (modprobe nvidia)",
        nvml.NVML_ERROR_NO_PERMISSION: ": the user may not open /dev/nvidiactl",
        nvml.NVML_ERROR_LIB_RM_VERSION_MISMATCH: ": the driver was updated: load the new one, or reboot",
        nvml.NVML_ERROR_GPU_IS_LOST: ": reset it (nvidia-smi --gpu-reset), or reboot",
        nvml.NVML_ERROR_RESET_REQUIRED: ": reset it (nvidia-smi --gpu-reset)",
    }.get(code, "")
