# SPDX-License-Identifier: Apache-2.0
"""The command `joulepath report`: its files, its exit codes, and its lines for mistakes."""

import json
from pathlib import Path

import pytest

from joulepath.cli import main
from joulepath.errors import UsageError
from joulepath_report import output
from joulepath_report.period import Slot, chosen, slots, unix
from tests.doctor.answers import URL, answering
from tests.report import plant
from tests.rules.backfilled import served


@pytest.fixture
def topology(tmp_path: Path) -> Path:
    """The file of the plant."""
    path = tmp_path / "plant.yaml"
    path.write_text(plant.TEXT)
    return path


def period() -> list[str]:
    """The time of the plant."""
    return ["--from", str(plant.START), "--to", str(plant.END)]


@pytest.mark.lab
def test_the_command_prints_tables_and_writes_each_file(
    prometheus: Path, promtool: Path, topology: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """All formats in one run; a time in words is the same period."""
    paths = {form: tmp_path / f"report.{form}" for form in ("csv", "json", "parquet", "md", "tex", "html")}
    options = [word for form, path in paths.items() for word in (f"--{form}", str(path))]
    with served(prometheus, promtool, tmp_path, plant.samples()) as server:
        words = ["report", str(topology), "--prometheus", server.url]
        assert main([*words, *period(), *options]) == 0
        printed = capsys.readouterr().out
        assert main([*words, "--from", "2026-01-01", "--to", "2026-01-01T05:25:00+01:00"]) == 0
        assert capsys.readouterr().out == printed
        assert main([*words, "--from", "2025-12-01", "--to", "2025-12-02"]) == 1
    assert printed.startswith("plant, 2026-01-01 00:00:00 to 2026-01-01 04:25:00 UTC\n\nApplications\n")
    assert all(path.stat().st_size > 1000 for path in paths.values())
    assert json.loads(paths["json"].read_text())["hash"] == plant.plant().hash


@pytest.mark.lab
def test_a_format_can_take_the_place_of_the_tables(
    prometheus: Path, promtool: Path, topology: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A dash is the standard output, for other programs."""
    with served(prometheus, promtool, tmp_path, plant.samples()) as server:
        words = ["report", str(topology), "--prometheus", server.url, *period()]
        assert main([*words, "--json", "-"]) == 0
    assert json.loads(capsys.readouterr().out)["topology"] == "plant"


@pytest.mark.unit
def test_an_unwritable_file_is_an_error_before_the_server_is_asked(
    topology: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It names the file. No server is there, and another line would say so."""
    words = ["report", str(topology), "--prometheus", "http://127.0.0.1:9"]
    for option, path, fault in (
        ("--csv", tmp_path, f"{tmp_path}: cannot be written: Is a directory"),
        ("--html", tmp_path / "a" / "b", f"{tmp_path}/a/b: cannot be written: there is no folder {tmp_path}/a"),
    ):
        assert main([*words, option, str(path)]) == 2
        assert capsys.readouterr().err == f"joulepath report: {fault}\n"
    assert main([*words, "--csv", "x", "--md", "x"]) == 2
    assert capsys.readouterr().err == "joulepath report: --csv: x is named for another format, too\n"


@pytest.mark.unit
def test_a_file_that_fails_later_is_one_line(tmp_path: Path) -> None:
    """A disk is full, for example; here the folder is gone."""
    with pytest.raises(UsageError, match="gone/x: cannot be written: No such file or directory"):
        output.write(tmp_path / "gone" / "x", "text")


@pytest.mark.unit
def test_a_terminal_without_greek_shows_the_report_all_the_same() -> None:
    """The sign of microjoules."""
    assert output.within("131.2 \N{MICRO SIGN}J", "ascii") == "131.2 ?J"
    assert output.within("131.2 \N{MICRO SIGN}J", "latin-1") == "131.2 \N{MICRO SIGN}J"


@pytest.mark.unit
@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--from", "yesterday"], "--from: must be a time such as 2026-11-28 or 2026-11-28T10:00:00Z: 'yesterday'"),
        (
            ["--from", "2026-01-02", "--to", "2026-01-01"],
            "--to: must be later than --from, which is 2026-01-02 00:00:00",
        ),
        (["--from", "9999-01-01"], "--from: must be earlier than "),
        (["--from", "nan"], "--from: must be a time such as "),
        (["--to", "inf"], "--to: must be a time such as "),
        (["--to", "1e30"], "--to: must be a time such as "),
        (["--from", "0"], "--from: 1970-01-01 00:00:00 is more than 400 days before "),
        (["--since", "100y"], "--since: "),
    ],
)
def test_a_wrong_time_is_one_line(
    topology: Path, words: list[str], expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """No server is asked."""
    assert main(["report", str(topology), "--prometheus", "http://127.0.0.1:9", *words]) == 2
    assert capsys.readouterr().err.startswith(f"joulepath report: {expected}")


@pytest.mark.unit
def test_a_server_that_does_not_answer_is_one_line(topology: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 1."""
    assert main(["report", str(topology), "--prometheus", "http://127.0.0.1:9"]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("joulepath report: http://127.0.0.1:9: ")


@pytest.mark.unit
@pytest.mark.parametrize(
    ("words", "told"), [((), True), (("--to", "2100-01-01"), True), (("--to", "2026-01-02"), False)]
)
def test_a_report_up_to_now_says_why_it_ends_earlier(
    topology: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], told: bool
) -> None:
    with answering(paths={"query_range": {"resultType": "matrix", "result": []}}):
        assert main(["report", str(topology), "--prometheus", URL, *words]) == 1
    of_plant = plant.plant()
    line = f"note: The report ends {of_plant.window / 2 + of_plant.interval:g} s before it was made: each figure is "
    assert (line in capsys.readouterr().out) is told


@pytest.mark.unit
def test_a_period_is_cut_at_full_hours() -> None:
    """The time before and after them is a slot of its own."""
    hour = 3600.0
    assert slots(1800, 3 * hour) == [Slot(1800, hour), Slot(hour, 2 * hour), Slot(2 * hour, 3 * hour)]
    assert slots(hour + 60, hour + 660) == [Slot(hour + 60, hour + 660)]
    assert [slot.hour for slot in slots(hour, 2 * hour + 1)] == [True, False]


@pytest.mark.unit
def test_the_end_is_the_last_time_that_can_be_known() -> None:
    """An end in the future is now, less what the rules need; `--since` counts back from the end."""
    assert chosen(None, None, 3600, 10_000.7) == (6400, 10_000)
    assert chosen(None, 99_999, 3600, 10_000) == (6400, 10_000)
    assert chosen(None, 9000, 3600, 10_000) == (5400, 9000)
    assert chosen(1000, 9000, 3600, 10_000) == (1000, 9000)
    with pytest.raises(UsageError, match="--from: must be earlier than 1970-01-01 02:46:40"):
        chosen(10_000, None, 3600, 10_000)


@pytest.mark.unit
def test_a_time_is_utc_unless_it_says_otherwise() -> None:
    """1970 makes the seconds easy to count."""
    assert unix("1970-01-02", "--from") == 86400
    assert unix("1970-01-01T01:00:00", "--from") == 3600
    assert unix("1970-01-01T01:00:00+01:00", "--from") == 0
    assert unix("12.5", "--from") == 12.5
    assert unix("1795824000", "--from") == 1_795_824_000
    assert unix("19700102", "--from") == 86400
