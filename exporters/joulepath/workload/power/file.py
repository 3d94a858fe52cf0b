# SPDX-License-Identifier: Apache-2.0
"""The file of a power model; docs/guides/power-models.md describes its keys."""

from itertools import pairwise
from pathlib import Path
from typing import Annotated

from pydantic import Field, model_validator

from joulepath.config import Model, load
from joulepath.reading.energy import MAX_WATTS
from joulepath.workload.power.model import Machine, PowerModel

Text = Annotated[str, Field(min_length=1, max_length=128)]
Coefficient = Annotated[float, Field(ge=0, le=MAX_WATTS, allow_inf_nan=False)]


class Estimated(Model):
    """A coefficient and its error, in one unit."""

    value: Coefficient
    """The coefficient."""
    standard_error: Coefficient
    """Its standard error; the 95 % interval reaches 1.96 times as far to both sides."""


class MachineModel(Model):
    """The machine that a model holds for. A key that is left out may have any value."""

    cpu_model: Text
    """`model name` in /proc/cpuinfo; where a processor has none there, its implementer and part."""
    cpus: Annotated[int, Field(ge=1)]
    """CPUs that are on, with hyperthreads."""
    memory_bytes: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    """`MemTotal` in /proc/meminfo, in bytes; it may differ by 5 %."""
    product_name: Text | None = None
    """/sys/class/dmi/id/product_name, or the model in the device tree."""
    governor: Text | None = None
    """`scaling_governor` of the processor's frequency."""


class Point(Model):
    """A point of the curve over the processor's load."""

    busy_ratio: Annotated[float, Field(gt=0, le=1)]
    """Busy part of all CPUs, above 0, to 1."""
    watts: Estimated
    """Watts beyond `idle_watts`, with their error."""


class Memory(Model):
    """Watts of memory in use."""

    watts_per_gigabyte: Estimated
    """Watts for each 10^9 bytes that are in use (`MemTotal` less `MemAvailable`)."""


class Disk(Model):
    """Energy of bytes of disks."""

    joules_per_gigabyte: Estimated
    """Joules for each 10^9 bytes that are read from disks or written to them."""


class Validation(Model):
    """Comparison with a meter, in windows that the fit did not use."""

    mape: Coefficient
    """Mean absolute error as a part of the measured watts (MAPE): 0.02 is 2 %."""
    r2: Annotated[float, Field(le=1, allow_inf_nan=False)]
    """The part of the variance of the watts that the model explains (R2)."""
    windows: Annotated[int, Field(ge=1)]
    """How many windows were compared."""


class Fitted(Model):
    """Origin of the coefficients."""

    date: Text
    """When they were fitted, in UTC."""
    version: Text
    """Version of Joulepath that fitted them."""
    data: Text
    """The windows that were used: their number, length, and interval."""
    method: Text
    """How, in words."""


class PowerModelFile(Model):
    """The whole file."""

    name: Text
    """Name of the model, the label `power_model` of its series."""
    machine: MachineModel
    """The machine that it holds for; refused on another one."""
    idle_watts: Estimated
    """Watts of the machine when nothing runs, without GPUs that have a meter."""
    cpu: Annotated[tuple[Point, ...], Field(min_length=1)]
    """Points of a curve that begins at 0 W for an idle processor. Between points it is a straight line."""
    memory: Memory | None = None
    """Watts of memory in use."""
    disk: Disk | None = None
    """Energy of bytes of disks."""
    validation: Validation | None = None
    """Comparison with a meter, in windows that the fit did not use."""
    fitted: Fitted | None = None
    """Origin of the coefficients."""

    @model_validator(mode="after")
    def _rises_to_one(self) -> "PowerModelFile":
        ratios = [point.busy_ratio for point in self.cpu]
        if any(after <= before for before, after in pairwise(ratios)):
            raise ValueError("cpu: busy_ratio must rise from point to point")
        if ratios[-1] != 1:
            raise ValueError("cpu: the last point must have busy_ratio 1, the fully busy processor")
        return self

    def model(self) -> PowerModel:
        """As the exporter uses it."""
        return PowerModel(
            self.name,
            Machine(**self.machine.model_dump()),
            self.idle_watts.value,
            tuple((point.busy_ratio, point.watts.value) for point in self.cpu),
            None if self.memory is None else self.memory.watts_per_gigabyte.value,
            None if self.disk is None else self.disk.joules_per_gigabyte.value,
        )


def read(path: Path, text: str | None = None) -> PowerModel:
    """The model in a file, or in its text as read. Raises UsageError with one line per mistake."""
    return load(path, PowerModelFile, text).model()
