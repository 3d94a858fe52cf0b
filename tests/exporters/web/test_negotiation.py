# SPDX-License-Identifier: Apache-2.0
"""The format and coding of an answer: known ones only, by the client's weights (RFC 9110 section 12)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from joulepath.web.negotiation import OPENMETRICS, TEXT, accepts_gzip, exposition_format

pytestmark = pytest.mark.unit

PROMETHEUS_2 = (
    "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
    "text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
)
PROMETHEUS_3 = (
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,"
    "application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,"
    "text/plain;version=0.0.4;q=0.2,*/*;q=0.1"
)


@pytest.mark.parametrize(
    "accept",
    [
        PROMETHEUS_2,
        PROMETHEUS_3,
        "application/openmetrics-text",
        "Application/OpenMetrics-Text; Version=1.0.0",
        'application/openmetrics-text;version="1.0.0"',
        "text/plain;q=0.5, application/openmetrics-text;q=0.6",
        "text/plain;q=0, application/openmetrics-text",
    ],
)
def test_openmetrics_is_given_where_it_is_preferred(accept: str) -> None:
    assert exposition_format(accept) is OPENMETRICS


@pytest.mark.parametrize(
    "accept",
    [
        "",
        "*/*",
        "text/plain",
        "text/html,*/*;q=0.8",
        "application/openmetrics-text;version=9.9.9",
        "application/openmetrics-text;version=abc",
        "application/openmetrics-text;version=1.0.0 X",
        "application/openmetrics-text;version=2.<script>",
        "application/openmetrics-text;version=1.0.\xb2",
        f"application/openmetrics-text;version={'9' * 5000}.0.0",
        "application/openmetrics-text;q=0, */*",
        "application/openmetrics-text;q=0.0000",
        "application/openmetrics-text;Q=0",
        "application/openmetrics-text;q=x",
        "application/openmetrics-text;q=0.2, text/plain;q=0.9",
        "text/plain;version=x",
    ],
)
def test_text_is_given_to_every_other_client(accept: str) -> None:
    assert exposition_format(accept) is TEXT


@given(st.text(max_size=80))
def test_the_answer_never_repeats_the_client(accept: str) -> None:
    assert exposition_format(accept) in (TEXT, OPENMETRICS)
    assert accepts_gzip(accept) in (True, False)


@pytest.mark.parametrize(
    ("accepted", "gzip"),
    [
        ("gzip", True),
        ("GZIP", True),
        ("x-gzip", True),
        ("*", True),
        ("gzip;q=0.001", True),
        ("br, gzip", True),
        ("*;q=0, gzip", True),
        ("identity;q=0, gzip", True),
        ("", False),
        ("br", False),
        ("gzip;q=0", False),
        ("gzip;Q=0", False),
        ("gzip; q = 0", False),
        ("gzip;q=0.0", False),
        ("gzip;q=0.0000", False),
        ("gzip;q=-1", False),
        ("gzip;q=nan", False),
        ("gzip;q=0, *", False),
        ("*;q=0", False),
        ("gzip;x=1;q=0", False),
        ("gzip;q=0;x=1", False),
        ("identity, gzip;q=0", False),
    ],
)
def test_gzip_is_used_where_it_is_accepted(accepted: str, gzip: bool) -> None:
    assert accepts_gzip(accepted) is gzip
