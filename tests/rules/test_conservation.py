# SPDX-License-Identifier: Apache-2.0
"""Random topologies against a second, plain computation: every level adds up to the plugs, whatever exporters do.

Exporters restart, vanish and lose scrapes. At each evaluation a figure is the truth within 2 %, or a gap, and never
less than 0. Two topologies of one plant are in one server, so that each must leave the other alone.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from joulepath_topology import Topology
from joulepath_topology.reading import examine
from tests.rules.placed import placed
from tests.rules.promtool import Case, run
from tests.rules.worlds import Plant, Story, plants, stories

# Several plants in one promtool: starting it costs more than a plant does.
TOGETHER = 12
END = 10
ALL = f"[{END}m:15s]"
BY = "sum by (topology, {}) ({})".format
NAMED = 'application!="unattributed",component!="unattributed"'
UNATTRIBUTED = 'team="unattributed"'
Rows = Mapping[str, float]
Drawn = TypeVar("Drawn")


def read(plant: Plant, **more: str) -> Topology:
    """The plant's topology. Fails when anything is to be said of it but that no host has idle power to divide."""
    topology, problems = examine({**plant.data, **more})
    assert [problem for problem in problems if problem.place != ("policy",)] == []
    assert not any(problem.severity == "error" for problem in problems)
    assert topology is not None
    return topology


def ever(condition: str) -> str:
    """Whether it was so at any evaluation."""
    return f"count(max_over_time(({condition}){ALL}))"


def off(figure: str, truth: float) -> str:
    """Whether a figure was ever further than 2 % from the truth."""
    return ever(f"abs({figure} - {truth!r}) > {0.02 * truth + 1e-6!r}")


def differ(one: str, other: str, labels: str) -> str:
    """Whether two sums ever differed, or one was there without the other."""
    left, right = BY(labels, one), BY(labels, other)
    on = f"on (topology, {labels})"
    return ever(f"abs({left} - {on} {right}) > 1e-6 or {left} unless {on} {right} or {right} unless {on} {left}")


FLOWS_IN = 'label_replace(flow:power_watts{kind!="component"}, "node", "$1", "target", "(.+)")'
FLOWS_OUT = 'label_replace(flow:power_watts{kind!="plug"}, "node", "$1", "source", "(.+)")'

CONSERVED = [
    differ("host:power_watts", "component:power_watts", "host"),
    differ("host:power_watts", "application_component:power_watts", "host"),
    differ("component:power_watts", "application_component:power_watts", "component, host"),
    differ("application:power_covered_watts", "application_component:power_watts", "application"),
    differ(FLOWS_IN, FLOWS_OUT, "node"),
    ever("application_component:power_watts < 0 or component:power_watts < 0 or host:power_part_watts < 0"),
    ever("node:measured:ratio < 0.5"),
]


def truths(plant: Plant) -> dict[tuple[str, str], Rows]:
    """The expected sum of each series by these labels, in each of the topologies."""
    pairs = {
        f'application="{application}",component="{name}",host="{box}"': watts
        for (application, name, box), watts in plant.pairs.items()
    }
    placed = {
        f'component="{name}",host="{box}"': sum(parts.values())
        for name, boxes in plant.parts.items()
        for box, parts in boxes.items()
    }
    return {
        ("host:power_watts", "host"): {f'host="{name}"': watts for name, watts in plant.hosts.items()},
        ("application:power_watts", "application"): {
            f'application="{name}"': watts for name, watts in plant.totals().items()
        },
        ("application_component:power_watts", "application, component, host"): pairs,
        ("component:power_watts", "component, host"): placed,
        **labelled(plant),
    }


def labelled(plant: Plant) -> dict[tuple[str, str], Rows]:
    """The sums by the label `team`; those without it are `unlabelled`."""
    found: dict[tuple[str, str], Rows] = {}
    components = {
        name: sum(watts for parts in boxes.values() for watts in parts.values()) for name, boxes in plant.parts.items()
    }
    drawn = sum(plant.hosts.values())
    for kind, watts in (("component", components), ("application", plant.totals())):
        teams = {name: entry.get("labels", {}).get("team") for name, entry in plant.data[f"{kind}s"].items()}
        if not any(teams.values()):
            continue
        rows: dict[str, float] = {}
        for name, team in teams.items():
            row = f'team="{team or "unlabelled"}"'
            rows[row] = rows.get(row, 0.0) + watts[name]
        rows[UNATTRIBUTED] = drawn - sum(rows.values())
        found[f"team:{kind}_power_watts", "team"] = rows
    return found


def at(minute: float, plant: Plant) -> dict[tuple[float, str], Rows]:
    """The expected rows at one moment: the same in both topologies."""
    by_time: dict[tuple[float, str], Rows] = {}
    for (series, labels), rows in truths(plant).items():
        query = BY(labels, f"{series}{{{NAMED}}}")
        for least in ("min", "max"):
            by_time[minute, f"{least} without (topology) ({query})"] = rows
        by_time[minute, f"count({query})"] = {"": 2 * len(rows)} if rows else {}
    return by_time | flows(minute, plant)


def flows(minute: float, plant: Plant) -> dict[tuple[float, str], Rows]:
    """The watts that flow out of all plugs, and into each application and `unattributed`."""
    drawn, totals = sum(plant.hosts.values()), plant.totals()
    ends = {**totals, "unattributed": drawn - sum(totals.values())}
    return {
        (minute, 'max(sum by (topology) (flow:power_watts{kind="plug"}))'): {"": drawn},
        (minute, 'max without (topology) (sum by (topology, target) (flow:power_watts{kind="component"}))'): {
            f'target="application/{name}"': watts for name, watts in ends.items()
        },
    }


def case(number: int, plant: Plant, series: Mapping[str, str], expect: dict[tuple[float, str], Rows]) -> Case:
    """A plant twice in one server."""
    return Case(f"plant-{number}", read(plant), series, expect, beside=read(plant, name="beside"))


def undisturbed(number: int, plant: Plant) -> Case:
    """All exporters are well."""
    series = {name: values for each in plant.exporters.values() for name, values in each.series.items()}
    return case(number, plant, series, at(3, plant) | {(3, query): {} for query in CONSERVED})


def disturbed(number: int, story: Story) -> Case:
    """At every evaluation; and at the end, when all exporters have recovered."""
    expect: dict[tuple[float, str], Rows] = at(END, story.plant) if story.ends_well else {}
    for (series, labels), rows in truths(story.plant).items():
        for row, watts in rows.items():
            if row == UNATTRIBUTED:
                continue  # It takes what is a gap elsewhere.
            expect[END, off(BY(labels, f"{series}{{{row}}}"), watts)] = {}
    return case(number, story.plant, story.series, expect | {(END, query): {} for query in CONSERVED})


# Not shrunk: that would take minutes, and the message names the plant's own files. Hypothesis' first example is always
# the simplest one: 12 plants of 0 W without applications. Only the second one is random.
few = settings(
    max_examples=2,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.generate],
    derandomize=True,  # the same in every run, so that a change is judged by what it changes; the long tests search on
)
many = settings(few, max_examples=40, derandomize=False)


def together(each: st.SearchStrategy[Drawn]) -> st.SearchStrategy[list[Drawn]]:
    """As many as go into one promtool."""
    return st.lists(each, min_size=TOGETHER, max_size=TOGETHER)


@pytest.mark.unit
def test_few_examples_are_more_than_the_simplest_one() -> None:
    """Otherwise the tests below would only see plants without power."""
    drawn = []

    @few
    @given(st.binary(min_size=16, max_size=16))
    def draw(value: bytes) -> None:
        drawn.append(value)

    draw()
    assert any(value != bytes(16) for value in drawn)


@pytest.mark.unit
@few
@given(together(plants()))
def test_every_level_adds_up(promtool: Path, tmp_path_factory: pytest.TempPathFactory, drawn: list[Plant]) -> None:
    """Applications add up to components, components to hosts, and each is what a plain computation says."""
    run(promtool, tmp_path_factory.mktemp("plants"), [undisturbed(number, plant) for number, plant in enumerate(drawn)])


def tell(promtool: Path, folders: pytest.TempPathFactory, drawn: list[Story]) -> None:
    """Runs promtool over the stories."""
    run(promtool, folders.mktemp("stories"), [disturbed(number, story) for number, story in enumerate(drawn)])


@pytest.mark.unit
@few
@given(together(stories(plants())))
def test_every_figure_is_the_truth_or_a_gap(
    promtool: Path, tmp_path_factory: pytest.TempPathFactory, drawn: list[Story]
) -> None:
    """At each evaluation, whatever exporters do."""
    tell(promtool, tmp_path_factory, drawn)


@pytest.mark.long
@many
@given(together(stories(plants())))
def test_every_figure_of_many_stories_is_the_truth_or_a_gap(
    promtool: Path, tmp_path_factory: pytest.TempPathFactory, drawn: list[Story]
) -> None:
    """The same of many more."""
    tell(promtool, tmp_path_factory, drawn)


@pytest.mark.unit
@few
@given(together(placed(crowded=True)))
def test_every_placement_adds_up(promtool: Path, tmp_path_factory: pytest.TempPathFactory, drawn: list[Plant]) -> None:
    """GPUs, virtual machines and components on several hosts: each of their watts is what a plain computation says."""
    run(promtool, tmp_path_factory.mktemp("placed"), [undisturbed(number, plant) for number, plant in enumerate(drawn)])


@pytest.mark.long
@few
@given(together(stories(placed())))
def test_every_placement_is_the_truth_or_a_gap(
    promtool: Path, tmp_path_factory: pytest.TempPathFactory, drawn: list[Story]
) -> None:
    """At each evaluation, whatever exporters do."""
    tell(promtool, tmp_path_factory, drawn)


@pytest.mark.long
@many
@given(together(stories(placed())))
def test_each_placement_of_many_stories_is_the_truth_or_a_gap(
    promtool: Path, tmp_path_factory: pytest.TempPathFactory, drawn: list[Story]
) -> None:
    """The same of many more."""
    tell(promtool, tmp_path_factory, drawn)
