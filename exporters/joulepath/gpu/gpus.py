# SPDX-License-Identifier: Apache-2.0
"""All GPUs of this host: opens the vendors' libraries, reads each GPU, and keeps its counters."""

import logging
import math
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from joulepath.bounds import Once
from joulepath.energy import Energy
from joulepath.errors import JoulepathError
from joulepath.gpu.activity import OTHER, Activity, InstanceActivity, add_instances
from joulepath.gpu.meter import MOST_WATTS, Meter
from joulepath.gpu.naming import Naming
from joulepath.gpu.source import Device, Identity, Library, LostError, MissingError

logger = logging.getLogger(__name__)

RETRY_SECONDS = 30.0
"""A library that fails, or one with a lost GPU, is opened anew so often."""
MISSING_SECONDS = 600.0
"""The same for one that is not installed."""
ABOVE_LIMIT = "above_limit"
"""The reason for which a power is rejected."""


@dataclass(frozen=True)
class Gpu:
    """One GPU at the last reading. `up` tells whether it answered; its energy goes on when it does again."""

    label: str
    identity: Identity
    up: bool
    watts: float | None
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


class Gpus:
    """Reads all GPUs. `required` names vendors of which a missing library is told."""

    def __init__(
        self,
        libraries: Sequence[Library],
        naming: Naming,
        *,
        required: Sequence[str] = (),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._libraries = [_Opened(library, library.vendor in required) for library in libraries]
        self._naming = naming
        self._clock = clock
        self._states: dict[str, _State] = {}
        self._rejected: Counter[str] = Counter()
        self._once = Once()

    def read(self) -> Snapshot:
        """Reads every GPU once. Raises JoulepathError, a line for each vendor, where there is none."""
        now = self._clock()
        devices: list[Device] = []
        for opened in self._libraries:
            devices += opened.again(now)
        for device in sorted(devices, key=lambda device: device.identity.bus):
            if device.identity.uuid not in self._states:
                self._states[device.identity.uuid] = _State(str(len(self._states)), device)
        self._tell()
        if not self._states:
            raise JoulepathError([str(opened.fault) for opened in self._libraries] or "no vendor is chosen")
        for state in self._states.values():
            state.read(now, self._naming, self._rejected, self._once)
        for opened in self._libraries:
            opened.lost = any(
                state.device.identity.vendor == opened.library.vendor and not state.up
                for state in self._states.values()
            )
        return Snapshot([state.seen() for state in self._states.values()], dict(self._rejected))

    def look_again(self) -> None:
        """Opens every library anew at the next reading."""
        for opened in self._libraries:
            opened.at = -math.inf

    def close(self) -> None:
        """Ends the use of the libraries."""
        for opened in self._libraries:
            opened.library.close()

    def _tell(self) -> None:
        for opened in self._libraries:
            fault = opened.fault
            silent = isinstance(fault, MissingError) and not opened.required and self._states
            if fault is not None and not silent and self._once.is_new(str(fault)):
                logger.warning(str(fault))


class _Opened:
    """A library, and when it was opened last."""

    def __init__(self, library: Library, required: bool) -> None:  # noqa: FBT001
        self.library = library
        self.required = required
        self.at = -math.inf
        self.fault: JoulepathError | None = None
        self.lost = False

    def again(self, now: float) -> Sequence[Device]:
        """Opens the library if that is due; its GPUs then, known ones too."""
        wait = MISSING_SECONDS if isinstance(self.fault, MissingError) else RETRY_SECONDS
        due = self.at == -math.inf or ((self.fault is not None or self.lost) and now - self.at >= wait)
        if not due:
            return ()
        self.at, self.fault = now, None
        try:
            devices = self.library.open()
        except JoulepathError as fault:
            self.fault = fault
            return ()
        if not devices:
            self.fault = MissingError(f"{self.library.vendor}: the library finds no GPU")
        return devices


class _State:
    """One GPU's counters."""

    def __init__(self, label: str, device: Device) -> None:
        self.label = label
        self.device = device
        self.up = True
        self._watts: float | None = None
        self._meter = Meter()
        self._activity: Activity | None = None
        self._instances: dict[str, InstanceActivity] = {}

    def read(self, now: float, naming: Naming, rejected: Counter[str], once: Once) -> None:
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
        for line in reading.faults:
            if once.is_new(line):
                logger.warning(line)
        rejected.update(reading.rejected)
        self._watts = reading.watts
        if reading.watts is not None and not 0 <= reading.watts <= MOST_WATTS:
            rejected[ABOVE_LIMIT] += 1
            self._watts = None
        self._meter.add(now, reading.joules, self._watts)
        if reading.shares is not None:
            self._activity = self._activity or Activity()
            self._activity.add(reading.shares, naming)
        add_instances(self._instances, reading.instances)

    def seen(self) -> Gpu:
        """As it is now."""
        activity = self._activity or Activity(of={})
        return Gpu(
            self.label,
            self.device.identity,
            self.up,
            self._watts,
            self._meter.energy,
            self._meter.source,
            dict(activity.of),
            activity.seconds,
            {identity: replace(instance) for identity, instance in self._instances.items()},
        )
