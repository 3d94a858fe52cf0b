# SPDX-License-Identifier: Apache-2.0
"""The constants of one content of a topology file, as the series that a scrape shows."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from prometheus_client.core import GaugeMetricFamily

from joulepath.exposition import Labels

HELP = "A constant of the topology file (docs/guides/large.md)."

UNSET = {"instance": "", "job": ""}
"""An empty label keeps Prometheus from adding its own under honor_labels: the constant has exactly its labels."""


@dataclass(frozen=True)
class Generation:
    """All constants of one content: `hash` changes with its meaning, and the rules select by it."""

    topology: str
    hash: str
    rows: Sequence[tuple[str, float, dict[str, str]]]
    """Name, value and labels of each."""


def read(path: Path, _: str) -> Generation:
    """The file's constants, for `joulepath.apart`. Raises UsageError with one line per mistake."""
    # Only the process that reads the file needs pydantic and YAML.
    from joulepath_rules.constants import constants  # noqa: PLC0415
    from joulepath_topology import read as read_topology  # noqa: PLC0415

    topology = read_topology(path)
    rows = [(constant.name, constant.value, dict(constant.labels)) for constant in constants(topology)]
    return Generation(topology.name, topology.hash, rows)


def families(generations: Iterable[Generation]) -> Iterator[GaugeMetricFamily]:
    """The series of all generations, by name: a family holds those of every generation."""
    found: dict[str, GaugeMetricFamily] = {}
    for generation in generations:
        own = {"topology": generation.topology, "generation": generation.hash}
        for name, value, labels in generation.rows:
            family = found.setdefault(name, GaugeMetricFamily(name, HELP))
            family.add_sample(name, Labels({**UNSET, **labels, **own}), value)
    yield from found.values()
