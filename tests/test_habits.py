# SPDX-License-Identifier: Apache-2.0
"""The files beside the code are true: version, changelog, checks before a commit, forms for issues."""

import ast
import re
import shlex
import subprocess
import sys
import tomllib
from itertools import pairwise
from pathlib import Path

import pytest
import yaml

from joulepath import __version__
from joulepath.cli import main
from tests import balance
from tests.conftest import ROOT

pytestmark = pytest.mark.unit

FORMS = sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml"))


def test_a_wheel_has_the_version_of_the_package() -> None:
    command = [sys.executable, "-m", "hatchling", "metadata", "version"]
    assert subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip() == __version__


@pytest.mark.parametrize("name", ["pyproject.toml", "CITATION.cff"])
def test_the_version_is_not_stated_a_second_time(name: str) -> None:
    assert not re.search(r"^version *[=:]", (ROOT / name).read_text(encoding="utf-8"), re.MULTILINE)


def test_the_newest_release_of_the_changelog_is_the_version() -> None:
    headings = re.findall(r"^## \[(.+?)\](?: - (.*))?$", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.MULTILINE)
    assert headings[0] == ("Unreleased", "")
    assert headings[1][0] == __version__
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\d", date) for _, date in headings[1:])


def test_hooks_run_what_make_lint_runs() -> None:
    config = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))
    assert [repository["repo"] for repository in config["repos"]] == ["local"]
    hooks = [hook["entry"] for hook in config["repos"][0]["hooks"]]
    # Options that keep make from building the environment anew: the recipe alone is asked for.
    command = [
        "make",
        "--no-print-directory",
        "--dry-run",
        "--old-file=.venv/.lint",
        "--old-file=.venv/.test",
        "VENV=.venv",
        "lint",
    ]
    recipe = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    assert hooks == [line for line in recipe if "scripts.audit" not in line]


def test_every_source_names_its_licence() -> None:
    """Programs, and the data that ship with them."""
    sources = [ROOT / ".ci" / "run", ROOT / "Makefile", ROOT / "scripts" / "venv"]
    for folder in ("benchmarks", "deploy", "exporters", "grafana", "lab", "rules", "scripts", "tests"):
        sources += [path for path in (ROOT / folder).rglob("*.py") if path.stat().st_size]
    for folder in ("exporters", "rules"):
        sources += [path for path in (ROOT / folder).rglob("*") if path.suffix in {".c", ".h", ".yaml"}]
    for source in sources:
        licence = "GPL-2.0-only OR BSD-2-Clause" if source.suffix in {".c", ".h"} else "Apache-2.0"
        head = source.read_text(encoding="utf-8").splitlines()[:2]
        assert any(line.strip("/*# ") == f"SPDX-License-Identifier: {licence}" for line in head), source


@pytest.mark.parametrize("page", ["README.md", "docs/reference/licences.md"])
def test_a_page_names_both_licences(page: str) -> None:
    stated = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["license"]
    assert stated == "Apache-2.0 AND (GPL-2.0-only OR BSD-2-Clause)"
    assert "BPF programs, which run in the kernel, are `GPL-2.0-only OR BSD-2-Clause`" in (ROOT / page).read_text(
        "utf-8"
    )


def test_clang_format_reads_every_c_source() -> None:
    (line,) = [line for line in (ROOT / "Makefile").read_text("utf-8").splitlines() if "clang-format" in line]
    patterns = [word.strip("'") for word in line.split() if "*" in word]
    formatted = {path for pattern in patterns for path in ROOT.glob(pattern)}
    sources = {
        path
        for folder in ("benchmarks", "deploy", "exporters", "lab", "rules", "scripts", "tests")
        for path in (ROOT / folder).rglob("*.[ch]")
    }
    assert formatted == sources


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.stem)
def test_commands_that_a_form_asks_for_exist(form: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each option of each `joulepath` command is in its help."""
    content = yaml.safe_load(form.read_text(encoding="utf-8"))
    commands = re.findall(r"`(joulepath [^`]+)`", form.read_text(encoding="utf-8"))
    assert commands or "body" not in content
    for command in commands:
        words = shlex.split(command)[1:]
        name = [] if words[0].startswith("-") else words[:1]
        with pytest.raises(SystemExit):
            main([*name, "--help"])
        assert {word for word in words if word.startswith("-")} <= set(
            re.findall(r"--?[\w.-]+", capsys.readouterr().out)
        )


def named_tests(path: Path) -> list[str]:
    """The names of the test functions of a file, in classes too."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    return [function.name for function in functions if function.name.startswith("test_")]


def test_the_name_of_a_test_is_a_short_claim() -> None:
    """At least three words, at most 70 characters, and none of the forms that our style forbids."""
    names = {name for path in (ROOT / "tests").rglob("test_*.py") for name in named_tests(path)}
    assert len(names) > 1000
    assert sorted(name for name in names if not is_claim(name)) == []


def is_claim(name: str) -> bool:
    words = name.split("_")[1:]
    negations = {("is", "no"), ("are", "no"), ("is", "none"), ("are", "none")}
    return (
        len(name) <= 70
        and len(words) >= 3
        and words[0] != "what"
        and not {"nobody", "strangers", "told", "whose"} & {*words}
        and not negations & {*pairwise(words)}
    )


@pytest.mark.parametrize(
    ("name", "holds"),
    [
        ("test_a_number_is_read", True),
        ("test_" + "is_read_" * 8 + "x", True),
        ("test_" + "is_read_" * 8 + "xx", False),
        ("test_numbers", False),
        ("test_text_that_is_no_number", False),
        ("test_a_mistake_is_told", False),
        ("test_what_is_read_stays", False),
    ],
)
def test_a_claim_is_recognised_by_its_words(name: str, holds: bool) -> None:
    assert is_claim(name) is holds


def test_every_file_of_tests_names_its_tier() -> None:
    """`make test` runs tests by their tiers: one without a tier would never run."""
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        assert re.search(r"\bmark\.(unit|kernel|lab|long)\b", path.read_text(encoding="utf-8")), path


def test_files_that_last_longest_are_there() -> None:
    assert [name for name in {*balance.LONGEST, *balance.APART} if not (ROOT / name).is_file()] == []
