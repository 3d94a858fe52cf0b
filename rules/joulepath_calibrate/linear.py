# SPDX-License-Identifier: Apache-2.0
"""Least squares of power over several columns, and whether power bends away from their sum."""

from dataclasses import dataclass

import numpy as np

from joulepath_calibrate.enough import BENT
from joulepath_calibrate.noise import Array, Noise

ROUNDING = 1e-9
"""Of power: what bends by less does so by rounding."""


@dataclass(frozen=True)
class Fit:
    """Coefficients of the columns of a design, of which the first is 1, and their errors."""

    coefficients: Array
    noise: Noise
    inverse: Array

    def reach(self, gradient: Array, confidence: float = 0.95) -> float:
        """Half the interval of a sum of the coefficients."""
        weights = gradient @ self.inverse @ self.noise.design.T
        return self.noise.reach(weights, weights * self.noise.residuals, confidence)


def fit(design: Array, watts: Array) -> Fit:
    """The coefficients with the least squares of what is left."""
    scale = np.abs(design).max(axis=0)
    scaled = design / scale
    inverse = np.linalg.inv(scaled.T @ scaled) / np.outer(scale, scale)
    coefficients = inverse @ design.T @ watts
    fitted = design @ coefficients
    return Fit(coefficients, Noise(scaled, fitted, watts - fitted), inverse * scale)


def bend(linear: Fit, design: Array, watts: Array) -> Fit | None:
    """The fit with the squared power as one more column (Ramsey's test), where that column is not 0.

    None also where it tells nothing, as of two loads.
    """
    wider = np.column_stack([design, (linear.noise.fitted - watts.mean()) ** 2])
    scale = np.abs(wider).max(axis=0)
    if not scale.all() or np.linalg.matrix_rank(wider / scale) < wider.shape[1]:
        return None
    found = fit(wider, watts)
    last = np.eye(wider.shape[1])[-1]
    if np.abs(found.noise.fitted - linear.noise.fitted).max() <= ROUNDING * np.abs(watts).max():
        return None
    return found if abs(found.coefficients[-1]) > found.reach(last, BENT) else None
