# SPDX-License-Identifier: Apache-2.0
"""One PDU's snapshot as metric families."""

from collections.abc import Iterable
from functools import lru_cache
from typing import cast

from prometheus_client.samples import Sample

from joulepath.exposition import Labels
from joulepath.metrics import Family, Metric
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
from joulepath.pdu.profiles.quantity import LevelName
from joulepath.pdu.source import PduReading
from joulepath.reading.energy import Energy
from joulepath.reading.poller import Snapshot
from joulepath.serving.polled import state


def collect(snapshot: Snapshot[PduReading], reading: PduReading | None) -> Iterable[Family]:
    """The families of one PDU; without a current `reading` only those about its state."""
    yield from state(snapshot, UP, LAST_READ, REJECTED)
    if reading is None:
        return
    yield from _readings(reading)
    yield from _energy(snapshot)
    outlets = OUTLET_INFO.family()
    outlets.samples = [
        Sample(OUTLET_INFO.name, _outlet_labels(outlet, name), 1) for outlet, name in reading.names.items()
    ]
    yield outlets
    info = INFO.family()
    for unit in dict.fromkeys(reading.units):
        of_unit = [reading.vendor, unit.model, unit.serial, unit.firmware]
        info.add_metric([*of_unit, reading.profile, reading.evidence, reading.method, reading.accuracy], 1)
    yield info


def _readings(reading: PduReading) -> Iterable[Family]:
    for level, quantities in reading.values.items():
        for quantity, values in quantities.items():
            metric = METER_ENERGY[level] if quantity == "meter_energy" else GAUGES[level, quantity]
            yield _family(metric, level, values.items())


def _energy(snapshot: Snapshot[PduReading]) -> Iterable[Family]:
    energies: dict[LevelName, dict[str, Energy]] = {level: {} for level in LEVELS}
    for key, energy in snapshot.energy.items():
        level, label = cast("tuple[LevelName, str]", key)
        energies[level][label] = energy
    for level, by_label in energies.items():
        yield _family(ENERGY[level], level, ((label, energy.joules) for label, energy in by_label.items()))
        yield _family(MEASURED[level], level, ((label, energy.measured_seconds) for label, energy in by_label.items()))


def _family(metric: Metric, level: LevelName, values: Iterable[tuple[str, float]]) -> Family:
    family = metric.family()
    family.samples = [Sample(metric.name, _labels(level, label), value) for label, value in values]
    return family


# They are the same for every device and at each scrape: written out once.
@lru_cache(maxsize=1 << 14)
def _labels(level: LevelName, label: str) -> Labels:
    return Labels({level: label})


@lru_cache(maxsize=1 << 14)
def _outlet_labels(outlet: str, name: str) -> Labels:
    return Labels(outlet=outlet, name=name)
