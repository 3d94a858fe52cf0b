# SPDX-License-Identifier: Apache-2.0
"""`make first-hour`: its parts, and in the tier `long` the whole, which takes about eight minutes."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from subprocess import Popen

import pytest
from scripts.blocks import COMMANDS, blocks
from scripts.first_hour import figures, inside, pages, stand_ins
from scripts.first_hour.figures import Figure
from scripts.first_hour.terminal import Terminal

from joulepath.carbon.catalogue import yearly
from joulepath_lab.network import isolation
from tests.conftest import ROOT

pytestmark = pytest.mark.unit


def test_each_block_of_the_guide_is_followed_or_cannot_be() -> None:
    found = [block for block in blocks(ROOT / pages.GUIDE) if block.language == COMMANDS]
    left = [block.commands[0] for block in found if not pages.followed(block)]
    assert left == ["apt-get install python3-venv prometheus prometheus-alertmanager curl", "kill $(jobs -p)"]


def test_each_block_of_the_readme_is_followed() -> None:
    found = [block for block in blocks(ROOT / pages.README) if block.language == COMMANDS]
    assert found
    assert [block.line for block in found if not pages.followed(block)] == []


def test_git_ignores_what_the_readme_writes_to_the_checkout() -> None:
    """A secret among it, which must not be committed."""
    (init,) = (step.command for step in pages.steps(ROOT / pages.README) if step.command.startswith("joulepath init "))
    words = init.split()
    written = [f"{words[2]}/topology.yaml", words[words.index("--community-file") + 1]]
    found = subprocess.run(["git", "check-ignore", *written], cwd=ROOT, capture_output=True, text=True, check=False)
    assert found.stdout.split() == written


def test_no_other_page_says_that_the_first_hour_runs_it() -> None:
    followed = {ROOT / pages.README, ROOT / pages.GUIDE}
    others = [page for page in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")] if page not in followed]
    assert [page for page in others for block in blocks(page) if pages.MARK in block.reason] == []


def test_steps_that_fetch_packages_come_before_those_that_do_not() -> None:
    """They run first: a page with another order would not be followed to the letter."""
    fetch = [step.fetches for page in (pages.README, pages.GUIDE) for step in pages.steps(ROOT / page)]
    assert fetch == sorted(fetch, reverse=True)
    assert any(fetch)


def test_the_names_and_secrets_of_the_guide_are_the_stand_ins() -> None:
    text = (ROOT / pages.GUIDE).read_text()
    assert [name for name in stand_ins.NAMES if name not in text] == []
    for word in (stand_ins.COMMUNITY, stand_ins.PASSWORD):
        assert f"printf '{word}\\n'" in text
    assert f"energy: {stand_ins.BUDGET_JOULES:g}J" in text
    assert f"per_kwh: {figures.PRICE}}}" in text
    assert f"{yearly()['DE'].grams:g} g/kWh" in text
    assert yearly()["DE"].grams == figures.GRAMS
    assert f"--since {inside.REPORT_SECONDS / 60:g}m --html" in text


def test_a_terminal_keeps_folder_variables_and_jobs(tmp_path: Path) -> None:
    (tmp_path / "inner").mkdir()
    with Terminal(tmp_path, {"PATH": os.environ["PATH"]}) as terminal:
        for command in ("cd inner", "LEFT=3", "sleep 60 &", "cat <<'END' > file\n$LEFT\nEND"):
            assert terminal.run(command, 20).code == 0
        assert terminal.run('echo "$LEFT"; pwd; jobs -p | wc -l', 20).output == f"3\n{tmp_path}/inner\n1\n"
        assert (tmp_path / "inner" / "file").read_text() == "$LEFT\n"
        assert terminal.folder() == tmp_path / "inner"
        assert terminal.run("echo wrong >&2; false", 20).output == "wrong\n"
        assert terminal.run("false", 20).code == 1
        assert terminal.run("read word", 20).code == 1  # nothing is typed
        with pytest.raises(TimeoutError, match=r"sleep 60: did not end"):
            terminal.run("sleep 60", 0.2)


def test_a_command_that_ends_the_terminal_is_an_error(tmp_path: Path) -> None:
    with (
        Terminal(tmp_path, {"PATH": os.environ["PATH"]}) as terminal,
        pytest.raises(RuntimeError, match="exit 3: ended"),
    ):
        terminal.run("exit 3", 20)


@pytest.mark.parametrize(("found", "holds"), [(6.4, True), (6.45, True), (6.5, False), (0.0, False), (None, False)])
def test_a_figure_holds_within_a_hundredth_of_its_truth(found: float | None, holds: bool) -> None:
    assert Figure("joules", found, 6.4).holds is holds


PRINTED = """application      energy [J]
camera              115,200
unattributed         76,860
total               192,060
"""
ROWS = "".join(
    f'<th scope="row" data-value="{name}">{name}</th><td class="number" data-value="{joules}">{joules:,}</td>'
    for name, joules in {"camera": 115200.0, "unattributed": 76860.0, "total": 192060.0}.items()
)
SHOWN = (
    f'<table id="other">{ROWS.replace("115200", "1")}</table><table id="table-applications" class="a">{ROWS}</table>'
)


def test_the_joules_of_a_report_are_those_of_its_seconds() -> None:
    """640 W x 180 s = 115,200 J, (187 + 121 + 119) W x 180 s = 76,860 J."""
    printed = PRINTED.replace("\n", " \n")
    assert all(figure.holds for figure in figures.reported(printed, SHOWN, 180))
    assert not any(figure.holds for figure in figures.reported(printed, SHOWN, 120))
    assert not any(figure.holds for figure in figures.reported("", "", 180))


def test_only_a_firing_budget_of_the_application_is_the_alert() -> None:
    labels = {"alertname": "EnergyBudgetExceeded", "application": "camera"}
    assert figures.alerted([{"labels": labels, "status": "firing"}])
    assert not figures.alerted(
        [
            {"labels": labels, "status": "resolved"},
            {"labels": {**labels, "application": "robot"}, "status": "firing"},
            {"labels": {**labels, "alertname": "EnergyHostDark"}, "status": "firing"},
        ]
    )


def test_a_truth_follows_from_the_stand_ins_alone() -> None:
    """du-0 has 40 of 80 active watts of a host of 240 W; 640 W / 100 tokens a second; 0.64 kW * 0.21 EUR."""
    truths = figures.truths()
    assert truths['sum(component:power_watts{component="du"})'] == 120.0
    assert truths['application:joules_per_token{application="camera"}'] == 6.4
    assert truths['sum(application:cost_per_hour{application="camera",currency="EUR"})'] == pytest.approx(0.1344)
    assert truths['sum(application:co2_grams_per_second{application="camera"})'] * 3600 == pytest.approx(220.2496)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout with a README of one command that takes a minute, and a change that is not committed."""
    folder = tmp_path / "checkout"
    (folder / "docs" / "guides").mkdir(parents=True)
    (folder / pages.README).write_text("```sh\nmake wait\n```\n")
    (folder / pages.GUIDE).write_text("# Guide\n")
    (folder / "Makefile").write_text("wait:\n\ttouch begun\n\tsleep 60\n")
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@b.example", "-C", str(folder)]
    for words in (["init", "--quiet"], ["add", "."], ["commit", "--quiet", "-m", "all"]):
        subprocess.run([*git, *words], check=True)
    (folder / "plant").write_text("mine")
    return folder


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_first_hour_leaves_nothing_behind(
    number: signal.Signals, checkout: Path, tmp_path: Path
) -> None:
    """The checkout is as it was, the clone is removed, and the command of the page has ended."""
    if reason := isolation.refusal(rootless=os.geteuid() != 0):
        pytest.skip(reason)
    (temporary := tmp_path / "temporary").mkdir()
    program = "import sys, pathlib, scripts.first_hour.__main__ as it; sys.exit(it.main(pathlib.Path(sys.argv[1])))"
    run = Popen(
        [sys.executable, "-c", program, str(checkout)],
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(temporary)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    deadline = time.monotonic() + 30
    while not (begun := list(temporary.glob("first-hour-*/home/src/begun"))) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert begun
    run.send_signal(number)
    output, _ = run.communicate(timeout=30)
    assert output.splitlines() == [
        "note: the clone lacks what is not committed in this checkout",
        "interrupted; the clone is removed",
    ]
    assert run.returncode == 130
    assert list(temporary.iterdir()) == []
    assert sorted(path.name for path in checkout.iterdir()) == [".git", "Makefile", "README.md", "docs", "plant"]


@pytest.mark.long
def test_the_first_hour_ends_with_every_figure(prometheus: Path) -> None:
    """Needs a network that has the packages, or an index on this machine."""
    run = subprocess.run(
        [sys.executable, "-m", "scripts.first_hour"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=1800,
        check=False,
    )
    print(run.stdout)  # noqa: T201  # the steps and their seconds, shown beside a failure
    assert run.returncode == 0, run.stderr
    assert "FAIL" not in run.stdout
    assert "ok   the budget's alert is at the webhook" in run.stdout
