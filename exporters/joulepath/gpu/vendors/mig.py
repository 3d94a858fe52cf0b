# SPDX-License-Identifier: Apache-2.0
"""MIG instances of a GPU, and their activity by GPM, the performance counters of NVML (Hopper and newer).

NVML does not give the processes' utilisation under MIG. An instance's energy and power do not exist either: NVML
repeats the whole GPU's for each of them.
"""

import math
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from joulepath.gpu.source import Instance

SHORTEST_SECONDS = 0.1
"""GPM renews its samples so often (nvml.h): two of them are at least so far apart."""


class Instances:
    """The instances of one GPU, and the last GPM sample of each."""

    def __init__(self, nvml: Any, clock: Callable[[], float] = time.monotonic) -> None:
        self._nvml = nvml
        self._clock = clock
        self._samples: dict[int, tuple[float, Any]] = {}
        self.faults: list[str] = []
        """A line for each value that the last reading did not get."""

    def forget(self) -> None:
        """Frees the samples: NVML is being closed."""
        for _, sample in self._samples.values():
            self._free(sample)
        self._samples.clear()

    def read(self, gpu: Any) -> dict[str, Instance]:
        """All instances by their id. Raises NVMLError where the GPU does not answer."""
        self.faults.clear()
        nvml = self._nvml
        found: dict[int, Instance] = {}
        measured = self._has_gpm(gpu)
        for index in range(nvml.nvmlDeviceGetMaxMigDeviceCount(gpu)):
            try:
                handle = nvml.nvmlDeviceGetMigDeviceHandleByIndex(gpu, index)
                identity = nvml.nvmlDeviceGetGpuInstanceId(handle)
                slices = nvml.nvmlDeviceGetAttributes(handle).gpuInstanceSliceCount
                name, uuid = nvml.nvmlDeviceGetName(handle), nvml.nvmlDeviceGetUUID(handle)
            except nvml.NVMLError as error:
                if error.value == nvml.NVML_ERROR_NOT_FOUND:
                    continue  # no instance with this number
                raise
            if identity in found:
                continue  # a further compute instance in the same GPU instance
            seconds, share = self._activity(gpu, identity) if measured else (None, 0.0)
            found[identity] = Instance(uuid, name.rpartition("MIG ")[2], slices, seconds, share)
        for identity in self._samples.keys() - found.keys():
            self._free(self._samples.pop(identity)[1])
        return {str(identity): instance for identity, instance in found.items()}

    def _has_gpm(self, gpu: Any) -> bool:
        try:
            return bool(self._nvml.nvmlGpmQueryDeviceSupport(gpu).isSupportedDevice)
        except self._nvml.NVMLError as error:
            if error.value in (self._nvml.NVML_ERROR_NOT_SUPPORTED, self._nvml.NVML_ERROR_FUNCTION_NOT_FOUND):
                return False
            raise

    def _activity(self, gpu: Any, identity: int) -> tuple[float | None, float]:
        """The time since the last sample and the mean share in it; None where it is unknown."""
        now, last = self._clock(), self._samples.get(identity)
        if last is not None and now - last[0] < SHORTEST_SECONDS:
            return None, 0.0
        sample = self._sample(gpu, identity)
        if last is not None:
            del self._samples[identity]
        share = None
        try:
            if last is not None and sample is not None:
                share = self._mean(last[1], sample)
        finally:
            if last is not None:
                self._free(last[1])
        if sample is not None:
            self._samples[identity] = (now, sample)
        return (None, 0.0) if last is None or share is None else (now - last[0], share)

    def _sample(self, gpu: Any, identity: int) -> Any:
        nvml = self._nvml
        sample = nvml.nvmlGpmSampleAlloc()
        try:
            return nvml.nvmlGpmMigSampleGet(gpu, identity, sample)
        except nvml.NVMLError as error:
            self._free(sample)
            if error.value in (nvml.NVML_ERROR_GPU_IS_LOST, nvml.NVML_ERROR_UNINITIALIZED):
                raise
            self.faults.append(f"activity of instance {identity} cannot be read: {error}{permission(nvml, error)}")
            return None  # for example without a compute instance inside

    def _mean(self, before: Any, after: Any) -> float | None:
        nvml = self._nvml
        asked = nvml.c_nvmlGpmMetricsGet_t()
        asked.version, asked.numMetrics = nvml.NVML_GPM_METRICS_GET_VERSION, 1
        asked.sample1, asked.sample2 = before, after
        asked.metrics[0].metricId = nvml.NVML_GPM_METRIC_SM_UTIL
        try:
            metric = nvml.nvmlGpmMetricsGet(asked).metrics[0]
        except nvml.NVMLError:
            return None
        good = metric.nvmlReturn == nvml.NVML_SUCCESS and math.isfinite(metric.value) and 0 <= metric.value <= 100
        return metric.value / 100 if good else None

    def _free(self, sample: Any) -> None:
        with suppress(self._nvml.NVMLError):  # NVML may have ended, and its memory with it
            self._nvml.nvmlGpmSampleFree(sample)


def permission(nvml: Any, error: Any) -> str:
    """The mend of a value that is forbidden. Root's uid does not help: the driver asks for CAP_SYS_ADMIN."""
    if error.value != nvml.NVML_ERROR_NO_PERMISSION:
        return ""
    return ": load the driver with NVreg_RestrictProfilingToAdminUsers=0"
