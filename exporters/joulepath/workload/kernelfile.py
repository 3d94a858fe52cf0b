# SPDX-License-Identifier: Apache-2.0
"""Reads small files of the kernel, and numbers in them: with few calls, since a reading pays for each of thousands."""

import os

_OCTETS = 1 << 16


def content(path: str) -> bytes | None:
    """The whole file; None if it has gone, or cannot be read."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        octets = more = os.read(descriptor, _OCTETS)
        while len(more) == _OCTETS:
            more = os.read(descriptor, _OCTETS)
            octets += more
    except OSError:  # ENODEV: the cgroup was removed meanwhile; ESRCH: the process has ended
        return None
    finally:
        os.close(descriptor)
    return octets


def number(text: bytes, per_unit: float = 1) -> float | None:
    """A count in units; None for anything else than a decimal number that can be a count."""
    try:
        found = int(text) / per_unit
    except (ValueError, OverflowError):
        return None
    return found if found >= 0 else None
