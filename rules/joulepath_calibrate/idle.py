# SPDX-License-Identifier: Apache-2.0
"""The idle power of a host: the mean of quiet windows, or the power that a line over load has at no load.

The interval of a line is that of a parabola through the same windows: a slight bend, which the noise hides, is in it. A
bend that shows makes the interval wider, by CAUTION times the distance between a line, a parabola and a cubic.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from statistics import median, quantiles

import numpy as np

from joulepath_calibrate.curve import Curve, fit
from joulepath_calibrate.errors import RefusedError
from joulepath_calibrate.estimate import Estimate
from joulepath_calibrate.noise import Array, Noise
from joulepath_calibrate.settings import Settings
from joulepath_calibrate.windows import Window

LEAST_WINDOWS = 60
LEAST_INDEPENDENT = 20
LEAST_SPREAD = 0.2
"""Of the load: between its 5th and its 95th percentile."""
BENT = 0.995
"""Confidence at which a bend counts as one. A lower one would make intervals of straight lines too wide."""
CAUTION = 3
"""Powers of the load from 0.6 to 1.3 are missed by at most 2.3 times this distance, where the load is above 0.1."""
MOST_ERROR = 0.2
"""Half the interval, as a part of the idle power."""


@dataclass(frozen=True)
class Idle:
    """Idle watts, and the windows that they come from."""

    watts: Estimate
    method: str
    windows: Sequence[Window]
    busy: Estimate | None = None
    """Watts from idle to fully busy, of a line."""
    bent: bool = False
    """Whether power is not a straight line over load."""


def estimate(windows: Sequence[Window], length: float, method: str = "auto", settings: Settings | None = None) -> Idle:
    """Idle watts from windows of `length` seconds: `quiet`, `line`, or `auto` for the first that has enough windows.

    Raises RefusedError.
    """
    settings = settings or Settings()
    calm = list(_quiet(windows, length, settings))
    if method == "quiet" or (method == "auto" and len(calm) >= LEAST_WINDOWS):
        return _mean(calm, settings)
    return _line(windows, settings)


def _quiet(windows: Sequence[Window], length: float, settings: Settings) -> Iterator[Window]:
    """The windows of quiet times that last long enough; the first of each may hold the end of work."""
    number = 0
    previous: Window | None = None
    runs = []
    for window in windows:
        apart = previous is None or window.at - previous.at > 1.5 * length
        quiet = window.load < settings.quiet_load
        if apart or quiet != (previous is not None and previous.load < settings.quiet_load):
            number += 1
        runs.append((number, quiet, window))
        previous = window
    for (_, quiet), group in groupby(runs, key=lambda run: run[:2]):
        members = [window for _, _, window in group]
        if quiet and len(members) * length >= settings.quiet_seconds:
            yield from members[1:]


def _mean(windows: Sequence[Window], settings: Settings) -> Idle:
    _enough(
        windows,
        f"quiet windows (load below {settings.quiet_load:g} for {settings.quiet_seconds:g} s)",
        "leave the host idle for longer, look back further, or use --method line",
    )
    watts = np.array([one.watts for one in windows])
    ones, mean = np.ones_like(watts), watts.mean()
    noise = Noise(ones[:, None], mean * ones, watts - mean)
    _steady(noise)
    reach = noise.reach(ones / len(watts), noise.residuals / len(watts))
    return Idle(Estimate(float(mean), float(mean) - reach, float(mean) + reach), "quiet", windows)


def _line(windows: Sequence[Window], settings: Settings) -> Idle:
    _enough(windows, "windows", "look back further")
    load, watts = [one.load for one in windows], [one.watts for one in windows]
    spread = _spread(load)
    if spread < LEAST_SPREAD:
        raise RefusedError(
            f"the load varied by {spread:.2g} only, a line needs {LEAST_SPREAD:g}: run some work in that time, or "
            "leave the host idle and use --method quiet"
        )
    ratio = settings.power_error * median(watts) / settings.load_error if settings.load_error else math.inf
    try:
        curves = {degree: fit(load, watts, degree, ratio) for degree in (1, 2, 3)}
    except ValueError as error:
        raise RefusedError(f"{error}: state a smaller --load-error, or use --method quiet") from None
    _steady(curves[2].noise)
    bent = any(curves[degree].is_needed(BENT) for degree in (2, 3))
    idle = _judged(curves, lambda curve: curve.at(0), bent)
    busy = _judged(curves, lambda curve: curve.at(1) - curve.at(0), bent)
    if busy.high <= 0:
        raise RefusedError("power does not rise with load: check that the load is that of this host")
    if idle.high - idle.low > 2 * MOST_ERROR * idle.value:
        cause = "power is not a straight line over load" if bent else "its error is too large"
        raise RefusedError(
            f"{idle.low:.1f} to {idle.high:.1f} W is too wide: {cause}: leave the host idle and use --method quiet"
        )
    return Idle(idle, "line", windows, busy, bent)


def _judged(curves: Mapping[int, Curve], gradient: Callable[[Curve], Array], bent: bool) -> Estimate:
    """A number that each curve has, with the interval that is right for a parabola, or wider for a bend that shows."""
    line, parabola, cubic = (curve.value(gradient(curve)) for curve in (curves[1], curves[2], curves[3]))
    if bent:
        reach = curves[3].reach(gradient(curves[3])) + CAUTION * max(abs(line - parabola), abs(cubic - parabola))
        return Estimate(parabola, parabola - reach, parabola + reach)
    reach = curves[2].reach(gradient(curves[2]))
    inside = abs(line - parabola) <= reach
    return Estimate(line if inside else parabola, parabola - reach, parabola + reach)


def _enough(windows: Sequence[Window], what: str, remedy: str) -> None:
    if len(windows) < LEAST_WINDOWS:
        raise RefusedError(f"has {len(windows)} {what}, needs {LEAST_WINDOWS}: {remedy}")


def _steady(noise: Noise) -> None:
    """Refuses where changes last so long that few of them were seen."""
    if noise.independent < LEAST_INDEPENDENT:
        raise RefusedError(
            f"power drifts: its {len(noise.residuals)} windows tell as much as {noise.independent:.0f} independent "
            f"ones, needs {LEAST_INDEPENDENT}: look back further, or wait until the host is warm"
        )


def _spread(values: Sequence[float]) -> float:
    """From the 5th to the 95th percentile."""
    cuts = quantiles(values, n=20, method="inclusive")
    return cuts[-1] - cuts[0]
