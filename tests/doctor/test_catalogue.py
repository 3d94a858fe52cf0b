# SPDX-License-Identifier: Apache-2.0
"""The catalogue of findings and its page hold the same ids, and each section says symptom, cause and cure."""

import re

import pytest
from scripts import generate

from joulepath_doctor.catalogue import KINDS
from joulepath_doctor.finding import PAGE
from tests.conftest import ROOT

pytestmark = pytest.mark.unit

TEXT = (ROOT / PAGE).read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"^## `(.+?)`\n(.*?)(?=^## |\Z)", TEXT, re.MULTILINE | re.DOTALL))


def test_the_page_has_the_table_of_the_catalogue() -> None:
    assert generate.with_findings(TEXT) == TEXT, "run `make docs`"


def test_the_page_has_a_section_for_each_kind_in_order() -> None:
    assert list(SECTIONS) == list(KINDS)


@pytest.mark.parametrize("kind", list(KINDS))
def test_each_section_says_symptom_cause_and_cure(kind: str) -> None:
    words = re.findall(r"^\*\*(\w+)\.\*\* \S", SECTIONS.get(kind, ""), re.MULTILINE)
    assert words == ["Symptom", "Cause", "Cure"]


@pytest.mark.parametrize("kind", list(KINDS))
def test_each_id_is_a_subject_and_a_fault(kind: str) -> None:
    assert re.fullmatch(r"[a-z]+/[a-z]+(-[a-z]+)*", kind)
    assert KINDS[kind].id == kind
