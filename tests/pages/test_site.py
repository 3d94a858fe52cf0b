# SPDX-License-Identifier: Apache-2.0
"""`make site` builds the pages, and fails on each link that leads nowhere."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

pytestmark = pytest.mark.unit

SITE = ".cache/site"


def build(checkout: Path, site: Path) -> subprocess.CompletedProcess[str]:
    """The recipe of `make site`, run in `checkout`, with `site` for its folder."""
    make = ["make", "--no-print-directory", "--dry-run", f"VENV={sys.prefix}", f"--old-file={sys.prefix}/.docs", "site"]
    recipe = subprocess.run(make, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    command = [str(site) if word == SITE else word for word in recipe]
    assert str(site) in command
    return subprocess.run(command, cwd=checkout, capture_output=True, text=True, check=False)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Pages with links that lead somewhere, and the configuration of the site."""
    for chapter in ("guides", "guides/cores", "reference", "develop", "decisions"):
        (tmp_path / "docs" / chapter).mkdir(parents=True)
        (tmp_path / "docs" / chapter / "page.md").write_text("# Page\n")
    shutil.copy(ROOT / "docs" / "conf.py", tmp_path / "docs")
    shutil.copytree(ROOT / "docs" / "redirect", tmp_path / "docs" / "redirect")
    (tmp_path / "docs" / "index.md").write_text(
        "# Top\n\n[1](guides/one.md#ab-and-c_d) [2](#top) [3](guides/one.md#twice-1) [4](../README.md) "
        "[5](../code.py) <https://example.com/absent> `[6](not-a-link.md)`\n"
    )
    (tmp_path / "docs" / "guides" / "one.md").write_text(
        "# One\n\n## `a:b` and *c_d*\n\n## Twice\n\n## Twice\n\n```text\n# Not a heading\n```\n"
    )
    (tmp_path / "README.md").write_text("# Read me\n\n[1](docs/index.md)\n")
    (tmp_path / "code.py").touch()
    return tmp_path


def test_every_link_of_the_pages_leads_somewhere(tmp_path: Path) -> None:
    run = build(ROOT, tmp_path)
    assert (run.returncode, run.stderr) == (0, "")
    pages = {path.relative_to(ROOT).with_suffix(".html") for path in (ROOT / "docs").rglob("*.md")}
    assert len(pages) > 20
    assert [str(page) for page in sorted(pages) if not (tmp_path / page).is_file()] == []


def test_the_first_page_lists_every_guide_and_reference() -> None:
    index = (ROOT / "docs" / "index.md").read_text(encoding="utf-8")
    pages = [
        f"{folder}/{path.name}" for folder in ("guides", "reference") for path in (ROOT / "docs" / folder).glob("*.md")
    ]
    assert len(pages) > 20
    assert [page for page in sorted(pages) if f"]({page}" not in index] == []


def test_a_site_without_a_dead_link_is_built(checkout: Path) -> None:
    run = build(checkout, checkout / "site")
    assert (run.returncode, run.stderr) == (0, "")


@pytest.mark.parametrize(
    "link",
    [
        "[page](absent.md)",
        "[anchor of this page](#absent)",
        "[anchor of another page](guides/one.md#absent)",
        "[third of two](guides/one.md#twice-2)",
        "[a comment in a block](guides/one.md#not-a-heading)",
        "[anchor outside docs](../README.md#absent)",
        "[file](../absent.py)",
        "[folder](../absent/)",
        "![picture](absent.png)",
        "| table |\n|---|\n| [page](absent.md) |",
    ],
)
def test_a_dead_link_fails(link: str, checkout: Path) -> None:
    with (checkout / "docs" / "index.md").open("a") as page:
        page.write(f"\n{link}\n")
    run = build(checkout, checkout / "site")
    assert run.returncode != 0
    assert run.stderr.count("WARNING") == 1
    assert "docs/index.md" in run.stderr
