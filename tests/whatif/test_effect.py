# SPDX-License-Identifier: Apache-2.0
"""Scenarios of the example house, with numbers worked out by hand."""

from dataclasses import replace
from typing import Any

import pytest

from joulepath.errors import JoulepathError
from joulepath_whatif.effect import Effect, Row, effect
from joulepath_whatif.scenario import Scenario
from joulepath_whatif.span import Span
from tests.whatif import house

pytestmark = pytest.mark.unit


def answer(**sections: Any) -> Effect:
    return effect(house.topology(), house.present(), Scenario.model_validate(sections))


def rows(found: Effect) -> dict[str, Row]:
    return {row.name: row for row in found.rows}


def ends(span: Span | None) -> list[float | None]:
    assert span is not None
    return [span.value, span.low, span.high]


def adds_up(found: Effect) -> None:
    """All shares are the power at the meters, now and then."""
    now, then = (sum(row.attributed[place] for row in found.rows) for place in (0, 1))
    assert now == pytest.approx(found.meters)
    assert then == pytest.approx(found.meters - found.saved.value)


def test_a_third_of_the_frames_saves_what_traffic_adds_and_no_idle_power() -> None:
    """The camera sends 100 packets/s and 200,000 bytes/s, and asks for 1/3 request and 50/3 tokens.

    DU 400,000 * 20 uJ = 8 W less (6 to 10), UPF 4 W, model 100/3 tokens * 0.6 J = 20 W (16.67 to 26.67).
    """
    found = answer(applications={"camera": {"frame_rate": {"from": 30, "to": 10}}})
    adds_up(found)
    assert ends(found.saved) == pytest.approx([32, 6 + 4 + 50 / 3, 10 + 4 + 80 / 3])
    assert found.idle_saved == 0
    camera, robot = rows(found)["camera"], rows(found)["robot"]
    # Shares: static parts by packets of 800, dynamic ones by bytes of 600,000; at the model by 13/3 and 500/3.
    radio = 70 / 8 + 50 / 3
    du = 50 / 8 + 72 / 3
    upf = 30 / 8 + 16 / 3
    amf = 15 * (radio + du + upf) / (120 + 122 + 46)
    llm = 100 / 13 + 280 / 10
    assert camera.attributed == pytest.approx((236.75, radio + du + upf + amf + llm))
    network = (70 + 50 + 30) * 5 / 8 + (50 + 72 + 16) / 3
    assert robot.attributed == pytest.approx((350.25, network * (1 + 15 / 288) + 100 * 9 / 13 + 280 * 0.72))
    assert robot.attributed[1] > robot.attributed[0]
    assert camera.marginal is not None
    assert [each.value for each in camera.marginal] == pytest.approx([12 + 6 + 30, (12 + 6 + 30) / 3])
    assert ends(camera.change) == pytest.approx([-32, -(10 + 4 + 80 / 3), -(6 + 4 + 50 / 3)])
    assert ends(robot.change) == [0, 0, 0]
    # CO2 of the edge: 1.2 * 100 g/kWh for the 32 W.
    before, after = found.weighed["co2"]
    assert before - after == pytest.approx(32 * 120 / 3.6e6)


def test_resolution_leaves_requests_and_users_leave_nothing() -> None:
    """A quarter of the pixels is a quarter of the bytes: 450,000 * 30 uJ = 13.5 W. Half of the users: 24 W."""
    found = answer(applications={"camera": {"resolution": {"from": "1920x1080", "to": "960x540"}}})
    adds_up(found)
    assert found.saved.value == pytest.approx(13.5)
    assert answer(applications={"camera": {"users": 0.5}}).saved.value == pytest.approx(24)
    assert answer(applications={"camera": {"users": 2}}).saved.value == pytest.approx(-48)


def test_another_model_leaves_the_idle_power_of_the_first() -> None:
    """50 tokens at 0.2 J in place of 0.6 J: 20 W less, of which both errors count (25 - 15 to 40 - 5 W)."""
    found = answer(applications={"camera": {"instead": {"llm": "small"}}})
    adds_up(found)
    assert ends(found.saved) == pytest.approx([20, 25 - 15, 40 - 5])
    camera = rows(found)["camera"]
    # All of the small model is the camera's: 30 W, and 10 W that no request caused, and the 10 W that it adds.
    assert camera.attributed[1] == pytest.approx(236.75 - 95 + 50)
    robot = 100 * 3 / 4 + (300 - 30) * 120 / 150
    assert rows(found)["robot"].attributed[1] == pytest.approx(350.25 - 240 + robot)
    # Answers that are twice as long cost twice as much there.
    longer = answer(applications={"camera": {"instead": {"llm": "small"}, "tokens": 2}})
    assert longer.saved.value == pytest.approx(30 - 20)


def test_a_model_that_is_replaced_is_another_one_for_all() -> None:
    """0.1 J in place of 0.6 J for 200 tokens, of which 30 are others'."""
    wide = house.topology().components["llm"].marginal[0]
    assert wide.low == 0.5
    found = answer(components={"llm": {"joules_per_token": 0.1}})
    adds_up(found)
    assert ends(found.saved)[:1] == pytest.approx([100])
    assert ends(rows(found)["robot"].change)[:1] == pytest.approx([-60])
    doubled = answer(components={"llm": {"joules_per_token": 0.1, "tokens": 2}})
    assert doubled.saved.value == pytest.approx(120 - 40)


def test_a_host_that_sleeps_saves_idle_power_for_all() -> None:
    """Half of the time at 10 W in place of 70 W: 30 W, of which the camera has 300 of 1000 packets."""
    found = answer(hosts={"ru-1": {"asleep": 0.5, "asleep_watts": 10}})
    adds_up(found)
    assert ends(found.saved) == [30, 30, 30]
    assert found.idle_saved == 30
    radio = 51 - 30 * 0.3
    assert rows(found)["camera"].attributed[1] == pytest.approx(radio + 63 + 21 + 15 * (radio + 63 + 21) / 270 + 95)
    assert ends(rows(found)["camera"].change) == [0, 0, 0]
    assert answer(hosts={"ru-1": {"static_watts": 80}}).saved.value == pytest.approx(-10)


def test_a_grid_an_overhead_and_a_site_change_grams_alone() -> None:
    """The camera's 51 W are at the plant, 185.75 W at the edge, and 48 W of what it adds."""
    grid = answer(sites={"edge": {"grams_per_kwh": 50}})
    adds_up(grid)
    assert grid.saved.value == 0
    camera = rows(grid)["camera"]
    assert camera.weighed["co2"] == pytest.approx([(51 * 380 + 185.75 * each) / 3.6e6 for each in (120, 60)])
    assert [each.value for each in camera.marginal_weighed["co2"]] == pytest.approx(
        [48 * each / 3.6e6 for each in (120, 60)]
    )
    overhead = rows(answer(sites={"edge": {"overhead": 1.5}}))["camera"]
    assert overhead.weighed["co2"] == pytest.approx([(51 * 380 + 185.75 * each) / 3.6e6 for each in (120, 150)])
    moved = rows(answer(components={"llm": {"site": "plant"}}))["camera"]
    assert moved.weighed["co2"] == pytest.approx(
        [(51 * 380 + 185.75 * 120) / 3.6e6, ((51 + 95) * 380 + 90.75 * 120) / 3.6e6]
    )


def test_a_price_changes_money_alone() -> None:
    """The camera's 51 W at the plant cost 0.20 EUR, 185.75 W at the edge 0.30 EUR for each of 1.2 kWh."""
    found = answer(sites={"edge": {"price_per_kwh": 0.4}})
    adds_up(found)
    camera = rows(found)["camera"]
    assert camera.weighed["EUR"] == pytest.approx([(51 * 0.2 + 185.75 * 1.2 * each) / 1000 for each in (0.3, 0.4)])
    assert [each.value for each in camera.marginal_weighed["EUR"]] == pytest.approx(
        [0.048 * 1.2 * 0.3, 0.048 * 1.2 * 0.4]
    )
    assert found.weighed["EUR"] == pytest.approx([(120 * 0.2 + 700 * 1.2 * each) / 1000 for each in (0.3, 0.4)])
    assert camera.weighed["co2"][0] == camera.weighed["co2"][1]


def test_currencies_are_never_added() -> None:
    here = house.present()
    two = replace(here, prices={("plant", "CHF"): 0.2, ("edge", "EUR"): 0.3})
    scenario = Scenario.model_validate({"sites": {"edge": {"price_per_kwh": 0.6}}})
    weighed = rows(effect(house.topology(), two, scenario))["camera"].weighed
    assert weighed["CHF"] == pytest.approx([51 * 0.2 / 1000] * 2)
    assert weighed["EUR"] == pytest.approx([185.75 * 1.2 * each / 1000 for each in (0.3, 0.6)])
    one = replace(here, prices={("edge", "EUR"): 0.3})
    assert set(effect(house.topology(), one, scenario).weighed) == {"co2"}
    with pytest.raises(JoulepathError, match=r"sites\.edge: has no price now: give it `price` in the topology"):
        effect(house.topology(), replace(here, prices={}), scenario)


def test_a_live_overhead_is_that_of_the_server() -> None:
    """1.2 now; while it is not known, nothing can be said of a change."""
    live = house.topology(house.TEXT.replace("overhead: 1.2", "overhead: {query: pue}"))
    scenario = Scenario.model_validate({"sites": {"edge": {"overhead": 1.5}}})
    known = rows(effect(live, house.present(), scenario))["camera"]
    assert known.weighed["co2"] == pytest.approx([(51 * 380 + 185.75 * each) / 3.6e6 for each in (120, 150)])
    unknown = replace(house.present(), overhead={("plant",): 1.0})
    with pytest.raises(JoulepathError, match=r"sites\.edge: its overhead is not known now: see `joulepath doctor`"):
        effect(live, unknown, scenario)


def test_declared_numbers_have_no_interval() -> None:
    text = house.TEXT.replace(
        "{per: bytes, joules: 2.0e-5, low: 1.5e-5, high: 2.5e-5, method: calibrated}", "{per: bytes, joules: 2.0e-5}"
    )
    found = effect(
        house.topology(text), house.present(), Scenario.model_validate({"applications": {"camera": {"users": 0}}})
    )
    assert ends(found.saved) == [pytest.approx(48), None, None]
    # The model's interval is known all the same.
    small = effect(
        house.topology(text), house.present(), Scenario.model_validate({"applications": {"camera": {"tokens": 0}}})
    )
    assert ends(small.saved) == pytest.approx([30, 25, 40])


@pytest.mark.parametrize(
    ("sections", "words"),
    [
        (
            {"applications": {"camera": {"users": 0.5}}},
            "components.du-1: has no `marginal` for application camera: run",
        ),
        ({"components": {"small": {"joules_per_token": 0.1}}, "hosts": {"gpu-1": {"static_watts": 1}}}, None),
        ({"hosts": {"edge-1": {"asleep": 1}}, "applications": {"robot": {"tokens": 0}}}, None),
        (
            {"applications": {"robot": {"instead": {"llm": "upf-1"}}}},
            "applications.robot.instead: upf-1 counts bytes and packets, and llm does not: name a component",
        ),
    ],
)
def test_a_number_that_is_not_known_is_said_in_one_line(sections: dict[str, Any], words: str | None) -> None:
    """Without the DU's slope, changes that do not touch the DU still have an answer."""
    topology = house.topology(
        house.TEXT.replace(
            "    marginal: [{per: bytes, joules: 2.0e-5, low: 1.5e-5, high: 2.5e-5, method: calibrated}]\n", ""
        )
    )
    scenario = Scenario.model_validate(sections)
    if words is None:
        found = effect(topology, house.present(), scenario)
        assert all(row.marginal is None for row in found.rows)
        adds_up(found)
        return
    with pytest.raises(JoulepathError, match=words) as caught:
        effect(topology, house.present(), scenario)
    assert len(caught.value.messages) == 1


def test_a_policy_by_other_amounts_is_refused() -> None:
    topology = house.topology(house.TEXT.replace("requests: vllm\n", "requests: vllm\n    policy: equal\n", 1))
    with pytest.raises(JoulepathError, match=r"components\.llm: its policy divides by equal: this command knows"):
        effect(topology, house.present(), Scenario.model_validate({"applications": {"camera": {"users": 0.5}}}))


def test_shares_without_known_traffic_are_refused() -> None:
    """As where no application has `marginal` at all of its components: a sleeping host has other shares then."""
    idle = Scenario.model_validate({"hosts": {"gpu-1": {"static_watts": 50}}})
    with pytest.raises(JoulepathError, match=r"components\.llm: the traffic of camera there is not known: the rules"):
        effect(house.topology(), replace(house.present(), traffic={}), idle)


def test_figures_that_are_missing_or_disagree_are_said() -> None:
    here, scenario = house.present(), Scenario.model_validate({"applications": {"camera": {"users": 0.5}}})
    silent = {key: rate for key, rate in here.traffic.items() if key[:2] != ("camera", "upf-1")}
    odd = {**here.shares, ("robot", "llm", "gpu-1"): 200.0}
    bare = {key: watts for key, watts in here.parts.items() if key[0] != "llm"}
    for figures, words in (
        (replace(here, traffic=silent), "applications.camera: its traffic at upf-1 is not known"),
        (replace(here, shares=odd), "components.llm: robot has 200 W there, where its traffic would make it 240 W"),
        (replace(here, parts=bare), "components.llm: has no power now"),
    ):
        with pytest.raises(JoulepathError, match=words):
            effect(house.topology(), figures, scenario)
    idle = Scenario.model_validate({"hosts": {"gpu-2": {"static_watts": 0}}})
    without = {key: watts for key, watts in here.parts.items() if key[0] != "small"}
    with pytest.raises(JoulepathError, match=r"hosts\.gpu-2: its idle power is not known"):
        effect(house.topology(), replace(here, parts=without), idle)
    # An application that is not known, and that the scenario does not touch, is left out.
    dark = {key: watts for key, watts in here.shares.items() if key[:2] != ("robot", "amf")}
    assert effect(house.topology(), replace(here, shares=dark), idle).left_out == ["robot"]
