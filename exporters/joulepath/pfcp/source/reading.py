# SPDX-License-Identifier: Apache-2.0
"""The state of a capture, as its source says it."""

from typing import NamedTuple


class Captured(NamedTuple):
    """The capture so far."""

    interfaces: tuple[str, ...] = ()
    """Those that are captured now."""
    drops: int = 0
    seconds: float = 0.0
    """How long all interfaces were captured; where frames were lost, less by their share."""
