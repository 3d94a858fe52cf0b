# SPDX-License-Identifier: Apache-2.0
"""The kinds of meters as data: the counters of an exporter, and the keys by which a topology names a reading.

A new kind is one more entry of METERS. The keys of `power` and `fallback`, their checks, the constants and the
alternatives of the rule `source:power_watts` follow from it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import Field

from joulepath_topology.common import Text


@dataclass(frozen=True)
class Part:
    """A part of the device that an instance of an exporter reads, by a label of its counters."""

    label: str
    key: str
    """Key of the topology that names it."""
    description: str
    """Of that key."""
    many: bool
    """Whether an entry names one or several of them. Otherwise it may name one, and must where there are several."""


@dataclass(frozen=True)
class Meter:
    """A kind of meter. Its name is the key of the topology, with the exporter's instance as value."""

    joules: str
    """Counter of energy."""
    seconds: str
    """Counter of the time in which that energy was measured, with the same labels."""
    description: str
    """Of the key."""
    part: Part | None = None
    whole_server: bool = True
    """Whether it reads all of a server: two such kinds at one host are probably one power, read twice."""
    reads_gpus: bool = True
    """Whether its reading of a server holds the watts of the GPUs in the server's plug."""
    modelled: bool = False
    """Whether its watts are a guess from other readings."""
    up: str = ""
    """Gauge: whether the last poll of the device succeeded; empty where there is no device to poll."""

    @property
    def optional(self) -> str | None:
        """The label of a part that an entry need not name."""
        return self.part.label if self.part is not None and not self.part.many else None


METERS: Mapping[str, Meter] = {
    "pdu": Meter(
        "pdu_outlet_energy_joules_total",
        "pdu_outlet_measured_seconds_total",
        "Instance of the pdu exporter; needs `outlets`.",
        Part("outlet", "outlets", "Outlets of that PDU, which are added.", many=True),
        up="pdu_up",
    ),
    "bmc": Meter(
        "bmc_chassis_energy_joules_total",
        "bmc_chassis_measured_seconds_total",
        "Instance of the bmc exporter.",
        Part("chassis", "chassis", "Chassis of that BMC, where it has several.", many=False),
        up="bmc_up",
    ),
    "rapl": Meter(
        "rapl_host_energy_joules_total",
        "rapl_host_measured_seconds_total",
        "Instance of the rapl exporter: processor and memory.",
        reads_gpus=False,
    ),
    "power_model": Meter(
        "modelled_host_energy_joules_total",
        "modelled_host_measured_seconds_total",
        "Instance of the workload exporter with a power model of the host, which has no meter: without its GPUs.",
        reads_gpus=False,
        modelled=True,
    ),
    "gpu": Meter(
        "gpu_energy_joules_total",
        "gpu_measured_seconds_total",
        "Instance of the gpu exporter; needs `numbers`. For a GPU that components use, see `gpus` of the host.",
        Part("gpu", "numbers", "GPUs of that exporter (its label `gpu`), which are added.", many=True),
        whole_server=False,
        up="gpu_up",
    ),
}

PARTS = tuple(dict.fromkeys(meter.part.label for meter in METERS.values() if meter.part is not None))
"""The labels of all parts."""


def keys(meters: Mapping[str, Meter] = METERS) -> dict[str, Any]:
    """The keys of all kinds, as pydantic.create_model takes them."""
    found: dict[str, Any] = {}
    for kind, meter in meters.items():
        found[kind] = (Text | None, Field(None, description=meter.description))
        if (part := meter.part) is not None:
            value = Annotated[tuple[Text, ...], Field(min_length=1)] if part.many else Text
            found[part.key] = (value | None, Field(None, description=part.description))
    return found
