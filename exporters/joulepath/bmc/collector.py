# SPDX-License-Identifier: Apache-2.0
"""One BMC's snapshot as metric families."""

from collections.abc import Iterable
from typing import cast

from joulepath.bmc.metrics import (
    BOX_UP,
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
    UP,
)
from joulepath.bmc.reading import BmcReading, Box
from joulepath.metrics import Family
from joulepath.polled import state
from joulepath.poller import Snapshot


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
            box = cast("Box", key)
            if box.level == level:
                energy.add_metric([box.name], total.joules)
                measured.add_metric([box.name], total.measured_seconds)
        up = BOX_UP[level].family()
        for box, has_power in reading.up.items():
            if box.level == level:
                up.add_metric([box.name], has_power)
        yield from (power, energy, measured, meter, info, up)
    parts = {PSU_INPUT: reading.psu_input, PSU_OUTPUT: reading.psu_output, SUBSYSTEM: reading.subsystems}
    for metric, values in parts.items():
        family = metric.family()
        for part, watts in values.items():
            family.add_metric([part.chassis, part.name], watts)
        yield family
