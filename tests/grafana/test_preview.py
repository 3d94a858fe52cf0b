# SPDX-License-Identifier: Apache-2.0
"""Previews of dashboards: every panel in its place, with its unit, its thresholds, its gaps and its sentence."""

import json
import re
import struct
import subprocess
import sys
from collections.abc import Mapping
from html import unescape
from pathlib import Path
from typing import Any, cast

import pytest

from joulepath_dashboards.preview import kinds
from joulepath_dashboards.preview.answers import Line, Period, seconds, variables
from joulepath_dashboards.preview.numbers import written
from joulepath_dashboards.preview.page import height, page
from joulepath_dashboards.preview.picture import take
from joulepath_prometheus.client import Prometheus
from joulepath_prometheus.results import Point, Sample, Series

pytestmark = pytest.mark.unit

FOLDER = Path(__file__).resolve().parents[2] / "grafana" / "dashboards"
DASHBOARDS = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted(FOLDER.glob("*.json"))}
PERIOD = Period(1_000_000_800.0, 1_000_004_400.0, 15.0)
every_dashboard = pytest.mark.parametrize("name", DASHBOARDS)


class Server:
    """Answers each query with the same series. Keeps the queries."""

    def __init__(self, *labels: Mapping[str, str], value: float = 12.5, gap: tuple[float, float] = (0, 0)) -> None:
        self.labels, self.value, self.gap = labels, value, gap
        self.queries: list[str] = []

    def label_values(self, label: str, *selectors: str, **period: float) -> list[str]:
        """Two names for each label, out of order."""
        assert period["begin"] < period["end"]
        self.queries += selectors
        if label == "__name__":
            return ["team:component_power_watts", "team:application_power_watts"]
        return [f"{label} b", f"{label} a.1"]

    def query(self, promql: str, at: float) -> list[Sample]:
        """The value for each set of labels."""
        self.queries.append(promql)
        return [Sample(labels, at, self.value) for labels in self.labels]

    def query_range(self, promql: str, begin: float, end: float, step: float) -> list[Series]:
        """The value at every step but those in the gap."""
        self.queries.append(promql)
        times = [begin + step * number for number in range(int((end - begin) / step) + 1)]
        points = [Point(at, self.value) for at in times if not self.gap[0] <= at < self.gap[1]]
        return [Series(labels, points) for labels in self.labels]


def draw(name: str, server: Server, **chosen: str) -> str:
    """The page of a committed dashboard."""
    return page(DASHBOARDS[name], cast("Prometheus", server), PERIOD, chosen)


def panel(kind: str, unit: str = "watt", **defaults: Any) -> dict[str, Any]:
    """A panel with one query."""
    return {
        "type": kind,
        "title": "A panel",
        "fieldConfig": {"defaults": {"unit": unit, "noValue": "No data: none.", **defaults}, "overrides": []},
        "targets": [{"refId": "A"}],
    }


def inner(content: dict[str, Any], *values: float) -> str:
    """The contents for series with these single values."""
    lines = [Line(f"s{number}", {}, "A", [Point(PERIOD.end, value)]) for number, value in enumerate(values)]
    return str(kinds.drawn(content, lines, {}, PERIOD, (600, 300)))


@every_dashboard
def test_every_panel_of_a_dashboard_stands_in_its_place(name: str) -> None:
    text = draw(name, Server({"application": "a<b"}))
    found = re.findall(r'<section class="([\w-]+)" style="left:(\d+)px;top:(\d+)px;.*?<h2>(?:⌄ )?(.*?)</h2>', text)
    panels = DASHBOARDS[name]["panels"]
    assert [kind for kind, *_ in found] == [each["type"] for each in panels]
    assert [unescape(title) for *_, title in found] == [
        each["title"]
        .replace("$application", "application a.1")
        .replace("$label", "team")
        .replace("$model", "component a.1")
        for each in panels
    ]
    for (_, left, top, _), each in zip(found, panels, strict=True):
        assert round((int(left) - 8) / (1392 / 24)) == each["gridPos"]["x"]
        assert (int(top) - 56) / 38 == each["gridPos"]["y"]
    assert "a<b" not in text  # a name may be anything


@every_dashboard
def test_empty_panels_say_the_sentence_of_their_dashboard(name: str) -> None:
    text = unescape(draw(name, Server()))
    for each in DASHBOARDS[name]["panels"]:
        if each["type"] != "row":
            assert f">{each['fieldConfig']['defaults']['noValue']}</div>" in text


@every_dashboard
def test_no_variable_of_grafana_is_left_in_a_query(name: str) -> None:
    server = Server()
    draw(name, server)
    assert server.queries
    assert [query for query in server.queries if re.search(r"\$[^1]", query)] == []  # a group of label_replace stays


def test_variables_begin_with_all_or_with_the_first_value() -> None:
    server = cast("Prometheus", Server())
    every = variables(DASHBOARDS["end-to-end"], server, PERIOD, {})
    assert every == {"topology": ["topology a.1"], "application": ["application a.1", "application b"]}
    chosen = variables(DASHBOARDS["path"], server, PERIOD, {"application": "application b"})
    assert chosen["application"] == ["application b"]


def test_several_values_become_an_alternative_in_promql() -> None:
    server = Server()
    draw("end-to-end", server)
    assert any(r'application=~"(application\\ a\\.1|application\\ b)"' in query for query in server.queries)


@pytest.mark.parametrize(("name", "matcher"), [("end-to-end", r'=~"cam\\.1"'), ("path", '="cam.1"')])
def test_a_dot_in_a_name_is_a_dot(name: str, matcher: str) -> None:
    server = Server()
    draw(name, server, application="cam.1")
    asked = [query for query in server.queries if "cam" in query]
    assert asked
    assert all("application" + matcher in query for query in asked)


@pytest.mark.parametrize(
    ("unit", "value", "text"),
    [
        ("watt", 0.0421, "42.1 mW"),
        ("watt", 153.26, "153 W"),
        ("watt", 2000, "2 kW"),
        ("watt", -12.34, "-12.3 W"),
        ("joule", 0, "0 J"),
        ("watt", -3e-14, "0 W"),
        ("percentunit", 0.5, "50%"),
        ("percentunit", 1.2345, "123%"),
        ("suffix: g/h", 12.5, "12.5 g/h"),
        ("suffix: /h", 0.00421, "0.00421 /h"),
        ("none", 0.0000123, "0.000012"),
        ("bps", 8_250_000, "8.25 Mb/s"),
        ("short", 12_000, "12 K"),
        ("short", 3, "3"),
        ("reqps", 0.25, "0.250 req/s"),
        ("s", 0.0025, "2.50 ms"),
        ("s", 90, "1.50 mins"),
        ("m", 15, "15 mins"),
        ("m", 0.5, "30 s"),
        ("m", 90, "1.50 hours"),
        ("none", 7, "7"),
        ("watt", float("inf"), "inf"),
    ],
)
def test_values_are_written_with_their_unit(unit: str, value: float, text: str) -> None:
    assert written(unit, value) == text


def test_an_unknown_unit_or_panel_is_an_error_that_names_it() -> None:
    with pytest.raises(ValueError, match="unit 'furlong'"):
        written("furlong", 1)
    with pytest.raises(ValueError, match="'A panel': the preview cannot draw the type 'pie'"):
        inner(panel("pie"), 1)


@pytest.mark.parametrize(("value", "colour"), [(0.79, "green"), (0.8, "orange"), (0.99, "orange"), (1, "red")])
def test_figures_and_bars_take_the_colour_of_their_threshold(value: float, colour: str) -> None:
    steps = [{"color": each, "value": limit} for each, limit in (("green", None), ("orange", 0.8), ("red", 1))]
    for kind in ("stat", "bargauge"):
        text = inner(panel(kind, "percentunit", thresholds={"mode": "absolute", "steps": steps}), value)
        assert set(re.findall(r"(?:color|background):(#\w+)", text)) == {kinds.NAMED[colour]}


def test_a_single_amount_of_money_has_its_currency() -> None:
    """Grafana, too, leaves out the name of a single value unless a panel wants it."""
    assert "<small></small>" in inner(panel("stat", "none"), 5)
    assert "<small>s0</small>" in inner(panel("stat", "none") | {"options": {"textMode": "value_and_name"}}, 5)
    costs = [each for each in DASHBOARDS["overview"]["panels"] if each["type"] == "stat" and "Cost" in each["title"]]
    assert [each["options"]["textMode"] for each in costs] == ["value_and_name", "value_and_name"]


def test_bars_without_thresholds_are_red_from_eighty_on() -> None:
    text = inner(panel("bargauge"), 79, 80)
    assert re.findall(r"background:(#\w+)", text) == [kinds.NAMED["green"], kinds.NAMED["red"]]


def test_a_named_value_is_shown_by_its_name_and_colour() -> None:
    names = [{"type": "value", "options": {"1": {"text": "running", "color": "blue", "index": 0}}}]
    assert f'style="color:{kinds.NAMED["blue"]}">running<' in inner(panel("stat", "none", mappings=names), 1)


@pytest.mark.parametrize(("gap", "parts"), [((0.0, 0.0), 1), ((PERIOD.begin + 600, PERIOD.begin + 1200), 2)])
def test_a_line_ends_at_a_gap_and_begins_anew(gap: tuple[float, float], parts: int) -> None:
    server = Server({}, gap=gap)
    (series,) = server.query_range("x", PERIOD.begin, PERIOD.end, 15)
    lines = [Line("x", {}, "A", series.points)]
    text = str(kinds.drawn(panel("timeseries"), lines, {}, PERIOD, (600, 300)))
    assert len(re.findall(r'aria-roledescription="line mark"', text)) == parts


def test_a_cell_without_a_value_shows_the_word_of_its_table() -> None:
    content = panel("table") | {"transformations": [{"id": "merge", "options": {}}], "targets": [{}, {}]}
    at = [Point(PERIOD.end, 5.0)]
    lines = [Line("", {"host": "a"}, "A", at), Line("", {"host": "b"}, "A", at), Line("", {"host": "a"}, "B", at)]
    text = str(kinds.drawn(content, lines, {}, PERIOD, (600, 300)))
    cells = [re.findall(r"<td[^>]*>(.*?)</td>", row) for row in text.split("<tr>")[2:]]
    assert cells == [["a", "5 W", "5 W"], ["b", "5 W", "No data: none."]]


def test_a_label_that_a_row_lacks_is_blank_and_a_column_may_say_more() -> None:
    """As in Grafana, where the word for no value is for values alone."""
    said = {"matcher": {"id": "byName", "options": "Value #B"}, "properties": [{"id": "noValue", "value": "none"}]}
    content = panel("table") | {"transformations": [{"id": "merge", "options": {}}], "targets": [{}, {}]}
    content["fieldConfig"]["overrides"] = [said]
    at = [Point(PERIOD.end, 5.0)]
    lines = [Line("", {"site": "a", "zone": "DE"}, "A", at), Line("", {"site": "b"}, "A", at)]
    lines.append(Line("", {"site": "a", "zone": "DE"}, "B", at))
    text = str(kinds.drawn(content, lines, {}, PERIOD, (600, 300)))
    cells = [re.findall(r"<td[^>]*>(.*?)</td>", row) for row in text.split("<tr>")[2:]]
    assert cells == [["a", "DE", "5 W", "5 W"], ["b", "", "5 W", "none"]]


def test_lines_with_a_name_of_an_override_are_dashed() -> None:
    content = panel("timeseries")
    dashed = {"id": "custom.lineStyle", "value": {"fill": "dash", "dash": [8, 8]}}
    content["fieldConfig"]["overrides"] = [
        {"matcher": {"id": "byRegexp", "options": r"/\(market\)$/"}, "properties": [dashed]}
    ]
    points = Server({}).query_range("x", PERIOD.begin, PERIOD.end, 15)[0].points
    lines = [Line(f"site ({basis})", {}, "A", points) for basis in ("location", "market")]
    text = str(kinds.drawn(content, lines, {}, PERIOD, (600, 300)))
    assert text.count('stroke-dasharray="8,8"') == 1


@pytest.mark.parametrize(("text", "value"), [("90s", 90), ("15m", 900), ("1h", 3600), ("2d", 172800)])
def test_durations_are_read_as_prometheus_writes_them(text: str, value: int) -> None:
    assert seconds(text) == value


@pytest.mark.parametrize("text", ["", "15", "m", "1.5h", "-1h", "1y"])
def test_a_wrong_duration_is_an_error_with_examples(text: str) -> None:
    with pytest.raises(ValueError, match="is not a duration such as 90s, 15m or 1h"):
        seconds(text)


def test_chromium_takes_a_picture_of_the_whole_page(tmp_path: Path, chromium: str) -> None:
    source, picture = tmp_path / "path.html", tmp_path / "path.png"
    source.write_text(draw("path", Server({"component": "upf", "host": "a"})), encoding="utf-8")
    size = (1400, height(DASHBOARDS["path"]))
    take(chromium, source, picture, size)
    content = picture.read_bytes()
    assert content.startswith(b"\x89PNG")
    assert struct.unpack(">II", content[16:24]) == size


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["nothing"], "nothing: not a dashboard; "),
        (["path"], "127.0.0.1:9"),
        (["path", "--range", "1x"], "'1x' is not a duration"),
        (["path", "--set", "application"], "--set application: write VARIABLE=VALUE"),
    ],
)
def test_a_mistake_is_one_line_and_ends_with_one(arguments: list[str], reason: str, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "joulepath_dashboards.preview", "--html", "-o", str(tmp_path)]
    result = subprocess.run(
        [*command, "--prometheus", "http://127.0.0.1:9", *arguments], capture_output=True, text=True, check=False
    )
    assert result.returncode == 1
    (line,) = result.stderr.splitlines()
    assert line.startswith("dashboards-preview: ")
    assert reason in line
