# SPDX-License-Identifier: Apache-2.0
"""Turns the energy of a power model into the families of `metrics.py`."""

from collections.abc import Iterable

from joulepath.metrics import Family
from joulepath.workload import metrics
from joulepath.workload.power.energy import Snapshot


def collect(snapshot: Snapshot) -> Iterable[Family]:
    """One sample of each metric."""
    joules, seconds = metrics.MODELLED_ENERGY.family(), metrics.MODELLED_MEASURED.family()
    joules.add_metric([], snapshot.energy.joules)
    seconds.add_metric([], snapshot.energy.measured_seconds)
    info = metrics.MODELLED_INFO.family()
    info.add_metric([snapshot.power_model], 1)
    yield from (joules, seconds, info)
