# SPDX-License-Identifier: Apache-2.0
"""Counters that go on when what counts them is replaced: a new source begins at 0, its series must not."""

from collections.abc import Iterable, Mapping
from typing import Final

from prometheus_client.core import Metric
from prometheus_client.samples import Sample

Key = tuple[str, tuple[tuple[str, str], ...]]
"""A sample's name and its labels."""
_COUNTING = ("counter", "histogram")


class Carry:
    """The final counts of ended sources. Immutable; `ended` makes the next one."""

    def __init__(self, values: Mapping[Key, float] | None = None) -> None:
        self._values: Final = dict(values or {})

    def onto(self, families: Iterable[Metric]) -> Iterable[Metric]:
        """The families of the present source with what was counted before. A series it does not have stays away."""
        for family in families:
            if family.type in _COUNTING and self._values:
                family.samples = [self._carried(sample) for sample in family.samples]
            yield family

    def ended(self, families: Iterable[Metric]) -> "Carry":
        """With the last families of a source, which are not yet added to. A series that is away keeps its count."""
        last = {
            _key(sample.name, sample.labels): sample.value
            for family in self.onto(families)
            if family.type in _COUNTING
            for sample in family.samples
        }
        return Carry({**self._values, **last})

    def _carried(self, sample: Sample) -> Sample:
        before = self._values.get(_key(sample.name, sample.labels))
        if before is None:
            return sample
        # A series that goes on was not created again: Prometheus would take it for one that begins at 0.
        return sample._replace(value=before if sample.name.endswith("_created") else sample.value + before)


def _key(name: str, labels: Mapping[str, str]) -> Key:
    return name, tuple(sorted(labels.items()))
