# SPDX-License-Identifier: Apache-2.0
"""Counters that go on when what counts them is replaced: a new source begins at 0, its series must not."""

from collections.abc import Iterable, Mapping
from typing import Final

from prometheus_client.core import Metric

Key = tuple[str, tuple[tuple[str, str], ...]]
"""A sample's name and its labels."""


class Carry:
    """What the counters of ended sources came to. Immutable; `ended` makes the next one."""

    def __init__(self, values: Mapping[Key, float] | None = None) -> None:
        self._values: Final = dict(values or {})

    def onto(self, families: Iterable[Metric]) -> Iterable[Metric]:
        """The families of the present source with what was counted before. A series it does not have stays away."""
        for family in families:
            if family.type == "counter" and self._values:
                family.samples = [
                    sample._replace(value=sample.value + self._values.get(_key(sample.name, sample.labels), 0))
                    if sample.name.endswith("_total")
                    else sample
                    for sample in family.samples
                ]
            yield family

    def ended(self, families: Iterable[Metric]) -> "Carry":
        """With the last families of a source, which are not yet added to. A series that is away keeps its count."""
        last = {
            _key(sample.name, sample.labels): sample.value
            for family in self.onto(families)
            if family.type == "counter"
            for sample in family.samples
        }
        return Carry({**self._values, **last})


def _key(name: str, labels: Mapping[str, str]) -> Key:
    return name, tuple(sorted(labels.items()))
