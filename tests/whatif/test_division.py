# SPDX-License-Identifier: Apache-2.0
"""Shares after a change under every policy, against the Shapley value of the game that the change makes.

The truth is a sum over all subsets (tests/rules/games.py): no formula of a policy is used. The rules are held against
the same games in tests/rules/test_policy_games.py, so an answer is what the rules would record.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st

from joulepath_topology import Topology
from joulepath_topology.policies import POLICIES
from joulepath_topology.reading import examine
from joulepath_whatif.effect import effect
from joulepath_whatif.power import Power
from joulepath_whatif.present import Present
from joulepath_whatif.scenario import Scenario
from joulepath_whatif.shares import shares_then
from joulepath_whatif.traffic import traffic
from tests.rules.games import OTHERS, Game
from tests.rules.test_policy_games import GRAIN, NAMES, document, games

PLAYERS = NAMES[:5]
policies = st.sampled_from([None, *POLICIES])
"""Own weights now and then."""
JOULES = 1 / 1024
"""For one more byte, at each component."""


@st.composite
def played(draw: st.DrawFn) -> tuple[list[Game], list[Game], dict[str, Any]]:
    """Three components now and then, and the scenario: one application sends more or less, or goes elsewhere."""
    held = {name: float(draw(st.integers(1, 9))) * GRAIN for name in PLAYERS if draw(st.booleans())}
    held = held or {PLAYERS[0]: GRAIN}
    now = [few(draw(games(held, draw(policies)))) for _ in range(3)]
    who = draw(st.sampled_from(sorted({name for game in now for name in game.uplink} - {OTHERS})))
    factor = draw(st.sampled_from([0.0, 0.5, 2.0, 3.0]))
    then = [scaled(game, who, factor) for game in now]
    change: dict[str, Any] = {"users": factor}
    if who in now[0].uplink and draw(st.booleans()):
        change["instead"] = {"h0": "h1"}
        then[:2] = moved(then[0], then[1], who, held)
    watts = [old.watts + (sum(map(new.need, new.uplink)) - sum(map(old.need, old.uplink))) * JOULES
             for old, new in zip(now, then, strict=True)]  # fmt: skip
    return now, [replace(game, watts=each) for game, each in zip(then, watts, strict=True)], {who: change}


def few(game: Game) -> Game:
    """The game of fewer players, at a host that draws no less than its idle power and what traffic adds."""
    kept = [name for name in (*PLAYERS, OTHERS) if name in game.uplink]
    found = replace(
        game,
        uplink={name: game.uplink[name] for name in kept},
        downlink={name: game.downlink[name] for name in kept},
        packets={name: game.packets[name] for name in kept},
        reservations={name: held for name, held in game.reservations.items() if name in PLAYERS},
    )
    beyond = sum(map(found.need, kept)) * JOULES
    return replace(found, watts=(found.static or 0) + game.watts + beyond)


def scaled(game: Game, who: str, factor: float) -> Game:
    if who not in game.uplink:
        return game
    more: dict[str, Any] = {key: {**getattr(game, key), who: getattr(game, key)[who] * factor} for key in SENT}
    return replace(game, **more)


SENT = ("uplink", "downlink", "packets")


def moved(left: Game, right: Game, who: str, held: Mapping[str, float]) -> tuple[Game, Game]:
    """The games after a player has gone from one to the other, where its packets may have passed already."""
    more: dict[str, Any] = {key: {who: getattr(left, key)[who], **getattr(right, key)} for key in SENT}
    without: dict[str, Any] = {key: {**getattr(left, key), who: 0.0} for key in SENT}
    own = {who: held[who]} if who in held else {}
    less = {name: each for name, each in left.reservations.items() if name != who}
    return replace(left, **without, reservations=less), replace(
        right, **more, reservations={**right.reservations, **own}
    )


def topology(drawn: Sequence[Game]) -> Topology:
    data = document(drawn)
    for entry in data["components"].values():
        entry["marginal"] = [{"per": "bytes", "joules": JOULES}]
    found, problems = examine(data)
    assert found is not None, problems
    return found


def figures(drawn: Sequence[Game]) -> Present:
    """The figures that the rules record of the games."""
    sent = {
        (name, f"h{number}", by): rate
        for number, game in enumerate(drawn)
        for name in game.uplink
        for by, rate in {
            "count": game.packets[name],
            "volume": game.need(name),
            "uplink": game.uplink[name],
            "downlink": game.downlink[name],
        }.items()
    }
    whole: dict[tuple[str, ...], float] = {}
    for (_, component, by), rate in sent.items():
        whole[component, by] = whole.get((component, by), 0.0) + rate
    parts: dict[tuple[str, ...], float] = {}
    for number, game in enumerate(drawn):
        static = {} if game.static is None else {"static": min(game.static, game.watts)}
        rest = "undivided" if game.static is None else "dynamic"
        for part, watts in {**static, rest: game.watts - sum(static.values())}.items():
            parts[f"h{number}", f"h{number}", part] = watts
    return Present(
        at=0,
        shares=shares(drawn),
        parts=parts,
        traffic={key: rate for key, rate in sent.items() if key[0] != OTHERS},
        whole=whole,
        grams={},
        overhead={},
        prices={},
    )


def shares(drawn: Sequence[Game]) -> Mapping[tuple[str, ...], float]:
    return {
        (name, f"h{number}", f"h{number}"): watts
        for number, game in enumerate(drawn)
        for name, watts in game.shares().items()
    }


def held_too_much(game: Game) -> bool:
    """Whether more is reserved than there is: `rules check` refuses that."""
    return game.capacity is not None and sum(game.reservations.values()) > game.capacity


@pytest.mark.unit
@settings(
    max_examples=25, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True, phases=[Phase.generate]
)
@given(played())
def test_shares_then_are_those_of_the_game_that_the_change_makes(
    drawn: tuple[list[Game], list[Game], dict[str, Any]],
) -> None:
    now, then, change = drawn
    assume(not any(map(held_too_much, then)))
    here, house = figures(now), topology(now)
    scenario = Scenario.model_validate({"applications": change})
    sent = traffic(house, here, scenario)
    found = shares_then(here, Power(house, here, scenario, sent), sent)
    expected = shares(then)
    assert {key: found.get(key, 0.0) for key in expected} == pytest.approx(expected, abs=1e-6)
    answer = effect(house, here, scenario)
    assert sum(row.attributed[1] for row in answer.rows if row.attributed) == pytest.approx(
        sum(game.watts for game in then)
    )
