# SPDX-License-Identifier: Apache-2.0
"""CO2 of closed hours with settled factors: sums by hand, hours that wait, and what is left out."""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

import pytest
import requests_mock
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from joulepath.carbon.config import read
from joulepath.carbon.fetch import Fetcher, Gate
from joulepath.carbon.settings import Point, Question
from joulepath.carbon.source import CarbonSource
from joulepath.errors import JoulepathError, UsageError
from joulepath_report.period import slots
from joulepath_report.questions import Rows
from joulepath_rules import settled as names
from joulepath_settle.command import told
from joulepath_settle.factors import Factors, asked, factors, hourly
from joulepath_settle.settled import Settled, open_metrics, settle
from tests.report.told import Told
from tests.rules.promtool import topology
from tests.settle.setup import GRAMS, HOUR, START, TEXT, answer, energies, plant

pytestmark = pytest.mark.unit

SLOTS = slots(START, START + 4 * HOUR)
QUESTIONS = read(Path("carbon.yaml"), "sources: {uk: {}, ember: {zones: [DE]}}")


def history(question: Question, begin: float, end: float) -> Iterable[Point]:
    """The points of the source a week later."""
    gate = Gate(0.0)
    one = CarbonSource(question, gate, fetcher=Fetcher(gate), wall_clock=lambda: START + 7 * 86400)
    return one.history(begin, end, lambda _: None)


def settled_with(more: Mapping[tuple[str, str], Rows]) -> tuple[Factors, Settled]:
    questions = Told(plant(), SLOTS, {**energies(), **more})
    with requests_mock.Mocker() as web:
        web.get(requests_mock.ANY, json=answer())
        found = factors(questions, asked(plant(), QUESTIONS), history)
    return found, settle(questions, found)


def test_replayed_answers_give_the_sums_by_hand() -> None:
    found, settled = settled_with({})
    # The fourth hour is not settled at the mast: by place, applications that used energy there wait.
    grams = {key: row for key, row in settled.grams.items() if row}
    for key, row in GRAMS.items():
        assert grams[key] == pytest.approx(dict(enumerate(row)), rel=1e-12), key
    assert grams.keys() == GRAMS.keys()
    assert settled.waiting == 2
    assert found.missing == {"uk/GB": {3}}
    assert found.of_sites["mast", "location"][0] == pytest.approx(292.5 / 3.6e6)


def test_hour_that_was_settled_before_is_not_written_again() -> None:
    key = ("camera", "network", "location")
    _, settled = settled_with(
        {("hourly", names.GRAMS): {key: {0: 1.0}}, ("hourly", names.FACTOR): {("mast", "location"): {0: 1.0}}}
    )
    assert settled.grams[key].keys() == {1, 2}
    assert settled.factors["mast", "location"].keys() == {1, 2}


@pytest.mark.parametrize(
    "part", ["watts: 'inverter_watts'", "share: 0.5, time_zone: UTC, hours: [{from: 1, to: 2, share: 0}]"]
)
def test_supply_that_changes_has_its_part_of_each_hour(part: str) -> None:
    text = (
        TEXT.replace("share: 0.25", part)
        .replace("share: 0.75, ", "")
        .replace("overhead: 1.25", "overhead: {query: 'pue'}")
    )
    rows: Mapping[tuple[str, str], Rows] = {
        ("avg", "supply:share:ratio"): {
            ("room", "panels"): {0: 0.5, 1: 0.0, 2: 0.5, 3: 0.5},
            ("room", "grid"): {0: 0.5, 1: 1.0, 2: 0.5, 3: 0.5},
        },
        ("avg", "site:overhead:ratio"): {("room",): {0: 1.2, 1: 1.2, 2: 1.2, 3: 1.2}},
        # Once a minute; in the third hour the meter was read for less than half of it.
        ("count", "supply:share:ratio"): {("room", name): {0: 60, 1: 30, 2: 29, 3: 60} for name in ("panels", "grid")},
        ("count", "site:overhead:ratio"): {("room",): {0: 60, 1: 60, 2: 60, 3: 29}},
    }
    questions = Told(topology(text), SLOTS, rows)
    with requests_mock.Mocker() as web:
        web.get(requests_mock.ANY, json=answer())
        found = factors(questions, asked(questions.topology, QUESTIONS), history)
    # 1.2 x (0.5 x 40 + 0.5 x 200) = 144 and 1.2 x 200 = 240 g/kWh; without a part or an overhead no factor
    per_kilowatt_hour = {hour: 3.6e6 * factor for hour, factor in found.of_sites["room", "location"].items()}
    assert per_kilowatt_hour == pytest.approx({0: 144, 1: 240})


MARGINAL = TEXT.replace("overhead: 1.5", "overhead: 1.5, factor: marginal").replace(
    "    supply:", "    factor: marginal\n    supply:"
)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (TEXT.replace("GB", "FR").replace("uk", "rte"), "sites.mast: FR/rte/direct is not in the configuration"),
        (MARGINAL, "sites.mast: wants marginal factors, and uk has average ones"),
    ],
)
def test_site_without_a_question_is_a_mistake(text: str, words: str) -> None:
    with pytest.raises(UsageError, match=re.escape(words)):
        asked(topology(text), QUESTIONS)


def test_average_of_a_year_stands_for_each_hour() -> None:
    text = TEXT.replace("grid_zone: GB, source: uk, boundary: direct", "grid_zone: DE, source: ember").replace(
        ", boundary: direct}", "}"
    )
    questions = Told(topology(text), SLOTS, energies())
    found = factors(questions, asked(questions.topology, QUESTIONS), history)
    assert found.of_sites["mast", "location"] == dict.fromkeys(range(4), 1.5 * 344.14 / 3.6e6)


def test_file_has_each_hour_at_the_moment_it_closes() -> None:
    found, settled = settled_with({})
    questions = Told(plant(), SLOTS, energies())
    text = open_metrics(questions, settled)
    families = {family.name: family for family in text_string_to_metric_families(text)}  # type: ignore[no-untyped-call]
    first = families[names.GRAMS].samples[0]
    # One minute for the last rows, and the interval of the slower group: 60 s.
    assert float(first.timestamp) == START + HOUR + 120
    assert first.labels["state"] == "settled"
    assert len(families[names.GRAMS].samples) == sum(len(row) for row in settled.grams.values())
    lines = list(told(questions, found, settled))
    assert lines[1] == "uk/GB: has no settled factor of 1 of 4 hours: settle them later"


PIECES = st.lists(st.tuples(st.integers(0, 15), st.floats(0, 1000)), max_size=20, unique_by=lambda piece: piece[0])


@settings(max_examples=60, deadline=None)
@given(PIECES)
def test_only_hours_that_are_covered_have_a_mean(pieces: list[tuple[int, float]]) -> None:
    points = [Point(START + quarter * 900, 900, "settled", grams) for quarter, grams in pieces]
    found = hourly(points, SLOTS)
    for number in range(4):
        own = [grams for quarter, grams in pieces if quarter // 4 == number]
        if len(own) == 4:
            assert found[number] == pytest.approx(sum(own) / 4)
        else:
            assert number not in found


def test_run_names_corrections_and_leaves_them() -> None:
    # At the mast 292.5 g/kWh in the first hour and 300 in the second; 0.05 % are not a correction.
    before: Rows = {("mast", "location"): {0: 292.5 / 3.6e6 * 1.0005, 1: 240 / 3.6e6}}
    found, settled = settled_with({("hourly", names.FACTOR): before})
    (one,) = settled.corrections
    assert (one.site, one.hours) == ("mast", [1])
    assert one.most == pytest.approx(0.2)
    assert settled.factors["mast", "location"].keys() == {2}
    last = list(told(Told(plant(), SLOTS, energies()), found, settled))[-1]
    assert "delete start=2026-11-01T02:00:00Z&end=2026-11-01T03:00:00Z first" in last


def test_source_that_fails_leaves_the_others_settled() -> None:
    text = TEXT.replace("grid_zone: GB, source: uk, boundary: direct", "grid_zone: DE, source: ember").replace(
        "grams_per_kwh: 200, boundary: direct", "grid_zone: FR, source: electricitymaps"
    )
    questions = Told(topology(text), SLOTS, energies())
    zones = {("DE", "ember", "lifecycle"): QUESTIONS[1], ("FR", "electricitymaps", "lifecycle"): QUESTIONS[0]}

    def failing(question: Question, begin: float, end: float) -> Iterable[Point]:
        raise JoulepathError(f"{question.name}: answers 500")

    found = factors(questions, zones, failing)
    assert found.faults == ["uk/GB: answers 500"]
    assert found.missing == {"uk/GB": {0, 1, 2, 3}}
    assert found.of_sites["mast", "location"].keys() == {0, 1, 2, 3}
    assert not found.of_sites["room", "location"]


def test_sites_with_contracts_alone_wait_for_no_place() -> None:
    text = re.sub(r"(?s)sites:.*hosts:", "sites: {mast: {market: {grams_per_kwh: 36}}, room: {}}\nhosts:", TEXT)
    text = text.replace("room: {}", "room: {market: {grams_per_kwh: 72}}")
    questions = Told(topology(text), SLOTS, energies())
    settled = settle(questions, factors(questions, asked(questions.topology, QUESTIONS), history))
    # 3.6 MJ at the mast are 36 g, and 7.2 MJ in the room 144 g.
    assert settled.grams["camera", "network", "market"][0] == pytest.approx(36)
    assert settled.grams["camera", "model", "market"][0] == pytest.approx(144)
    assert {basis for *_, basis in settled.grams} == {"market"}
    assert settled.waiting == 0


def test_topology_without_factors_has_nothing_to_settle() -> None:
    text = re.sub(r"(?s)sites:.*hosts:", "sites: {mast: {}, room: {}}\nhosts:", TEXT)
    with pytest.raises(UsageError, match="sites: none has a factor: there is nothing to settle"):
        asked(topology(text), QUESTIONS)


def test_interval_ends_where_the_next_one_begins() -> None:
    # A source of half hours goes over to quarters of an hour within the first hour: 100 for 15 min, 300, 200, 600.
    points = [
        Point(START + 900 * quarter, 1800, "settled", grams) for quarter, grams in enumerate((100, 300, 200, 600))
    ]
    assert hourly([*points, Point(START + HOUR, 1800, "settled", 7)], SLOTS) == {0: 300}


def test_server_without_recorded_hours_is_named() -> None:
    questions = Told(plant(), SLOTS, {})
    with pytest.raises(JoulepathError, match="has no application_site:energy_joules:1h of these hours"):
        settle(questions, Factors())
