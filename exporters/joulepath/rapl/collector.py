# SPDX-License-Identifier: Apache-2.0
"""Turns a snapshot of RAPL energies into the families of `metrics.py`."""

from collections.abc import Iterable

from joulepath.metrics import Family
from joulepath.rapl import metrics
from joulepath.rapl.boards import BoardSnapshot
from joulepath.rapl.unwrap import RaplSnapshot
from joulepath.reading.bounds import BEYOND


def collect(snapshot: RaplSnapshot) -> Iterable[Family]:
    """One sample per zone that was read; the host's only when all of its parts were."""
    for kind, metric in metrics.ZONE_ENERGY.items():
        family = metric.family()
        for zone, energy in sorted(snapshot.zones.items()):
            if zone.kind == kind:
                family.add_metric([zone.package, zone.die], energy.joules)
        yield family
    psys = [energy.joules for zone, energy in snapshot.zones.items() if zone.kind == "psys"]
    single = {
        metrics.PSYS_ENERGY: sum(psys) if psys else None,
        metrics.HOST_ENERGY: snapshot.host.joules if snapshot.host else None,
        metrics.HOST_MEASURED: snapshot.host.measured_seconds if snapshot.host else None,
        metrics.ZONES_UNREADABLE: snapshot.read_errors,
    }
    for metric, value in single.items():
        family = metric.family()
        if value is not None:
            family.add_metric([], value)
        yield family


def collect_boards(snapshot: BoardSnapshot) -> Iterable[Family]:
    """One sample per sensor of the host's boards."""
    power, joules, seconds = (
        metric.family() for metric in (metrics.BOARD_POWER, metrics.BOARD_ENERGY, metrics.BOARD_MEASURED)
    )
    for sensor, watts in snapshot.watts.items():
        power.add_metric([*sensor], watts)
    for sensor, energy in snapshot.energy.items():
        joules.add_metric([*sensor], energy.joules)
        seconds.add_metric([*sensor], energy.measured_seconds)
    rejected = metrics.BOARD_REJECTED.family()
    if snapshot.energy or snapshot.beyond:
        rejected.add_metric([BEYOND], snapshot.beyond)
    yield from (power, joules, seconds, rejected)
