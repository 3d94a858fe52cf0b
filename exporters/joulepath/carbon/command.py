# SPDX-License-Identifier: Apache-2.0
"""`joulepath carbon`: asks sources beside the scrape, and serves each zone on `/probe?target=SOURCE/ZONE`."""

import argparse
import importlib
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import cast

from prometheus_client.core import Metric

from joulepath import apart
from joulepath.carbon.collector import collect
from joulepath.carbon.fetch import Gate
from joulepath.carbon.metrics import SHOWN
from joulepath.carbon.settings import Question
from joulepath.carbon.source import CarbonReading, CarbonSource
from joulepath.errors import UsageError
from joulepath.metrics import filled
from joulepath.reading.poller import Poller, Target
from joulepath.serving.arguments import add_arguments
from joulepath.serving.polled import PolledExporter
from joulepath.serving.run import serve

PORT = 10476


class CarbonExporter(PolledExporter[CarbonReading]):
    """Exports each zone of each source; how long a value stands is the source's."""

    def __init__(
        self,
        configured: Callable[[], Sequence[Target[CarbonReading]]],
        file: Path,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(
            "carbon",
            "Carbon intensity of grids",
            Poller(configured(), wall_clock=wall_clock),
            lambda *_: (),
            single=False,
            shown=SHOWN,
            configured=configured,
            file=file,
        )
        self._wall_clock = wall_clock

    def probe(self, target: str) -> Iterable[Metric]:
        """One zone's families."""
        sources = {one.name: cast("CarbonSource", one.source) for one in self._poller.targets}
        return filled(collect(sources[target].question, self._poller.snapshot(target), self._wall_clock()))


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments."""
    parser.add_argument("--config", type=Path, metavar="FILE", help="sources and their zones (docs/guides/carbon.md)")
    parser.add_argument(
        "--check-config", action="store_true", help="read --config, say what would be asked of whom, and end"
    )
    add_arguments(parser, PORT)
    actions = parser.add_subparsers(dest="doing", metavar="settle")
    words = "recomputes the CO2 of closed hours with factors that are settled, as a file for promtool"
    settle = actions.add_parser("settle", help=words, description=words)
    settle.add_argument("topology", type=Path, metavar="TOPOLOGY", help="topology file of the recorded hours")
    settle.add_argument("--config", type=Path, metavar="FILE", required=True, help="sources and their zones, as served")
    settle.add_argument("--prometheus", metavar="URL", required=True, help="server that recorded the hours")
    settle.add_argument("--http-config", type=Path, metavar="FILE", help="login and certificates for --prometheus")
    settle.add_argument("--since", default="7d", metavar="DURATION", help="how far to look back (default: %(default)s)")
    settle.add_argument(
        "--from", dest="begin", metavar="TIME", help="begin, in place of --since: 2026-11-28, ... (UTC)"
    )
    settle.add_argument("--to", dest="end", metavar="TIME", help="end (default: now)")
    settle.add_argument(
        "--output", type=Path, metavar="FILE", required=True, help="the file for promtool; - is the standard output"
    )


def run(args: argparse.Namespace) -> int:
    """Asks and serves until a signal, or settles. Raises JoulepathError."""
    if args.doing == "settle":  # with the libraries of the rules, which an exporter does not need
        return cast("int", importlib.import_module("joulepath_settle.command").run(args))
    if args.config is None:
        raise UsageError("state --config FILE with the sources and zones to ask (docs/guides/carbon.md)")
    if args.check_config:
        for line in described(read(args.config)):
            print(line)  # noqa: T201  # the command's output
        return 0
    gates: dict[str, Gate] = {}
    return serve(CarbonExporter(lambda: targets(read(args.config), gates), args.config), args)


def read(path: Path) -> Sequence[Question]:
    """The questions of a configuration file. Raises UsageError."""
    return cast("Sequence[Question]", apart.read("joulepath.carbon.config", path))


def targets(questions: Sequence[Question], gates: dict[str, Gate]) -> Sequence[Target[CarbonReading]]:
    """The zones to poll. Those of one source keep to its rate together, and go on when the file is read again."""
    return [
        Target(
            question.name,
            CarbonSource(question, gates.setdefault(question.provider.name, Gate(question.provider.least_seconds))),
            question.interval,
            question,
            question.files,
        )
        for question in questions
    ]


def described(questions: Sequence[Question]) -> Iterable[str]:
    """The requests that would be made, in one line for each zone."""
    for question in questions:
        provider = question.provider
        how = f"of {question.year}" if question.known else f"every {question.interval:g} s"
        yield (
            f"{question.name}: {provider.kind}, {question.boundary}, {how}; {provider.licence}; "
            f"attribution: {provider.attribution}"
        )
