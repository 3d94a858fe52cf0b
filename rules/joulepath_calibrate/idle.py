# SPDX-License-Identifier: Apache-2.0
"""The idle power of a host: the mean of quiet windows, or the power that a line over load has at no load.

The interval of a line is that of a parabola through the same windows: a slight bend, which the noise hides, is in it. A
bend that shows makes the interval wider, by CAUTION times the distance between a line, a parabola and a cubic.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from statistics import median

import numpy as np

from joulepath_calibrate.curve import Curve, fit
from joulepath_calibrate.enough import BENT, LEAST_WINDOWS, check_count, check_spread, check_steady
from joulepath_calibrate.errors import RefusedError
from joulepath_calibrate.estimate import Estimate
from joulepath_calibrate.noise import Array, Noise
from joulepath_calibrate.settings import Settings
from joulepath_calibrate.windows import Window

MOST_LOAD = 1.05
"""Of a window: two clocks may differ by some per cent."""
DRIFTS = "look back further, or wait until the host is warm"
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
    highest = max((one.load for one in windows), default=0.0)
    if highest > MOST_LOAD:
        raise RefusedError(f"the load was {highest:.3g}, and is the busy part, 0 to 1: divide it by its whole")
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
    check_count(
        windows,
        "leave the host idle for longer, look back further, or use --method line",
        f"quiet windows (load below {settings.quiet_load:g} for {settings.quiet_seconds:g} s)",
    )
    watts = np.array([one.watts for one in windows])
    ones, mean = np.ones_like(watts), watts.mean()
    noise = Noise(ones[:, None], mean * ones, watts - mean)
    check_steady(noise, DRIFTS)
    reach = noise.reach(ones / len(watts), noise.residuals / len(watts))
    return Idle(Estimate(float(mean), float(mean) - reach, float(mean) + reach), "quiet", windows)


def _line(windows: Sequence[Window], settings: Settings) -> Idle:
    check_count(windows, "look back further")
    load, watts = [one.load for one in windows], [one.watts for one in windows]
    if median(watts) == 0:
        raise RefusedError("power was 0 W in most windows: check the meter")
    check_spread(load, "a line", "run some work in that time, or leave the host idle and use --method quiet")
    ratio = settings.power_error * median(watts) / settings.load_error if settings.load_error else math.inf
    try:
        curves = {degree: fit(load, watts, degree, ratio) for degree in (1, 2, 3)}
    except ValueError as error:
        raise RefusedError(f"{error}: state a smaller --load-error, or use --method quiet") from None
    check_steady(curves[2].noise, DRIFTS)
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
