# SPDX-License-Identifier: Apache-2.0
"""The numbers of the landing page, with rates worked out by hand."""

from collections.abc import Iterable

import pytest
from prometheus_client.core import Metric as AnyFamily

from joulepath.metrics import Shown, counter, gauge
from joulepath.web.overview import MOST_SERIES, Overview
from tests.exporters.web.things import Things

pytestmark = pytest.mark.unit

POWER = gauge("thing_power_watts", "Power of an outlet.", "outlet")
ENERGY = counter("thing_energy_joules_total", "Energy of an outlet.", "outlet", "phase")
MEASURED = counter("thing_measured_seconds_total", "The time that it covers.", "outlet")
PACKETS = counter("thing_packets_total", "Packets.", "flow")

WATTS = Shown("outlet", "W", POWER)
MEAN = Shown("outlet, mean", "W", ENERGY, MEASURED)
RATE = Shown("flow", "packets/s", PACKETS)
SENSORS = Shown("sensors", "W", POWER, adds=False)

Samples = dict[tuple[str, ...], float]


class Metered(Things):
    """One target, with the samples of the moment."""

    targets = ()
    shown = (WATTS, MEAN, RATE, SENSORS)

    def __init__(self) -> None:
        super().__init__()
        self.power: Samples = {}
        self.energy: Samples = {}
        self.measured: Samples = {}
        self.packets: Samples = {}

    def _families(self) -> Iterable[AnyFamily]:
        for metric, samples in (
            (POWER, self.power),
            (ENERGY, self.energy),
            (MEASURED, self.measured),
            (PACKETS, self.packets),
        ):
            family = metric.family()
            for labels, value in samples.items():
                family.add_metric(list(labels), value)
            yield family


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def things() -> Metered:
    return Metered()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def overview(things: Metered, clock: Clock) -> Overview:
    return Overview(things, clock)


def test_gauges_are_shown_as_they_are_and_their_sum_beside(things: Metered, overview: Overview) -> None:
    things.power = {("1",): 40.0, ("2",): 2.5}
    numbers = overview.numbers()
    assert numbers.values[WATTS] == {("1",): 40.0, ("2",): 2.5}
    assert numbers.total(WATTS) == 42.5
    assert numbers.total(SENSORS) is None


def test_a_number_without_a_sample_has_no_total(overview: Overview) -> None:
    assert overview.numbers().total(WATTS) is None


def test_the_first_look_gives_the_mean_of_the_measured_time(things: Metered, overview: Overview) -> None:
    things.energy = {("1", "L1"): 600.0, ("1", "L2"): 0.0, ("2", "L1"): 50.0}
    things.measured = {("1",): 60.0, ("2",): 10.0}
    things.packets = {("a",): 7.0}
    numbers = overview.numbers()
    # 600 J in 60 s, and 50 J in 10 s
    assert numbers.values[MEAN] == {("1", "L1"): 10.0, ("1", "L2"): 0.0, ("2", "L1"): 5.0}
    assert not numbers.values[RATE]  # one look at a counter tells no rate
    assert numbers.seconds is None


def test_a_later_look_gives_the_mean_since_the_earlier_one(things: Metered, overview: Overview, clock: Clock) -> None:
    things.energy, things.measured, things.packets = {("1", "L1"): 600.0}, {("1",): 60.0}, {("a",): 7.0}
    overview.numbers()
    clock.now += 20
    # 300 J in 15 measured seconds of 20; 40 packets in 20 s; a series that comes has no earlier count.
    things.energy, things.measured = {("1", "L1"): 900.0}, {("1",): 75.0}
    things.packets = {("a",): 47.0, ("b",): 1000.0}
    numbers = overview.numbers()
    assert numbers.values[MEAN] == {("1", "L1"): 20.0}
    assert numbers.values[RATE] == {("a",): 2.0}
    assert numbers.seconds == 20


def test_a_counter_that_fell_and_unmeasured_time_give_no_rate(
    things: Metered, overview: Overview, clock: Clock
) -> None:
    things.energy, things.measured, things.packets = {("1", "L1"): 600.0}, {("1",): 60.0}, {("a",): 7.0}
    overview.numbers()
    clock.now += 20
    things.packets = {("a",): 3.0}
    numbers = overview.numbers()
    assert not numbers.values[MEAN]
    assert not numbers.values[RATE]
    assert numbers.total(MEAN) is None


def test_looks_in_quick_succession_share_an_older_one(things: Metered, overview: Overview, clock: Clock) -> None:
    seconds = []
    for now in (0.0, 6.0, 8.0, 10.0, 12.0, 14.0):
        clock.now = now
        things.packets = {("a",): 100 * now}
        numbers = overview.numbers()
        assert numbers.values[RATE] == ({("a",): 100.0} if now else {})
        seconds.append(numbers.seconds)
    # Over 5 s at least, and soon over the time since a later look.
    assert seconds == [None, 6.0, 8.0, 10.0, 6.0, 8.0]


def test_a_look_of_long_ago_tells_nothing_of_now(things: Metered, overview: Overview, clock: Clock) -> None:
    things.energy, things.measured = {("1", "L1"): 600.0}, {("1",): 60.0}
    overview.numbers()
    clock.now += 601
    things.energy, things.measured = {("1", "L1"): 6000.0}, {("1",): 300.0}
    assert overview.numbers().values[MEAN] == {("1", "L1"): 20.0}  # 6000 J in 300 s, since the start


def test_a_sum_that_lacks_series_is_not_shown(things: Metered, overview: Overview) -> None:
    things.power = {(str(number),): 1.0 for number in range(MOST_SERIES)}
    assert overview.numbers().total(WATTS) == MOST_SERIES
    things.power[("one more",)] = 1.0
    numbers = overview.numbers()
    assert numbers.omitted == {WATTS: 1, SENSORS: 1}
    assert numbers.total(WATTS) is None


def test_a_target_that_leaves_between_is_not_shown() -> None:
    class Leaving(Things):
        def probe(self, target: str) -> Iterable[AnyFamily]:
            if target == "one":
                raise KeyError(target)
            return super().probe(target)

    assert [condition.name for condition, _ in Overview(Leaving()).targets()] == ["t/w o"]
