# SPDX-License-Identifier: Apache-2.0
import pytest
from scripts import generate

from tests.conftest import ROOT

pytestmark = pytest.mark.unit


def test_the_metric_reference_is_current() -> None:
    assert (ROOT / "docs" / "reference" / "metrics.md").read_text(encoding="utf-8") == generate.metrics_page(), (
        "run `make docs`"
    )


def test_the_reference_of_model_servers_is_current() -> None:
    page = (ROOT / "docs" / "reference" / "model-servers.md").read_text(encoding="utf-8")
    assert page == generate.model_servers_page(), "run `make docs`"


def test_the_tables_of_recorded_series_are_current() -> None:
    page = (ROOT / "docs" / "reference" / "attribution.md").read_text(encoding="utf-8")
    assert page == generate.with_series(page), "run `make docs`"


def test_a_page_without_a_place_for_a_table_is_an_error() -> None:
    with pytest.raises(ValueError, match="0 places for the table of public series"):
        generate.with_series("# Attribution\n")


def test_the_metric_reference_has_every_exporter() -> None:
    titles = [title for title, _ in generate.modules()]
    assert {"joulepath ioam", "joulepath pdu", "joulepath rapl", "joulepath rules serve"} <= set(titles)
