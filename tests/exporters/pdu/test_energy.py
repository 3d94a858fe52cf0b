# SPDX-License-Identifier: Apache-2.0
"""A known curve of power, read with jitter, stalls and missed polls: joules over seconds against the true mean."""

import asyncio
import math
import random
from collections.abc import Hashable, Mapping
from itertools import pairwise

import pytest

from joulepath.errors import JoulepathError
from joulepath.pdu.source import PduReading
from joulepath.pdu.survey.layout import Unit
from joulepath.reading.poller import Poller, Target

pytestmark = pytest.mark.unit

INTERVAL = 5.0
HOLE = 15.0
"""The longest gap that is bridged."""
OUTLET: Hashable = ("outlet", "1")


def watts(at: float) -> float:
    """Load that swings over ten minutes with steps of a tenth of it every 40 s."""
    return 200 + 100 * math.sin(2 * math.pi * at / 600) + (30 if at % 80 < 40 else 0)


def joules(begin: float, end: float) -> float:
    """The curve's integral, in steps of 50 ms."""
    count = max(1, round((end - begin) / 0.05))
    step = (end - begin) / count
    return sum(watts(begin + (place + 0.5) * step) for place in range(count)) * step


class Meter:
    """Answers after up to 0.4 s, with the power of some moment in between; is at times silent, at times long."""

    def __init__(self, seed: int) -> None:
        self.now = 1000.0
        self.random = random.Random(seed)

    def clock(self) -> float:
        return self.now

    def wait(self) -> None:
        """Until the next poll; at times the exporter's machine stalls."""
        self.now += INTERVAL * self.random.uniform(0.9, 1.1)
        if self.random.random() < 0.02:
            self.now += self.random.uniform(20, 90)

    async def read(self) -> PduReading:
        if self.random.random() < 0.1:
            self.now += 2.0
            raise JoulepathError("meter: no answer")
        began, latency = self.now, self.random.uniform(0, 0.4)
        sampled = began + self.random.uniform(0, latency)
        self.now += latency
        return PduReading({"outlet": {"power": {"1": watts(sampled)}}}, {}, "V", "p", (Unit(),), {})

    async def close(self) -> None:
        pass


@pytest.mark.parametrize("seed", range(5))
def test_the_mean_of_the_measured_time_is_within_half_a_percent(seed: int) -> None:
    meter = Meter(seed)
    poller = Poller([Target("pdu-1", meter, INTERVAL)], clock=meter.clock)
    energy: list[tuple[float, Mapping[Hashable, object]]] = []

    async def polls() -> None:
        (state,) = poller._states.values()
        for _ in range(1000):
            meter.wait()
            await poller._poll(state)
            snapshot = poller.snapshot("pdu-1")
            if snapshot.up and snapshot.read_at is not None:
                energy.append((snapshot.read_at, snapshot.energy))

    asyncio.run(polls())
    bridged = [(before, after) for (before, _), (after, _) in pairwise(energy) if 0 < after - before <= HOLE]
    measured = poller.snapshot("pdu-1").energy[OUTLET]
    assert measured.measured_seconds == pytest.approx(sum(after - before for before, after in bridged), rel=1e-9)
    assert len(bridged) < len(energy) - 1, "nothing stalled: the test shows too little"
    truth = sum(joules(before, after) for before, after in bridged)
    mean = truth / measured.measured_seconds
    assert measured.joules / measured.measured_seconds == pytest.approx(mean, rel=0.005)
