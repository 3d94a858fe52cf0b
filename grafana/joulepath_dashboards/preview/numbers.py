# SPDX-License-Identifier: Apache-2.0
"""Values with their unit, as Grafana writes them: three digits and a prefix."""

import math
from typing import NamedTuple

PREFIXED = {
    "watt": "W",
    "joule": "J",
    "watth": "Wh",
    "massg": "g",
    "bps": "b/s",
    "pps": "p/s",
}
"""Units that take the prefixes of SI, by their name in Grafana."""
COUNTED = {"short": "", "cps": "c/s", "reqps": "req/s"}
"""Units of counts, which take K for thousands."""

_PREFIXES = {-3: "n", -2: "µ", -1: "m", 0: "", 1: "k", 2: "M", 3: "G", 4: "T"}
_COUNTS = {0: "", 1: "K", 2: "Mil", 3: "Bil"}
_TIMES = ((3600.0, "hours"), (60.0, "mins"), (1.0, "s"), (1e-3, "ms"), (1e-6, "µs"))


class Scale(NamedTuple):
    """How values of one size are written: divided by `divisor`, with `suffix` behind."""

    divisor: float
    suffix: str


def scale(unit: str, size: float) -> Scale:
    """The scale for values up to `size`. Raises ValueError for a unit that no dashboard has had so far."""
    size = abs(size)
    power = math.floor(math.log10(size) / 3 + 1e-9) if size and math.isfinite(size) else 0
    if unit in PREFIXED:
        power = min(max(power, -3), 4)
        return Scale(1000.0**power, f" {_PREFIXES[power]}{PREFIXED[unit]}")
    if unit in COUNTED:
        power = min(max(power, 0), 3)
        return Scale(1000.0**power, f" {_COUNTS[power]} {COUNTED[unit]}".replace("  ", " ").rstrip())
    if unit == "percentunit":
        return Scale(0.01, "%")
    if unit in {"s", "m"}:
        own = 60.0 if unit == "m" else 1.0
        return next((Scale(span / own, f" {name}") for span, name in _TIMES if size * own >= span), Scale(1.0, " s"))
    if unit.startswith("suffix:"):
        return Scale(1.0, f" {unit.removeprefix('suffix:').strip()}")
    if unit == "none":
        return Scale(1.0, "")
    raise ValueError(f"unit {unit!r}: the preview cannot write it; add it to {__name__}")


def written(unit: str, value: float) -> str:
    """A value with its unit."""
    if not math.isfinite(value):
        return str(value)
    chosen = scale(unit, value)
    number = value / chosen.divisor
    digits = 0 if number == round(number) else max(0, 2 - math.floor(math.log10(abs(number))))
    most = 6 if unit == "none" or unit.startswith("suffix:") else 3  # these have no prefixes for what is small
    text = f"{number:.{min(digits, most)}f}"
    return f"0{scale(unit, 0).suffix}" if not float(text) else f"{text}{chosen.suffix}"
