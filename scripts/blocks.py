# SPDX-License-Identifier: Apache-2.0
"""The blocks of commands in pages, and the reasons beside those that no test runs."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token

COMMANDS = "sh"
"""Language of a block of commands."""

_MARKDOWN = MarkdownIt("commonmark").enable("table")
_DOCUMENT = re.compile(r"<<'(\w+)'$")
_REASON = re.compile(r"<!-- not run: (.+?) -->", re.DOTALL)


@dataclass(frozen=True)
class Block:
    """A fenced block."""

    page: Path
    line: int
    """Of the opening fence."""
    language: str
    text: str
    reason: str
    """Why it is not run, from the comment `<!-- not run: REASON -->` above it; empty where it is run."""

    @property
    def commands(self) -> list[str]:
        """Its commands, without comments.

        A line that ends with a backslash goes on in the next one, and a here-document belongs to its command.
        """
        found: list[str] = []
        end = ""
        for line in self.text.replace("\\\n", " ").splitlines():
            if end:
                found[-1] += f"\n{line}"
                end = "" if line == end else end
            elif command := re.sub(r"(^|\s)#.*", "", line).rstrip():
                found.append(command)
                document = _DOCUMENT.search(command)
                end = document[1] if document else ""
        return found


def blocks(page: Path) -> Iterator[Block]:
    """The fenced blocks of a page."""
    before: Token | None = None
    for token in _MARKDOWN.parse(page.read_text(encoding="utf-8")):
        if token.type == "fence" and token.map:
            match = _REASON.match(before.content.strip()) if before and before.type == "html_block" else None
            reason = " ".join(match[1].split()) if match else ""
            yield Block(page, token.map[0] + 1, token.info.strip(), token.content, reason)
        before = token
