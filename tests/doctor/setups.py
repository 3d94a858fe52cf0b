# SPDX-License-Identifier: Apache-2.0
"""Set-ups of Joulepath as text: a topology and the exporters that it reads, healthy or with one thing broken.

All set-ups stand side by side in one Prometheus, so names are templates: `@x` is `x` of this set-up, `%A` one of its
trace ids and `%1` one of its node ids.
"""

import re
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace

import pytest

from joulepath_prometheus.results import Sample
from joulepath_prometheus.state import RuleGroup, Target
from tests.conftest import Monitoring
from tests.rules.world import Asked, Rates, Server, World, served, watched

# Four times the scrape interval, and as long as four evaluations.
SCRAPES, INTERVAL, WINDOW = 2, 4, 16  # seconds
HEAD = f"name: '@set-up'\ninterval: {INTERVAL}s\nwindow: {WINDOW}s\n"
AWAY, LATER, ASKED = 18.0, 30.0, 54.0  # seconds: what goes away is then as old as two windows
CALM = 24  # seconds: as far as rules look back
TOGETHER = 9  # set-ups in one server


@dataclass(frozen=True)
class Kind:
    """A way to set Joulepath up: a topology as text, and the counters of each exporter with their growth a second."""

    topology: str
    exporters: Mapping[str, Rates]
    gauges: Mapping[str, Mapping[str, float]] = field(default_factory=dict)


@dataclass(frozen=True)
class Setup:
    """A set-up. Changes of the topology replace one text by another; both forms are templates.

    `counters` changes the growth of counters, `gauges` adds values, `without` takes away the series that fit an
    expression, `away` does so while the set-up runs, `later` changes growth after that, `down` are exporters that do
    not answer.
    """

    name: str
    kind: Kind
    number: int = 0
    topology: Mapping[str, str] = field(default_factory=dict)
    counters: Mapping[str, Rates] = field(default_factory=dict)
    without: Mapping[str, str] = field(default_factory=dict)
    away: Mapping[str, str] = field(default_factory=dict)
    later: Mapping[str, Rates] = field(default_factory=dict)
    gauges: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    down: tuple[str, ...] = ()
    finds: Mapping[str, str] = field(default_factory=dict)
    """Ids of what a doctor must find, with the place."""
    notes: frozenset[str] = frozenset()
    """Ids of notes that it may give."""

    def text(self) -> str:
        """The topology file."""
        text = HEAD + self.kind.topology
        for old, new in self.topology.items():
            assert text.count(old) == 1, f"{self.name}: {old!r} is in the topology {text.count(old)} times"
            text = text.replace(old, new)
        return self.named(text)

    def exporters(self) -> dict[str, Rates]:
        """The counters of each exporter at the beginning."""
        found = {self.named(name): self._named(rates) for name, rates in self.kind.exporters.items()}
        for name, pattern in self.without.items():
            rates = found[self.named(name)]
            gone = self.selected(rates, pattern)
            found[self.named(name)] = {series: rate for series, rate in rates.items() if series not in gone}
        for name, rates in self.counters.items():
            found.setdefault(self.named(name), {}).update(self._named(rates))
        return found

    def lose(self, world: World) -> None:
        """Takes the series of `away` away."""
        for name, pattern in self.away.items():
            target = self.named(name)
            world.targets[target].forget(*self.selected(self.exporters()[target], pattern))

    def change(self, world: World) -> None:
        """Makes the changes of `later`."""
        for name, rates in self.later.items():
            world.targets[self.named(name)].count(self._named(rates))

    def shown(self) -> dict[str, dict[str, float]]:
        """The gauges of each exporter."""
        both = [*self.kind.gauges.items(), *self.gauges.items()]
        return {self.named(name): self._named(values) for name, values in both}

    def places(self) -> dict[str, str]:
        """The findings with their places, as they are in the file."""
        return {name: self.named(place) for name, place in self.finds.items()}

    def selected(self, rates: Rates, pattern: str) -> list[str]:
        """The series of an exporter that fit an expression; at least one."""
        found = [series for series in rates if re.search(self.named(pattern), series)]
        assert found, f"{self.name}: no series fits {pattern!r}"
        return found

    def named(self, text: str) -> str:
        """The text with the names of this set-up: no other one has them."""
        text = re.sub(r"%([A-F])", lambda found: f"{self.number:04x}" + 14 * f"{found[1]}{found[1]}".lower(), text)
        text = re.sub(r"%(\d)", lambda found: str(10 * self.number + int(found[1])), text)
        return text.replace("@", f"{self.name}-")

    def _named(self, values: Mapping[str, float]) -> dict[str, float]:
        return {self.named(series): value for series, value in values.items()}


def numbered(*setups: Setup) -> list[Setup]:
    """The set-ups with numbers of their own."""
    assert len({setup.name for setup in setups}) == len(setups)
    return [replace(setup, number=number) for number, setup in enumerate(setups, 1)]


class Frozen(Asked):
    """A server at one moment: what it tells of now is of then, so that it may rest while doctors ask."""

    def __init__(self, server: Server, began: float) -> None:
        super().__init__(server.url)
        self.began, self.moment = began, time.time()
        self._rules, self._targets = server.rules(), server.targets()

    @property
    def age(self) -> float:
        """How long the set-ups ran [s]."""
        return self.moment - self.began

    def query(self, promql: str, at: float | None = None) -> list[Sample]:
        """The instant vector at the moment."""
        return super().query(promql, self.moment if at is None else at)

    def rules(self) -> Sequence[RuleGroup]:
        """The rules of the moment."""
        return self._rules

    def targets(self) -> Sequence[Target]:
        """The targets of the moment."""
        return self._targets


Seen = Mapping[tuple[str, str], Frozen]
"""The server that saw a set-up, by the version of Prometheus and the set-up's name."""


@contextmanager
def running(
    setups: Sequence[Setup],
    programs: Mapping[str, Monitoring],
    folders: pytest.TempPathFactory,
    few: Collection[str] = (),
) -> Iterator[Seen]:
    """All set-ups at once, watched by each version of Prometheus, at a moment when all that works was read in time.

    A server has the TOGETHER first of them, another the next so many: each rule looks at the meters and nodes of all.
    Versions in `few` see those first ones alone.
    """
    parts = [setups[first : first + TOGETHER] for first in range(0, len(setups), TOGETHER)]
    rest = {name: program for name, program in programs.items() if name not in few}
    with ExitStack() as stack:
        worlds = [stack.enter_context(_world(part)) for part in parts]
        histories = [
            stack.enter_context(
                watched(world, rest if number else programs, folders, *(setup.text() for setup in part))
            )
            for number, (world, part) in enumerate(zip(worlds, parts, strict=True))
        ]
        placed = [(setup, world) for world, part in zip(worlds, parts, strict=True) for setup in part]
        histories[-1].until(AWAY)
        for setup, world in placed:
            setup.lose(world)
        histories[-1].until(LATER)
        for setup, world in placed:
            setup.change(world)
        histories[-1].until(ASKED)
        seen = {}
        for history, part in zip(histories, parts, strict=True):
            for version, server in history.servers.items():
                _wait_for_calm(server, part)
                frozen = stack.enter_context(Frozen(server, history.began))
                server.rest()
                seen.update({(version, setup.name): frozen for setup in part})
        yield seen


@contextmanager
def _world(setups: Sequence[Setup]) -> Iterator[World]:
    """The exporters of some set-ups."""
    with served() as world:
        world.pace = f"{SCRAPES}s"
        for setup in setups:
            down = {setup.named(name) for name in setup.down}
            for name, rates in setup.exporters().items():
                # Jobs have the names of exporters: the first word of their metrics.
                world.target(name, rates, re.split("[_:]", next(iter(rates)))[0], up=name not in down)
            for name, gauges in setup.shown().items():
                world.targets[name].show(gauges)
        yield world


def _wait_for_calm(server: Server, setups: Sequence[Setup]) -> None:
    """Waits until no scrape and no evaluation that rules look back at was lost: a busy machine loses some."""
    down = {setup.named(name) for setup in setups for name in setup.down}
    lost = f"(min_over_time(up[{CALM}s]) == 0 or count_over_time(up[{CALM}s]) < {CALM / SCRAPES - 1})"
    slow = f"count(count_over_time(attribution:heartbeat[{WINDOW}s]) >= {WINDOW / INTERVAL})"
    end = time.monotonic() + 60
    while time.monotonic() < end:
        missed = {row.labels["instance"] for row in server.query(lost)} - down
        if not missed and [row.value for row in server.query(slow)] == [len(setups)]:
            return
        time.sleep(1)
