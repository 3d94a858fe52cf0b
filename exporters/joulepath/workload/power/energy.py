# SPDX-License-Identifier: Apache-2.0
"""Integrates the watts of a power model over readings of a host's load.

A model takes the mean load of an interval. Where its curve is bent, the watts of a mean load are not the mean of the
watts, so readings are a second apart, whatever the scrapes are.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from joulepath.errors import JoulepathError
from joulepath.reading.energy import MAX_HOLE_SECONDS, Energy
from joulepath.workload.account import SLACK, SLACK_SECONDS, TASKS
from joulepath.workload.host import HostTimes
from joulepath.workload.places import Places
from joulepath.workload.power.load import Load, LoadSource
from joulepath.workload.power.machine import Refusal
from joulepath.workload.power.model import PowerModel
from joulepath.workload.settings import IRQ, SOFTIRQ

BUSY = (*TASKS, IRQ, SOFTIRQ)
MOST_DISK_BYTES_PER_SECOND = 1e11
"""Of one disk: several times that of the fastest bus."""


@dataclass(frozen=True)
class Snapshot:
    """Energy since the start."""

    power_model: str
    energy: Energy
    faults: Sequence[str] = ()


class ModelledEnergy:
    """The energy of this host by a model. `read` is never called twice at once; `apply` may be called meanwhile."""

    def __init__(
        self,
        model: PowerModel | Refusal,
        places: Places | None = None,
        clock: Callable[[], float] = time.monotonic,
        *,
        force: bool = False,
    ) -> None:
        self._model = model
        self._source = LoadSource(places or Places())
        self._clock = clock
        self._force = force
        self._energy = Energy()
        self._last: tuple[float, Load, PowerModel] | None = None
        self._highest: Mapping[str, float] = {}

    def apply(self, model: PowerModel | Refusal) -> None:
        """Another model holds from the next reading on; counters go on."""
        self._model = model

    def read(self) -> Snapshot:
        """Reads once. Raises JoulepathError, also while no model holds for this machine.

        The time from there to the next reading is in no counter.
        """
        model = self._model
        last, self._last = self._last, None
        if isinstance(model, Refusal):
            raise JoulepathError(model.lines)
        load = self._source.read(
            memory=model.watts_per_gigabyte is not None, disks=model.joules_per_gigabyte is not None
        )
        at = self._clock()
        cpus = model.machine.cpus
        if not self._force and cpus is not None and load.host.cpus != cpus:
            fault = f"power model {model.name}: {load.host.cpus} CPUs are on and not {cpus}: it does not hold now"
            return Snapshot(model.name, self._energy, (fault,))
        busy = self._busy_seconds(last[1].host if last is not None else None, load.host, at - last[0] if last else 0.0)
        self._last = (at, load, model)
        if last is not None and busy is not None and last[2] is model:
            self._add(model, last[1], load, busy, at - last[0])
        return Snapshot(model.name, self._energy)

    def _add(self, model: PowerModel, before: Load, now: Load, busy_seconds: float, elapsed: float) -> None:
        octets = _disk_bytes(before, now, elapsed)
        if not 0 < elapsed <= MAX_HOLE_SECONDS or octets is None:
            return
        watts = model.watts(
            busy_seconds / (elapsed * now.host.cpus), (before.memory_bytes + now.memory_bytes) / 2, octets / elapsed
        )
        joules, seconds = self._energy
        self._energy = Energy(joules + watts * elapsed, seconds + elapsed)

    def _busy_seconds(self, before: HostTimes | None, now: HostTimes, elapsed: float) -> float | None:
        """CPU seconds since the last reading; None where the counters fell or jumped.

        A counter that falls back by little, as the kernel's at times do, is waited for.
        """
        highest = self._highest if before is not None else now.modes
        steps = {mode: now.modes[mode] - highest[mode] for mode in BUSY}
        fell = min(steps.values()) < -now.cpus * SLACK_SECONDS
        busy = sum(max(0.0, step) for step in steps.values())
        if fell or busy > now.cpus * (SLACK * elapsed + SLACK_SECONDS):
            self._highest = now.modes
            return None
        self._highest = {mode: max(highest[mode], now.modes[mode]) for mode in BUSY}
        return busy


def _disk_bytes(before: Load, now: Load, elapsed: float) -> float | None:
    """Bytes of all disks since the last reading; None if one of them cannot have done so many."""
    steps = [max(0.0, octets - before.disks[disk]) for disk, octets in now.disks.items() if disk in before.disks]
    return None if any(step > MOST_DISK_BYTES_PER_SECOND * elapsed for step in steps) else sum(steps)
