# SPDX-License-Identifier: Apache-2.0
"""Energy of closed hours in promtool: its clock starts at a full UTC hour; rows by hand, and from meters."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.rules import factory
from tests.rules.promtool import Case, run, topology
from tests.rules.recorded import TOPOLOGY, labels, total, values

pytestmark = pytest.mark.unit

ONLY = frozenset({"history"})

HOUR = "application:energy_joules:1h"


def energy(application: str, joules: float, segment: str = "network") -> dict[str, float]:
    """One row of the hour's energy."""
    return {f'application="{application}",segment="{segment}"': joules}


def test_an_hour_is_recorded_when_it_is_over(promtool: Path, tmp_path: Path) -> None:
    """Rows of 4 minutes, once a minute: those of minutes 3 to 62 stand for the first hour, recorded at 1:03.

    The hour before it is not known at all, so of the first hour only known time counts.
    """
    hourly = "sum_over_time(application:energy_joules:1h[2h])"
    carbon = f"application:co2_grams_per_second{{{labels(application='steady', segment='network', basis='location')}}}"
    lab, mast = (
        f"application_site:power_watts{{{labels(application='steady', segment='network', site=site)}}}"
        for site in ("lab", "mast")
    )
    series = {
        **total("steady", [(63, 60.0), (60, 90.0), (100, 30.0)]),
        # The same at two sites.
        lab: values([(63, 45.0), (60, 60.0), (100, 20.0)]),
        mast: values([(63, 15.0), (60, 30.0), (100, 10.0)]),
        # 40 minutes of the first hour, 40 of the second.
        **total("gaps", [(23, None), (60, 60.0), (20, None), (100, 60.0)]),
        # 20 minutes of the first hour, and then the whole second.
        **total("late", [(43, None), (200, 60.0)]),
        # Asks a model from the middle of the second hour on: half an hour at 100 W.
        **total("model", [(200, 10.0)]),
        **total("model", [(93, None), (200, 100.0)], segment="model"),
        **total("idle", [(200, 0.0)]),
        # Grams/s of the slower group; its interval is the same here.
        carbon: values([(63, 0.5), (60, 0.25), (100, 1.0)]),
    }
    expect: dict[tuple[float, str], Mapping[str, float]] = {
        (62, hourly): {},
        (63, f'{HOUR}{{application!="late"}}'): {
            **energy("steady", 60 * 3600),
            **energy("gaps", 60 * 2400),
            **energy("model", 10 * 3600),
            **energy("idle", 0),
        },
        (63, "application:coverage:ratio:1h"): {
            'application="steady"': 1,
            'application="gaps"': 2 / 3,
            'application="late"': 1 / 3,
            'application="model"': 1,
            'application="idle"': 1,
        },
        # Once, although the group is evaluated every minute here; a third of an hour is a gap.
        (64, HOUR): {},
        (120, f'count_over_time({HOUR}{{application="steady"}}[2h])'): energy("steady", 1),
        (120, f'count_over_time({HOUR}{{application="late"}}[2h])'): {},
        (123, HOUR): {
            **energy("steady", 90 * 3600),
            **energy("gaps", 60 * 3600),
            **energy("late", 60 * 3600),
            **energy("model", 10 * 3600),
            **energy("model", 100 * 1800, segment="model"),
            **energy("idle", 0),
        },
        (130, f'sum_over_time({HOUR}{{application="steady"}}[2h])'): energy("steady", 150 * 3600),
        (130, "sum_over_time(application:co2_grams:1h[2h])"): {
            'application="steady",basis="location",segment="network"': 0.75 * 3600
        },
        (130, "sum_over_time(application_site:energy_joules:1h[2h])"): {
            'application="steady",segment="network",site="lab"': 105 * 3600,
            'application="steady",segment="network",site="mast"': 45 * 3600,
        },
    }
    run(promtool, tmp_path, [Case("hours", topology(TOPOLOGY), series, expect, step=60, only=ONLY)])


def test_embodied_emissions_and_sci_have_hours_too(promtool: Path, tmp_path: Path) -> None:
    """0.5 g/s in the first hour and 0.25 g/s in the second; the SCI has 40 known minutes of the first, at 2 g/s.

    In the second hour the application begins to use a model at half past.
    """
    embodied = "application:embodied_grams_per_second"
    network, model = (f"{embodied}{{{labels(application='steady', segment=each)}}}" for each in ("network", "model"))
    series = {
        **total("steady", [(200, 60.0)]),
        network: values([(63, 0.5), (137, 0.25)]),
        model: values([(93, None), (107, 1.0)]),
        f"application:sci_grams_per_second{{{labels(application='steady')}}}": values([(23, None), (177, 2.0)]),
    }
    hour = "application:embodied_grams:1h"
    expect: dict[tuple[float, str], Mapping[str, float]] = {
        (63, hour): energy("steady", 0.5 * 3600),
        (63, "application:sci_grams:1h"): {'application="steady"': 2 * 3600},
        (123, hour): {**energy("steady", 0.25 * 3600), **energy("steady", 1800, segment="model")},
        (130, f"count_over_time({hour}[2h])"): {**energy("steady", 2), **energy("steady", 1, segment="model")},
    }
    made = topology(TOPOLOGY.replace("power:", "embodied: {kilograms: 9, years: 4}, power:"))
    run(promtool, tmp_path, [Case("made", made, series, expect, step=60, only=ONLY)])


def test_hours_add_up_to_the_meters(promtool: Path, tmp_path: Path) -> None:
    """All applications, with unattributed, have what the outlets counted in the same hour, and both sites' CO2.

    400 W in the first hour, 700 W from its end on. A window across such a step belongs to both sides of it: 30 s are
    half of an interval, and 30 s an eighth of the window.
    """
    steps = 4 * 60
    series = {}
    for name, text in factory.everything().items():
        step = 4 * float(text.removeprefix("0+").removesuffix("x40")) if text.startswith("0+") else 0.0
        series[name] = f"0+{step!r}x{steps}" if step else text.replace("x40", f"x{steps}")
        if "pdu-2" in name and "energy" in name:
            series[name] = f"0+{step!r}x60 {62 * step!r}+{2 * step!r}x{steps - 61}"
    recorded = "sum(last_over_time(application:energy_joules:1h[10m]))"
    expect: dict[tuple[float, str], Mapping[str, float]] = {}
    for hour, joules in ((1, 400 * 3600), (2, 700 * 3600), (3, 700 * 3600)):
        now = 60 * hour + 10
        expect[now, f"sum(increase(pdu_outlet_energy_joules_total[1h] @ {3600 * hour}))"] = {"": joules}
        expect[now, f"abs({recorded} - {joules}) <= bool {60 * 300 if hour < 3 else 0.1}"] = {"": 1}
        expect[now, "sum(sum_over_time(application:coverage:ratio:1h[10m]))"] = {"": 3}
    # Hour 3, a kilowatt hour being 3.6 MJ: ru-1 0.1 kWh * 380 g; edge-1 0.6 kWh * 1.5 * 100 g, or 40 g by contract.
    for basis, grams in (("location", 38 + 90), ("market", 38 + 0.6 * 1.5 * 40)):
        carbon = f'sum(last_over_time(application:co2_grams:1h{{basis="{basis}"}}[10m]))'
        expect[190, f"abs({carbon} - {grams}) < bool 0.001"] = {"": 1}
    spaced = topology("interval: 1m\nwindow: 4m" + factory.TOPOLOGY)
    run(promtool, tmp_path, [Case("meters", spaced, series, expect, step=60)])
