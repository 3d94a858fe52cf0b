# SPDX-License-Identifier: Apache-2.0
"""Waits for other programs."""

import time
from collections.abc import Callable

from joulepath_lab.network.namespace import PATIENCE_SECONDS


def until(condition: Callable[[], object], seconds: float = PATIENCE_SECONDS) -> None:
    """Returns as soon as the condition is true. Raises TimeoutError if that takes longer than `seconds`."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(f"did not happen within {seconds:g} s")
        time.sleep(0.02)
