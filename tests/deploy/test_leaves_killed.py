# SPDX-License-Identifier: Apache-2.0
"""Leaves that die under load, 10,000 samples a second: what is counted, what is a gap, what goes on.

Moments
    steady      all leaves run, and all watts are known
    halved      one of the pair at the plant is killed
    killed      the only leaf of the edge is killed
    dark        the last watts of the edge must be gone: a window and an evaluation for each rule later
    returned    both run again
    known       all watts are known again
"""

import time
import urllib.request
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import pytest

from joulepath_rules.dialects.vmalert import lagging
from joulepath_rules.generate import generate
from tests.deploy.leaves import APPLICATIONS, INTERVAL, WATTS, WINDOW, Fleet, fleet, sites, started
from tests.deploy.load import NAME, load
from tests.rules.test_vmalert import depth
from tests.rules.world import Asked, named

SAMPLES_PER_SECOND = 10_000
"""That the global server takes at least from two leaves, one at each site."""
SERIES = 22_000
"""Of each site: 11,000 samples a second from both, since a scrape more or less falls into each measurement."""
STEPS = depth(lagging(generate(fleet())[:1]), "application:power_watts")
"""Evaluations from a plug to a total."""
LATE = WINDOW + (STEPS + 1) * INTERVAL
EDGE = ("source:power_watts", "host:power_watts", "component:power_watts", "application_component:power_watts")
"""The series of a host, level by level."""
TOTAL = "sum by (application) (application:power_watts)"


@dataclass
class Story:
    """The moments [Unix s], and the server that recorded them."""

    asked: Asked
    steady: float
    halved: float
    killed: float
    dark: float
    returned: float
    known: float
    end: float
    rows: dict[str, float]
    """Samples per second that were stored, with one leaf at each site."""
    series: dict[str, float]
    """Series of the load by site, while the pair was one."""

    def samples(self, series: str, begin: float, end: float) -> dict[float, dict[str, float]]:
        """Rows by the values of their labels, at their own time, between two moments (both excluded)."""
        rows: dict[float, dict[str, float]] = defaultdict(dict)
        for each in self.asked.samples(f"{series}[{round((end - begin) * 1000)}ms]", end):
            if begin < each.at < end:
                rows[each.at][named(each.labels)] = each.value
        return dict(sorted(rows.items()))

    def sums(self, series: str, begin: float, end: float) -> dict[float, float]:
        """The sum of the rows at each time."""
        return {at: sum(rows.values()) for at, rows in self.samples(series, begin, end).items()}

    def complete(self, begin: float, end: float) -> list[float]:
        """The evaluations that took place without one missing before them, as far as a total looks back."""
        beats = list(self.samples("attribution:heartbeat", begin - (STEPS + 1) * INTERVAL, end))
        late = [b for a, b in pairwise(beats) if b - a > 1.5 * INTERVAL]
        return [at for at in beats if at > begin and not any(at - STEPS * INTERVAL <= gap <= at for gap in late)]


@pytest.fixture(scope="module")
def story(
    tmp_path_factory: pytest.TempPathFactory, prometheus: Path, victoria_metrics: Path, vmalert_program: Path
) -> Iterator[Story]:
    """Runs it once for all tests."""
    programs = {"prometheus": prometheus, "victoria-metrics": victoria_metrics, "vmalert": vmalert_program}
    with ExitStack() as stack:
        loads = {site: stack.enter_context(load(SERIES)) for site in WATTS}
        world = stack.enter_context(sites())
        fleet = stack.enter_context(started(tmp_path_factory.mktemp("leaves"), programs, world, loads))
        yield played(fleet)


def played(fleet: Fleet) -> Story:
    """Runs the story of the module's head."""
    asked = fleet.asked
    asked.until(TOTAL, APPLICATIONS, 300, rel=1e-2)
    steady = time.time()
    time.sleep(10 * INTERVAL)
    series = asked.ask(f"count by (leaf) ({NAME})")

    halved = time.time()
    fleet.kill("plant", "b")
    before, since = stored(asked), time.time()
    time.sleep(60)
    rows = {"both": (stored(asked) - before) / (time.time() - since)}

    killed = time.time()
    fleet.kill("edge", "a")
    dark = killed + LATE
    time.sleep(LATE + 6 * INTERVAL)
    returned = time.time()
    fleet.start("edge", "a")
    fleet.start("plant", "b")
    asked.until(TOTAL, APPLICATIONS, 300, rel=1e-2)
    known = time.time()
    time.sleep(6 * INTERVAL)
    return Story(asked, steady, halved, killed, dark, returned, known, time.time(), rows, series)


def stored(asked: Asked) -> float:
    """The samples that the global server has taken by remote write."""
    with urllib.request.urlopen(f"{asked.url}/metrics", timeout=10) as answer:
        lines = answer.read().decode().splitlines()
    (line,) = (line for line in lines if line.startswith('vm_rows_inserted_total{type="promremotewrite"}'))
    return float(line.rsplit(" ", 1)[1])


@pytest.mark.long
def test_two_leaves_send_ten_thousand_samples_a_second(story: Story) -> None:
    assert story.rows["both"] >= SAMPLES_PER_SECOND


@pytest.mark.long
def test_the_series_of_a_pair_are_stored_once(story: Story) -> None:
    """By name, and by sample: one in each interval."""
    assert story.series == {"plant": SERIES, "edge": SERIES}
    stamps = list(story.samples(f'{NAME}{{leaf="plant",number="7"}}', story.steady, story.halved))
    slots = [int(at // INTERVAL) for at in stamps]
    assert len(slots) > 5
    assert len(set(slots)) == len(slots)


@pytest.mark.long
@pytest.mark.parametrize("level", EDGE)
def test_the_pair_has_no_gap_and_the_same_watts(story: Story, level: str) -> None:
    """While its other half, the other site, or neither is there."""
    found = story.sums(f'{level}{{host="ru-1"}}', story.steady, story.end)
    beats = story.complete(story.steady, story.end)
    assert len(beats) > 0.5 * (story.end - story.steady) / INTERVAL
    assert [at for at in beats if at not in found] == []
    assert found == pytest.approx(dict.fromkeys(found, WATTS["plant"]), rel=1e-2)


@pytest.mark.long
@pytest.mark.parametrize("level", EDGE)
def test_a_killed_leaf_is_a_gap_at_every_level(story: Story, level: str) -> None:
    selector = f'{level}{{host="upf-1"}}'
    assert story.samples(selector, story.dark, story.returned) == {}
    for begin, end in ((story.steady, story.killed), (story.known, story.end)):
        found = story.sums(selector, begin, end)
        assert len(found) > 2
        assert found == pytest.approx(dict.fromkeys(found, WATTS["edge"]), rel=1e-2)


@pytest.mark.long
@pytest.mark.parametrize("name", ["pdu_outlet_energy_joules_total", f'{NAME}{{number="7"}}'])
def test_a_restarted_leaf_does_not_fill_its_gap(story: Story, name: str) -> None:
    """The scraped series: until the kill, and from the start on."""
    selector = name.replace("{", '{leaf="edge",') if "{" in name else f'{name}{{leaf="edge"}}'
    assert story.samples(selector, story.killed + 1, story.returned) == {}
    assert story.samples(selector, story.steady, story.killed) != {}
    assert story.samples(selector, story.returned, story.end) != {}


@pytest.mark.long
def test_applications_across_both_sites_are_a_gap(story: Story) -> None:
    """Their watts at the plant go on as covered watts."""
    assert story.samples("application:power_watts", story.dark, story.returned) == {}
    covered = story.samples("application:power_covered_watts", story.dark, story.returned)
    assert covered != {}
    for rows in covered.values():
        shares: dict[str, float] = defaultdict(float)
        for labels, value in rows.items():
            shares[labels.split()[0]] += value
        assert shares == pytest.approx({"robot": 50, "camera": 25, "unattributed": 25}, rel=1e-2)


@pytest.mark.long
@pytest.mark.parametrize("level", ["application:power_watts", "application_component:power_watts"])
def test_watts_are_never_counted_twice(story: Story, level: str) -> None:
    """At every evaluation, also while leaves die and come back."""
    for begin, end in ((story.steady, story.killed), (story.known, story.end)):
        sums = story.sums(level, begin, end)
        assert sums == pytest.approx(dict.fromkeys(sums, sum(WATTS.values())), rel=1e-2)
    sums = story.sums(level, story.steady, story.end)
    assert {at: watts for at, watts in sums.items() if watts > 1.01 * sum(WATTS.values())} == {}
