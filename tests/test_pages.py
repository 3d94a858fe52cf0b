# SPDX-License-Identifier: Apache-2.0
"""Links, anchors and names of pages lead somewhere."""

import re
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from markdown_it import MarkdownIt
from markdown_it.token import Token

from tests.conftest import ROOT

pytestmark = pytest.mark.unit

MARKDOWN = MarkdownIt("commonmark").enable("table")
TEXT = {".c", ".cff", ".h", ".json", ".md", ".py", ".service", ".toml", ".yaml", ".yml"}
NAMED = re.compile(r"(?<![\w/])docs/[\w/-]+\.md(?:#[\w-]+)?")
"""A page as comments, messages and configuration name it, from the top of the checkout."""


def files() -> Iterator[Path]:
    """Texts of the project; not those that a checkout fetches or makes."""
    for top in ROOT.iterdir():
        if top.is_file():
            yield top
        elif not top.name.startswith(".") or top.name == ".github":
            yield from (path for path in top.rglob("*") if path.suffix in TEXT)


FOLDERS = "|".join(sorted(top.name for top in ROOT.iterdir() if top.is_dir() and not top.name.startswith(".")))
PATH = re.compile(rf"(?:{FOLDERS})/[a-z_0-9./-]*")
"""A file or folder of the project. A word in capitals stands for a name, so that it does not match."""
WRITTEN = {"rules/joulepath.rules.yaml"}
"""Files that the commands of a page write."""

PAGES = sorted(path for path in files() if path.suffix == ".md")


@cache
def tokens(page: Path) -> list[Token]:
    return MARKDOWN.parse(page.read_text(encoding="utf-8"))


@cache
def anchors(page: Path) -> frozenset[str]:
    """The names of a page's headings in addresses, as GitHub makes them."""
    seen: Counter[str] = Counter()
    names = set()
    for heading, inline in zip(tokens(page), tokens(page)[1:], strict=False):
        if heading.type == "heading_open":
            text = "".join(part.content for part in inline.children or ())
            name = re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-")
            names.add(f"{name}-{seen[name]}" if seen[name] else name)
            seen[name] += 1
    return frozenset(names)


def links(page: Path) -> Iterator[str]:
    for token in tokens(page):
        for part in token.children or ():
            if target := part.attrGet("href") or part.attrGet("src"):
                yield str(target)


def fault(page: Path, link: str) -> str | None:
    """Why a link of a page leads nowhere; None if it does not, or leads out of the project."""
    parts = urlsplit(link)
    if parts.scheme or parts.netloc:
        return None
    path = (page.parent / unquote(parts.path)).resolve() if parts.path else page
    if not path.exists():
        return f"{link}: no such file"
    if not path.is_relative_to(ROOT if page.is_relative_to(ROOT) else page.parent):
        return f"{link}: outside the project"
    if parts.fragment and (path.suffix != ".md" or parts.fragment not in anchors(path)):
        return f"{link}: no such heading"
    return None


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_of_a_page_lead_somewhere(page: Path) -> None:
    assert [fault_found for link in links(page) if (fault_found := fault(page, link))] == []


def test_pages_that_comments_and_messages_name_exist() -> None:
    names = {(path, name) for path in files() if path.suffix in TEXT for name in NAMED.findall(path.read_text("utf-8"))}
    assert len(names) > 20
    faults = [
        f"{path.relative_to(ROOT)}: {fault_found}"
        for path, name in names
        if (fault_found := fault(ROOT / "README.md", name))
    ]
    assert sorted(faults) == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_paths_that_a_page_names_exist(page: Path) -> None:
    assert [path for path in paths(page) if not (ROOT / path).exists()] == []


def paths(page: Path) -> Iterator[str]:
    """Files and folders of the project that stand alone in a code span."""
    for token in tokens(page):
        for part in token.children or ():
            if part.type == "code_inline" and PATH.fullmatch(part.content) and part.content not in WRITTEN:
                yield part.content


def test_links_that_lead_nowhere_are_found(tmp_path: Path) -> None:
    other, page = tmp_path / "other page.md", tmp_path / "page.md"
    other.write_text("# One\n\n## `a:b` and *c_d*\n\n## Twice\n\n## Twice\n\n```\n# not a heading\n```\n")
    page.write_text(
        "# Top\n\n"
        "[1](other%20page.md#ab-and-c_d) [2](#top) [3](other%20page.md#twice-1) <https://example.com/absent>\n"
        "[4](absent.md) [5](#absent) [6](other%20page.md#twice-2) [7](other%20page.md#not-a-heading) [8](..)\n\n"
        "| table |\n|---|\n| ![9](absent.png) |\n\n"
        "`[10](not-a-link.md)` `docs/absent.yaml` `docs/NAME.yaml` `cp docs/absent.yaml`\n"
    )
    assert [fault_found for link in links(page) if (fault_found := fault(page, link))] == [
        "absent.md: no such file",
        "#absent: no such heading",
        "other%20page.md#twice-2: no such heading",
        "other%20page.md#not-a-heading: no such heading",
        "..: outside the project",
        "absent.png: no such file",
    ]
    assert list(paths(page)) == ["docs/absent.yaml"]
