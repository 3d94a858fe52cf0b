# SPDX-License-Identifier: Apache-2.0
"""The idle power of a host: the mean of quiet windows, or the intercept of a straight line of power over load."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from statistics import fmean, median, quantiles

import numpy as np

from joulepath_calibrate.blocks import BLOCKS, MOST_CORRELATION, Estimate, correlation, jackknife
from joulepath_calibrate.errors import RefusedError
from joulepath_calibrate.line import Line, fit
from joulepath_calibrate.windows import Window

LEAST_WINDOWS = 3 * BLOCKS
LEAST_SPREAD = 0.2
"""Of the load: between its 5th and its 95th percentile."""


@dataclass(frozen=True)
class Settings:
    """When windows are quiet, and how well one window's means are known."""

    quiet_load: float = 0.02
    """Busy part below which a window is quiet."""
    quiet_seconds: float = 600.0
    """The least length of a quiet time."""
    power_error: float = 0.02
    """Standard error of a window's watts, as a part of their median."""
    load_error: float = 0.005
    """Standard error of a window's load, in parts of the processor."""


@dataclass(frozen=True)
class Idle:
    """Idle watts, and the windows that they come from."""

    watts: Estimate
    method: str
    windows: Sequence[Window]
    watts_per_load: Estimate | None = None
    """Watts from idle to fully busy, of a line."""


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
    _enough(windows, f"quiet windows (load below {settings.quiet_load:g})", "look back further, or use --method line")
    (watts,) = jackknife(windows, lambda some: [fmean(one.watts for one in some)])
    _independent([one.watts - watts.value for one in windows])
    return Idle(watts, "quiet", windows)


def _line(windows: Sequence[Window], settings: Settings) -> Idle:
    _enough(windows, "windows", "look back further")
    spread = _spread([one.load for one in windows])
    if spread < LEAST_SPREAD:
        raise RefusedError(
            f"the load varied by {spread:.2g} only, a line needs {LEAST_SPREAD:g}: run some work in that time, or use "
            "--method quiet"
        )
    watts, slope = jackknife(windows, _fitter(windows, settings))
    if slope.low <= 0:
        raise RefusedError("power does not rise with load: check that the load is that of this host")
    _straight(windows)
    _independent([one.watts - watts.value - slope.value * one.load for one in windows])
    if watts.low <= 0:
        raise RefusedError(f"{watts.value:.1f} ± {watts.error:.1f} W may be 0 W: look back further")
    return Idle(watts, "line", windows, slope)


def _fitter(windows: Sequence[Window], settings: Settings) -> Callable[[Sequence[Window]], Line]:
    """Intercept and slope; load and power both have errors."""
    ratio = settings.power_error * median(one.watts for one in windows) / settings.load_error

    def line(some: Sequence[Window]) -> Line:
        try:
            return fit([one.load for one in some], [one.watts for one in some], ratio)
        except ValueError:
            raise RefusedError("the load changed in one part of the time only: run work at several times") from None

    return line


def _straight(windows: Sequence[Window]) -> None:
    """Refuses a curve: the coefficient of the squared load is not 0 by its 95 % interval."""

    def bend(some: Sequence[Window]) -> tuple[float]:
        return (float(np.polyfit([one.load - 0.5 for one in some], [one.watts for one in some], 2)[0]),)

    (bent,) = jackknife(windows, bend)
    if not bent.is_zero:
        raise RefusedError(
            f"power is not a straight line over load: its bend is {bent.value:.1f} ± {bent.error:.1f} W per load "
            "squared, so that the intercept would be wrong: use --method quiet"
        )


def _enough(windows: Sequence[Window], what: str, remedy: str) -> None:
    if len(windows) < LEAST_WINDOWS:
        raise RefusedError(f"has {len(windows)} {what}, needs {LEAST_WINDOWS}: {remedy}")


def _independent(residuals: Sequence[float]) -> None:
    """Refuses where changes last longer than a block: the error would be too small."""
    between = correlation(residuals)
    if between > MOST_CORRELATION:
        raise RefusedError(
            f"power drifts over the whole time (correlation of its {BLOCKS} blocks: {between:.2f}), so that an error "
            "cannot be stated: look back further"
        )


def _spread(values: Sequence[float]) -> float:
    """From the 5th to the 95th percentile."""
    cuts = quantiles(values, n=20, method="inclusive")
    return cuts[-1] - cuts[0]
