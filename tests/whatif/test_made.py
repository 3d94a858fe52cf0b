# SPDX-License-Identifier: Apache-2.0
"""Answers of the command against changes that are really made: a real Prometheus records both houses.

The shares that the command foretells are those that the rules record of the house after the change, under each policy.
"""

import json
import time
from pathlib import Path

import pytest

from joulepath.cli import main
from tests.conftest import Monitoring
from tests.rules.world import WINDOW, Server, served, watched
from tests.whatif.made import APPLICATIONS, Change, House

pytestmark = pytest.mark.long

CHANGES = (
    Change("a", users=0.5),
    Change("a", users=0),
    Change("a", users=2.5),
    Change("a", tokens=0.3, instead={"m1": "m2"}),
    Change("a", users=0.5, instead={"s1": "s2"}),
    Change("b", users=0.7, static={"h1": 20.0, "hs": 30.0, "amf": 5.0}),
)


def differences(words: list[str], server: Server, after: House, capsys: pytest.CaptureFixture[str]) -> list[str]:
    """Answers that differ from the figures of the house after the change by 1 % and 0.3 W, or the message of none."""
    if main(words):
        return [capsys.readouterr().err]
    answer = json.loads(capsys.readouterr().out)
    recorded = f'application_component:power_watts{{topology="{after.name}"}}'
    truth = server.ask(f"sum by (application) (avg_over_time({recorded}[10s]))")
    told = {name: row["attributed_watts"]["then"] for name, row in answer["applications"].items()}
    told["meters"] = answer["meters"]["watts"] - answer["meters"]["saved_watts"]["value"]
    truth["meters"] = sum(truth.values())
    assert set(told) == {*APPLICATIONS, "unattributed", "meters"}
    return [
        f"{name} {watts:.2f} W, made {truth[name]:.2f} W"
        for name, watts in told.items()
        if abs(watts - truth[name]) > 0.01 * truth[name] + 0.3
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
            history.until(4 * WINDOW)
            assert server.failures() == []
            for change, after in zip(CHANGES, made, strict=True):
                words = ["whatif", str(path), "--prometheus", server.url, "--json", *change.words()]
                end = time.monotonic() + 3 * WINDOW
                # A scrape that a busy machine spoils is in the figures for a window.
                while (off := differences(words, server, after, capsys)) and time.monotonic() < end:
                    time.sleep(1)
                left += [f"{change}: {each}" for each in off]
    assert left == [], "\n".join(left)
