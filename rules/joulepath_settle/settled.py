# SPDX-License-Identifier: Apache-2.0
"""CO2 of closed hours by settled factors, and the OpenMetrics file of it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from joulepath.errors import JoulepathError
from joulepath_report.questions import Questions, Rows
from joulepath_rules import settled as series
from joulepath_rules.history import BY_SITE, closes_after
from joulepath_settle.factors import Factors
from joulepath_topology import Topology
from joulepath_topology.promql import quote

BY = ("application", "segment", "site")

TOLERANCE = 1e-3
"""A factor that is so much higher or lower than the one that was settled is a correction."""


@dataclass(frozen=True)
class Correction:
    """Hours of a site that were settled before, and have another factor now."""

    site: str
    hours: Sequence[int]
    """Their numbers, in order."""
    most: float
    """The largest change, as a part of the larger factor."""


@dataclass(frozen=True)
class Settled:
    """Grams and factors by hour, of the hours that have no such record yet."""

    grams: Rows
    """By application, segment and basis."""
    factors: Rows
    """By site and basis, in g/J of its hosts."""
    waiting: int
    """Hours of applications that are left out, because a site where they used energy has no settled factor."""
    corrections: Sequence[Correction] = ()


def settle(questions: Questions, found: Factors) -> Settled:
    """Energy of each hour by site, times the settled factor of the site. Raises JoulepathError."""
    energy = questions.hourly(BY_SITE, BY)
    if not energy:
        raise JoulepathError(
            f"{questions.prometheus.url}: has no {BY_SITE} of these hours: generate and load the rules of topology "
            f"{questions.topology.name}; they record an hour 2 to 7 minutes after its end if half of it was measured"
        )
    earlier = questions.hourly(series.GRAMS, ("application", "segment", "basis"))
    bases = {basis for _, basis in found.of_sites}
    grams: dict[tuple[str, ...], dict[int, float]] = {}
    absent: set[tuple[str, str, int]] = set()
    for (application, segment, site), row in energy.items():
        for number, joules in row.items():
            for basis in bases:
                factor = found.of_sites.get((site, basis), {}).get(number)
                if factor is None and joules > 0:
                    absent.add((application, basis, number))
                of_one = grams.setdefault((application, segment, basis), {})
                of_one[number] = of_one.get(number, 0.0) + joules * (factor or 0.0)
    kept = {
        key: {
            number: value
            for number, value in row.items()
            if (key[0], key[2], number) not in absent and number not in earlier.get(key, {})
        }
        for key, row in grams.items()
    }
    told = questions.hourly(series.FACTOR, ("site", "basis"))
    factors = {
        key: {number: value for number, value in row.items() if number not in told.get(key, {})}
        for key, row in found.of_sites.items()
    }
    waiting = len({(application, number) for application, _, number in absent})
    return Settled(kept, factors, waiting, list(_corrections(told, found.of_sites)))


def _corrections(before: Rows, now: Rows) -> Iterator[Correction]:
    """By site: the hours that have two factors which differ, by place or by contract."""
    changes: dict[str, dict[int, float]] = {}
    for key in sorted(before.keys() & now.keys()):
        for number in before[key].keys() & now[key].keys():
            low, high = sorted((before[key][number], now[key][number]))
            if high - low > TOLERANCE * high:
                of_site = changes.setdefault(key[0], {})
                of_site[number] = max(of_site.get(number, 0.0), (high - low) / high)
    for site, row in changes.items():
        yield Correction(site, sorted(row), max(row.values()))


def open_metrics(questions: Questions, settled: Settled) -> str:
    """The text for `promtool tsdb create-blocks-from openmetrics`. A sample is at the moment when its hour closes."""
    topology = questions.topology
    lines = [
        f"# TYPE {series.FACTOR} gauge",
        *_samples(questions, series.FACTOR, ("site", "basis"), settled.factors, topology),
        f"# TYPE {series.GRAMS} gauge",
        *_samples(questions, series.GRAMS, ("application", "segment", "basis"), settled.grams, topology),
        "# EOF",
        "",
    ]
    return "\n".join(lines)


def _samples(questions: Questions, name: str, by: tuple[str, ...], rows: Rows, topology: Topology) -> Iterator[str]:
    for key, row in sorted(rows.items()):
        labels: Mapping[str, str] = {
            **dict(zip(by, key, strict=True)),
            "state": series.STATE,
            "topology": topology.name,
        }
        written = ",".join(f"{label}={quote(value)}" for label, value in labels.items())
        for number, value in sorted(row.items()):
            yield f"{name}{{{written}}} {value!r} {questions.slots[number].end + closes_after(topology):.3f}"
