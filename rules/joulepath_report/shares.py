# SPDX-License-Identifier: Apache-2.0
"""Parts of a whole in each slot, from rows that add up to it."""

from collections import defaultdict
from collections.abc import Mapping

from joulepath_report.questions import Key, Rows


class Shares:
    """The part of each name in the whole that has the other labels, 0 to 1, by slot. The name is the last label."""

    def __init__(self, rows: Rows) -> None:
        sums: dict[tuple[Key, int], dict[str, float]] = defaultdict(lambda: defaultdict(float))
        for (*whole, name), values in rows.items():
            for slot, value in values.items():
                sums[tuple(whole), slot][name] += max(value, 0.0)
        self._parts: dict[tuple[Key, int], Mapping[str, float]] = {}
        for place, parts in sums.items():
            total = sum(parts.values())
            # A whole of 0 W has no energy either: it may be all of one part.
            self._parts[place] = {name: part / total if total else 1 / len(parts) for name, part in parts.items()}

    def of(self, slot: int, *whole: str, otherwise: str) -> Mapping[str, float]:
        """The parts of a whole; where they are not known, all of it is `otherwise`."""
        return self._parts.get((whole, slot), {otherwise: 1.0})
