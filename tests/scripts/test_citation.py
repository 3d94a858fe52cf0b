# SPDX-License-Identifier: Apache-2.0
"""CITATION.cff is valid: a forge reads it, and a researcher cites what it says."""

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.conftest import ROOT

pytestmark = pytest.mark.unit

FILE = ROOT / "CITATION.cff"
PROJECT = (ROOT / "pyproject.toml").read_text(encoding="utf-8")


def is_valid(file: Path) -> bool:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.citation-file-format", str(file)]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def test_the_citation_is_one_of_its_format(tmp_path: Path) -> None:
    assert is_valid(FILE)
    wrong = tmp_path / FILE.name
    wrong.write_text(FILE.read_text(encoding="utf-8").replace("authors:", "writers:"))
    assert not is_valid(wrong)


def test_the_citation_names_the_project_and_its_licence() -> None:
    citation = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    assert citation["title"].startswith("Joulepath")
    assert citation["license"] in PROJECT
    assert [set(author) for author in citation["authors"]] == [{"name"}], "an entity, and not a person"
