# SPDX-License-Identifier: Apache-2.0
"""Settled factors of whole hours: of each zone by its source, and of each site by its supplies."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest

from joulepath.carbon.settings import Point, Question
from joulepath.errors import JoulepathError, UsageError
from joulepath_report.period import HOUR, Slot
from joulepath_report.questions import Key, Questions, Rows
from joulepath_rules.chain import slow
from joulepath_rules.history import LEAST
from joulepath_topology import Topology
from joulepath_topology.supplies import Market, Supply, shares

JOULES_PER_KILOWATT_HOUR = 3.6e6
BASES = ("location", "market")

History = Callable[[Question, float, float], Iterable[Point]]
"""The settled points of a question between two times."""

Zone = tuple[str, str, str]
"""grid_zone, source and boundary."""


@dataclass
class Factors:
    """Grams for each joule of a site's hosts by hour, and why an hour of a site has none."""

    of_sites: Rows = field(default_factory=dict)
    """By site and basis."""
    missing: dict[str, set[int]] = field(default_factory=dict)
    """Hours without a settled factor, by zone as a configuration names it."""
    faults: list[str] = field(default_factory=list)
    """Zones of which the source did not give its history, each as one line."""


def asked(topology: Topology, questions: Sequence[Question]) -> Mapping[Zone, Question]:
    """The question of each zone that a site names. Raises UsageError where one is absent, or of another kind.

    The same where no site has a factor.
    """
    known = {question.labels: question for question in questions}
    found: dict[Zone, Question] = {}
    mistakes: list[str] = []
    if not any(site.supplies for site in topology.sites.values()):
        mistakes.append("sites: none has a factor: there is nothing to settle (docs/guides/sites.md)")
    for name, site in topology.sites.items():
        for supply in site.supplies.values():
            if (zone := _zone(supply)) is None:
                continue
            question = known.get(zone)
            if question is None:
                mistakes.append(
                    f"sites.{name}: {'/'.join(zone)} is not in the configuration of joulepath carbon: add it"
                )
            elif question.provider.kind != site.factor:
                mistakes.append(
                    f"sites.{name}: wants {site.factor} factors, and {zone[1]} has {question.provider.kind} ones"
                )
            else:
                found[zone] = question
    if mistakes:
        raise UsageError(mistakes)
    return found


def hourly(points: Iterable[Point], slots: Sequence[Slot]) -> dict[int, float]:
    """The mean of each hour that the points cover in full, by its number.

    An interval ends at the latest where the next one begins: sources change from half hours to quarters of an hour.
    """
    begins = {slot.begin: number for number, slot in enumerate(slots)}
    weights: dict[int, float] = {}
    sums: dict[int, float] = {}
    ordered = sorted(points, key=lambda point: point.start)
    for point, later in zip_longest(ordered, ordered[1:]):
        end = point.end if later is None else min(point.end, later.start)
        begin = point.start // HOUR * HOUR
        while begin < end:
            number = begins.get(begin)
            seconds = min(end, begin + HOUR) - max(point.start, begin)
            if number is not None and seconds > 0:
                weights[number] = weights.get(number, 0.0) + seconds
                sums[number] = sums.get(number, 0.0) + seconds * point.grams
            begin += HOUR
    return {number: sums[number] / HOUR for number, seconds in weights.items() if abs(seconds - HOUR) < 1}


def factors(questions: Questions, zones: Mapping[Zone, Question], history: History) -> Factors:
    """The settled factors of all sites, without those of sources that fail. Raises PrometheusError."""
    topology, slots = questions.topology, questions.slots
    found = Factors()
    of_zones: dict[Zone, dict[int, float]] = {}
    for zone, question in zones.items():
        if question.known is not None:  # an average of a year is settled, and is that of each of its hours
            of_zones[zone] = dict.fromkeys(range(len(slots)), question.known.grams)
            continue
        try:
            points = list(history(question, slots[0].begin, slots[-1].end))
        except JoulepathError as error:
            found.faults.append(str(error))
            points = []
        of_zones[zone] = hourly(points, slots)
        if missing := set(range(len(slots))) - of_zones[zone].keys():
            found.missing[question.name] = missing
    overheads, mix = _overheads(questions), _Mix(_parts(questions), of_zones)
    for name, site in topology.sites.items():
        stated = {"location": any(supply.known for supply in site.supplies.values())}
        stated["market"] = any(supply.market for supply in site.supplies.values())
        for basis in (basis for basis in BASES if stated[basis]):
            row: dict[int, float] = {}
            for number in range(len(slots)):
                overhead = overheads.get((name,), {}).get(number)
                grams = mix.grams(name, site.supplies, number, basis)
                if overhead is not None and grams is not None:
                    row[number] = overhead * grams / JOULES_PER_KILOWATT_HOUR
            found.of_sites[name, basis] = row
    return found


@dataclass(frozen=True)
class _Mix:
    """The mix of supplies: part of each by site and supply, and the settled factors of zones."""

    parts: Rows
    of_zones: Mapping[Zone, Mapping[int, float]]

    def grams(self, site: str, supplies: Mapping[str, Supply], number: int, basis: str) -> float | None:
        """For each kWh in an hour; None while a part, or the factor of a supply that delivers, is not known."""
        total = 0.0
        for name, supply in supplies.items():
            part = self.parts.get((site, name), {}).get(number)
            if part is None:
                return None
            if part:
                own = self._own(supply, number, basis)
                if own is None:
                    return None
                total += part * own
        return total

    def _own(self, supply: Supply, number: int, basis: str) -> float | None:
        if basis == "market" and isinstance(supply.market, Market):
            return supply.market.grams_per_kwh
        zone = _zone(supply)
        return supply.grams_per_kwh if zone is None else self.of_zones[zone].get(number)


def _zone(supply: Supply) -> Zone | None:
    return (supply.grid_zone, supply.source, supply.boundary) if supply.grid_zone and supply.source else None


def _means(questions: Questions, series: str, by: Key) -> Rows:
    """The mean of each hour of which as much is known as the rules want for its energy and CO2."""
    least = LEAST * HOUR / slow(questions.topology)
    counts = questions.over("count", series, by)
    return {
        key: {number: mean for number, mean in row.items() if counts.get(key, {}).get(number, 0.0) >= least}
        for key, row in questions.over("avg", series, by).items()
    }


def _overheads(questions: Questions) -> Rows:
    """Overheads of sites: as the topology states them, or the mean of what a query said in the hour."""
    every = range(len(questions.slots))
    stated = {name: site.overhead for name, site in questions.topology.sites.items()}
    found: Rows = {
        (name,): dict.fromkeys(every, float(overhead))
        for name, overhead in stated.items()
        if isinstance(overhead, float | int)
    }
    if len(found) < len(stated):
        asked_for = _means(questions, "site:overhead:ratio", ("site",))
        found.update({key: row for key, row in asked_for.items() if key not in found})
    return found


def _parts(questions: Questions) -> Rows:
    """Parts of supplies: as the topology states them, or the mean of the hour where meters or its hours say it."""
    every = range(len(questions.slots))
    found: Rows = {}
    change = False
    for name, site in questions.topology.sites.items():
        stated = shares(site.supplies)
        if len(stated) < len(site.supplies):
            change = True
        else:
            found.update({(name, supply): dict.fromkeys(every, part) for supply, part in stated.items()})
    if change:
        asked_for = _means(questions, "supply:share:ratio", ("site", "supply"))
        found.update({key: row for key, row in asked_for.items() if key not in found})
    return found
