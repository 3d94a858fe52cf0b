# SPDX-License-Identifier: Apache-2.0
"""The command, against a real Prometheus that has the figures of the example house."""

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from joulepath.cli import main
from joulepath_prometheus.client import Prometheus
from joulepath_topology import read
from joulepath_whatif import output, present
from joulepath_whatif.effect import effect
from joulepath_whatif.present import Present
from joulepath_whatif.scenario import Scenario
from tests.conftest import Monitoring
from tests.rules.backfilled import Sample, served
from tests.whatif import house

MEASURED = 0.75
"""The part of the window in which node 4 was counted: its rates are low by as much."""


def series(figures: Present) -> Iterator[tuple[str, float]]:
    """The recorded series of the figures, by name."""
    own = 'topology="joulepath"'
    yield f"attribution:heartbeat{{{own}}}", 1.0
    for (name, component, host), watts in figures.shares.items():
        labels = f'{own},application="{name}",component="{component}",host="{host}"'
        yield f"application_component:power_watts{{{labels}}}", watts
    for (name, component, by), rate in figures.traffic.items():
        labels = f'{own},application="{name}",component="{component}",by="{by}"'
        yield f"application_component:traffic:rate{{{labels}}}", rate
    for (component, by), rate in figures.whole.items():
        counted = MEASURED if component.endswith("-1") else 1.0
        yield f'component:counted:rate{{{own},component="{component}",by="{by}"}}', rate * counted
    for (component, host, part), watts in figures.parts.items():
        yield f'component:power_watts{{{own},component="{component}",host="{host}",part="{part}"}}', watts
    yield f'node:measured:ratio{{{own},node_id="4"}}', MEASURED
    for (site, basis), grams in figures.grams.items():
        yield f'site:co2_grams_per_joule{{{own},site="{site}",basis="{basis}"}}', grams
    for (site,), ratio in figures.overhead.items():
        yield f'site:overhead:ratio{{{own},site="{site}"}}', ratio
    for (site, currency), price in figures.prices.items():
        yield f'site:price_per_kilowatt_hour{{{own},site="{site}",currency="{currency}"}}', price


def samples(end: float) -> Iterator[Sample]:
    for name, value in sorted(series(house.present()), key=lambda each: each[0].partition("{")[0]):
        for at in range(-240, 3600, 15):
            yield name, value, end + at


@pytest.fixture(scope="module")
def server(monitoring: Monitoring, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server with figures from four minutes ago until one hour from now."""
    folder = tmp_path_factory.mktemp(monitoring.name)
    with served(monitoring.prometheus, monitoring.promtool, folder, samples(time.time() // 15 * 15)) as asked:
        yield asked.url


@pytest.fixture
def whatif(tmp_path: Path, server: str) -> Callable[..., int]:
    (tmp_path / "house.yaml").write_text(house.TEXT)
    return lambda *words: main(["whatif", str(tmp_path / "house.yaml"), "--prometheus", server, *words])


@pytest.mark.long
def test_the_figures_are_those_that_were_recorded(server: str, tmp_path: Path) -> None:
    (tmp_path / "house.yaml").write_text(house.TEXT)
    with Prometheus(server) as prometheus:
        found = present.read(prometheus, read(tmp_path / "house.yaml"), time.time(), 120)
    given = house.present()
    for name in ("shares", "parts", "traffic", "whole", "grams", "overhead", "prices"):
        assert getattr(found, name) == pytest.approx(getattr(given, name)), name
    assert found.over == 120
    assert 105 <= found.recorded <= 135


@pytest.mark.long
def test_arguments_and_a_file_ask_the_same(
    whatif: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scenario = {
        "applications": {"camera": {"frame_rate": {"from": 30, "to": 10}, "instead": {"llm": "small"}}},
        "hosts": {"gpu-1": {"asleep": 0.5, "asleep_watts": 20}},
        "sites": {"edge": {"grams_per_kwh": 48}},
    }
    (tmp_path / "scenario.yaml").write_text(yaml.safe_dump(scenario))
    assert whatif("--scenario", str(tmp_path / "scenario.yaml"), "--json") == 0
    asked = json.loads(capsys.readouterr().out)
    words = ["--frame-rate", "camera=30:10", "--instead", "camera=llm:small", "--asleep", "gpu-1=0.5:20"]
    assert whatif(*words, "--grams-per-kwh", "edge=48", "--json") == 0
    assert json.loads(capsys.readouterr().out) | {"time": asked["time"]} == asked
    # The network 12 W, the model 30 - 50 / 3 * 0.2 W, and half of 80 W.
    assert asked["meters"]["saved_watts"]["value"] == pytest.approx(12 + 30 - 10 / 3 + 40)
    assert asked["meters"]["idle_saved_watts"] == pytest.approx(40)


@pytest.mark.long
def test_the_tables_say_what_is_saved_and_what_is_not(
    whatif: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    assert whatif("--frame-rate", "camera=30:10") == 0
    lines = capsys.readouterr().out.splitlines()
    cells = [" ".join(line.split()) for line in lines]
    assert "camera 236.8 103.8 -132.9 48.0 16.0 -32.0 -40.7 to -26.7" in cells
    assert "robot 350.2 417.9 +67.6 78.0 78.0 0.0" in cells
    assert "at the meters 820.0 788.0 -32.0 -32.0 -40.7 to -26.7" in cells
    assert "of all hosts 129.6 125.8 -3.8 -3.8 -4.9 to -3.2" in cells
    assert "of all hosts 0.2760 0.2645 -0.0115 -0.0115 -0.0146 to -0.0096" in cells
    moved = "they count for robot (+67.6 W) and unattributed (+33.3 W)."
    stays = "hosts still draw them, idle or for others"
    assert f"Shares fall by 132.9 W. 100.9 W of that are not saved: {stays}, and {moved}" in lines
    assert "The meters show 32.0 W less (26.7 to 40.7 W), 3.9 % of their 820.0 W." in lines
    assert "All hosts: 3.8 g/h (CO2 by location) less, 0.0115 EUR/h less." in lines


@pytest.mark.unit
def test_words_say_where_an_answer_is_a_guess_or_unknown() -> None:
    """Other models with an interval that has 0 in it, beyond what was measured, at a site without a price."""
    text = house.TEXT.replace(
        "joules: 0.2, low: 0.1, high: 0.3", "joules: 0.2, low: 0.0, high: 0.9, least: 0, most: 40"
    )
    figures = replace(house.present(), prices={("plant", "EUR"): 0.2})
    scenario = Scenario.model_validate({"applications": {"camera": {"instead": {"llm": "small"}}}})
    topology = house.topology(text)
    lines = output.text(topology, scenario, figures, effect(topology, figures, scenario)).splitlines()
    # 50 tokens/s: 30 W less, 25 to 40 W, and 10 W more, 0 to 45 W.
    assert "The meters show 20.0 W less (between 20.0 W more and 40.0 W less), 2.4 % of their 820.0 W." in lines
    assert "camera 236.8 191.8 -45.0 48.0 28.0 -20.0 -40.0 to +20.0 *" in [" ".join(line.split()) for line in lines]
    far = "* Extrapolated: small has 50 tokens/s then, and its `marginal` is measured at 0 to 40."
    assert f"{far} Beyond these the interval may not hold." in lines
    assert "Money is unknown for those with power at edge: no price is known there now." in lines
    assert "EUR/h" not in lines


@pytest.mark.long
def test_a_server_without_figures_is_refused_in_one_line(
    whatif: Callable[..., int], tmp_path: Path, server: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "other.yaml").write_text(f"name: other\n{house.TEXT}")
    assert main(["whatif", str(tmp_path / "other.yaml"), "--prometheus", server, "--users", "camera=2"]) == 1
    (line,) = capsys.readouterr().err.replace(server, "URL").splitlines()
    assert line.startswith("joulepath whatif: URL: has no figures of topology 'other' now: load its rules there")


@pytest.mark.unit
@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "scenario: changes nothing: name a change, such as --users camera=0.5"),
        (["--users", "camera"], "--users: must be NAME=VALUE: 'camera'"),
        (["--users", "camra=2"], "scenario: applications.camra: 'camra' is not in the topology (did you mean camera?)"),
        (["--users", "camera=few"], "scenario: applications.camera.users: must be a number"),
        (["--users", "camera=-1"], "scenario: applications.camera.users: must be greater than or equal to 0"),
        (["--frame-rate", "camera=0:10"], "scenario: applications.camera.frame_rate: from must be above 0"),
        (
            ["--resolution", "camera=big:1x1"],
            "applications.camera.resolution: must be a number, or a resolution such",
        ),
        (["--instead", "camera=llm"], "--instead: must be camera=large:small or the like: 'llm'"),
        (["--instead", "camera=small:llm"], "applications.camera.instead.small: 'small' is not in the topology"),
        (["--instead", "camera=llm:smal"], "instead.llm: 'smal' is not in the topology (did you mean small?)"),
        (["--instead", "camera=llm:llm"], "camera.instead.llm: is replaced by itself: name another component"),
        (
            ["--tokens", "robot=2"],
            "applications.robot.tokens: changes tokens, and the components of robot count bytes and",
        ),
        (
            ["--joules-per-token", "upf-1=2"],
            "components.upf-1.joules_per_token: upf-1 counts no tokens, but packets and",
        ),
        (["--asleep", "gpu-1=0.5"], "--asleep: must be ru-1=0.5:20 or the like: '0.5'"),
        (["--at", "llm=moon"], "scenario: components.llm.site: 'moon' is not in the topology"),
        (["--asleep", "gpu-1=2:0"], "scenario: hosts.gpu-1.asleep: must be less than or equal to 1"),
        (["--overhead", "edge=0.5"], "scenario: sites.edge.overhead: must be greater than or equal to 1"),
    ],
)
def test_a_scenario_that_makes_no_sense_is_refused_in_one_line(
    words: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Before anything is asked: no server answers at this address. The robot asks no model here."""
    alone = house.TEXT.replace(
        '"0b"}], path: [ru-1, du-1, upf-1], models: [llm]}', '"0b"}], path: [ru-1, du-1, upf-1]}'
    )
    (tmp_path / "house.yaml").write_text(alone)
    assert main(["whatif", str(tmp_path / "house.yaml"), "--prometheus", "http://127.0.0.1:9", *words]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert message in line
