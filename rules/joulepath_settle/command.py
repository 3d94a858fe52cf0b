# SPDX-License-Identifier: Apache-2.0
"""`joulepath carbon settle`: asks Prometheus for energies and sources for factors, and writes a file for promtool."""

import argparse
import math
import sys
import time
from collections.abc import Iterable

from joulepath.carbon.config import read as read_questions
from joulepath.carbon.fetch import Fetcher, Gate
from joulepath.carbon.settings import Point, Question
from joulepath.carbon.source import CarbonSource
from joulepath.errors import UsageError
from joulepath_prometheus.arguments import prometheus as server
from joulepath_report import output
from joulepath_report.period import HOUR, chosen, moment, slots, unix
from joulepath_report.questions import Questions
from joulepath_rules.history import closes_after
from joulepath_settle.factors import Factors, asked, factors
from joulepath_settle.settled import Settled, open_metrics, settle
from joulepath_topology import read
from joulepath_topology.durations import seconds

HEAD = 3 * HOUR
"""The newest hours of Prometheus, into which no block may reach: it still writes them itself."""


def run(args: argparse.Namespace) -> int:
    """Writes the file, and says what is settled; 1 where a source failed. Raises JoulepathError."""
    topology = read(args.topology)
    zones = asked(topology, read_questions(args.config))
    output.check({"output": args.output})
    begin, end = (
        None if given is None else unix(given, option) for given, option in ((args.begin, "--from"), (args.end, "--to"))
    )
    try:
        since = seconds(args.since)
    except ValueError:
        raise UsageError(f"--since: must be a duration such as 7d: {args.since!r}") from None
    # An hour is recorded a while after its end; a later one is not there yet.
    begin, end = chosen(begin, end, since, time.time() - closes_after(topology) - HEAD)
    begin, end = math.ceil(begin / HOUR) * HOUR, math.floor(end / HOUR) * HOUR
    if begin >= end:
        option = "--since" if args.begin is None else "--from"
        raise UsageError(f"{option}: has no whole hour that closed {HEAD / HOUR:g} hours ago: look back further")
    with server(args) as prometheus:
        questions = Questions(prometheus, topology, slots(begin, end))
        found = factors(questions, zones, History())
        settled = settle(questions, found)
        output.write(args.output, open_metrics(questions, settled))
    for line in told(questions, found, settled):
        print(line, file=sys.stderr)  # noqa: T201  # the command's own words beside its file
    return 1 if found.faults else 0


PATIENCE = 120.0
"""Seconds for one answer: a week of a country's generation takes a source some time."""


class History:
    """The history of each zone. Those of one source keep to its rate together."""

    def __init__(self) -> None:
        self._gates: dict[str, Gate] = {}

    def __call__(self, question: Question, begin: float, end: float) -> Iterable[Point]:
        """The settled points. Raises JoulepathError."""
        provider = question.provider
        gate = self._gates.setdefault(provider.name, Gate(provider.least_seconds))
        fetcher = Fetcher(gate, ca_file=question.ca_file, timeout=PATIENCE)
        try:
            return list(CarbonSource(question, gate, fetcher=fetcher).history(begin, end))
        finally:
            fetcher.close()


def told(questions: Questions, found: Factors, settled: Settled) -> Iterable[str]:
    """The hours that are settled, and those that wait."""
    hours = {number for row in settled.grams.values() for number in row}
    period = f"{moment(questions.slots[0].begin)} to {moment(questions.slots[-1].end)}"
    yield f"{len(hours)} of {len(questions.slots)} hours are settled now, from {period}"
    yield from found.faults
    for name, missing in found.missing.items():
        yield f"{name}: has no settled factor of {len(missing)} of {len(questions.slots)} hours: settle them later"
    if settled.waiting:
        yield f"{settled.waiting} hours of applications wait for a factor of a site where they used energy"
    for one in settled.corrections:
        # The samples of these hours, and no others: each is at the moment when its hour closes.
        first, last = (questions.slots[one.hours[at]].end for at in (0, -1))
        begin, end = (f"{moment(at).replace(' ', 'T')}Z" for at in (first, last + HOUR))
        yield (
            f"{one.site}: the source has corrected settled hours ({len(one.hours)}, by up to {one.most:.1%}): "
            f"to write them again, delete start={begin}&end={end} first (docs/guides/carbon.md)"
        )
