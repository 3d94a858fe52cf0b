# SPDX-License-Identifier: Apache-2.0
"""The commands of the pages, in the order in which a reader runs them."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from scripts.blocks import COMMANDS, Block, blocks

README = Path("README.md")
GUIDE = Path("docs", "guides", "bare-metal.md")
MARK = "`make first-hour` runs"
"""In the reason of a block that no other test runs."""


@dataclass(frozen=True)
class Step:
    """A command of a page."""

    page: str
    command: str
    fetches: bool
    """Whether it may need the machine's own network, for packages."""


def steps(page: Path) -> Iterator[Step]:
    """The steps of a page."""
    for block in blocks(page):
        if followed(block):
            for command in block.commands:
                fetches = command.startswith("make ") or "pip install" in command
                yield Step(page.name, command, fetches)


def followed(block: Block) -> bool:
    """Whether a reader's first hour has this block: all that nothing excuses, and those that only this program runs."""
    return block.language == COMMANDS and (not block.reason or MARK in block.reason)
