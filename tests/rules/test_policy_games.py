# SPDX-License-Identifier: Apache-2.0
"""Every policy is the Shapley value of a game: what the rules record, against a sum over all subsets (games.py).

With it the axioms: the shares add up, equals have equal shares, one that needs nothing has none, and the shares of two
games add up to those of their sum.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from joulepath_topology import Topology
from joulepath_topology.policies import PARTS, POLICIES, Policy, amounts_of
from joulepath_topology.reading import examine
from tests.rules.games import OTHERS, Game
from tests.rules.promtool import Case, grow, measured, outlet, run

NAMES = "abcdefghij"
IDS = {name: f"{number:032x}" for number, name in enumerate(NAMES, 1)}
EVERY = [*sorted(POLICIES), *[None] * 7]
"""The policies in one topology, all of the table and seven times own weights: each is a component at its own node."""

CHAIN = frozenset({"attribution"})

# Steps begin between two needs, so that rounding of rates decides nothing.
GRAIN = 1000.0
rates = st.integers(0, 20).map(lambda number: number * GRAIN)


def follows(*amounts: str) -> st.SearchStrategy[dict[str, float]]:
    """Weights in sixteenths that add up to 1."""
    several = st.lists(st.sampled_from(amounts), min_size=16, max_size=16)
    return several.map(lambda drawn: {amount: drawn.count(amount) / 16 for amount in dict.fromkeys(drawn)})


ALL = ("count", "volume", "uplink", "downlink", "equal", "reservation", "capacity", "unattributed")
own = st.fixed_dictionaries(
    {
        "static": st.one_of(follows(*ALL), st.just({"steps": 1.0}), st.just({"equal": 1.0})),
        "dynamic": follows(*ALL),
        "undivided": follows(*ALL),
    }
)


@st.composite
def games(draw: st.DrawFn, reservations: Mapping[str, float], named: str | None) -> Game:
    """A component that some of the applications pass, under a policy of the table or own weights.

    Often two of them send the same, and some send nothing.
    """
    policy: Policy = POLICIES[named] if named is not None else draw(own)
    players = [name for name in NAMES if draw(st.integers(0, 3))] or ["a"]
    if "reservation" in amounts_of(policy) and not reservations.keys() & players:
        players.append(next(iter(reservations)))
    uplink = {name: draw(rates) for name in players}
    downlink = {name: draw(rates) for name in players}
    if len(players) > 1:
        uplink[players[1]], downlink[players[1]] = uplink[players[0]], downlink[players[0]]
        if draw(st.booleans()):
            uplink[players[-1]] = downlink[players[-1]] = 0.0
    others = draw(st.sampled_from([0.0, 3 * GRAIN, 40 * GRAIN]))
    uplink[OTHERS], downlink[OTHERS] = others, others / 2
    packets = {
        name: draw(st.integers(1, 9)) * 10.0 if uplink[name] + downlink[name] else 0.0 for name in (*players, OTHERS)
    }
    if len(players) > 1:
        packets[players[1]] = packets[players[0]]
    held = {name: reservations[name] for name in players if name in reservations}
    used = amounts_of(policy)
    reserved = sum(held.values()) if "reservation" in used else 0.0
    capacity = draw(st.integers(1, 300)) * GRAIN + reserved if "capacity" in used else None
    if capacity is None and reserved:
        capacity = draw(st.sampled_from([None, reserved, 2.5 * reserved]))
    return Game(
        watts=float(draw(st.integers(0, 400))),
        static=None if draw(st.booleans()) and "steps" not in used else float(draw(st.integers(0, 300))),
        policy=policy,
        uplink=uplink,
        downlink=downlink,
        packets=packets,
        steps=tuple(
            (above * GRAIN + GRAIN / 2, float(watts))
            for above, watts in draw(st.lists(st.tuples(st.integers(0, 40), st.integers(1, 60)), max_size=4))
        )
        if "steps" in used
        else (),
        capacity=capacity,
        reservations=held,
        written=named,
    )


def busy(drawn: Sequence[Game]) -> bool:
    """Whether most have several players that need different things: hypothesis begins with an example of nothing."""
    return sum(len({game.need(player) for player in game.players}) > 2 for game in drawn) > len(drawn) / 2


@st.composite
def sets(draw: st.DrawFn) -> list[Game]:
    """The games of one topology."""
    held = {name: float(draw(st.integers(1, 9))) * GRAIN for name in NAMES if draw(st.booleans())} or {"a": GRAIN}
    return [draw(games(held, named)) for named in EVERY]


def topology(drawn: Sequence[Game]) -> Topology:
    """The topology of the games."""
    found, problems = examine(document(drawn))
    assert found is not None, problems
    assert not [problem for problem in problems if problem.severity == "error"]
    return found


def document(drawn: Sequence[Game]) -> dict[str, Any]:
    """One host, node and component for each game."""
    reservations = {name: watts for game in drawn for name, watts in game.reservations.items()}
    return {
        "sites": {"s": {}},
        "hosts": {
            f"h{number}": {
                "site": "s",
                "power": [{"pdu": "pdu", "outlets": [str(number)]}],
                **({} if game.static is None else {"static_watts": game.static}),
            }
            for number, game in enumerate(drawn)
        },
        "components": {f"h{number}": component(number, game) for number, game in enumerate(drawn)},
        "applications": {
            name: {
                "traces": [{"ioam_namespace": 123, "id": IDS[name]}],
                "path": [f"h{number}" for number, game in enumerate(drawn) if name in game.uplink],
                **({"reservation": reservations[name]} if name in reservations else {}),
            }
            for name in NAMES
            if any(name in game.uplink for game in drawn)
        },
    }


def component(number: int, game: Game) -> dict[str, Any]:
    """The component of a game, as a file has it."""
    policy = game.written or {part: dict(game.policy[part]) for part in PARTS}
    entry: dict[str, Any] = {"role": "router", "traffic": {"ioam": number}, "policy": policy}
    if game.steps:
        entry["steps"] = [{"above": above, "watts": watts} for above, watts in game.steps]
    if game.capacity is not None:
        entry["capacity"] = game.capacity
    return entry


def series(drawn: Sequence[Game]) -> dict[str, str]:
    """The series that the exporters show of all games."""
    found: dict[str, str] = {}
    for number, game in enumerate(drawn):
        found |= {**outlet("pdu", str(number), game.watts), **measured(number)}
        for direction, octets in ("uplink", game.uplink), ("downlink", game.downlink):
            node = f'node_id="{number}",direction="{direction}"'
            for name in octets:
                if name != OTHERS:
                    labels = f'ioam_namespace="123",trace_id="{IDS[name]}",{node}'
                    found[f"ioam_trace_bytes_total{{{labels}}}"] = grow(octets[name])
                    found[f"ioam_trace_packets_total{{{labels}}}"] = grow(game.packets[name] / 2)
            found[f"ioam_node_bytes_total{{{node}}}"] = grow(sum(octets.values()))
            found[f"ioam_node_packets_total{{{node}}}"] = grow(sum(game.packets.values()) / 2)
    return found


def row(application: str, number: int) -> str:
    """The labels of a share."""
    return f'application="{application}",component="h{number}",host="h{number}",segment="network",site="s"'


ROWS = "application_component:power_watts"
APART = "abs(sum by (host) (application_component:power_watts) - on (host) sum by (host) (host:power_watts)) > 1e-9"


def expected(drawn: Sequence[Game]) -> dict[tuple[float, str], Mapping[str, float]]:
    """The value of each game by all subsets; and the axioms, asked of the rules themselves."""
    shares = {row(name, number): watts for number, game in enumerate(drawn) for name, watts in game.shares().items()}
    expect: dict[tuple[float, str], Mapping[str, float]] = {
        (3, ROWS): shares,
        # Efficiency.
        (3, APART): {},
    }
    for number, game in enumerate(drawn):
        one, *more = [name for name in game.uplink if name != OTHERS]
        for name in (one, *more):
            # A null player.
            if not game.need(name) and name not in game.reservations:
                expect[3, f'{ROWS}{{application="{name}",component="h{number}"}} != 0'] = {}
        # Symmetry: the first two send the same.
        if more and game.reservations.get(one) == game.reservations.get(more[0]):
            first, second = (f'{ROWS}{{application="{name}",component="h{number}"}}' for name in (one, more[0]))
            expect[3, f"abs({first} - on (component) {second}) > 1e-9"] = {}
    return expect


few = settings(
    max_examples=2,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.generate],
    derandomize=True,
)


@pytest.mark.unit
@few
@given(sets().filter(busy))
def test_each_policy_is_the_shapley_value_of_its_game(
    promtool: Path, tmp_path_factory: pytest.TempPathFactory, drawn: list[Game]
) -> None:
    """For up to ten applications and all undeclared traffic beside them: 2048 subsets."""
    case = Case("games", topology(drawn), series(drawn), expected(drawn), only=CHAIN)
    run(promtool, tmp_path_factory.mktemp("games"), [case])


@st.composite
def triples(draw: st.DrawFn) -> list[Game]:
    """Two games of the same players under the same policy, and their sum; some of each."""
    held = {name: float(draw(st.integers(1, 9))) * GRAIN for name in NAMES}
    found: list[Game] = []
    for named in [*sorted(POLICIES), None]:
        drawn = draw(games(held, named))
        two = []
        for _ in range(2):
            steps = tuple((above, float(draw(st.integers(1, 60)))) for above, _ in drawn.steps)
            static = float(draw(st.integers(0, 300)))
            # The meter shows what the steps say: where it shows less, they are cut, and a sum of games is another one.
            watts = static + sum(watts for _, watts in steps) + draw(st.integers(0, 100))
            two.append(replace(drawn, watts=watts, static=static, steps=steps))
        one, other = two
        steps = tuple((above, one + other) for (above, one), (_, other) in zip(one.steps, other.steps, strict=True))
        static = (one.static or 0) + (other.static or 0)
        found += [one, other, replace(drawn, watts=one.watts + other.watts, static=static, steps=steps)]
    return found


@pytest.mark.unit
@settings(few, max_examples=1)
@given(triples().filter(busy))
def test_the_shares_of_two_games_add_up_to_those_of_their_sum(
    promtool: Path, tmp_path_factory: pytest.TempPathFactory, drawn: list[Game]
) -> None:
    """Additivity: two boxes that are one product cost an application as much as one box with their watts."""
    expect: dict[tuple[float, str], Mapping[str, float]] = {}
    for number in range(0, len(drawn), 3):
        one, other, both = (f'sum by (application) ({ROWS}{{host="h{number + each}"}})' for each in range(3))
        expect[3, f"abs({one} + {other} - {both}) > 1e-9"] = {}
        expect[3, f"count({both})"] = {"": len(drawn[number].uplink)}
    run(
        promtool,
        tmp_path_factory.mktemp("triples"),
        [Case("triples", topology(drawn), series(drawn), expect, only=CHAIN)],
    )


@pytest.mark.long
@settings(few, max_examples=60, derandomize=False)
@given(sets().filter(busy))
def test_many_games_have_their_shapley_value(
    promtool: Path, tmp_path_factory: pytest.TempPathFactory, drawn: list[Game]
) -> None:
    """The same of many more."""
    case = Case("games", topology(drawn), series(drawn), expected(drawn), only=CHAIN)
    run(promtool, tmp_path_factory.mktemp("games"), [case])
