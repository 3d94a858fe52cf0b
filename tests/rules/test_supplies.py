# SPDX-License-Identifier: Apache-2.0
"""Supplies of a site, live overhead, states of factors, embodied carbon and SCI: by hand, and in random plants."""

import re
from pathlib import Path

import pytest

from joulepath_rules.factors import metric
from joulepath_topology import read
from tests.conftest import ROOT
from tests.rules.promtool import Case, grow, meter, node, run, topology, trace

pytestmark = pytest.mark.unit

# The hall's hosts draw 300 + 100 W, of which its supplies deliver 1.25 times as much: 500 W.
# The network is all of `edge`: camera has 3/10 of its bytes, robot 5/10. `amf` has no application.
HOSTS = """
hosts:
  edge: {site: hall, power: [{watts: 300}]}
  amf: {site: hall, power: [{watts: 100}]}
components:
  edge: {role: upf, traffic: {query: {bytes: app_bytes}}}
policy: bytes
applications: {camera: {path: [edge]}, robot: {path: [edge]}}
"""
BYTES = {f'app_bytes{{application="{name}"}}': f"{part}x100" for name, part in (("camera", 3), ("robot", 5), ("x", 2))}
SUPPLIES = (
    """
sites:
  hall:
    overhead: 1.25
    market: location
    supply:
      - {name: panels, watts: pv_watts, grams_per_kwh: 40, market: {grams_per_kwh: 0}}
      - {name: battery, joules: battery_joules_total, grams_per_kwh: 200}
      - {name: grid, grid_zone: DE, source: made, market: {grams_per_kwh: 50}}
"""
    + HOSTS
)
ZONE = 'grid_zone="DE",source="made",boundary="lifecycle"'
AVERAGE, MARGINAL = metric("average"), metric("marginal")


def supply(**values: float) -> dict[str, float]:
    """Rows of the hall's supplies."""
    return {f'site="hall",supply="{name}"': value for name, value in values.items()}


def both(location: float, market: float) -> dict[str, float]:
    """Rows of the hall by basis."""
    return {'basis="location",site="hall"': location, 'basis="market",site="hall"': market}


def metered() -> Case:
    """Panels of 100 W and a battery of 50 W; then more than the site takes; then a silent inverter; then it is back.

    The factor: 0.2 * 40 + 0.1 * 200 + 0.7 * 400 = 308 g/kWh, and by contract 0 + 20 + 35 = 55.
    """
    pv = "100x23 900x23 stale _x22 100x30"
    mean = "sum by (basis, site) (site:co2_grams_per_second) * 3600"
    applications = "sum by (basis) (application:co2_grams_per_second) * 3600"
    return Case(
        "metered",
        topology(SUPPLIES),
        {
            **BYTES,
            "pv_watts": pv,
            "battery_joules_total": grow(50, 100),
            f"{AVERAGE}{{{ZONE}}}": "400x100",
        },
        {
            (5, "site:facility_power_watts"): {'site="hall"': 500},
            (5, "supply:share:ratio"): supply(panels=0.2, battery=0.1, grid=0.7),
            (5, "supply:power_watts"): supply(panels=100, battery=50, grid=350),
            # The battery has no contract of its own, so it counts as by location: each basis has its own factor.
            (5, "supply:factor:info"): {
                **{
                    f'basis="{basis}",factor="constant",site="hall",supply="{name}"': 1
                    for basis, name in (
                        ("location", "panels"),
                        ("location", "battery"),
                        ("market", "panels"),
                        ("market", "battery"),
                        ("market", "grid"),
                    )
                },
                f'basis="location",{ZONE},factor="average",site="hall",supply="grid"': 1,
            },
            (5, mean): both(0.5 * 308, 0.5 * 55),
            (5, "sum by (site, basis) (supply:co2_grams_per_second) * 3600"): both(0.5 * 308, 0.5 * 55),
            (5, applications): {'basis="location"': 0.5 * 308, 'basis="market"': 0.5 * 55},
            # 90 W of 400 W are the camera's; with overhead 112.5.
            (5, 'application:co2_grams_per_second{application="camera"} * 3600'): {
                'application="camera",basis="location",segment="network"': 0.1125 * 308,
                'application="camera",basis="market",segment="network"': 0.1125 * 55,
            },
            (5, 'application:facility_power_watts{application="camera"}'): {
                'application="camera",segment="network"': 112.5
            },
            # 900 + 50 W are more than 500 W: each has its part of 950 W, and the grid nothing.
            (11, "supply:share:ratio"): supply(panels=900 / 950, battery=50 / 950, grid=0),
            (11, mean): both(0.5 * (900 * 40 + 50 * 200) / 950, 0.5 * 50 * 200 / 950),
            # A silent inverter does not make the grid's factor right. Power goes on.
            (16, "supply:share:ratio"): {},
            (16, "site:co2_grams_per_joule"): {},
            (16, "application:co2_grams_per_second"): {},
            (16, "site:facility_power_watts"): {'site="hall"': 500},
            (16, 'count(application:power_watts{application!="unattributed"})'): {"": 2},
            (22, mean): both(0.5 * 308, 0.5 * 55),
            # At no evaluation more or less than all of it.
            (24, "min_over_time(sum by (site) (supply:share:ratio)[24m:15s])"): {'site="hall"': 1},
            (24, "max_over_time(sum by (site) (supply:share:ratio)[24m:15s])"): {'site="hall"': 1},
        },
    )


def charging() -> Case:
    """The battery is charged at two of three evaluations and delivers 150 W at the third, 50 W as a mean; then it is
    charged alone, while the inverter takes 5 W by phases of 20, 20 and -45 W: all is from the grid, 400 g/kWh."""
    text = SUPPLIES.replace("joules: battery_joules_total", "watts: battery_watts")
    return Case(
        "charging",
        topology(text),
        {
            **BYTES,
            'pv_watts{phase="1"}': "20x60",
            'pv_watts{phase="2"}': "20x60",
            'pv_watts{phase="3"}': "-45x60",
            "battery_watts": " ".join(["150 -50 -50"] * 8) + " -50x40",
            f"{AVERAGE}{{{ZONE}}}": "400x100",
        },
        {
            # Prometheus 2 counts 3 of 9 evaluations of the window and Prometheus 3 counts 3 of 8: 50 or 56 of 500 W.
            (5, 'count(supply:share:ratio{supply="battery"} > 0.09 < 0.12)'): {"": 1},
            (5, 'sum(supply:share:ratio{supply!="panels"})'): {"": 1},
            (12, "supply:share:ratio"): supply(panels=0, battery=0, grid=1),
            (12, 'site:co2_grams_per_second{basis="location"} * 3600'): {'basis="location",site="hall"': 0.5 * 400},
        },
    )


OVERHEAD = (
    """
sites: {hall: {grams_per_kwh: 400, price: {currency: EUR, per_kwh: 0.25}, overhead: {query: 'pue{site="hall"}'}}}
"""
    + HOSTS
)
FACILITY = "sum(application:facility_power_watts)"
GRAMS = "sum(application:co2_grams_per_second) * 3600"
COST = "sum(application:cost_per_hour)"


def live_overhead() -> Case:
    """1.5, then 0.9, then nothing, then two values, then 1.2. CO2 is the power with overhead times 400 g/kWh."""
    return Case(
        "live-overhead",
        topology(OVERHEAD),
        {
            **BYTES,
            'pue{site="hall"}': "1.5x23 0.9x23 stale _x22 1.2x60",
            'pue{site="hall",row="2"}': "_x72 1.3x23 stale",
        },
        {
            (5, "site:overhead:ratio"): {'site="hall"': 1.5},
            (5, FACILITY): {"": 600},
            (5, GRAMS): {"": 240},
            (5, COST): {"": 0.15},
            (5, "site:cost_per_hour"): {'currency="EUR",site="hall"': 0.15},
            **{
                (minute, query): {}
                for minute in (11, 17, 23)
                for query in (FACILITY, GRAMS, COST, "site:overhead:ratio")
            },
            (23, "sum(application:power_watts)"): {"": 400},
            (29, "site:overhead:ratio"): {'site="hall"': 1.2},
            (29, "site:facility_power_watts"): {'site="hall"': 480},
            (29, FACILITY): {"": 480},
            (29, GRAMS): {"": 192},
            # Never the watts without it.
            (30, f"min_over_time(({FACILITY} < 480)[30m:15s])"): {},
        },
    )


def two_overheads() -> Case:
    """While the overhead of one site is not known, applications with watts there have no facility power at all."""
    text = OVERHEAD.replace("sites: {", "sites: {mast: {grams_per_kwh: 400, overhead: 1.1}, ").replace(
        "edge: {site: hall", "edge: {site: mast"
    )
    return Case(
        "two-overheads",
        topology(text),
        {**BYTES, 'pue{site="hall"}': "0.5x60"},
        {
            (5, "site:overhead:ratio"): {'site="mast"': 1.1},
            # The camera uses the mast alone: 90 W * 1.1.
            (5, "application:facility_power_watts"): {
                'application="camera",segment="network"': 99,
                'application="robot",segment="network"': 165,
            },
        },
    )


CONSTANT = (
    """
sites:
  hall:
    overhead: 1.25
    supply:
      - {name: panels, watts: 100, grams_per_kwh: 40}
      - {name: contract, share: 0.25, grams_per_kwh: 100}
      - {grams_per_kwh: 400}
"""
    + HOSTS
)


def shares_of_the_rest() -> Case:
    """The panels deliver 100 of 500 W; of the other 0.8 the contract has a quarter: 8 + 0.2 * 100 + 0.6 * 400 = 268."""
    return Case(
        "shares-of-the-rest",
        topology(CONSTANT),
        BYTES,
        {
            (5, "supply:share:ratio"): {
                'site="hall",supply="panels"': 0.2, 'site="hall",supply="contract"': 0.2, 'site="hall",supply="3"': 0.6
            },
            (5, GRAMS): {"": 0.5 * 268},
        },
    )  # fmt: skip


def states() -> Case:
    """The most settled value counts, and never a forecast. Two different values of one state are a gap, and equal ones,
    of a pair of exporters, are not. Exporters of others have no states. Marginal factors are series of their own."""
    sites = {name: f"{{grid_zone: {name.upper()}, source: made}}" for name in ("a", "b", "c", "d", "e", "f")}
    hosts = "".join(f"\n  {name}: {{site: {name}, power: [{{watts: 1000}}]}}" for name in sites)
    text = "sites:" + "".join(f"\n  {name}: {site}" for name, site in sites.items())
    text += f"\nhosts:{hosts}\ncomponents:" + "".join(f"\n  {name}: {{role: router}}" for name in sites)

    def row(zone: str, state: str | None = None, **more: str) -> str:
        labels = {"grid_zone": zone, "source": "made", "boundary": "lifecycle", **({"state": state} if state else {})}
        return AVERAGE + "{" + ",".join(f'{key}="{value}"' for key, value in (labels | more).items()) + "}"

    series = {
        row("A", "estimated"): "300x40",
        row("A", "settled"): "310x40",
        row("A", "forecast"): "999x40",
        row("B", "estimated"): "320x40",
        row("B", "forecast"): "999x40",
        row("C"): "330x40",
        row("C", "forecast"): "999x40",
        row("D", "forecast"): "999x40",
        row("E", "settled", instance="one"): "340x40",
        row("E", "settled", instance="two"): "341x40",
        row("E", "estimated"): "345x40",
        row("F", "settled", instance="one"): "350x40",
        row("F", "settled", instance="two"): "350x40",
        **{row(zone).replace("average", "marginal"): "800x40" for zone in "ABCDEF"},
    }
    values = {"a": 310, "b": 320, "c": 330, "f": 350}
    return Case(
        "states",
        topology(text),
        series,
        {
            (5, "site:co2_grams_per_second * 3600"): {
                f'basis="location",site="{name}"': value for name, value in values.items()
            },
            (5, "supply:factor:info"): {
                f'basis="location",boundary="lifecycle",factor="average",grid_zone="{name.upper()}",site="{name}",'
                f'source="made"{state},supply="grid"': 1
                for name, state in (
                    ("a", ',state="settled"'), ("b", ',state="estimated"'), ("c", ""), ("f", ',state="settled"'),
                )
            },
        },
    )  # fmt: skip


def marginal() -> Case:
    """A topology of marginal factors reads those alone."""
    text = "sites: {hall: {factor: marginal, grid_zone: DE, source: made}}" + HOSTS
    return Case(
        "marginal",
        topology(text),
        {
            **BYTES,
            f'{AVERAGE}{{{ZONE},state="settled"}}': "400x40",
            f'{MARGINAL}{{{ZONE},state="estimated"}}': "700x40",
        },
        {
            (5, GRAMS): {"": 0.4 * 700},
            # The kind of what is recorded is a label of the site.
            (5, "joulepath_topology_site"): {'factor="marginal",site="hall"': 1},
            (5, "supply:factor:info"): {
                'basis="location",boundary="lifecycle",factor="marginal",grid_zone="DE",site="hall",source="made",'
                'state="estimated",supply="grid"': 1
            },
        },
    )


# A year of 365.25 days has 8766 h: 876.6 kg in 4 years are 25 g/h, and 175.32 kg in 2 years 10 g/h.
MODEL = """
sites: {hall: {grams_per_kwh: 400, overhead: 1.25}}
hosts:
  edge: {site: hall, power: [{watts: 300}], embodied: {kilograms: 175.32, years: 2}}
  gpu:
    site: hall
    power: [{watts: gpu_plug_watts}]
    gpus: {"0": {watts: gpu_watts}}
    embodied: {kilograms: 876.6, years: 4}
  bare: {site: hall, power: [{watts: 50}]}
components:
  edge: {role: upf, traffic: {query: {bytes: app_bytes}}}
  llm: {role: model, host: gpu, share: [{gpu: "0"}], requests: {query: {requests: app_requests, tokens: app_tokens}}}
  bare: {role: switch, traffic: {query: {bytes: app_bytes}}}
policy: bytes
applications:
  camera: {path: [edge], models: [llm], sessions: {ended: sum(app_ends)}, labels: {team: vision}}
  robot: {path: [edge], labels: {team: vision}}
  walker: {path: [bare]}
"""


def sci() -> Case:
    """The server has 25 g/h: 100 W of its board are unattributed, and of 300 W of the GPU the camera has half.

    Camera: edge 90 W of 300 W, 3 g/h; GPU 150 W of 400 W, 9.375 g/h. By location (90 + 150) * 1.25 = 300 W, 120 g/h.
    SCI: 132.375 g/h; 0.5 requests/s are 1800/h, 60 tokens/s 216000/h, 24 bit/s 86400/h, 0.01 sessions/s 36/h.
    """
    series = {
        **BYTES,
        'app_bytes{application="walker"}': "0x100",
        "gpu_plug_watts": "400x40 0x40",
        "gpu_watts": "300x40 0x40",
        "app_ends": "0.01x100",
        **{
            f'app_{unit}{{application="{name}"}}': f"{value}x100"
            for unit, value in (("requests", 0.5), ("tokens", 60))
            for name in ("camera", "x")
        },
    }
    hourly = "application:embodied_grams_per_second * 3600"
    camera, robot = 'application="camera"', 'application="robot"'
    return Case(
        "sci",
        topology(MODEL),
        series,
        {
            (5, "host:embodied_grams_per_second * 3600"): {'host="edge",site="hall"': 10, 'host="gpu",site="hall"': 25},
            (5, hourly): {
                f'{camera},segment="network"': 3,
                f'{camera},segment="model"': 25 * 150 / 400,
                f'{robot},segment="network"': 5,
                'application="unattributed",segment="network"': 2,
                'application="unattributed",segment="model"': 25 * 150 / 400,
                'application="unattributed"': 25 * 100 / 400,
            },
            (5, f"sum({hourly})"): {"": 35},
            (5, "application:sci_grams_per_second{application!='unattributed'} * 3600"): {
                camera: 132.375, robot: 5 + 150 * 1.25 * 0.4,
            },
            (5, "application:sci_grams_per_inference"): {camera: 132.375 / 1800},
            (5, "application:sci_grams_per_token * 1e3"): {camera: 132.375 / 216},
            (5, f"application:sci_grams_per_bit{{{camera}}} * 1e3"): {camera: 132.375 / 86.4},
            (5, "application:sci_grams_per_session"): {camera: 132.375 / 36},
            # Both are of one team. The walker, which has no label, is not known: so is the sum of those without one.
            (5, "team:application_embodied_grams_per_second * 3600"): {
                'segment="network",team="vision"': 8,
                'segment="model",team="vision"': 25 * 150 / 400,
                'segment="network",team="unattributed"': 2,
                'segment="model",team="unattributed"': 25 * 150 / 400,
                'team="unattributed"': 25 * 100 / 400,
            },
            (5, "team:application_sci_grams_per_second{team='vision'} * 3600"): {
                'team="vision"': 132.375 + 5 + 150 * 1.25 * 0.4
            },
            # The switch has no embodied emissions, so that the walker has no SCI; its power is known.
            (5, 'application:power_watts{application="walker"}'): {'application="walker",segment="network"': 0},
            # A server without power is unattributed, and its emissions still count.
            (15, hourly): {
                f'{camera},segment="network"': 3,
                f'{camera},segment="model"': 0,
                f'{robot},segment="network"': 5,
                'application="unattributed",segment="network"': 2,
                'application="unattributed",segment="model"': 0,
                'application="unattributed"': 25,
            },
        },
    )  # fmt: skip


GUIDE = (ROOT / "docs" / "guides" / "sites.md").read_text()
EXAMPLE = ROOT / "examples" / "two-supplies.yaml"


def guide() -> Case:
    """The example of the guide: a quarter of 1000 packets/s, of 2 requests/s and 80 tokens/s are the camera's."""
    topology_of_guide = read(EXAMPLE)
    (mark,) = topology_of_guide.applications["camera"].traces
    series = {
        **meter("bmc_chassis", 'instance="edge-1",chassis="1"', 200),
        **meter("bmc_chassis", 'instance="gpu-1",chassis="1"', 600),
        'homeassistant_sensor_power_w{entity="sensor.inverter_power"}': "400x40",
        **node(4, 1000, 1e6),
        **trace(mark.id, 4, 250, 250_000),
        **{
            f'vllm:{counter}_total{{model_name="qwen2.5-7b",application="{name}"}}': grow(rate * part)
            for counter, rate in (("request_success", 0.5), ("generation_tokens", 20))
            for name, part in (("camera", 1), ("x", 3))
        },
    }
    camera = 'application="camera"'
    return Case(
        "guide",
        topology_of_guide,
        series,
        {
            (6, "site:facility_power_watts"): {'site="edge"': by_hand("site:facility_power_watts")},
            (6, "supply:share:ratio"): {
                f'site="edge",supply="{name}"': by_hand(f'supply:share:ratio{{supply="{name}"}}')
                for name in ("panels", "grid")
            },
            (6, "site:co2_grams_per_second / on (site) group_left () site:facility_power_watts * 3.6e6"): {
                f'basis="{basis}",site="edge"': by_hand(f"factor by {basis}") for basis in ("location", "market")
            },
            (6, f"sum(application:facility_power_watts{{{camera}}})"): {"": by_hand("camera, with overhead")},
            (6, f'sum(application:co2_grams_per_second{{{camera},basis="location"}}) * 3600'): {
                "": by_hand("camera, CO2 by location")
            },
            (6, f"sum(application:embodied_grams_per_second{{{camera}}}) * 3600"): {"": by_hand("camera, embodied")},
            (6, "application:sci_grams_per_inference"): {camera: by_hand("application:sci_grams_per_inference")},
        },
    )


def by_hand(figure: str) -> float:
    """A calculation in the guide's table, which must be the value beside it."""
    found = re.search(rf"^\| `?{re.escape(figure)}`? \| ([0-9. +*/()-]+) \| ([0-9.]+)", GUIDE, re.MULTILINE)
    assert found, figure
    value = float(eval(found[1]))  # noqa: S307  # digits and operators, as just seen
    assert value == pytest.approx(float(found[2]), rel=1e-4)
    return value


def test_the_example_of_the_guide_is_the_file() -> None:
    assert GUIDE.partition("```yaml\n")[2].partition("```")[0] == EXAMPLE.read_text()


HOURLY = (
    """
sites:
  hall:
    supply:
      - {name: panels, watts: 100, grams_per_kwh: 40}
      - {name: night, share: 0.25, time_zone: Europe/Berlin, grams_per_kwh: 0, hours: [
          {days: thu, from: "01:10", to: "01:20", share: 0.5}]}
      - {name: contract, share: 0.25, grams_per_kwh: 100}
      - {name: grid, grams_per_kwh: 400}
"""
    + HOSTS
)


def by_hours() -> Case:
    """promtool begins on Thursday 1 January 1970, at 1:00 in Berlin. The panels deliver 100 of 400 W.

    Of the other 0.75, night has a quarter and then half, the contract a quarter, and the grid the rest. Shares are
    those of half a window, a minute, ago: they change between 11:00 and 12:00, when `derived` is evaluated next.
    """
    quarter, half = (
        {f'site="hall",supply="{name}"': 0.75 * share for name, share in shares.items()}
        | {'site="hall",supply="panels"': 0.25}
        for shares in (
            {"night": 0.25, "contract": 0.25, "grid": 0.5},
            {"night": 0.5, "contract": 0.25, "grid": 0.25},
        )
    )
    return Case(
        "by-hours",
        topology(HOURLY),
        {name: values.replace("x100", "x130") for name, values in BYTES.items()},
        {
            (10, "supply:share:ratio"): quarter,
            (13, "supply:share:ratio"): half,
            (20, "supply:share:ratio"): half,
            (23, "supply:share:ratio"): quarter,
            (13, GRAMS): {"": 0.4 * (0.25 * 40 + 0.1875 * 100 + 0.1875 * 400)},
            (23, "min_over_time(sum by (site) (supply:share:ratio)[20m:15s])"): {'site="hall"': 1},
            (23, "max_over_time(sum by (site) (supply:share:ratio)[20m:15s])"): {'site="hall"': 1},
        },
    )


CASES = [guide, by_hours, metered, charging, live_overhead, two_overheads, shares_of_the_rest, states, marginal, sci]


def test_supplies_are_the_numbers_worked_out_by_hand(promtool: Path, tmp_path: Path) -> None:
    run(promtool, tmp_path, [make() for make in CASES])
