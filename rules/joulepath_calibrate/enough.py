# SPDX-License-Identifier: Apache-2.0
"""Whether measurements are enough to carry a number: each action refuses those that are not, in the same words."""

from collections.abc import Collection, Sequence
from statistics import quantiles

from joulepath_calibrate.errors import RefusedError
from joulepath_calibrate.noise import Noise

LEAST_WINDOWS = 60
LEAST_INDEPENDENT = 20
LEAST_SPREAD = 0.2
"""Of the load."""
BENT = 0.995
"""Confidence at which a bend counts as one. A lower one would make intervals of straight laws too wide."""


def check_count(windows: Collection[object], remedy: str, what: str = "windows") -> None:
    """Refuses too few windows."""
    if len(windows) < LEAST_WINDOWS:
        raise RefusedError(f"has {len(windows)} {what}, needs {LEAST_WINDOWS}: {remedy}")


def check_steady(noise: Noise, remedy: str) -> None:
    """Refuses where changes last so long that few of them were seen."""
    if noise.independent < LEAST_INDEPENDENT:
        raise RefusedError(
            f"power drifts: its {len(noise.residuals)} windows tell as much as {noise.independent:.0f} independent "
            f"ones, needs {LEAST_INDEPENDENT}: {remedy}"
        )


def check_spread(load: Sequence[float], what: str, remedy: str) -> None:
    """Refuses a load that hardly varied: from its 5th to its 95th percentile."""
    cuts = quantiles(load, n=20, method="inclusive")
    spread = cuts[-1] - cuts[0]
    if spread < LEAST_SPREAD:
        raise RefusedError(f"the load varied by {spread:.2g} only, {what} needs {LEAST_SPREAD:g}: {remedy}")
