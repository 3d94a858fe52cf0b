# SPDX-License-Identifier: Apache-2.0
"""An exporter of polled devices, PDUs or BMCs: one device on `/metrics`, or many on `/probe?target=NAME`."""

import logging
from collections.abc import Callable, Collection, Iterable, Sequence
from pathlib import Path
from typing import Generic, TypeVar

from prometheus_client.core import Metric as AnyFamily

from joulepath.errors import JoulepathError
from joulepath.exporter import Condition
from joulepath.metrics import Family, Metric, Shown, filled
from joulepath.reading.poller import Poller, Reading, Snapshot, Target
from joulepath.serving.telemetry import polls

logger = logging.getLogger(__name__)

R = TypeVar("R", bound=Reading)


class PolledExporter(Generic[R]):
    """Binds a poller to a collector: `collect(snapshot, current_reading)` makes one device's families.

    `configured` reads the devices again, and raises UsageError where they are wrong; `file` is what it reads.
    """

    def __init__(
        self,
        name: str,
        reads: str,
        poller: Poller[R],
        collect: Callable[[Snapshot[R], R | None], Iterable[Family]],
        *,
        single: bool,
        shown: Sequence[Shown] = (),
        configured: Callable[[], Iterable[Target[R]]] | None = None,
        file: Path | None = None,
    ) -> None:
        self.name = name
        self.reads = reads
        self.shown = shown
        self._poller = poller
        self._collect = collect
        self._single = single
        self._configured = configured
        self._file = file
        self._tried = False

    @property
    def targets(self) -> Collection[str]:
        """The configured names; none where the one device is on `/metrics`."""
        return () if self._single else self._poller.names

    @property
    def ready(self) -> bool:
        """Whether each device has been polled once, successfully or not."""
        self._tried = self._tried or self._poller.tried
        return self._tried

    @property
    def files(self) -> Collection[Path]:
        """The configuration, and the files that it names."""
        own = [] if self._file is None else [self._file]
        return dict.fromkeys([*own, *(path for target in self._poller.targets for path in target.files)])

    def collect(self) -> Iterable[AnyFamily]:
        """The exporter's own families, and the device's where it is the only one."""
        by_result, seconds = self._poller.totals
        yield from polls({result: by_result.get(result, 0) for result in ("success", "failure", "missed")}, seconds)
        if self._single:
            yield from self.probe(self._poller.names[0])

    def probe(self, target: str) -> Iterable[AnyFamily]:
        """One device's families."""
        return filled(self._collect(*self._poller.view(target)))

    def condition(self, target: str = "") -> Condition:
        """As of its last poll. Raises KeyError."""
        name = target or self._poller.names[0]
        last = self._poller.snapshot(name)
        return Condition(name, last.up, last.read_timestamp, last.fault, last.fault_timestamp)

    def once(self) -> Iterable[AnyFamily]:
        """Polls all devices once; several are told apart by `instance`, as their scrape would."""
        faults = self._poller.once()
        if len(faults) == len(self._poller.names):
            raise JoulepathError([str(fault) for fault in faults.values()])
        for fault in faults.values():
            logger.warning(str(fault))
        if self._single:
            return list(self.probe(self._poller.names[0]))
        return _merged({name: self.probe(name) for name in self._poller.names})

    def start(self) -> None:
        """Begins to poll."""
        self._poller.start()

    def reload(self) -> None:
        """Takes over the devices that are configured now; those that stay keep their sessions and counters."""
        if self._configured is not None:
            self._poller.update(self._configured())

    def stop(self) -> None:
        """Ends polling and closes the devices' sessions."""
        self._poller.stop()


def state(snapshot: Snapshot[R], up: Metric, last_read: Metric, rejected: Metric, *labels: str) -> Iterable[Family]:
    """The series that every collector has of a device that answers or does not; `labels` are those of `up`."""
    family = up.family()
    if snapshot.up is not None:
        family.add_metric(labels, snapshot.up)
    yield family
    family = last_read.family()
    if snapshot.read_timestamp is not None:
        family.add_metric([], snapshot.read_timestamp)
    yield family
    family = rejected.family()
    for reason, count in snapshot.rejected.items():
        family.add_metric([reason], count)
    yield family


def _merged(by_target: dict[str, Iterable[AnyFamily]]) -> Iterable[AnyFamily]:
    """One family per name over all targets, each sample with its target's name as `instance`."""
    merged: dict[str, AnyFamily] = {}
    for target, families in by_target.items():
        for family in families:
            into = merged.setdefault(family.name, AnyFamily(family.name, family.documentation, family.type))
            into.samples += [sample._replace(labels={"instance": target, **sample.labels}) for sample in family.samples]
    return merged.values()
