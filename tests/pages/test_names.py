# SPDX-License-Identifier: Apache-2.0
"""Pages and paths that the project names exist. `tests/pages/test_site.py` follows the links between pages."""

import re
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from markdown_it import MarkdownIt
from markdown_it.token import Token

from joulepath_doctor.catalogue import KINDS
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


def fault(name: str, top: Path) -> str | None:
    """Why a name of a page, from the folder `top`, leads nowhere; None if it does not."""
    path, _, anchor = name.partition("#")
    if not (top / path).exists():
        return f"{name}: no such file"
    return f"{name}: no such heading" if anchor and anchor not in anchors(top / path) else None


def test_pages_that_comments_and_messages_name_exist() -> None:
    names = {(path, name) for path in files() if path.suffix in TEXT for name in NAMED.findall(path.read_text("utf-8"))}
    assert len(names) > 20
    faults = [f"{path.relative_to(ROOT)}: {found}" for path, name in names if (found := fault(name, ROOT))]
    assert sorted(faults) == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_paths_that_a_page_names_exist(page: Path) -> None:
    assert [path for path in paths(page) if not (ROOT / path).exists()] == []


def paths(page: Path) -> Iterator[str]:
    """Files and folders of the project that stand alone in a code span."""
    for token in tokens(page):
        for part in token.children or ():
            named = part.type == "code_inline" and PATH.fullmatch(part.content)
            if named and part.content not in WRITTEN | KINDS.keys():  # the latter are ids of the doctor
                yield part.content


def test_names_that_lead_nowhere_are_found(tmp_path: Path) -> None:
    pages = tmp_path / "docs"
    pages.mkdir()
    (pages / "page.md").write_text("# One\n\n## `a:b` and *c_d*\n\n## Twice\n\n## Twice\n\n```\n# not a heading\n```\n")
    text = (
        "TOP/page.md, TOP/page.md#ab-and-c_d, TOP/page.md#twice-1, example/TOP/absent.md, TOP/NAME.yaml: "
        "TOP/absent.md (TOP/folder/absent.md#one) TOP/page.md#twice-2. TOP/page.md#not-a-heading"
    )  # TOP for docs: this file, too, is read for names
    assert [found for name in NAMED.findall(text.replace("TOP", "docs")) if (found := fault(name, tmp_path))] == [
        f"{pages.name}/absent.md: no such file",
        f"{pages.name}/folder/absent.md#one: no such file",
        f"{pages.name}/page.md#twice-2: no such heading",
        f"{pages.name}/page.md#not-a-heading: no such heading",
    ]


def test_paths_that_do_not_exist_are_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("`docs/absent.yaml` `docs/NAME.yaml` `cp docs/absent.yaml`\n\n```\ndocs/absent.yaml\n```\n")
    assert list(paths(page)) == ["docs/absent.yaml"]
