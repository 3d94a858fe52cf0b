# SPDX-License-Identifier: Apache-2.0
"""When a host is quiet, and how well one window's means are known."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Settings:
    """Of a calibration of idle power. Of both errors the ratio alone matters: their size follows from the windows."""

    quiet_load: float = 0.02
    """Busy part below which a window is quiet."""
    quiet_seconds: float = 600.0
    """The least length of a quiet time."""
    power_error: float = 0.02
    """Standard error of a window's watts, as a part of their median: the finest class of meters in IETF's GREEN."""
    load_error: float = 0.005
    """Standard error of a window's load, in parts of the processor."""
