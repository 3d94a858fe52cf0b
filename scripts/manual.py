# SPDX-License-Identifier: Apache-2.0
"""Writes the manual pages and the shell completion of `joulepath` into FOLDER, from the parser of its command line.

`joulepath.1` lists the commands; `joulepath-COMMAND.1` has the arguments of one command. `completion/` has a file for
each shell, under the name by which that shell finds it.
"""

import argparse
import functools
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import shtab
from argparse_manpage.manpage import Manpage

from joulepath import __version__
from joulepath.cli import COMMANDS, build_parser

WIDTH = 10_000
"""Columns of a source line: man breaks lines itself. Without it they are those of the terminal."""

COMPLETED = {"FILE": shtab.FILE, "TOPOLOGY": shtab.FILE, "DIR": shtab.DIRECTORY, "FOLDER": shtab.DIRECTORY}
"""The kind of file that a shell offers, by the name of the argument in the help."""

SHELLS = {"bash": "joulepath.bash", "zsh": "_joulepath"}
"""The file of each shell."""

FILES_SECTION = r"""
.TP
.I /etc/joulepath
configuration of the services, topology files and secrets, for root and the group joulepath
.TP
.I /usr/share/doc/joulepath/docs
guides and reference""".lstrip()


def pages() -> Mapping[str, str]:
    """The manual pages by file name."""
    parser, _ = build_parser()
    commands = dict(_subparsers(parser))
    written = {
        f"joulepath-{name}.1": _page(commands[name], summary, ["joulepath"]) for name, (_, summary) in COMMANDS.items()
    }
    for action in _actions(parser):
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001
            action.choices.clear()  # the commands are listed, and each has a page of its own
    others = [f"joulepath-{name}" for name in COMMANDS]
    return {"joulepath.1": _page(parser, "energy and CO2 per application, inside Prometheus", others), **written}


def completions() -> Mapping[str, str]:
    """The completion of each shell, by file name."""
    parser, _ = build_parser()
    for one in _all(parser):
        for action in _actions(one):
            if action.metavar in COMPLETED:
                action.complete = COMPLETED[action.metavar]  # type: ignore[attr-defined]  # read by shtab
            if isinstance(action.choices, dict) and not isinstance(action, argparse._SubParsersAction):  # noqa: SLF001
                action.choices = list(action.choices)  # shtab takes a mapping for subcommands
    return {file: shtab.complete(parser, shell=shell) for shell, file in SHELLS.items()}


def _page(parser: argparse.ArgumentParser, summary: str, see_also: Sequence[str]) -> str:
    for one in _all(parser):
        one.formatter_class = functools.partial(argparse.HelpFormatter, width=WIDTH)
        one._positionals.title = "commands" if one._subparsers else "positional arguments"  # noqa: SLF001
    listed = parser.prog == "joulepath"
    page = Manpage(parser, format="pretty" if listed else "single-commands-section")
    page.prog = parser.prog.replace(" ", "-")
    page.description = summary
    page.source = f"joulepath {__version__}"
    page.manual = "Joulepath"
    page.add_section("files", ">", FILES_SECTION)
    page.add_section("see also", ">", ",\n".join(f".BR {_escape(one)} (1)" for one in see_also))
    return str(page)


def _escape(text: str) -> str:
    return text.replace("-", r"\-")


def _actions(parser: argparse.ArgumentParser) -> list[argparse.Action]:
    return parser._actions  # noqa: SLF001  # argparse has no other way to ask which arguments a parser takes


def _subparsers(parser: argparse.ArgumentParser) -> Iterator[tuple[str, argparse.ArgumentParser]]:
    for action in _actions(parser):
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001
            yield from action.choices.items()


def _all(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    yield parser
    for _, inner in _subparsers(parser):
        yield from _all(inner)


def write(folder: Path) -> None:
    """Writes the files."""
    for place, texts in ((folder / "man", pages()), (folder / "completion", completions())):
        place.mkdir(parents=True, exist_ok=True)
        for name, text in texts.items():
            (place / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1]))
