# SPDX-License-Identifier: Apache-2.0
"""A straight line through points that have errors in both variables.

Deming's regression: York's (American Journal of Physics 72 (2004), 367) for errors that are the same at every point and
independent of each other. The line depends on the ratio of both errors alone, and has a closed form.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np


class Line(NamedTuple):
    """y = intercept + slope * x."""

    intercept: float
    slope: float


def fit(x: Sequence[float], y: Sequence[float], ratio: float) -> Line:
    """The line. `ratio` is the standard error of y divided by that of x, in units of y for each unit of x.

    Raises ValueError where x and y do not vary together: every slope is then as good as its opposite.
    """
    both = np.array([x, y], dtype=float)
    mean_x, mean_y = both.mean(axis=1)
    (xx, xy), (_, yy) = (both - [[mean_x], [mean_y]]) @ (both - [[mean_x], [mean_y]]).T
    if xy == 0:
        raise ValueError("x and y do not vary together")
    steep = yy - ratio**2 * xx
    slope = (steep + np.sqrt(steep**2 + (2 * ratio * xy) ** 2)) / (2 * xy)
    return Line(float(mean_y - slope * mean_x), float(slope))
