# SPDX-License-Identifier: Apache-2.0
"""An exporter of polled devices, PDUs or BMCs: one device on `/metrics`, or many on `/probe?target=NAME`."""

import logging
from collections.abc import Callable, Collection, Iterable
from typing import Generic, TypeVar

from prometheus_client.core import Metric

from joulepath.errors import JoulepathError
from joulepath.exporter import build_info
from joulepath.metrics import Family, counter, filled
from joulepath.poller import Poller, Reading, Snapshot

logger = logging.getLogger(__name__)

R = TypeVar("R", bound=Reading)

POLLS = counter("joulepath_polls_total", "Polls of devices so far, by result: success, failure, missed.", "result")
POLL_SECONDS = counter("joulepath_poll_duration_seconds_total", "Time spent in polls of devices so far.")


class PolledExporter(Generic[R]):
    """Binds a poller to a collector: `collect(snapshot, current_reading)` makes one device's families."""

    def __init__(
        self,
        name: str,
        reads: str,
        poller: Poller[R],
        collect: Callable[[Snapshot[R], R | None], Iterable[Family]],
        *,
        single: bool,
    ) -> None:
        self.name = name
        self.reads = reads
        self._poller = poller
        self._collect = collect
        self._single = single

    @property
    def targets(self) -> Collection[str]:
        """The configured names; none where the one device is on `/metrics`."""
        return () if self._single else self._poller.names

    def collect(self) -> Iterable[Metric]:
        """The exporter's own families, and the device's where it is the only one."""
        yield from build_info(self.name)
        yield from self._telemetry()
        if self._single:
            yield from self.probe(self._poller.names[0])

    def probe(self, target: str) -> Iterable[Metric]:
        """One device's families."""
        return filled(self._collect(self._poller.snapshot(target), self._poller.current(target)))

    def once(self) -> Iterable[Metric]:
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

    def stop(self) -> None:
        """Ends polling and closes the devices' sessions."""
        self._poller.stop()

    def _telemetry(self) -> Iterable[Family]:
        snapshots = [self._poller.snapshot(name) for name in self._poller.names]
        polls = POLLS.family()
        for result in ("success", "failure", "missed"):
            polls.add_metric([result], sum(snapshot.polls.get(result, 0) for snapshot in snapshots))
        yield polls
        seconds = POLL_SECONDS.family()
        seconds.add_metric([], sum(snapshot.poll_seconds for snapshot in snapshots))
        yield seconds


def _merged(by_target: dict[str, Iterable[Metric]]) -> Iterable[Metric]:
    """One family per name over all targets, each sample with its target's name as `instance`."""
    merged: dict[str, Metric] = {}
    for target, families in by_target.items():
        for family in families:
            into = merged.setdefault(family.name, Metric(family.name, family.documentation, family.type))
            into.samples += [sample._replace(labels={"instance": target, **sample.labels}) for sample in family.samples]
    return merged.values()
