# SPDX-License-Identifier: Apache-2.0
"""Sums the inputs of one chassis' supplies, and finds values that contradict the chassis' power."""

from collections.abc import Collection, Iterable, Mapping

TAKEN_OVER = 0.5
"""A silent supply has no feed where the others took over this part of its load: then they carry all of it, and
the load fell by the rest."""
NEGLIGIBLE = 0.02
"""A sum does not wait for a supply that carried less than this part of it."""
ABOVE_TOTAL = 1.5
"""The most that one chassis' supplies take or deliver, as a multiple of its power; those of several nodes take more."""


class Inputs:
    """The inputs of all supplies of one chassis, from poll to poll [W]."""

    def __init__(self, without_feed: Iterable[str] = ()) -> None:
        """`without_feed` are supplies that said at the exporter's start that they have no feed."""
        self._last: dict[str, float] = {}
        self._without_feed = set(without_feed)

    def total(self, needed: Collection[str], watts: Mapping[str, float], dark: Collection[str] = ()) -> float | None:
        """The sum; None where a supply is silent that may carry a part of it. `dark` are those that carry nothing."""
        known = {supply: watts[supply] for supply in needed if supply in watts}
        self._without_feed &= set(needed) - known.keys()
        silent = {supply for supply in needed if supply not in watts and supply not in dark}
        lost = silent - self._without_feed
        if not known or (lost and not self._taken_over(known, lost)):
            return None
        self._without_feed |= lost
        self._last = known
        return sum(known.values())

    def _taken_over(self, known: Mapping[str, float], lost: set[str]) -> bool:
        if not lost <= self._last.keys():
            return False
        carried = sum(self._last[supply] for supply in lost)
        before = sum(watts for supply, watts in self._last.items() if supply in known)
        if carried <= NEGLIGIBLE * (before + carried):
            return True
        return sum(known.values()) - before >= TAKEN_OVER * carried


def contradiction(readings: Mapping[str, float], total: float | None) -> str:
    """Why a chassis' supplies, all inputs or all outputs, are not its own beside its power; empty where they are."""
    if not total or not readings:
        return ""
    if not any(readings.values()):
        return "zero_while_on"
    if sum(readings.values()) <= ABOVE_TOTAL * total:
        return ""
    alike = len(readings) > 1 and len(set(readings.values())) == 1
    near = total / ABOVE_TOTAL <= max(readings.values()) <= total * ABOVE_TOTAL
    return "repeats_total" if alike and near else "above_total"
