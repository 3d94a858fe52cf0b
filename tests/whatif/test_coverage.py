# SPDX-License-Identifier: Apache-2.0
"""How often the interval of an answer holds what would really be saved, over many calibrations with a known law.

Slopes come from half days with 2 % noise (tests/calibrate/rates.py), and the answers from the example house with them.
"""

import pytest

from joulepath_calibrate.estimate import Estimate
from joulepath_calibrate.slopes import estimate
from joulepath_topology import Topology
from joulepath_topology.marginal import Marginal
from joulepath_whatif.effect import effect
from joulepath_whatif.scenario import Scenario
from joulepath_whatif.span import Span
from tests.calibrate import rates
from tests.whatif import house

pytestmark = pytest.mark.long

RUNS = 500
HALF = Scenario.model_validate({"applications": {"camera": {"data_rate": 0.5}}})
OTHER = Scenario.model_validate({"applications": {"camera": {"instead": {"llm": "small"}}}})
TOKENS = {"llm": 0.6, "small": 0.2}
"""J for a token of either model, by the law of the house."""


def slope(seed: int, memory: float) -> Estimate:
    """Joules for a byte from half a day; the law has CAMERA."""
    return estimate(*_run(seed, memory)).joules["bytes"]


def _run(seed: int, memory: float) -> tuple[list[float], dict[str, list[float]]]:
    run = rates.run(seed, memory=memory, robot=rates.CAMERA)
    return list(run.watts), {"bytes": [sum(pair) for pair in zip(*run.rates.values(), strict=True)]}


def with_slopes(**found: tuple[str, Estimate]) -> Topology:
    """The house with these slopes, and no errors of others."""
    topology = house.topology()
    components = dict(topology.components)
    for key, (unit, one) in found.items():
        name = key.replace("_", "-")
        entry = Marginal(per=unit, joules=one.value, low=one.low, high=one.high, method="calibrated")
        components[name] = components[name].model_copy(update={"marginal": (entry,)})
    fields = {key: getattr(topology, key) for key in type(topology).model_fields}
    return topology.model_construct(**{**fields, "components": components})


def scaled(one: Estimate, joules: float) -> Estimate:
    """The estimate of a slope that is another one by the law, with the same errors in parts of it."""
    factor = joules / rates.CAMERA
    return Estimate(one.value * factor, one.low * factor, one.high * factor)


def holds(span: Span, truth: float) -> bool:
    assert span.low is not None
    assert span.high is not None
    return span.low <= truth <= span.high


@pytest.mark.parametrize("memory", [0.0, 0.8])
def test_answers_hold_the_truth_at_least_as_often_as_they_say(memory: float) -> None:
    """A component's slope: 95 %. Sums and differences of several: more, since their ends are added."""
    here = house.present()
    held = {"one component": 0, "two components": 0, "another model": 0}
    for seed in range(RUNS):
        one, other = slope(seed, memory), slope(RUNS + seed, memory)
        exact = Estimate(1e-5, 1e-5, 1e-5)
        alone = with_slopes(du_1=("bytes", one), upf_1=("bytes", exact))
        held["one component"] += holds(effect(alone, here, HALF).saved, 3e5 * (rates.CAMERA + 1e-5))
        both = with_slopes(du_1=("bytes", one), upf_1=("bytes", scaled(other, 1e-5)))
        held["two components"] += holds(effect(both, here, HALF).saved, 3e5 * (rates.CAMERA + 1e-5))
        models = {name: ("tokens", scaled(each, TOKENS[name])) for name, each in (("llm", one), ("small", other))}
        held["another model"] += holds(effect(with_slopes(**models), here, OTHER).saved, 50 * (0.6 - 0.2))
    shares = {name: count / RUNS for name, count in held.items()}
    print(f"memory {memory:g}: " + ", ".join(f"{name} {share:.1%}" for name, share in shares.items()))  # noqa: T201
    assert 0.93 <= shares["one component"] <= 0.975
    assert all(share >= 0.95 for name, share in shares.items() if name != "one component")


def test_a_bend_is_why_answers_beyond_measured_traffic_are_marked() -> None:
    """Power that bends by 15 W: within the measured traffic the interval holds, up to three times of it not."""
    within = beyond = 0
    for seed in range(RUNS // 5):
        run = rates.run(seed, robot=rates.CAMERA, bend=-15)
        sent = [sum(pair) for pair in zip(*run.rates.values(), strict=True)]
        one = estimate(run.watts, {"bytes": sent}).joules["bytes"]

        def law(rate: float) -> float:
            more = rates.CAMERA * rate
            return more - 15 * (more / (2 * rates.MOST * rates.CAMERA)) ** 2

        for low, high in ((min(sent), max(sent)), (max(sent), 3 * max(sent))):
            held = holds(Span(one.value, one.low, one.high).times(high - low), law(high) - law(low))
            within, beyond = (within + held, beyond) if high == max(sent) else (within, beyond + held)
    print(f"within {within}, beyond {beyond} of {RUNS // 5}")  # noqa: T201
    assert within >= 0.95 * (RUNS // 5)
    assert beyond <= 0.1 * (RUNS // 5)
