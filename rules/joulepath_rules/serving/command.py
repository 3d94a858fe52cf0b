# SPDX-License-Identifier: Apache-2.0
"""`joulepath rules serve`: one target for each topology file, in the frame that all exporters share."""

import argparse
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from pathlib import Path

from prometheus_client.core import Metric

from joulepath import apart
from joulepath.errors import UsageError
from joulepath.exporter import Condition
from joulepath.serving.arguments import add_arguments
from joulepath.serving.run import serve
from joulepath_rules.serving.generation import Generation
from joulepath_rules.serving.history import History
from joulepath_rules.serving.metrics import CONSTANTS, SHOWN

PORT = 10478


def _read(path: Path) -> Generation:
    generation: Generation = apart.read("joulepath_rules.serving.generation", path)
    return generation


class ConstantsExporter:
    """Serves the constants of each file as the target of its topology's name."""

    name = "rules"
    reads = "Constants of topology files, for rules generated with --constants scraped"
    ready = True
    shown = SHOWN

    def __init__(
        self,
        files: Sequence[Path],
        read: Callable[[Path], Generation] = _read,
        history: Callable[[Generation], History] = History,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self.files: Collection[Path] = files
        self._read = read
        self._history = history
        self._wall_clock = wall_clock
        self._read_timestamp = wall_clock()
        self._histories = {name: history(generation) for name, generation in self._generations().items()}

    @property
    def targets(self) -> Collection[str]:
        """The topologies' names."""
        return self._histories

    def collect(self) -> Iterable[Metric]:
        """How many constants of which generations are served."""
        family = CONSTANTS.family()
        for name, history in self._histories.items():
            for state, generation in zip(_states(), history.served(), strict=False):
                family.add_metric([name, generation.hash, state], len(generation.rows))
        return [family]

    def probe(self, target: str) -> Iterable[Metric]:
        """The constants of one topology. Raises KeyError."""
        return self._histories[target].page()

    def condition(self, target: str = "") -> Condition:
        """It was read: a file that is wrong ends nothing, and changes nothing. Raises KeyError."""
        return Condition(self._histories[target].current.topology, up=True, read_timestamp=self._read_timestamp)

    def once(self) -> Iterable[Metric]:
        """All constants of all topologies."""
        return [family for history in self._histories.values() for family in history.page()]

    def start(self) -> None:
        """There is nothing to poll."""

    def reload(self) -> None:
        """Reads all files again. Raises UsageError and changes nothing if one of them is wrong."""
        generations = self._generations()
        histories = {}
        for name, generation in generations.items():
            history = self._histories.get(name)
            if history is None:
                histories[name] = self._history(generation)
            else:
                history.replace(generation)
                histories[name] = history
        self._histories, self._read_timestamp = histories, self._wall_clock()

    def stop(self) -> None:
        """There is nothing to end."""

    def _generations(self) -> dict[str, Generation]:
        by_name: dict[str, tuple[Path, Generation]] = {}
        for path in self.files:
            generation = self._read(path)
            if (other := by_name.get(generation.topology)) is not None:
                raise UsageError(
                    f"{path}: name: {other[0]} has the name {generation.topology!r} too: give each topology its own"
                )
            by_name[generation.topology] = path, generation
        return {name: generation for name, (_, generation) in by_name.items()}


def _states() -> Iterable[str]:
    yield "current"
    while True:
        yield "previous"


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of `joulepath rules serve`."""
    parser.add_argument(
        "topologies", type=Path, nargs="+", metavar="TOPOLOGY", help="topology files (docs/guides/large.md)"
    )
    add_arguments(parser, PORT)


def run(args: argparse.Namespace) -> int:
    """Serves the constants until a signal, or prints them."""
    return serve(ConstantsExporter(args.topologies), args)
