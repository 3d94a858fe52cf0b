# SPDX-License-Identifier: Apache-2.0
"""Log lines in logfmt on standard error, one per event. Secrets never come near a logger."""

import logging

from logfmter import Logfmter


def setup(level: str) -> None:
    """Sends `joulepath.*` from `level` on to standard error as `time=... level=... logger=... msg=...`."""
    handler = logging.StreamHandler()
    handler.setFormatter(
        Logfmter(
            keys=["time", "level", "logger"],
            mapping={"time": "asctime", "level": "levelname", "logger": "name"},
            datefmt="%Y-%m-%dT%H:%M:%S%z",
        )
    )
    logger = logging.getLogger("joulepath")
    logger.handlers = [handler]
    logger.propagate = False
    logger.setLevel(level.upper())
