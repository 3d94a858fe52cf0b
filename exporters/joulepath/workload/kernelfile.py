# SPDX-License-Identifier: Apache-2.0
"""Reads small files of the kernel: with few calls, since a reading pays for each of thousands."""

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
