# SPDX-License-Identifier: Apache-2.0
"""The standard error of a fit to windows that follow each other.

Neighbouring windows are alike: a fan or a room changes over many of them. A formula for independent windows would make
an interval too narrow. Here the error comes from the slowest COSINES waves in the fit's own residuals: slower changes
cannot be seen, and faster ones average out. Lazarus, Lewis, Stock and Watson, Journal of Business & Economic Statistics
36 (2018), 541, with Student's t of as many degrees of freedom.

A fit takes part of the slow waves out of its residuals. How much is worked out for noise with a simple law: its size
follows the fitted power in a straight line, and each window remembers part of the one before it.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter
from scipy.special import stdtrit

COSINES = 12
MOST_MEMORY = 0.97
LEAST_SIZE = 0.3
"""Of the noise at one window, in parts of its mean."""

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Noise:
    """The rest that a fit leaves: `residuals` in order of time, a row of `design` and a `fitted` value for each."""

    design: Array
    fitted: Array
    residuals: Array

    @cached_property
    def size(self) -> Array:
        """The expected size of each residual, but for a factor."""
        sizes = np.abs(self.residuals)
        if np.ptp(self.fitted) == 0 or not sizes.any():
            return np.ones_like(sizes)
        expected = np.polynomial.Polynomial.fit(self.fitted, sizes, 1)(self.fitted)
        return np.asarray(np.maximum(expected, LEAST_SIZE * sizes.mean()))

    @cached_property
    def memory(self) -> float:
        """The correlation of neighbouring residuals, 0 where it is negative."""
        scaled = self.residuals / self.size
        scaled -= scaled.mean()
        total = scaled @ scaled
        return float(np.clip(scaled[1:] @ scaled[:-1] / total, 0, MOST_MEMORY)) if total > 0 else 0.0

    @property
    def independent(self) -> float:
        """How many independent windows would tell as much of a mean as these."""
        return len(self.residuals) * (1 - self.memory) / (1 + self.memory)

    def reach(self, weights: Array, influence: Array, confidence: float = 0.95) -> float:
        """Half the length of the interval of an estimate.

        `influence` is what each window adds to the estimate's error, as its residual shows it; `weights` what it would
        add for a residual of 1.
        """
        count = len(weights)
        times = np.pi * (np.arange(count) + 0.5) / count
        waves = np.sqrt(2) * np.cos(np.outer(np.arange(1, COSINES + 1), times))
        seen = waves @ influence
        basis, _ = np.linalg.qr(self.design)
        weighted = waves * weights
        left = (weighted - weighted @ basis @ basis.T) * self.size
        expected = left @ self._remembered(left).T
        own = weights * self.size
        variance = seen @ seen * (own @ self._remembered(own)) / np.trace(expected)
        freedom = np.trace(expected) ** 2 / np.sum(expected**2)
        return float(np.sqrt(variance) * stdtrit(freedom, (1 + confidence) / 2))

    def _remembered(self, rows: Array) -> Array:
        """Rows times the correlation matrix of the noise: memory to the power of the distance in windows."""
        after = lfilter([1], [1, -self.memory], rows, axis=-1)
        before = lfilter([1], [1, -self.memory], rows[..., ::-1], axis=-1)[..., ::-1]
        return np.asarray(after + before - rows)
