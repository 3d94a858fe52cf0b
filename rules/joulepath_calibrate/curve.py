# SPDX-License-Identifier: Apache-2.0
"""Power over load as a polynomial, where both have errors.

Adjusted least squares: powers of the measured load are replaced by polynomials with the same mean as those of the true
load. Cheng and Schneeweiss, Journal of the Royal Statistical Society B 60 (1998), 189. For a straight line this is
Deming's regression, which is York's (American Journal of Physics 72 (2004), 367) with equal errors at every window.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from joulepath_calibrate.noise import Array, Noise

CENTRE = 0.5
"""Load at which powers of the load begin: halfway, for the sake of rounding."""
MOST_ROUNDS = 200
PRECISION = 1e-9


@dataclass(frozen=True)
class Curve:
    """A fitted polynomial of the load less CENTRE."""

    coefficients: Array
    """By power, from 0."""
    noise: Noise
    influence: Array
    """The part of each window in the error of each coefficient."""
    inverse: Array
    """Of the matrix of the adjusted sums of powers."""

    def at(self, load: float) -> Array:
        """The gradient of the power at a load, for `value` and `reach`."""
        return np.asarray((load - CENTRE) ** np.arange(len(self.coefficients)))

    def value(self, gradient: Array) -> float:
        """A sum of the coefficients."""
        return float(gradient @ self.coefficients)

    def reach(self, gradient: Array, confidence: float = 0.95) -> float:
        """Half the length of its interval."""
        return self.noise.reach(gradient @ self.inverse @ self.noise.design.T, gradient @ self.influence, confidence)

    def is_needed(self, confidence: float) -> bool:
        """Whether the highest power is not 0."""
        top = np.eye(len(self.coefficients))[-1]
        return abs(self.value(top)) > self.reach(top, confidence)


def fit(load: Sequence[float], watts: Sequence[float], degree: int, ratio: float) -> Curve:
    """The curve of a degree. `ratio` is the standard error of one window's watts divided by that of its load.

    Raises ValueError where the errors of the load would be as large as its changes.
    """
    x, y = np.asarray(load) - CENTRE, np.asarray(watts)
    design = np.vander(x, degree + 1, increasing=True)
    slopes = design[:, :-1] * np.arange(1, degree + 1)
    variance = 0.0  # of the load's error
    for _ in range(MOST_ROUNDS):
        powers = _adjusted(x, variance, 2 * degree)
        orders = np.add.outer(np.arange(degree + 1), np.arange(degree + 1))
        sums = powers.sum(axis=1)[orders]
        try:
            coefficients = np.linalg.solve(sums, powers[: degree + 1] @ y)
        except np.linalg.LinAlgError:
            break
        fitted = design @ coefficients
        before, variance = variance, float(np.mean((y - fitted) ** 2))
        variance /= ratio**2 + float(np.mean((slopes @ coefficients[1:]) ** 2))
        if variance >= np.var(x):
            break
        if abs(variance - before) <= PRECISION * variance:
            scores = powers[: degree + 1] * y - np.einsum("k,jkn->jn", coefficients, powers[orders])
            inverse = np.linalg.inv(sums)
            return Curve(coefficients, Noise(design, fitted, y - fitted), inverse @ scores, inverse)
    raise ValueError("the errors of the load are as large as its changes")


def _adjusted(x: Array, variance: float, most: int) -> Array:
    """For each order up to `most` a row with the mean of the true x to this power (Hermite's polynomials)."""
    rows = [np.ones_like(x), x]
    for order in range(1, most):
        rows.append(x * rows[order] - order * variance * rows[order - 1])
    return np.array(rows)
