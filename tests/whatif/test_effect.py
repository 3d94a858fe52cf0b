# SPDX-License-Identifier: Apache-2.0
"""Scenarios of the example house, with numbers worked out by hand."""

from dataclasses import replace
from typing import Any

import pytest

from joulepath.errors import JoulepathError
from joulepath_whatif.effect import Effect, Row, effect
from joulepath_whatif.power import Power
from joulepath_whatif.scenario import Scenario
from joulepath_whatif.shares import shares_then
from joulepath_whatif.span import Span
from joulepath_whatif.traffic import traffic
from tests.whatif import house

pytestmark = pytest.mark.unit


def answer(**sections: Any) -> Effect:
    return effect(house.topology(), house.present(), Scenario.model_validate(sections))


def rows(found: Effect) -> dict[str, Row]:
    return {row.name: row for row in found.rows}


def ends(span: Span | None) -> list[float | None]:
    assert span is not None
    return [span.value, span.low, span.high]


def then(found: Effect, name: str) -> float:
    """Its watts in the scenario."""
    pair = rows(found)[name].attributed
    assert pair is not None
    return pair[1]


def changed(row: Row) -> list[float | None]:
    """The change of its marginal watts."""
    assert row.marginal is not None
    return ends(row.marginal.change)


def added(row: Row, unit: str) -> list[float]:
    """Its marginal watts in another unit, now and then."""
    found = row.marginal_weighed[unit]
    return [found.now.value, found.then.value]


def adds_up(found: Effect) -> None:
    """All shares are the power at the meters, now and then."""
    pairs = [row.attributed for row in found.rows if row.attributed is not None]
    assert len(pairs) == len(found.rows)
    now, then = (sum(pair[place] for pair in pairs) for place in (0, 1))
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
    assert camera.marginal is not None
    assert [camera.marginal.now.value, camera.marginal.then.value] == pytest.approx([12 + 6 + 30, (12 + 6 + 30) / 3])
    assert changed(camera) == pytest.approx([-32, -(10 + 4 + 80 / 3), -(6 + 4 + 50 / 3)])
    assert changed(robot) == [0, 0, 0]
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
    # All of the small model is the camera's: 30 W, and 10 W that no request caused, and the 10 W that it adds.
    assert then(found, "camera") == pytest.approx(236.75 - 95 + 50)
    robot = 100 * 3 / 4 + (300 - 30) * 120 / 150
    assert then(found, "robot") == pytest.approx(350.25 - 240 + robot)
    # Answers that are twice as long cost twice as much there.
    longer = answer(applications={"camera": {"instead": {"llm": "small"}, "tokens": 2}})
    assert longer.saved.value == pytest.approx(30 - 20)


def test_packets_that_pass_both_components_are_not_counted_twice() -> None:
    """The camera passes two gateways one after the other, or on two paths side by side, and then one of them alone.

    One after the other: 600 kB/s pass each, and leave the first. Side by side: all of it passes the second then.
    """
    gateway = "{role: gateway, host: %s, traffic: {ioam: %d}, marginal: [{per: bytes, joules: 1.0e-5}]}"
    text = house.TEXT.replace("  llm:\n", f"  one: {gateway % ('gw-1', 8)}\n  two: {gateway % ('gw-2', 9)}\n  llm:\n")
    text = text.replace(
        "hosts:\n",
        "".join(
            [
                "hosts:\n",
                *(
                    f'  gw-{n}: {{site: edge, static_watts: 0, power: [{{pdu: pdu-3, outlets: ["{n}"]}}]}}\n'
                    for n in (1, 2)
                ),
            ]
        ),
    )
    here = house.present()
    sent: dict[tuple[str, ...], float] = {}
    for component, host in (("one", "gw-1"), ("two", "gw-2")):
        sent |= {(component, host, "static"): 0.0, (component, host, "dynamic"): 10.0}
    camera: dict[tuple[str, ...], float] = {
        ("camera", component, by): rate
        for component in ("one", "two")
        for by, rate in (("count", 300.0), ("volume", 6e5))
    }
    here = replace(
        here,
        parts={**here.parts, **sent},
        shares={**here.shares, ("camera", "one", "gw-1"): 10.0, ("camera", "two", "gw-2"): 10.0},
        traffic={**here.traffic, **camera},
        whole={**here.whole, **{key[1:]: rate for key, rate in camera.items()}},
    )

    def watts(traces: str, **instead: str) -> float:
        own = text.replace('camera: {traces: [{ioam_namespace: 123, id: "0a"}]', f"camera: {{traces: [{traces}]")
        scenario = Scenario.model_validate({"applications": {"camera": {"instead": instead or {"one": "two"}}}})
        return effect(house.topology(own), here, scenario).saved.value

    behind = '{ioam_namespace: 123, id: "0a", path: [one, two]}'
    first, second = behind.replace("0a", "0c").replace(", two", ""), behind.replace("0a", "0d").replace("one, ", "")
    assert watts(behind) == pytest.approx(6)
    assert watts(behind, one="two", two="one") == pytest.approx(0)
    assert watts(f"{first}, {second}") == pytest.approx(0)
    with pytest.raises(JoulepathError, match=r"camera\.instead\.one: some of its traces pass two already, and others"):
        watts(f"{behind}, {first}")


def test_a_model_that_is_replaced_is_another_one_for_all() -> None:
    """0.1 J in place of 0.6 J for 200 tokens, of which 30 are others'."""
    wide = house.topology().components["llm"].marginal[0]
    assert wide.low == 0.5
    found = answer(components={"llm": {"joules_per_token": 0.1}})
    adds_up(found)
    assert ends(found.saved)[:1] == pytest.approx([100])
    assert changed(rows(found)["robot"])[:1] == pytest.approx([-60])
    doubled = answer(components={"llm": {"joules_per_token": 0.1, "tokens": 2}})
    assert doubled.saved.value == pytest.approx(120 - 40)


def test_a_host_that_sleeps_saves_idle_power_for_all() -> None:
    """Half of the time at 10 W in place of 70 W: 30 W, of which the camera has 300 of 1000 packets."""
    found = answer(hosts={"ru-1": {"asleep": 0.5, "asleep_watts": 10}})
    adds_up(found)
    assert ends(found.saved) == [30, 30, 30]
    assert found.idle_saved == 30
    radio = 51 - 30 * 0.3
    assert then(found, "camera") == pytest.approx(radio + 63 + 21 + 15 * (radio + 63 + 21) / 270 + 95)
    assert changed(rows(found)["camera"]) == [0, 0, 0]
    assert answer(hosts={"ru-1": {"static_watts": 80}}).saved.value == pytest.approx(-10)


def test_a_grid_an_overhead_and_a_site_change_grams_alone() -> None:
    """The camera's 51 W are at the plant, 185.75 W at the edge, and 48 W of what it adds."""
    grid = answer(sites={"edge": {"grams_per_kwh": 50}})
    adds_up(grid)
    assert grid.saved.value == 0
    camera = rows(grid)["camera"]
    assert camera.weighed["co2"] == pytest.approx([(51 * 380 + 185.75 * each) / 3.6e6 for each in (120, 60)])
    assert added(camera, "co2") == pytest.approx([48 * each / 3.6e6 for each in (120, 60)])
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
    assert added(camera, "EUR") == pytest.approx([0.048 * 1.2 * 0.3, 0.048 * 1.2 * 0.4])
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
    with pytest.raises(JoulepathError, match=r"sites\.edge: its price is not known now: see `joulepath doctor`"):
        effect(house.topology(), replace(here, prices={}), scenario)
    free = house.topology(house.TEXT.replace(", price: {currency: EUR, per_kwh: 0.3}", ""))
    with pytest.raises(JoulepathError, match=r"sites\.edge: has no price now: give it `price` in the topology"):
        effect(free, replace(here, prices={}), scenario)


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


Shares = dict[str, tuple[float, float]]

POLICIES: dict[str, tuple[str, Shares]] = {
    "equal": ("policy: equal", {"camera": (100 / 3 + 75, 100 / 3), "robot": (100 / 3 + 180, 100 / 3)}),
    "bytes": ("policy: bytes", {"camera": (100, 100 / 7), "robot": (240, 100 * 120 / 175)}),
    "3gpp-eif": ("policy: 3gpp-eif", {"camera": (100, 100 / 7), "robot": (240, 100 * 120 / 175)}),
    "static-unattributed": ("policy: static-unattributed", {"camera": (75, 0), "robot": (180, 0)}),
    "capacity": ("policy: capacity\n    capacity: 400", {"camera": (87.5, 6.25), "robot": (210, 30)}),
    "reservation": ("policy: reservation", {"camera": (100 / 4 + 75, 100 / 4), "robot": (300 / 4 + 180, 300 / 4)}),
    # The step for more than 60 tokens/s is the robot's, 40 W; the other 260 W (245 W then) follow tokens.
    "steps": (
        "policy: steps\n    steps: [{above: 60, watts: 40}]",
        {"camera": (100 / 3 + 65, 100 / 3 - 40 / 7), "robot": (220 / 3 + 156, 220 / 3 - 40 * 120 / 175)},
    ),
    # Half of the idle power by requests: 1 of 5 now, 0.5 of 4.5 then; of the robot 3 of them.
    "own weights": (
        "policy: {static: {count: 0.5, unattributed: 0.5}}",
        {"camera": (10 + 75, 50 / 9), "robot": (30 + 180, 50 * 3 / 4.5)},
    ),
}
"""The watts at the model now, and those of its idle power then; with `steps` also what differs in the rest."""


@pytest.mark.parametrize("name", POLICIES)
def test_shares_follow_each_policy_when_an_application_asks_half_as_much(name: str) -> None:
    """The camera then asks 0.5 times and has 25 of 175 tokens/s; the model draws 15 W less, 100 W + 285 W.

    285 W by tokens are 285 / 7 for the camera and 285 * 120 / 175 for the robot; with `bytes` idle power, too.
    """
    words, expected = POLICIES[name]
    text = house.TEXT.replace("requests: vllm\n", f"requests: vllm\n    {words}\n", 1)
    text = text.replace("models: [llm]}\n  robot", "models: [llm], reservation: 100}\n  robot")
    text = text.replace("models: [llm]}\n", "models: [llm], reservation: 300}\n")
    own: dict[tuple[str, ...], float] = {(one, "llm", "gpu-1"): now for one, (now, _) in expected.items()}
    rest = 400 - sum(own.values())
    here = replace(house.present(), shares={**house.present().shares, **own, ("unattributed", "llm", "gpu-1"): rest})
    change = {"requests": 0.5}
    found = effect(house.topology(text), here, Scenario.model_validate({"applications": {"camera": change}}))
    adds_up(found)
    assert found.saved.value == pytest.approx(15)
    for one, tokens in (("camera", 25), ("robot", 120)):
        now, static = expected[one]
        elsewhere = {"camera": 236.75 - 95, "robot": 350.25 - 240}[one]
        assert rows(found)[one].attributed == pytest.approx((elsewhere + now, elsewhere + static + 285 * tokens / 175))


def test_directions_are_changed_with_the_bytes_of_an_application() -> None:
    """At the UPF: uplink 800 and downlink 200 kB/s, of which the camera has 600 and 0, the robot 100 and 100.

    Half of the camera: 500 kB/s uplink and 200 downlink; the UPF draws 3 W less, 30 W + 17 W.
    """
    text = house.TEXT.replace(
        "traffic: {ioam: 4}", "traffic: {ioam: 4}\n    policy: {dynamic: {uplink: 0.5, downlink: 0.5}}"
    )
    here = house.present()
    sent = {
        ("camera", "uplink"): 6e5,
        ("camera", "downlink"): 0.0,
        ("robot", "uplink"): 1e5,
        ("robot", "downlink"): 1e5,
    }
    now = {"camera": 9 + 10 * 6 / 8, "robot": 15 + 10 / 8 + 10 / 2}
    here = replace(
        here,
        traffic={**here.traffic, **{(name, "upf-1", by): rate for (name, by), rate in sent.items()}},
        whole={**here.whole, ("upf-1", "uplink"): 8e5, ("upf-1", "downlink"): 2e5},
        shares={
            **here.shares,
            **{(name, "upf-1", "edge-1"): watts for name, watts in now.items()},
            ("unattributed", "upf-1", "edge-1"): 50 - sum(now.values()),
        },
    )
    topology = house.topology(text)
    scenario = Scenario.model_validate({"applications": {"camera": {"data_rate": 0.5}}})
    sent_then = traffic(topology, here, scenario)
    found = shares_then(here, Power(topology, here, scenario, sent_then), sent_then)
    assert found["camera", "upf-1", "edge-1"] == pytest.approx(30 * 150 / 850 + 8.5 * 3 / 5)
    assert found["robot", "upf-1", "edge-1"] == pytest.approx(30 * 500 / 850 + 8.5 / 5 + 8.5 / 2)
    blind = replace(here, traffic={key: rate for key, rate in here.traffic.items() if key[2] != "uplink"})
    with pytest.raises(JoulepathError, match=r"components\.upf-1: the traffic of camera there is not known: the rules"):
        effect(topology, blind, scenario)


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
        # The rules began 20 minutes ago: a longer mean would not help.
        (
            replace(here, shares=odd, over=86400, recorded=1207.5),
            "240 W: the rules ran for only 20m of the last 24h: ask with --over 20m, or less",
        ),
        (replace(here, shares=odd, over=120, recorded=105), "240 W: ask again in a minute, or take the mean of more"),
        (replace(here, parts=bare), "components.llm: has no power now"),
    ):
        with pytest.raises(JoulepathError, match=words):
            effect(house.topology(), figures, scenario)
    idle = Scenario.model_validate({"hosts": {"gpu-2": {"static_watts": 0}}})
    without = {key: watts for key, watts in here.parts.items() if key[0] != "small"}
    with pytest.raises(JoulepathError, match=r"hosts\.gpu-2: its idle power is not known"):
        effect(house.topology(), replace(here, parts=without), idle)
    # One with an unknown share still has marginal watts, 200 kB/s * 30 uJ + 120 * 0.6 J; else it is left out.
    dark = replace(here, shares={key: watts for key, watts in here.shares.items() if key[:2] != ("robot", "amf")})
    found = effect(house.topology(), dark, idle)
    robot = rows(found)["robot"]
    assert (found.left_out, robot.attributed, robot.weighed) == ([], None, {})
    assert robot.marginal is not None
    assert robot.marginal.now.value == pytest.approx(2e5 * 3e-5 + 120 * 0.6)
    unstated = house.topology(house.TEXT.replace("    marginal: [{joules: 0, low: 0, high: 0}]\n", ""))
    assert effect(unstated, dark, idle).left_out == ["robot"]


def test_co2_by_contract_stands_beside_that_by_location() -> None:
    """The camera: 51 W at the plant and 185.75 W at the edge. By contract 40 g/kWh, and 48 g/kWh times 1.2."""
    contract: dict[tuple[str, ...], float] = {("plant", "market"): 40 / 3.6e6, ("edge", "market"): 48 * 1.2 / 3.6e6}
    here = replace(house.present(), grams={**house.present().grams, **contract})
    text = house.TEXT.replace("kwh: 380,", "kwh: 380, market: {grams_per_kwh: 40},")
    text = text.replace("kwh: 100,", "kwh: 100, market: {grams_per_kwh: 48},")

    def camera(own: str = text, **site: float) -> tuple[float, float]:
        """By contract, in g/h."""
        found = effect(house.topology(own), here, Scenario.model_validate({"sites": {"edge": site}}))
        before, after = rows(found)["camera"].weighed["co2_market"]
        return before * 3600, after * 3600

    now = (51 * 40 + 185.75 * 57.6) / 1000
    assert camera(grams_per_kwh=10) == pytest.approx((now, now))
    assert camera(market_grams_per_kwh=10) == pytest.approx((now, (51 * 40 + 185.75 * 12) / 1000))
    assert camera(overhead=1.5) == pytest.approx((now, (51 * 40 + 185.75 * 72) / 1000))
    # Where the contract is that of the grid, a change of the grid is one of both.
    grid = text.replace("{grams_per_kwh: 48}", "location")
    assert camera(grid, grams_per_kwh=10) == pytest.approx((now, (51 * 40 + 185.75 * 12) / 1000))
    # A site without a contract leaves out those who use it, and the others have theirs.
    lone = replace(here, grams={key: grams for key, grams in here.grams.items() if key != ("plant", "market")})
    half = effect(house.topology(text), lone, Scenario.model_validate({"sites": {"edge": {"overhead": 1.5}}}))
    assert half.weights.lacking == {"co2_market": ("plant",)}
    assert "co2_market" not in half.weighed
    assert "co2_market" not in rows(half)["camera"].weighed
    assert set(rows(half)["camera"].weighed) == {"co2", "EUR"}
    with pytest.raises(JoulepathError, match=r"sites\.plant: has no factor by contract \(`market`\): give it one in"):
        effect(house.topology(), lone, Scenario.model_validate({"sites": {"plant": {"market_grams_per_kwh": 1}}}))


def test_a_site_with_grid_and_contract_needs_the_factor_of_both() -> None:
    """Half by a contract of 40 g/kWh, half by the grid: another grid alone does not say what both are together."""
    supply = (
        "supply: [{share: 0.5, grams_per_kwh: 60, market: location}, {grams_per_kwh: 140, market: {grams_per_kwh: 40}}]"
    )
    text = house.TEXT.replace("grams_per_kwh: 100", supply).replace("kwh: 380,", "kwh: 380, market: location,")
    grams: dict[tuple[str, ...], float] = {("plant", "market"): 380 / 3.6e6, ("edge", "market"): 50 * 1.2 / 3.6e6}
    here = replace(house.present(), grams={**house.present().grams, **grams})
    mixed = effect(house.topology(text), here, Scenario.model_validate({"sites": {"edge": {"grams_per_kwh": 48}}}))
    assert mixed.weights.mixed == ("edge",)
    assert set(rows(mixed)["camera"].weighed) == {"co2", "EUR"}
    both = {"grams_per_kwh": 48, "market_grams_per_kwh": 45}
    stated = rows(effect(house.topology(text), here, Scenario.model_validate({"sites": {"edge": both}})))["camera"]
    assert stated.weighed["co2_market"][1] == pytest.approx((51 * 380 + 185.75 * 45 * 1.2) / 3.6e6)


def test_an_application_has_its_money_while_its_own_sites_have_prices() -> None:
    """The camera and the robot use no gpu-2: a site of its own without a price leaves only the rest unknown."""
    text = house.TEXT.replace("sites:\n", "sites:\n  roof: {}\n").replace("gpu-2: {site: edge", "gpu-2: {site: roof")
    here = replace(house.present(), overhead={**house.present().overhead, ("roof",): 1.0})
    found = effect(house.topology(text), here, Scenario.model_validate({"applications": {"camera": {"users": 0}}}))
    assert rows(found)["camera"].weighed["EUR"][0] == pytest.approx((51 * 0.2 + 185.75 * 0.36) / 1000)
    assert rows(found)["unattributed"].weighed == {}
    assert found.weighed == {}
    assert found.weights.lacking == {"co2": ("roof",), "price": ("roof",)}


def test_money_and_grams_have_the_intervals_of_their_watts() -> None:
    """Half of the users: 24 W less, 20 to 30.5 W, all at the edge: 0.36 EUR and 120 g for a kWh of hosts."""
    found = answer(applications={"camera": {"users": 0.5}})
    ends_of_watts = [-24.0, -(7.5 + 3 + 20), -(4.5 + 3 + 12.5)]
    assert changed(rows(found)["camera"]) == pytest.approx(ends_of_watts)
    for unit, factor in (("EUR", 0.36 / 1000), ("co2", 120 / 3.6e6)):
        assert ends(rows(found)["camera"].marginal_weighed[unit].change) == pytest.approx(
            [factor * each for each in ends_of_watts]
        )
        assert ends(found.weighed_change[unit]) == pytest.approx([factor * each for each in ends_of_watts])
    # Another price and fewer users at once: one slope has one error, 0.4 * 24 W less 0.3 * 48 W and its ends.
    both = answer(applications={"camera": {"users": 0.5}}, sites={"edge": {"price_per_kwh": 0.4}})
    money = rows(both)["camera"].marginal_weighed["EUR"].change
    factor = 1.2 * (0.4 / 2 - 0.3) / 1000
    assert ends(money) == pytest.approx([factor * each for each in (48, 61, 40)])
    assert money.low is not None
    assert money.low < money.value


def test_traffic_beyond_what_was_measured_is_labelled() -> None:
    """The DU was measured at 300 to 1100 kB/s of all traffic, the model at 10 to 60 tokens/s of the camera."""
    text = house.TEXT.replace("high: 2.5e-5,", "high: 2.5e-5, least: 3e5, most: 1.1e6,")
    text = text.replace("high: 0.8,", "high: 0.8, least: 10, most: 60, application: camera,")
    text = text.replace("method: calibrated}]\n  small", "method: calibrated}, {per: tokens, joules: 0.6}]\n  small")

    def beyond(**change: float) -> dict[str, tuple[str | None, float]]:
        found = effect(
            house.topology(text), house.present(), Scenario.model_validate({"applications": {"camera": change}})
        )
        assert rows(found)["camera"].extrapolated == bool(found.beyond)
        assert not rows(found)["robot"].extrapolated
        return {far.component: (far.application, far.rate) for far in found.beyond}

    # All traffic is 1,000,000 bytes/s, the camera has 600,000 of them, and 50 tokens/s.
    assert beyond(users=0.5) == {}
    assert beyond(data_rate=1.2) == {"du-1": (None, 1_120_000)}
    assert beyond(users=0) == {"llm": ("camera", 0)}
    assert beyond(tokens=2) == {"llm": ("camera", 100)}
    assert beyond(data_rate=1, tokens=1.2) == {}
    # Another model in the same place is not the one that was measured.
    replaced = {"applications": {"camera": {"tokens": 2}}, "components": {"llm": {"joules_per_token": 0.1}}}
    assert effect(house.topology(text), house.present(), Scenario.model_validate(replaced)).beyond == []


def test_a_component_that_is_not_measured_leaves_marginal_watts_known() -> None:
    """The radio unit has no power now, and none that follows traffic: the meters of the rest still show the change."""
    here = house.present()
    dark = replace(
        here,
        parts={key: watts for key, watts in here.parts.items() if key[0] != "ru-1"},
        shares={key: watts for key, watts in here.shares.items() if key[1] not in {"ru-1", "amf"}},
    )
    text = house.TEXT.replace("{joules: 0, low: 0, high: 0}", "{joules: 0}")
    found = effect(house.topology(text), dark, Scenario.model_validate({"applications": {"camera": {"users": 0.5}}}))
    camera = rows(found)["camera"]
    assert ends(found.saved) == pytest.approx([24, 20, 30.5])
    assert camera.attributed is None
    assert changed(camera) == pytest.approx([-24, -30.5, -20])
    assert added(camera, "EUR") == pytest.approx([0.048 * 0.36, 0.024 * 0.36])
