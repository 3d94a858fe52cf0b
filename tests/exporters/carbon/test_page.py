# SPDX-License-Identifier: Apache-2.0
"""The page of sources is made of the data that the exporter reads."""

import pytest
from scripts import carbon

from tests.conftest import ROOT

pytestmark = pytest.mark.unit


def test_page_of_sources_is_up_to_date() -> None:
    path = ROOT / "docs" / "reference" / "carbon-sources.md"
    assert path.read_text() == carbon.page(), "run `make docs`"
