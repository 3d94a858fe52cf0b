# SPDX-License-Identifier: Apache-2.0
import pytest
from scripts import generate

from tests.conftest import ROOT

pytestmark = pytest.mark.unit


def test_the_metric_reference_is_current() -> None:
    assert (ROOT / "docs" / "metrics.md").read_text(encoding="utf-8") == generate.metrics_page(), "run `make docs`"


def test_every_exporter_is_in_it() -> None:
    titles = [title for title, _ in generate.modules()]
    assert {"joulepath ioam", "joulepath pdu", "joulepath rapl", "joulepath rules serve"} <= set(titles)
