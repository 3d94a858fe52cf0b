# SPDX-License-Identifier: Apache-2.0
"""Joules for one more unit of traffic: least squares of power over one rate, or over those of several applications.

A slope is not a quotient: power that is there without traffic is in `base`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from joulepath_calibrate.enough import check_count, check_steady
from joulepath_calibrate.errors import RefusedError
from joulepath_calibrate.estimate import Estimate
from joulepath_calibrate.linear import Fit, bend, fit
from joulepath_calibrate.noise import Array

LEAST_SPREAD = 0.2
"""Of a rate: between its 5th and 95th percentile, as a part of the largest value."""
MOST_EXPLAINED = 0.9
"""Part of a rate's variance that the other rates may explain: errors are threefold then."""
MOST_ERROR = 0.1
"""Half the interval times the spread of the rate, as a part of the power: a wider one tells nothing."""

SURE = 0.999
"""Confidence at which power falls with traffic: of 20 components with a flat power one would fall at 0.95."""


@dataclass(frozen=True)
class Slopes:
    """The slopes of a run."""

    joules: Mapping[str, Estimate]
    """J for one more unit, by rate."""
    base: Estimate
    """Watts without traffic."""
    count: int
    """Windows."""
    bent: bool
    """Whether power is not a straight line over traffic."""


def estimate(watts: Sequence[float], rates: Mapping[str, Sequence[float]]) -> Slopes:
    """The slopes of windows in order of time. Raises RefusedError."""
    check_count(watts, "look back further")
    power = np.array(watts)
    if np.ptp(power) == 0:
        raise RefusedError(f"power was {power[0]:.3g} W all the time: check that a meter measures it")
    columns = {name: np.array(values) for name, values in rates.items()}
    spreads = {name: _spread(name, values) for name, values in columns.items()}
    _separate(columns)
    design = np.column_stack([np.ones_like(power), *columns.values()])
    linear = fit(design, power)
    check_steady(linear.noise, "measure for longer")
    other = bend(linear, design, power)
    found = {}
    for number, (name, spread) in enumerate(spreads.items(), 1):
        slope = _interval(linear, other, number)
        if slope.value + linear.reach(_one(linear, number), SURE) < 0:
            raise RefusedError(
                f"power falls as traffic of {name} rises: check that the meter is that of this component"
            )
        if (slope.high - slope.low) / 2 * spread > MOST_ERROR * float(power.mean()):
            interval = f"{slope.value:.3g} J, {slope.low:.3g} to {slope.high:.3g} J"
            raise RefusedError(
                f"the slope of {name} is {interval}, which tells nothing: "
                "measure for longer, or at more different traffic"
            )
        found[name] = _bounded(slope)
    return Slopes(found, _interval(linear, other, 0), len(power), other is not None)


def _spread(name: str, values: Array) -> float:
    """Refuses a rate that hardly changed."""
    low, high = np.percentile(values, [5, 95])
    if high - low <= LEAST_SPREAD * values.max():
        part = (high - low) / values.max() if values.max() > 0 else 0.0
        raise RefusedError(
            f"traffic of {name} varied by {part:.0%} of its most, a slope needs more than {LEAST_SPREAD:.0%}: measure "
            "at little and at much traffic"
        )
    return float(high - low)


def _separate(columns: Mapping[str, Array]) -> None:
    """Refuses rates that changed only together."""
    for name, values in columns.items():
        others = {other: rate for other, rate in columns.items() if other != name}
        if not others:
            return
        basis, _ = np.linalg.qr(np.column_stack([np.ones_like(values), *others.values()]))
        left = values - basis @ (basis.T @ values)
        explained = 1 - float(np.var(left) / np.var(values))
        if explained > MOST_EXPLAINED:
            like = max(others, key=lambda other: abs(float(np.corrcoef(values, others[other])[0, 1])))
            raise RefusedError(
                f"traffic of {name} changed with that of {like} ({explained:.0%} of its changes, at most "
                f"{MOST_EXPLAINED:.0%}): change one alone for some time, or take one slope for all"
            )


def _interval(linear: Fit, other: Fit | None, column: int) -> Estimate:
    """A coefficient; its interval is wider by how much a bend moves it, where one shows."""
    value, reach = float(linear.coefficients[column]), linear.reach(_one(linear, column))
    if other is not None:
        reach += abs(float(other.coefficients[column]) - value)
    return Estimate(value, value - reach, value + reach)


def _one(linear: Fit, column: int) -> Array:
    """The gradient of one coefficient."""
    return np.asarray(np.eye(len(linear.coefficients))[column])


def _bounded(slope: Estimate) -> Estimate:
    """The slope without what is below 0. If by chance all of it is, its length still says what cannot be seen."""
    high = slope.high if slope.high > 0 else (slope.high - slope.low) / 2
    return Estimate(max(slope.value, 0.0), max(slope.low, 0.0), high)
