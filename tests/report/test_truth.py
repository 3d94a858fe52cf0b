# SPDX-License-Identifier: Apache-2.0
"""Reports from a real Prometheus, against watts that are known: over a meter gap, a restart, and a running hour."""

import csv
import io
import json
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
from pyarrow import parquet

from joulepath_report import files, text
from joulepath_report.build import build
from joulepath_report.model import Report
from joulepath_rules.history import CLOCK, COVERAGE, history
from tests.conftest import Monitoring
from tests.report import plant
from tests.rules.backfilled import Sample, served

pytestmark = pytest.mark.lab

HOURS = 4
LATE = 310.0
"""Seconds after the end of an hour at which it is recorded here: the server is away at the end of one."""

JOULES = "application:energy_joules:1h"


def recorded(monitoring: Monitoring, folder: Path) -> Iterator[Sample]:
    """The records of the rules of `history` for the plant, each after the other, since one reads the other."""
    ours = plant.plant()
    rules = {rule.record: rule.expr for rule in history(ours, frozenset())}
    moments = [plant.START + hour * 3600 + LATE for hour in range(1, HOURS + 1)]
    written: list[Sample] = [(f'{CLOCK}{{topology="plant"}}', moment - LATE, moment) for moment in moments]
    for number, name in enumerate((COVERAGE, JOULES)):
        place = folder / str(number)
        place.mkdir()
        with served(monitoring.prometheus, monitoring.promtool, place, [*plant.samples(), *written]) as server:
            for moment in moments:
                for row in server.query(rules[name], moment):
                    labels = {key: value for key, value in row.labels.items() if key != "__name__"}
                    words = ",".join(f'{key}="{value}"' for key, value in labels.items())
                    written.append((f"{name}{{{words}}}", row.value, moment))
    return iter(sorted(written, key=lambda sample: (sample[0].partition("{")[0], sample[0])))


@pytest.fixture(scope="module")
def report(monitoring: Monitoring, tmp_path_factory: pytest.TempPathFactory) -> Report:
    """The report of the whole time."""
    folder = tmp_path_factory.mktemp("report")
    hours = list(recorded(monitoring, folder))
    with served(monitoring.prometheus, monitoring.promtool, folder, [*plant.samples(), *hours]) as server:
        return build(server, plant.plant(), plant.START, plant.END)


def of_csv(report: Report) -> Mapping[str, float]:
    """The energy of each application as the file has it."""
    lines = csv.DictReader(io.StringIO(files.csv_text(report)))
    return {
        line["row"]: float(line["value"])
        for line in lines
        if (line["table"], line["column"], line["unit"]) == ("applications", "energy_joules", "J")
    }


def of_json(report: Report) -> Mapping[str, float]:
    """The same of the JSON file."""
    (table,) = (each for each in json.loads(files.json_text(report))["tables"] if each["id"] == "applications")
    place = [column["key"] for column in table["columns"]].index("energy_joules")
    return {row[0]: row[place] for row in [*table["rows"], table["total"]]}


def of_parquet(report: Report) -> Mapping[str, float]:
    """The same of the Parquet file."""
    rows = parquet.read_table(io.BytesIO(files.parquet_bytes(report))).to_pylist()
    return {
        row["row"]: row["value"] for row in rows if (row["table"], row["column"]) == ("applications", "energy_joules")
    }


def _grid(written: str, row: str) -> Mapping[str, float]:
    """The second column of a table's rows, as `row` finds them."""
    return {name: float(number.replace(",", "")) for name, number in re.findall(row, written, re.MULTILINE)}


def of_terminal(report: Report) -> Mapping[str, float]:
    """The same of the terminal's first table."""
    return _grid(text.terminal(report).split("\n\n")[1], r"^([a-z]+) +([\d,]+) ")


def of_markdown(report: Report) -> Mapping[str, float]:
    """The same of the first table in Markdown."""
    return _grid(text.markdown(report).split("\n\n")[2], r"^\| ([a-z]+) +\| +([\d,]+) ")


def of_latex(report: Report) -> Mapping[str, float]:
    """The same of the first table in LaTeX."""
    return _grid(text.latex(report).partition(r"\end{table}")[0], r"^ ([a-z]+) +& +([\d,]+) &")


def of_html(report: Report) -> Mapping[str, float]:
    """The same of the page, as a reader sees the numbers of the table of applications."""
    table = files.html_text(report).partition('<table id="table-applications"')[2].partition("</table>")[0]
    rows = re.findall(r'<th scope="row"[^>]*>([a-z]+)</th><td[^>]*>([^<]+)</td>', table)
    return {name: float(number.replace("\N{NARROW NO-BREAK SPACE}", "")) for name, number in rows}


FORMATS = [of_csv, of_json, of_parquet, of_terminal, of_markdown, of_latex, of_html]


@pytest.mark.parametrize("read", FORMATS, ids=lambda read: read.__name__)
def test_each_application_is_within_one_percent_of_the_truth(
    report: Report, read: Callable[[Report], Mapping[str, float]]
) -> None:
    """In every format: a meter was silent, the server away, and the requests of the robot not counted for a while."""
    energies = read(report)
    assert energies == pytest.approx(
        {
            "camera": plant.truth("camera"),
            "robot": plant.truth("robot"),
            "unattributed": plant.truth("unattributed"),
            "total": plant.truth(),
        },
        rel=0.01,
    )


def column(report: Report, table: str, key: str) -> Mapping[str, float]:
    """The known numbers of a column."""
    found = report.table(table)
    assert found is not None
    return {name: value for name, value in found.column(key).items() if isinstance(value, float)}


def test_components_hosts_and_sites_are_within_one_percent(report: Report) -> None:
    """They were never asked of the recorded hours."""
    upf, qwen, rest = (plant.truth(component=name) for name in ("upf", "qwen", "unattributed"))
    components = column(report, "components", "energy_joules")
    assert components == pytest.approx({"upf / edge": upf, "qwen / gpu": qwen, "unattributed / gpu": rest}, rel=0.01)
    assert column(report, "hosts", "energy_joules") == pytest.approx({"edge": upf, "gpu": qwen + rest}, rel=0.01)
    grams = {"mast": upf * 1.1 * 400 / 3.6e6, "room": (qwen + rest) * 1.25 * 100 / 3.6e6}
    assert column(report, "sites", "co2_location_grams") == pytest.approx(grams, rel=0.01)


def test_the_coverage_says_what_was_not_known(report: Report) -> None:
    """The meter of the edge was silent for 12 minutes, the server away for 10, the robot not counted for 10."""
    whole = plant.PERIOD
    edge, gpu = 1 - (720 + 600) / whole, 1 - 600 / whole
    assert column(report, "hosts", "coverage") == pytest.approx({"edge": edge, "gpu": gpu}, abs=0.003)
    robot = 1 - (720 + 600 + 600) / whole
    expected = {"camera": edge, "robot": robot, "unattributed": edge}
    assert column(report, "applications", "coverage") == pytest.approx(expected, abs=0.003)


def test_steps_of_the_chart_say_how_much_was_known(report: Report) -> None:
    """Steps of 300 s. One of two hosts is away from second 4200 to 4920, and both from 10500 to 11100."""
    known = {step.begin - plant.START: step.known for step in report.steps}
    assert [known[at] for at in (3900, 4200, 4500, 4800, 5100)] == pytest.approx([1, 0.5, 0.5, 0.8, 1], abs=0.03)
    # A row at the end of a step is one of its twenty: that of second 10500 is gone, and that of 11100 is there.
    assert [at for at in range(0, 15900, 300) if known.get(at, 0.0) < 0.06] == [10500, 10800]
    assert min(part for at, part in known.items() if not 4200 <= at < 5100 and at != 10800) > 0.94


def test_closed_hours_are_those_that_the_rules_recorded(monitoring: Monitoring, tmp_path: Path) -> None:
    """To the last digit, also where an application was not always known."""
    hours = list(recorded(monitoring, tmp_path))
    camera = sum(value for series, value, _ in hours if series.startswith(JOULES) and '"camera"' in series)
    robot = sum(value for series, value, _ in hours if series.startswith(JOULES) and '"robot"' in series)
    with served(monitoring.prometheus, monitoring.promtool, tmp_path, [*plant.samples(), *hours]) as server:
        report = build(server, plant.plant(), plant.START, plant.START + HOURS * 3600)
    energies = column(report, "applications", "energy_joules")
    assert (energies["camera"], energies["robot"]) == pytest.approx((camera, robot), rel=1e-9)


def test_ten_minutes_of_a_new_user_are_reported(monitoring: Monitoring, tmp_path: Path) -> None:
    """Of an hour that has just begun, and of a day of which only these ten minutes were known: no more is charged."""
    end = plant.START + 1200

    def gone(at: float) -> bool:
        return not end - 600 < at <= end + 60

    with served(monitoring.prometheus, monitoring.promtool, tmp_path, plant.samples(gone)) as server:
        short = build(server, plant.plant(), end - 600, end)
        day = build(server, plant.plant(), end - 86400, end)
    truth = plant.truth("camera", period=1200) - plant.truth("camera", period=600)
    assert column(short, "applications", "energy_joules")["camera"] == pytest.approx(truth, rel=0.01)
    # 70 seconds more: of the time before, half a window is in the first rows.
    assert column(day, "applications", "energy_joules")["camera"] == pytest.approx(truth * 660 / 600, rel=0.02)
    assert column(day, "applications", "coverage")["camera"] == pytest.approx(660 / 86400, rel=0.02)


def test_a_period_of_which_nothing_was_known_says_so(monitoring: Monitoring, tmp_path: Path) -> None:
    """Its energies are absent and not 0."""
    with served(monitoring.prometheus, monitoring.promtool, tmp_path, plant.samples()) as server:
        report = build(server, plant.plant(), plant.START - 7200, plant.START - 3600)
    assert report.flow == ()
    assert column(report, "applications", "energy_joules") == {"unattributed": 0.0}
    assert "Nothing was known" in report.notes[0]
