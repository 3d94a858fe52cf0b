# SPDX-License-Identifier: Apache-2.0
"""How often the stated interval holds the truth, over many days of hosts with a known law and 2 % noise."""

from collections.abc import Callable, Sequence

import pytest

from joulepath_calibrate.errors import RefusedError
from joulepath_calibrate.estimate import Estimate
from joulepath_calibrate.idle import Idle, estimate
from joulepath_calibrate.windows import Window
from tests.calibrate import hosts

WHOLE, SOME = 500, 120
MEMORIES = [0.0, 0.8]


def days(make: Callable[[int], Sequence[Window]], count: int, method: str = "line", refused: int = 0) -> Sequence[Idle]:
    """The estimates that are stated, of `count` days. At most `refused` of them are refused."""
    stated = []
    for seed in range(count):
        try:
            stated.append(estimate(make(seed), hosts.LENGTH, method))
        except RefusedError:
            continue
    assert len(stated) >= count - refused
    return stated


def coverage(estimates: Sequence[Estimate], truth: float) -> float:
    """The part of the intervals that hold the truth."""
    return sum(one.low <= truth <= one.high for one in estimates) / len(estimates)


def within(estimates: Sequence[Estimate], truth: float) -> float:
    """The part of the values that are within 3 % of the truth."""
    return sum(abs(one.value - truth) <= 0.03 * truth for one in estimates) / len(estimates)


def busy(stated: Sequence[Idle]) -> Sequence[Estimate]:
    return [one.busy for one in stated if one.busy is not None]


@pytest.mark.unit
@pytest.mark.parametrize("memory", MEMORIES)
def test_a_line_is_found_with_its_error_whether_noise_lasts_or_not(memory: float) -> None:
    """120 days: 95 % of them, give or take 2.5 standard errors of 2 %. Formulas for independent noise hold 50 %."""
    stated = days(lambda seed: hosts.windows(seed, memory=memory), SOME)
    assert 0.9 <= coverage([one.watts for one in stated], hosts.IDLE) < 1
    assert coverage(busy(stated), hosts.BUSY) >= 0.9
    assert within([one.watts for one in stated], hosts.IDLE) >= (0.95 if memory else 1)


@pytest.mark.unit
@pytest.mark.parametrize("memory", MEMORIES)
def test_a_slight_bend_is_in_the_interval_that_is_stated(memory: float) -> None:
    stated = days(lambda seed: hosts.windows(seed, hosts.bent(-10), memory=memory), SOME, refused=SOME // 20)
    assert coverage([one.watts for one in stated], hosts.IDLE) >= 0.93
    assert coverage(busy(stated), hosts.BUSY - 10) >= 0.93


@pytest.mark.unit
def test_quiet_days_give_their_mean_with_its_error() -> None:
    """Noise that lasts has sqrt(1.8 / 0.2) = 3 times the error of the mean of independent noise."""
    lengths = []
    for memory in MEMORIES:
        stated = days(lambda seed, memory=memory: hosts.quiet(seed, memory=memory), SOME, "quiet")  # type: ignore[misc]
        assert 0.9 <= coverage([one.watts for one in stated], hosts.IDLE) < 1
        lengths.append(sum(one.watts.high - one.watts.low for one in stated))
    assert lengths[1] / lengths[0] == pytest.approx(3, rel=0.1)


@pytest.mark.long
@pytest.mark.parametrize("memory", MEMORIES)
@pytest.mark.parametrize("load", list(hosts.LOADS))
def test_the_interval_holds_the_truth_as_often_as_it_says(
    memory: float, load: str, record_property: Callable[[str, object], None]
) -> None:
    """500 days. 93 to 97 % of them; each of eight cases may have 1 % more by chance."""
    stated = days(lambda seed: hosts.windows(seed, memory=memory, load=load), WHOLE, refused=5)
    shares = (coverage([one.watts for one in stated], hosts.IDLE), coverage(busy(stated), hosts.BUSY))
    print(f"load {load}, memory {memory:g}: {len(stated)} days, idle {shares[0]:.1%}, busy {shares[1]:.1%}")  # noqa: T201
    assert all(0.93 <= share <= 0.98 for share in shares)
    if load == "waves":
        assert all(share <= 0.97 for share in shares)
    if not memory and load != "jobs":
        assert within([one.watts for one in stated], hosts.IDLE) == 1
        assert within(busy(stated), hosts.BUSY) == 1


@pytest.mark.long
@pytest.mark.parametrize("memory", MEMORIES)
@pytest.mark.parametrize("bend", [-40, -20, -10, -5, 5, 20, 40])
def test_a_parabola_of_any_size_is_covered_or_refused(memory: float, bend: float) -> None:
    stated = days(lambda seed: hosts.windows(seed, hosts.bent(bend), memory=memory), WHOLE, refused=WHOLE)
    shares = (coverage([one.watts for one in stated], hosts.IDLE), coverage(busy(stated), hosts.BUSY + bend))
    print(f"bend {bend} W, memory {memory:g}: {len(stated)} days, idle {shares[0]:.1%}, busy {shares[1]:.1%}")  # noqa: T201
    assert (1 - min(shares)) * len(stated) <= 0.07 * max(len(stated), WHOLE / 5)


@pytest.mark.long
@pytest.mark.parametrize("exponent", [0.6, 0.8, 0.9, 1.3])
def test_a_bend_that_shows_is_covered_or_refused(exponent: float) -> None:
    """Laws that are not parabolas: where the bend shows, the wider interval holds the truth."""
    law = hosts.power_law(exponent)
    stated = days(lambda seed: hosts.windows(seed, law), WHOLE, refused=WHOLE)
    shown = [one.watts for one in stated if one.bent]
    print(f"exponent {exponent}: {len(stated)} days, {len(shown)} bent")  # noqa: T201
    assert len(shown) >= 0.9 * len(stated)
    assert not shown or coverage(shown, hosts.IDLE) >= 0.95
