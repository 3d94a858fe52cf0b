# SPDX-License-Identifier: Apache-2.0
"""The lines of the log that the landing page repeats."""

import logging
from collections.abc import Iterator

import pytest

from joulepath import log

pytestmark = pytest.mark.unit


@pytest.fixture
def latest() -> Iterator[log.Latest]:
    logger = logging.getLogger("joulepath")
    before = logger.handlers, logger.level, logger.propagate
    try:
        yield log.setup("info")
    finally:
        logger.handlers, logger.level, logger.propagate = before


def test_the_latest_warnings_are_remembered_and_no_more_than_ten(latest: log.Latest) -> None:
    logger = logging.getLogger("joulepath.pdu.source")
    logger.info("answers again")
    for number in range(12):
        logger.warning("rack-%d: no answer", number)
    assert [line.text for line in latest.lines] == [f"rack-{number}: no answer" for number in range(2, 12)]
    assert latest.lines[0].timestamp > 1.7e9


def test_a_traceback_is_not_among_what_is_remembered(latest: log.Latest) -> None:
    logger = logging.getLogger("joulepath.reading.poller")
    logger.error("unexpected fault", exc_info=ZeroDivisionError("in a secret place"))
    assert [line.text for line in latest.lines] == ["unexpected fault"]


def test_clients_of_the_web_server_do_not_read_of_each_other(latest: log.Latest) -> None:
    logging.getLogger("joulepath.web.events").warning("a login failed", extra={"client": "192.0.2.7"})
    assert not latest.lines
