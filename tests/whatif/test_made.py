# SPDX-License-Identifier: Apache-2.0
"""Answers of the command against changes that are really made: a real Prometheus records both houses.

The shares that the command foretells are those that the rules record of the house after the change, under each policy.
"""

import json
import math
import time
from pathlib import Path

import pytest

from joulepath.cli import main
from tests.conftest import Monitoring
from tests.rules.world import Server, served, watched
from tests.whatif.made import APPLICATIONS, Change, House

pytestmark = pytest.mark.long

CHANGES = (
    Change("a", users=0.5),
    Change("a", users=0),
    Change("a", users=2.5),
    Change("a", tokens=0.3, instead={"m1": "m2"}),
    Change("a", users=0.5, instead={"s1": "s2"}),
    Change("b", users=0.7, static={"h1": 20.0, "hs": 30.0, "amf": 5.0}),
    Change("b", users=1.5, sites={"s": {"grams_per_kwh": 48, "overhead": 1.4}, "t": {"price_per_kwh": 0.5}}),
    Change("b", tokens=0.5, sites={"s": {"market_grams_per_kwh": 10}, "t": {"grams_per_kwh": 20}}),
)


def known(pair: dict[str, float] | None) -> float:
    """The number of the scenario."""
    return math.nan if pair is None else pair["then"]


def differences(words: list[str], server: Server, after: House, capsys: pytest.CaptureFixture[str]) -> list[str]:
    """Answers that differ from the figures of the house after the change by 1 % and 0.3, or the message of none.

    In watts, g/h and thousandths of money an hour.
    """
    if main(words):
        return [capsys.readouterr().err]
    answer = json.loads(capsys.readouterr().out)
    rows = answer["applications"]
    assert set(rows) == {*APPLICATIONS, "unattributed"}
    own = f'{{topology="{after.name}"}}'

    def recorded(series: str, by: str = "") -> dict[str, float]:
        return server.ask(f"sum by (application{by}) (last_over_time({series}{own}[1m]))")

    watts = recorded("application_component:power_watts")
    marginal = recorded("application:power_marginal_watts")
    grams, money = (
        recorded("application:co2_grams_per_second", ", basis"),
        recorded("application:cost_per_hour", ", currency"),
    )
    pairs = {"meters": (answer["meters"]["watts"] - answer["meters"]["saved_watts"]["value"], sum(watts.values()))}
    for name, row in rows.items():
        pairs[f"{name} share"] = (row["attributed_watts"]["then"], watts[name])
        if name in APPLICATIONS:
            told = row["marginal_watts"]["then"]["value"]
            pairs[f"{name} marginal"] = (told, marginal.get(name, math.nan))
        for key, basis in (("co2", "location"), ("co2_market", "market")):
            pairs[f"{name} g/h by {basis}"] = (
                3600 * known(row[f"attributed_{key}_grams_per_second"]),
                3600 * grams.get(f"{name} {basis}", math.nan),
            )
        for currency in ("EUR", "CHF"):
            cost = known(row["attributed_cost_per_hour"].get(currency))
            pairs[f"{name} {currency}/h"] = (1000 * cost, 1000 * money.get(f"{name} {currency}", 0.0))
    return [
        f"{name} {told:.2f}, made {truth:.2f}"
        for name, (told, truth) in pairs.items()
        if not abs(told - truth) <= 0.01 * truth + 0.3
    ]


@pytest.mark.parametrize("seed", range(4))
def test_answers_are_what_the_rules_record_when_it_is_done(
    seed: int, monitoring: Monitoring, tmp_path_factory: pytest.TempPathFactory, capsys: pytest.CaptureFixture[str]
) -> None:
    house = House(seed, 0)
    made = [House(seed, number, change) for number, change in enumerate(CHANGES, 1)]
    path: Path = tmp_path_factory.mktemp("files") / "house.yaml"
    path.write_text(house.topology())
    left: list[str] = []
    with served() as world:
        world.target("houses", {name: rate for each in (house, *made) for name, rate in each.rates().items()})
        topologies = [each.topology() for each in (house, *made)]
        with watched(world, {monitoring.name: monitoring}, tmp_path_factory, *topologies) as history:
            (server,) = history.servers.values()
            history.until(70)
            assert server.failures() == []
            for change, after in zip(CHANGES, made, strict=True):
                words = ["whatif", str(path), "--prometheus", server.url, "--json", *change.words()]
                end = time.monotonic() + 60
                # A scrape that a busy machine spoils is in the figures for a window.
                while (off := differences(words, server, after, capsys)) and time.monotonic() < end:
                    time.sleep(2)
                left += [f"{change}: {each}" for each in off]
    assert left == [], "\n".join(left)
