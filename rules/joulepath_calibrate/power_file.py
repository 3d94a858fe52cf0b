# SPDX-License-Identifier: Apache-2.0
"""Writes a fitted power model as the file that `joulepath workload --power-model` reads."""

from pathlib import Path
from typing import Any

import yaml

from joulepath import __version__
from joulepath.errors import UsageError
from joulepath.workload.power.file import PowerModelFile
from joulepath_calibrate.estimate import Estimate
from joulepath_calibrate.machines import Stated
from joulepath_calibrate.power_fit import PowerFit
from joulepath_calibrate.writing import minute

METHOD = "least squares weighted by power, every fourth block of windows held out"


def text(fit: PowerFit, name: str, machine: Stated, length: float, now: float) -> str:
    """The file. `length` is that of a window in seconds, `now` the date in Unix seconds."""
    windows = sorted((*fit.used, *fit.held_out))
    begin, end = minute(windows[0].at), minute(windows[-1].at)
    data: dict[str, Any] = {
        "name": name,
        "machine": dict(machine),
        "idle_watts": _estimated(fit.idle),
        "cpu": [{"busy_ratio": busy, "watts": _estimated(watts)} for busy, watts in fit.cpu],
    }
    for term, key in (("memory", "watts_per_gigabyte"), ("disk", "joules_per_gigabyte")):
        if term in fit.terms:
            data[term] = {key: _estimated(fit.terms[term])}
    data["validation"] = {"mape": _short(fit.mape, 3), "r2": _short(fit.r2, 4), "windows": len(fit.held_out)}
    data["fitted"] = {
        "date": minute(now),
        "version": __version__,
        "data": f"{len(fit.used)} windows of {length:g} s from {begin} to {end}",
        "method": METHOD,
    }
    PowerModelFile.model_validate(data)
    return yaml.safe_dump(data, sort_keys=False, default_flow_style=None, allow_unicode=True, width=120)


def write(path: Path, written: str) -> None:
    """Raises UsageError, also for a file that is there already: a host may be using it."""
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(written)
    except FileExistsError:
        raise UsageError(f"{path}: is there already: remove it first, or choose another --output") from None
    except OSError as error:
        raise UsageError(f"{path}: cannot be written: {error.strerror}") from None


def _estimated(estimate: Estimate) -> dict[str, float]:
    return {"value": _short(estimate.value, 5), "standard_error": _short(estimate.error, 2)}


def _short(value: float, digits: int) -> float:
    return float(f"{value:.{digits}g}")
