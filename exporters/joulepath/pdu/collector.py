# SPDX-License-Identifier: Apache-2.0
"""One PDU's snapshot as metric families."""

from collections.abc import Iterable
from typing import cast

from joulepath.metrics import Family
from joulepath.pdu.metrics import (
    ENERGY,
    GAUGES,
    INFO,
    LAST_READ,
    LEVELS,
    MEASURED,
    METER_ENERGY,
    OUTLET_INFO,
    REJECTED,
    UP,
)
from joulepath.pdu.schema import LevelName
from joulepath.pdu.source import PduReading
from joulepath.poller import Snapshot


def collect(snapshot: Snapshot[PduReading], reading: PduReading | None) -> Iterable[Family]:
    """The families of one PDU; without a current `reading` only those about its state."""
    yield from _state(snapshot)
    if reading is None:
        return
    yield from _readings(reading)
    yield from _energy(snapshot)
    outlets = OUTLET_INFO.family()
    for outlet, name in reading.names.items():
        outlets.add_metric([outlet, name], 1)
    yield outlets
    info = INFO.family()
    for unit in dict.fromkeys(reading.units):
        of_unit = [reading.vendor, unit.model, unit.serial, unit.firmware]
        info.add_metric([*of_unit, reading.profile, reading.evidence, reading.accuracy], 1)
    yield info


def _state(snapshot: Snapshot[PduReading]) -> Iterable[Family]:
    up = UP.family()
    if snapshot.up is not None:
        up.add_metric([], snapshot.up)
    yield up
    last_read = LAST_READ.family()
    if snapshot.read_timestamp is not None:
        last_read.add_metric([], snapshot.read_timestamp)
    yield last_read
    rejected = REJECTED.family()
    for reason, count in snapshot.rejected.items():
        rejected.add_metric([reason], count)
    yield rejected


def _readings(reading: PduReading) -> Iterable[Family]:
    for level, quantities in reading.values.items():
        for quantity, values in quantities.items():
            metric = METER_ENERGY[level] if quantity == "meter_energy" else GAUGES[level, quantity]
            family = metric.family()
            for label, value in values.items():
                family.add_metric([label], value)
            yield family


def _energy(snapshot: Snapshot[PduReading]) -> Iterable[Family]:
    joules = {level: ENERGY[level].family() for level in LEVELS}
    seconds = {level: MEASURED[level].family() for level in LEVELS}
    for key, energy in snapshot.energy.items():
        level, label = cast("tuple[LevelName, str]", key)
        joules[level].add_metric([label], energy.joules)
        seconds[level].add_metric([label], energy.measured_seconds)
    yield from joules.values()
    yield from seconds.values()
