# SPDX-License-Identifier: Apache-2.0
"""All GPUs of this host: opens the vendors' libraries, reads each GPU, and keeps its counters."""

import logging
import math
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from joulepath.errors import JoulepathError
from joulepath.gpu.activity import Activity, InstanceActivity, Naming, add_instances
from joulepath.gpu.meter import MOST_WATTS, Meter
from joulepath.gpu.source import Device, Identity, Library, LostError, MissingError
from joulepath.reading.energy import Energy

logger = logging.getLogger(__name__)

RETRY_SECONDS = 30.0
"""A library that fails, or one with a lost GPU, is opened anew so often."""
MISSING_SECONDS = 600.0
"""The same for one that is not installed."""
DRIVERS = ("nvidia", "amdgpu", "i915", "xe")
"""The kernel's drivers of GPUs. The libraries are opened anew, too, when these have others."""
ABOVE_LIMIT = "above_limit"
"""The reason for which a power is rejected."""


@dataclass(frozen=True)
class Gpu:
    """One GPU at the last reading. `up` tells whether it answered; its energy goes on when it does again."""

    label: str
    identity: Identity
    up: bool
    watts: float | None
    memory: float | None
    energy: Energy
    source: str
    activity: Mapping[str, float]
    """By workload [s]; empty where it is not measured."""
    activity_seconds: float
    instances: Mapping[str, InstanceActivity]


@dataclass(frozen=True)
class Snapshot:
    """All GPUs that there ever were."""

    gpus: Sequence[Gpu]
    rejected: Mapping[str, int]
    faults: Sequence[str] = ()


class Gpus:
    """Reads all GPUs. `required` names vendors of which a missing library is told."""

    def __init__(
        self,
        libraries: Sequence[Library],
        naming: Naming,
        *,
        required: Sequence[str] = (),
        clock: Callable[[], float] = time.monotonic,
        bound: Callable[[], frozenset[str]] | None = None,
    ) -> None:
        """`bound` gives the PCI devices that the kernel's drivers have."""
        self._bound = bound or drivers_devices
        self._looked_at = -math.inf
        self._seen: frozenset[str] = frozenset()
        self._libraries = [_Opened(library, library.vendor in required) for library in libraries]
        self.naming = naming
        self._clock = clock
        self._states: dict[tuple[str, str], _State] = {}
        """By UUID and PCI bus: two GPUs may have one UUID."""
        self._rejected: Counter[str] = Counter()

    def read(self) -> Snapshot:
        """Reads every GPU once. Raises JoulepathError, with a line for each vendor, on a host without GPUs."""
        now = self._clock()
        self._look(now)
        devices: list[Device] = []
        for opened in self._libraries:
            devices += opened.again(now)
        for device in sorted(devices, key=lambda device: device.identity.bus):
            key = device.identity.uuid, device.identity.bus
            if key not in self._states:
                self._states[key] = _State(str(len(self._states)), device)
        if not self._states:
            raise JoulepathError([str(opened.fault) for opened in self._libraries])
        for state in self._states.values():
            state.read(now, self.naming, self._rejected)
        for opened in self._libraries:
            opened.lost = any(
                state.device.identity.vendor == opened.library.vendor and not state.up
                for state in self._states.values()
            )
        gpus = [state.seen() for state in self._states.values()]
        return Snapshot(gpus, dict(self._rejected), list(self._faults()))

    def _look(self, now: float) -> None:
        """Has the libraries opened anew when GPUs were added or have gone."""
        if now - self._looked_at < RETRY_SECONDS:
            return
        bound = self._bound()
        if self._looked_at != -math.inf and bound != self._seen:
            for opened in self._libraries:
                opened.changed = True
        self._looked_at, self._seen = now, bound

    def _faults(self) -> Iterable[str]:
        """A line for each library that does not work, and for each GPU or value that exists and cannot be read."""
        for opened in self._libraries:
            yield from opened.library.faults
            if opened.fault is not None and (opened.required or not isinstance(opened.fault, MissingError)):
                yield str(opened.fault)
        for state in self._states.values():
            yield from state.faults


class _Opened:
    """A library, and when it was opened last."""

    def __init__(self, library: Library, required: bool) -> None:
        self.library = library
        self.required = required
        self.at = -math.inf
        self.fault: JoulepathError | None = None
        self.lost = False
        self.changed = False

    def again(self, now: float) -> Sequence[Device]:
        """Opens the library if that is due; its GPUs then, known ones too."""
        wait = MISSING_SECONDS if isinstance(self.fault, MissingError) else RETRY_SECONDS
        incomplete = self.fault is not None or self.lost or bool(self.library.faults)
        due = self.at == -math.inf or self.changed or (incomplete and now - self.at >= wait)
        if not due:
            return ()
        self.at, self.fault, self.changed = now, None, False
        try:
            devices = self.library.open()
        except JoulepathError as fault:
            self.fault = fault
            return ()
        if not devices:
            self.fault = MissingError(f"{self.library.vendor}: the library finds no GPU")
        return devices


def drivers_devices(sysfs: Path = Path("/sys")) -> frozenset[str]:
    """The PCI devices of the kernel's drivers of GPUs."""
    folders = (sysfs / "bus/pci/drivers" / driver for driver in DRIVERS)
    return frozenset(link.name for folder in folders if folder.is_dir() for link in folder.glob("*:*"))


class _State:
    """One GPU's counters."""

    def __init__(self, label: str, device: Device) -> None:
        self.label = label
        self.device = device
        self.up = True
        self.faults: Sequence[str] = ()
        self._watts: float | None = None
        self._memory: float | None = None
        self._meter = Meter()
        self._activity: Activity | None = None
        self._instances: dict[str, InstanceActivity] = {}

    def read(self, now: float, naming: Naming, rejected: Counter[str]) -> None:
        """Reads the GPU. A lost one has a gap, in all of its counters, until it answers again."""
        try:
            reading = self.device.read()
        except LostError as fault:
            if self.up:
                logger.warning(str(fault))
            self.up, self._watts = False, None
            self._meter.interrupt()
            return
        if not self.up:
            logger.info("%s: GPU %s answers again", self.device.identity.vendor, self.device.identity.uuid)
        self.up = True
        self.faults = reading.faults
        rejected.update(reading.rejected)
        self._watts, self._memory = reading.watts, reading.memory
        if reading.watts is not None and not 0 <= reading.watts <= MOST_WATTS:
            rejected[ABOVE_LIMIT] += 1
            self._watts = None
        self._meter.add(now, reading.joules, self._watts)
        if reading.shares is not None:
            self._activity = self._activity or Activity()
            self._activity.add(now, reading.shares, naming)
        add_instances(self._instances, reading.instances)

    def seen(self) -> Gpu:
        """As it is now."""
        activity = self._activity or Activity(of={})
        return Gpu(
            self.label,
            self.device.identity,
            self.up,
            self._watts,
            self._memory,
            self._meter.energy,
            self._meter.source,
            dict(activity.of),
            activity.seconds,
            {identity: replace(instance) for identity, instance in self._instances.items()},
        )
