# SPDX-License-Identifier: Apache-2.0
"""Fits a power model: watts over load as lines from point to point, and watts of memory and disks.

Least squares, with each window weighted by the power at it: errors of meters are a part of the reading. The load is
taken as known: counters of the processor have errors far below those of a meter. Every fourth block of windows is held
out, and the model is compared with it. Blocks, since a window between two that were used tests little.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from joulepath.workload.power.model import GIGABYTE
from joulepath_calibrate.enough import check_count, check_spread, check_steady
from joulepath_calibrate.errors import RefusedError
from joulepath_calibrate.estimate import Estimate
from joulepath_calibrate.load import LoadWindow
from joulepath_calibrate.noise import Array, Noise

BLOCKS, EVERY = 40, 4
"""The windows in this many blocks, of which every EVERYth is held out."""
CURVES = ((1.0,), (0.5, 1.0), (0.25, 0.5, 0.75, 1.0))
"""Points of the curve, of which the best by Schwarz's criterion is taken."""
LEAST_BESIDE = 20
"""Windows on each side of a point."""
LEAST_CHANGE = 0.05
"""Of memory or disks: between the 5th and 95th percentile, as a part of the largest value."""
MOST_EXPLAINED = 0.9
"""Part of the variance of memory or disks that the rest of the load may explain: errors are threefold then."""
ROUNDS = 3
"""Of weights that follow the fitted power."""
LEAST_SIZE = 0.05
"""Power below which a window weighs no more, in parts of the mean."""
TINY = 1e-300


@dataclass(frozen=True)
class PowerFit:
    """Coefficients with their errors, and how well the model does on windows that were held out."""

    idle: Estimate
    cpu: Sequence[tuple[float, Estimate]]
    """Busy part, and watts beyond idle at it."""
    terms: Mapping[str, Estimate]
    """`memory` in W/GB and `disk` in J/GB, of those that were asked for."""
    mape: float
    r2: float
    used: Sequence[LoadWindow]
    held_out: Sequence[LoadWindow]


def fit(windows: Sequence[LoadWindow], terms: Collection[str] = (), points: Sequence[float] | None = None) -> PowerFit:
    """The model of these windows. `points` are the busy parts at which the curve may bend; the last is 1.

    Raises RefusedError.
    """
    check_count(windows, "look back further")
    check_spread([window.load for window in windows], "a model", "run some work, then rest")
    load = np.array([window.load for window in windows])
    if np.median([window.watts for window in windows]) <= 0:
        raise RefusedError("the meter says 0 W: is it that of this host?")
    blocks = np.arange(len(windows)) * BLOCKS // len(windows)
    held = blocks % EVERY == EVERY - 1
    used = [window for window, out in zip(windows, held, strict=True) if not out]
    held_out = [window for window, out in zip(windows, held, strict=True) if out]
    names = [name for name in ("memory", "disk") if name in terms]
    curves = _possible(load[~held], CURVES if points is None else [points])
    if not curves:
        raise RefusedError(f"a point needs {LEAST_BESIDE} windows on each side of it: choose other --points")
    _separate(used, names, curves[-1])
    lines = [_Line(used, curve, names) for curve in curves]
    independent = min(line.noise.independent for line in lines)
    line = min(lines, key=lambda one: one.criterion(independent))
    check_steady(line.noise, "measure for longer")
    idle, *rest = line.estimates()
    cpu = list(zip(line.points, rest, strict=False))
    found = dict(zip(names, rest[len(cpu) :], strict=True))
    _not_negative(idle, cpu, found)
    mape, r2 = _compared(held_out, line.points, names, np.array([one.value for one in (idle, *rest)]))
    return PowerFit(idle, cpu, found, mape, r2, used, held_out)


class _Line:
    """One curve through the windows, whatever its coefficients mean."""

    def __init__(self, windows: Sequence[LoadWindow], points: Sequence[float], terms: Sequence[str]) -> None:
        self.points = points
        watts = np.array([window.watts for window in windows])
        plain = design(windows, points, terms)
        scale = np.abs(plain).max(axis=0)
        plain = plain / scale
        fitted = watts
        for _ in range(ROUNDS):
            size = np.maximum(fitted, LEAST_SIZE * watts.mean())
            weighted = plain / size[:, np.newaxis]
            inverse = np.linalg.inv(weighted.T @ weighted)
            coefficients = inverse @ weighted.T @ (watts / size)
            fitted = plain @ coefficients
        self.noise = Noise(weighted, fitted, (watts - fitted) / size)
        self._coefficients = coefficients / scale
        self._influence = inverse @ weighted.T / scale[:, np.newaxis]

    def criterion(self, independent: float) -> float:
        """Schwarz's, for windows that tell as much as that many independent ones."""
        spread = float(np.mean(self.noise.residuals**2)) + TINY
        return float(independent * np.log(spread) + len(self._coefficients) * np.log(independent))

    def estimates(self) -> Sequence[Estimate]:
        """The coefficients."""
        found = []
        for value, weights in zip(self._coefficients, self._influence, strict=True):
            reach = self.noise.reach(weights, weights * self.noise.residuals)
            found.append(Estimate(float(value), float(value) - reach, float(value) + reach))
        return found


def design(windows: Sequence[LoadWindow], points: Sequence[float], terms: Sequence[str]) -> Array:
    """A row for each window: 1, how much each point counts at its load, and the terms in GB or GB/s."""
    load = np.array([window.load for window in windows])
    places = [0.0, *points]
    columns = [np.ones_like(load)]
    columns += [np.interp(load, places, [float(place == point) for place in places]) for point in points]
    columns += [np.array([getattr(window, term) for window in windows]) / GIGABYTE for term in terms]
    return np.column_stack(columns)


def _possible(load: Array, curves: Sequence[Sequence[float]]) -> Sequence[Sequence[float]]:
    """The curves with enough windows on both sides of each point."""
    found = []
    for points in curves:
        counts, _ = np.histogram(load, [-np.inf, *points[:-1], np.inf])
        if counts.min() >= LEAST_BESIDE:
            found.append(points)
    return found


def _separate(windows: Sequence[LoadWindow], terms: Sequence[str], points: Sequence[float]) -> None:
    """Refuses memory or disks that did not change, or only with the rest of the load."""
    for term in terms:
        values = np.array([getattr(window, term) for window in windows])
        low, high = np.percentile(values, [5, 95])
        if high - low <= LEAST_CHANGE * values.max():
            raise RefusedError(f"{term} hardly changed: run work that uses more and less of it, or leave --{term} out")
        rest = design(windows, points, [other for other in terms if other != term])
        basis, _ = np.linalg.qr(rest)
        left = values - basis @ (basis.T @ values)
        explained = 1 - float(np.var(left) / np.var(values))
        if explained > MOST_EXPLAINED:
            raise RefusedError(
                f"{term} changed with the rest of the load ({explained:.0%} of its changes, at most "
                f"{MOST_EXPLAINED:.0%}): run work that changes one alone, or leave --{term} out"
            )


def _not_negative(idle: Estimate, cpu: Sequence[tuple[float, Estimate]], terms: Mapping[str, Estimate]) -> None:
    if idle.value < 0:
        raise RefusedError(f"idle power is {idle.value:.3g} W, below 0: leave the host idle for some time")
    for busy, watts in cpu:
        if watts.value < 0:
            raise RefusedError(
                f"power at a load of {busy:g} is {-watts.value:.3g} W below idle power: is the meter that of this host?"
            )
    for term, each in terms.items():
        if each.value < 0:
            raise RefusedError(f"{term} has a negative coefficient, {each.value:.3g}: leave --{term} out")


def _compared(
    windows: Sequence[LoadWindow], points: Sequence[float], terms: Sequence[str], coefficients: Array
) -> tuple[float, float]:
    """Mean absolute error as a part of the watts, and the part of their variance that is explained."""
    watts = np.array([window.watts for window in windows])
    errors = watts - design(windows, points, terms) @ coefficients
    measured = watts > 0
    mape = float(np.mean(np.abs(errors[measured]) / watts[measured])) if measured.any() else np.inf
    r2 = 1 - float(np.sum(errors**2)) / max(float(np.sum((watts - watts.mean()) ** 2)), TINY)
    if not (np.isfinite(mape) and r2 > 0):
        raise RefusedError(
            f"the model tells no more than the mean of power does (R2 {r2:.2g}): is the meter that of this host?"
        )
    return mape, r2
