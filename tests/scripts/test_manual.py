# SPDX-License-Identifier: Apache-2.0
"""The manual pages and the completion, as man and bash read them."""

import argparse
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import NoReturn

import pytest
from scripts import manual

from joulepath.cli import COMMANDS, build_parser
from tests.conftest import ROOT

pytestmark = pytest.mark.unit

Absent = Callable[[str, str], NoReturn]


@pytest.fixture(scope="module")
def pages() -> Mapping[str, str]:
    return manual.pages()


def options(parser: argparse.ArgumentParser) -> Iterator[str]:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for inner in action.choices.values():
                yield from options(inner)
        elif action.help != argparse.SUPPRESS and "--help" not in action.option_strings:
            yield from action.option_strings


def read_as_man_shows(page: str, absent: Absent) -> str:
    program = shutil.which("groff") or absent("groff", "groff is not installed")
    command = [program, "-man", "-ww", "-Tascii", "-P-cbou", "-rLL=100n"]
    done = subprocess.run(command, input=page, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    return done.stdout


@pytest.mark.parametrize("command", COMMANDS)
def test_a_page_has_each_option_of_its_command(command: str, pages: Mapping[str, str], absent: Absent) -> None:
    parser, _ = build_parser([command])
    (commands,) = (one for one in parser._actions if isinstance(one, argparse._SubParsersAction))
    shown = read_as_man_shows(pages[f"joulepath-{command}.1"], absent)
    words = set(re.findall(r"(?<![\w-])--?[a-zA-Z][\w.-]*", shown))
    assert set(options(commands.choices[command])) <= words
    assert f"joulepath-{command} - " in re.sub(r"\s+", " ", shown)


def test_the_first_page_lists_each_command_once(pages: Mapping[str, str], absent: Absent) -> None:
    shown = read_as_man_shows(pages["joulepath.1"], absent)
    listed = re.findall(r"^ +joulepath (\w+)$", shown, re.MULTILINE)
    assert listed == list(COMMANDS)
    assert set(re.findall(r"joulepath-\w+\.1", "\n".join(pages))) == {f"joulepath-{name}.1" for name in COMMANDS}


def test_a_page_is_the_same_on_any_terminal(pages: Mapping[str, str], tmp_path: Path) -> None:
    narrow = {**os.environ, "COLUMNS": "40"}
    subprocess.run([sys.executable, "-m", "scripts.manual", tmp_path], cwd=ROOT, env=narrow, check=True)
    assert {path.name: path.read_text("utf-8") for path in (tmp_path / "man").iterdir()} == pages


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (["joulepath", "ra"], ["rapl"]),
        (["joulepath", "rules", "gen"], ["generate"]),
        (["joulepath", "pdu", "--snmp-l"], ["--snmp-library"]),
        (["joulepath", "pdu", "--snmp-library", "gu"], ["gufo"]),
        (["joulepath", "pdu", "--config", "pl"], ["plant.yaml"]),
        (["joulepath", "rules", "check", "pl"], ["plant.yaml"]),
    ],
)
def test_bash_completes_commands_and_options(words: list[str], offered: list[str], tmp_path: Path) -> None:
    manual.write(tmp_path)
    (tmp_path / "plant.yaml").touch()
    script = (
        "source completion/joulepath.bash\nset -- $(complete -p joulepath)\n"
        'while [ "$1" != -F ]; do shift; done\n'
        f'COMP_WORDS=({" ".join(words)}); COMP_CWORD={len(words) - 1}\n"$2"; printf "%s\\n" "${{COMPREPLY[@]}}"\n'
    )
    command = ["bash", "--norc", "-c", script]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.stdout.split(), done.stderr) == (offered, "")
