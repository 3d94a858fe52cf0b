# SPDX-License-Identifier: Apache-2.0
"""Policies as games: the watts that each set of applications causes alone, and the Shapley value from its definition.

Nothing here is taken from the rules. A value is a sum over all subsets: no formula of a policy is used.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from itertools import combinations
from math import factorial
from typing import Any

OTHERS = "others"
"""All undeclared traffic: one player, where there is some."""

Coalition = frozenset[str]


def shapley(players: Coalition, worth: Callable[[Coalition], float]) -> dict[str, float]:
    """Of each player: its mean contribution over all orders of arrival (Shapley 1953)."""
    known = cache(worth)
    count = len(players)
    return {
        player: sum(
            factorial(size) * factorial(count - size - 1) / factorial(count)
            * (known(frozenset(before) | {player}) - known(frozenset(before)))
            for size in range(count)
            for before in combinations(sorted(players - {player}), size)
        )
        for player in players
    }  # fmt: skip


@dataclass(frozen=True)
class Game:
    """One component alone on its host, and the traffic of everybody there."""

    watts: float
    static: float | None
    """Of the host, as the topology says; None without."""
    policy: Mapping[str, Mapping[str, float]]
    """The weights of each part."""
    uplink: Mapping[str, float]
    """bytes/s of each player, and of OTHERS."""
    downlink: Mapping[str, float]
    packets: Mapping[str, float]
    steps: tuple[tuple[float, float], ...] = ()
    """Above how many bytes/s of one player how many watts more."""
    capacity: float | None = None
    reservations: Mapping[str, float] = field(default_factory=dict)
    written: Any = None
    """The policy as the file has it, if not as its weights."""

    @property
    def players(self) -> Coalition:
        """Those declared here, and the others if they send."""
        return frozenset(player for player in self.uplink if player != OTHERS or self.need(OTHERS))

    def need(self, player: str) -> float:
        """Its bytes/s."""
        return self.uplink[player] + self.downlink[player]

    def parts(self) -> Iterator[tuple[str, float]]:
        """The watts of each part, less those of steps."""
        if self.static is None:
            yield "undivided", self.watts - sum(self.stairs())
        else:
            static = min(self.static, self.watts)
            yield "static", static
            yield "dynamic", self.watts - static - sum(self.stairs())

    def stairs(self) -> list[float]:
        """The watts of each step: 0 of one without a user; together no more than is drawn beyond the static part."""
        follows = self.policy["static"].get("steps") and self.static is not None
        most = max(map(self.need, self.players), default=0)
        needed = [watts if follows and most > above else 0.0 for above, watts in self.steps]
        beyond = self.watts - min(self.static or 0, self.watts)
        return [watts * min(1, beyond / sum(needed)) if watts else 0.0 for watts in needed]

    def worth(self, who: Coalition) -> float:
        """The watts that these cause without the rest: what they would have to pay if they were alone."""
        found = sum(
            watts * weight * self.caused(amount, who)
            for part, watts in self.parts()
            for amount, weight in self.policy[part].items()
        )
        most = max(map(self.need, who), default=0)
        return found + sum(watts for (above, _), watts in zip(self.steps, self.stairs(), strict=True) if most > above)

    def caused(self, amount: str, who: Coalition) -> float:
        """The part of an amount's watts that these cause, 0 to 1."""
        if amount in {"equal", "steps"}:  # a fixed cost: any one that sends causes all of it
            return float(any(self.need(player) for player in who))
        if amount == "unattributed":
            return 0.0
        if amount == "reservation":
            held = sum(self.reservations.get(player, 0) for player in self.players)
            return sum(self.reservations.get(player, 0) for player in who) / (self.capacity or held)
        of = {
            "count": lambda player: self.packets[player],
            "uplink": lambda player: self.uplink[player],
            "downlink": lambda player: self.downlink[player],
        }.get(amount, self.need)
        whole = sum(map(of, self.players))
        if amount == "capacity":
            whole = max(whole, self.capacity or 0)
        return sum(map(of, who)) / whole if whole else 0.0

    def shares(self) -> dict[str, float]:
        """Watts of each declared player by all subsets, and of `unattributed` what is left."""
        found = shapley(self.players, self.worth)
        found.pop(OTHERS, None)
        return {**found, "unattributed": self.watts - sum(found.values())}
