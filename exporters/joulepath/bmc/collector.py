# SPDX-License-Identifier: Apache-2.0
"""One BMC's snapshot as metric families."""

from collections.abc import Iterable, Mapping

from joulepath.bmc.metrics import (
    BOX_UP,
    COMPONENT,
    COMPONENT_ENERGY,
    COMPONENT_MEASURED,
    COMPONENT_METER_ENERGY,
    ENERGY,
    LAST_READ,
    LEVELS,
    MEASURED,
    METER_ENERGY,
    POWER,
    PSU_INPUT,
    PSU_OUTPUT,
    REJECTED,
    SOURCE_INFO,
    SUBSYSTEM,
    SUBSYSTEM_ENERGY,
    SUBSYSTEM_MEASURED,
    SUBSYSTEM_METER_ENERGY,
    UP,
)
from joulepath.bmc.reading import BmcReading, Box, ChassisComponent, ChassisPart, Metered
from joulepath.metrics import Family, Metric
from joulepath.reading.poller import Snapshot
from joulepath.serving.polled import state


def collect(collector: str, snapshot: Snapshot[BmcReading], reading: BmcReading | None) -> Iterable[Family]:
    """The families of one BMC read by `collector`; without a current `reading` only those about its state."""
    yield from state(snapshot, UP, LAST_READ, REJECTED, collector)
    if reading is None:
        return
    for level in LEVELS:
        power, meter, info = POWER[level].family(), METER_ENERGY[level].family(), SOURCE_INFO[level].family()
        for box, watts in reading.power.items():
            if box.level == level:
                power.add_metric([box.name], watts)
                info.add_metric([box.name, reading.sources[box]], 1)
        for box, joules in reading.meter_energy.items():
            if box.level == level:
                meter.add_metric([box.name], joules)
        energy, measured = ENERGY[level].family(), MEASURED[level].family()
        for key, total in snapshot.energy.items():
            if isinstance(key, Box) and key.level == level:
                energy.add_metric([key.name], total.joules)
                measured.add_metric([key.name], total.measured_seconds)
        up = BOX_UP[level].family()
        for box, has_power in reading.up.items():
            if box.level == level:
                up.add_metric([box.name], has_power)
        yield from (power, energy, measured, meter, info, up)
    yield from _parts(reading)
    yield from _integrals(snapshot)


def _integrals(snapshot: Snapshot[BmcReading]) -> Iterable[Family]:
    """Energy and measured time of the devices inside the boxes."""
    for level, metrics in {
        "subsystem": (SUBSYSTEM_ENERGY, SUBSYSTEM_MEASURED),
        "component": (COMPONENT_ENERGY, COMPONENT_MEASURED),
    }.items():
        energy, measured = (metric.family() for metric in metrics)
        for key, total in snapshot.energy.items():
            if isinstance(key, Metered) and key.level == level:
                energy.add_metric(list(key.part), total.joules)
                measured.add_metric(list(key.part), total.measured_seconds)
        yield from (energy, measured)


def _parts(reading: BmcReading) -> Iterable[Family]:
    parts: Mapping[Metric, Mapping[ChassisPart, float] | Mapping[ChassisComponent, float]] = {
        PSU_INPUT: reading.psu_input,
        PSU_OUTPUT: reading.psu_output,
        SUBSYSTEM: reading.subsystems,
        SUBSYSTEM_METER_ENERGY: reading.subsystem_energy,
        COMPONENT: reading.components,
        COMPONENT_METER_ENERGY: reading.component_energy,
    }
    for metric, values in parts.items():
        family = metric.family()
        for part, value in values.items():
            family.add_metric(list(part), value)
        yield family
