# SPDX-License-Identifier: Apache-2.0
"""Derived figures of random plants against a plain computation: slices, sessions, overhead, supporting functions."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.rules.promtool import Case, outlet, run
from tests.rules.test_conservation import BY, CONSERVED, END, ever, few, many, read, together
from tests.rules.worlds import STEPS, Plant, Story, plants, stories

SITES = {"s": 1.5, "t": 1.25}
Rows = dict[str, float]
Expect = dict[tuple[float, str], Mapping[str, float]]


@dataclass
class Derived(Plant):
    """A plant with a supporting function, slices and sessions."""

    slices: dict[str, list[str]] = field(default_factory=dict)
    """The applications of each slice."""
    truth: dict[tuple[str, str], Rows] = field(default_factory=dict)
    """The rows of each series, by these labels."""
    steady: dict[str, str] = field(default_factory=dict)
    """Series that nothing happens to: a query of the user's is his own."""


@st.composite
def derived(draw: st.DrawFn) -> Derived:
    """A plant in which a function supports some of the components; applications have slices and sessions."""
    plant = Derived(**vars(draw(plants())))
    plant.data["sites"] = {name: {"overhead": overhead} for name, overhead in SITES.items()}
    for host in plant.data["hosts"].values():
        host["site"] = draw(st.sampled_from(sorted(SITES)))
    support = _supporter(draw, plant)
    sessions = {name: _application(draw, plant, name) for name in plant.data["applications"]}
    plant.truth = {
        (name, label): {f'{label}="{key}"': value for key, value in values.items()}
        for (name, label), values in _truth(plant, support, sessions).items()
    }
    return plant


def _supporter(draw: st.DrawFn, plant: Plant) -> dict[str, float]:
    """Adds a host of a function that supports some of the components; gives the watts of applications there."""
    components = plant.data["components"]
    supported = draw(st.lists(st.sampled_from(sorted(components)), min_size=1, unique=True))
    watts = draw(st.integers(0, 200))
    plant.data["hosts"]["core"] = {"site": "s", "power": [{"pdu": "core", "outlets": ["1"]}]}
    components["amf"] = {"role": "core-control", "host": "core", "supports": supported}
    plant.show("pdu of core", outlet("core", "1", watts))
    plant.hosts["core"] = float(watts)
    whole = sum(part for name in supported for parts in plant.parts[name].values() for part in parts.values())
    used: dict[str, float] = {}
    for (application, component, _), own in plant.pairs.items():
        if component in supported:
            used[application] = used.get(application, 0.0) + own
    return {name: watts * own / whole if whole else 0.0 for name, own in used.items()}


def _application(draw: st.DrawFn, plant: Derived, name: str) -> tuple[int, int]:
    """Gives an application a slice, or none, and sessions: how many are active, and how many end in a second."""
    entry = plant.data["applications"][name]
    chosen = draw(st.sampled_from(["video", "things", None]))
    plant.slices.setdefault(chosen or "unlabelled", []).append(name)
    if chosen:
        entry["labels"] = {"slice": chosen}
    active, ended = draw(st.integers(0, 9)), draw(st.integers(0, 9))
    entry["sessions"] = {"active": f'sessions{{of="{name}"}}', "ended": f'rate(ends_total{{of="{name}"}}[$window])'}
    plant.steady |= {
        f'sessions{{of="{name}"}}': f"{active}x{STEPS}",
        f'ends_total{{of="{name}"}}': f"0+{15 * ended}x{STEPS}",
    }
    return active, ended


def _truth(
    plant: Derived, support: Mapping[str, float], sessions: Mapping[str, tuple[int, int]]
) -> dict[tuple[str, str], Rows]:
    """The rows of each series by the value of one label, by a plain computation."""
    hosts, components = plant.data["hosts"], plant.data["components"]
    totals = {name: watts + support.get(name, 0.0) for name, watts in plant.totals().items()}
    facility = {name: SITES["s"] * support.get(name, 0.0) for name in totals}
    for (name, component, _), watts in plant.pairs.items():
        facility[name] += watts * SITES[hosts[components[component]["host"]]["site"]]
    slices = {name: sum(totals[member] for member in members) for name, members in plant.slices.items()}
    return {
        ("application:power_watts", "application"): totals,
        ("application:facility_power_watts", "application"): facility,
        ("application:watts_per_session", "application"): {
            name: watts / sessions[name][0] for name, watts in totals.items() if sessions[name][0]
        },
        ("application:joules_per_session", "application"): {
            name: watts / sessions[name][1] for name, watts in totals.items() if sessions[name][1]
        },
        ("application:support_power:ratio", "application"): {
            name: watts / totals[name] for name, watts in support.items() if totals[name]
        },
        ("host:idle_to_load:ratio", "host"): {
            name: min(host["static_watts"], plant.hosts[name]) / plant.hosts[name]
            for name, host in hosts.items()
            if "static_watts" in host and plant.hosts[name]
        },
        ("slice:application_power_watts", "slice"): slices if set(slices) - {"unlabelled"} else {},
    }


def query(name: str, label: str) -> str:
    """The sum of a series by a label, without what belongs to no application."""
    return BY(label, f'{name}{{{label}!="unattributed"}}')


def differs(one: str, other: str) -> str:
    """Whether two figures of a topology differ, or one is there without the other."""
    return f"abs({one} - {other}) > 1e-6 * {one} or {one} unless {other} or {other} unless {one}"


def of_slices(plant: Derived) -> Iterable[str]:
    """Laws of slices; each query has a row where one is broken."""
    for name, members in plant.slices.items():
        if set(plant.slices) == {"unlabelled"}:
            continue
        own = f'application=~"{"|".join(members)}"'
        bits = f"(sum by (topology) (application:bits:rate{{{own}}}))"
        spent = f'(sum by (topology) (application:power_watts{{{own},segment=~"network|support"}}) > 0)'
        yield differs(
            f'(sum by (topology) (slice:application_bits_per_joule{{slice="{name}"}}))', f"({bits} / {spent})"
        )
        yield differs(
            f'(sum by (topology) (slice:application_power_watts{{slice="{name}"}}))',
            f"(sum by (topology) (application:power_watts{{{own}}}))",
        )


def case(number: int, plant: Derived, series: Mapping[str, str], expect: Expect) -> Case:
    """A plant twice in one server."""
    twin = read(plant, name="beside")
    return Case(f"derived-{number}", read(plant), {**series, **plant.steady}, expect, beside=twin)


def undisturbed(number: int, plant: Derived) -> Case:
    """All exporters are well: each figure is the truth, and nothing else has a row."""
    series = {name: values for each in plant.exporters.values() for name, values in each.series.items()}
    expect: Expect = {(8, law): {} for law in (*CONSERVED, *of_slices(plant))}
    for (name, label), rows in plant.truth.items():
        for least in ("min", "max"):
            expect[8, f"{least} without (topology) ({query(name, label)})"] = rows
        expect[8, f"count({query(name, label)})"] = {"": 2 * len(rows)} if rows else {}
    return case(number, plant, series, expect)


def disturbed(number: int, story: Story) -> Case:
    """At every evaluation a figure is the truth, within the error of two rates, or a gap."""
    plant = story.plant
    assert isinstance(plant, Derived)
    expect: Expect = {}
    for (name, label), rows in plant.truth.items():
        for row, value in rows.items():
            figure = BY(label, f"{name}{{{row}}}")
            expect[END, ever(f"abs({figure} - {value!r}) > {0.04 * value + 1e-6!r}")] = {}
    return case(number, plant, story.series, expect)


@pytest.mark.long
@few
@given(together(derived()))
def test_derived_figures_follow_from_the_chain(
    promtool: Path, tmp_path_factory: pytest.TempPathFactory, drawn: list[Derived]
) -> None:
    """Each figure is what a plain computation says, and slices add up to their applications."""
    cases = [undisturbed(number, plant) for number, plant in enumerate(drawn)]
    run(promtool, tmp_path_factory.mktemp("derived"), cases)


def tell(promtool: Path, folders: pytest.TempPathFactory, drawn: list[Story]) -> None:
    """Runs promtool over the stories."""
    run(promtool, folders.mktemp("stories"), [disturbed(number, story) for number, story in enumerate(drawn)])


@pytest.mark.unit
@few
@given(together(stories(derived())))
def test_derived_figures_are_the_truth_or_a_gap(
    promtool: Path, tmp_path_factory: pytest.TempPathFactory, drawn: list[Story]
) -> None:
    """At each evaluation, whatever exporters do."""
    tell(promtool, tmp_path_factory, drawn)


@pytest.mark.long
@many
@given(together(stories(derived())))
def test_derived_figures_of_many_stories_are_the_truth_or_a_gap(
    promtool: Path, tmp_path_factory: pytest.TempPathFactory, drawn: list[Story]
) -> None:
    """The same of many more."""
    tell(promtool, tmp_path_factory, drawn)
