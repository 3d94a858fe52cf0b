# SPDX-License-Identifier: Apache-2.0
"""Attaches a program to what an interface receives or sends: tcx (Linux 6.6), else a filter of a clsact qdisc."""

import contextlib
import ctypes
import errno
import os
from typing import Literal, Protocol

from joulepath.bpf.libbpf import BpfError, check, library

Way = Literal["received", "sent"]

# include/uapi/linux/bpf.h, enum bpf_attach_type; tools/lib/bpf/libbpf.h, enum bpf_tc_attach_point
_TCX = {"received": 46, "sent": 47}
_CLSACT = {"received": 1, "sent": 2}
_REPLACE = 1
_HANDLE, _PRIORITY = 0x6A70, 0x6A70
"""Our own filter, so that a second start replaces the first one's, and touches no one else's."""


class Link(Protocol):
    """A program that runs until `close`."""

    kind: str

    def close(self) -> None:
        """Detaches it."""


class TcxLink:
    """The kernel detaches the program when the last descriptor closes: however the process ends."""

    kind = "tcx"

    def __init__(self, program: int, ifindex: int, way: Way) -> None:
        """Attaches it. Raises BpfError, with EINVAL where the kernel has no tcx."""
        self._fd = check(library().bpf_link_create(program, ifindex, _TCX[way], None), "attaching by tcx")

    def close(self) -> None:
        """Detaches it."""
        os.close(self._fd)


class _Hook(ctypes.Structure):
    _fields_ = (
        ("sz", ctypes.c_size_t),
        ("ifindex", ctypes.c_int),
        ("attach_point", ctypes.c_int),
        ("parent", ctypes.c_uint32),
        ("unused", ctypes.c_uint32),
    )


class _Filter(ctypes.Structure):
    _fields_ = (
        ("sz", ctypes.c_size_t),
        ("prog_fd", ctypes.c_int),
        ("flags", ctypes.c_uint32),
        ("prog_id", ctypes.c_uint32),
        ("handle", ctypes.c_uint32),
        ("priority", ctypes.c_uint32),
        ("unused", ctypes.c_uint32),
    )


class ClsactLink:
    """Outlives the process where that is killed; the next start replaces it."""

    kind = "clsact"

    def __init__(self, program: int, ifindex: int, way: Way) -> None:
        """Attaches it. Raises BpfError."""
        # The padding is not counted in: libbpf refuses octets that it does not know unless they are 0.
        self._hook = _Hook(sz=24, ifindex=ifindex, attach_point=_CLSACT[way])
        made = library().bpf_tc_hook_create(ctypes.byref(self._hook))
        if made != -errno.EEXIST:
            check(made, "making a clsact qdisc")
        options = _Filter(sz=32, prog_fd=program, flags=_REPLACE, handle=_HANDLE, priority=_PRIORITY)
        check(library().bpf_tc_attach(ctypes.byref(self._hook), ctypes.byref(options)), "attaching by clsact")

    def close(self) -> None:
        """Detaches it; the qdisc stays, others may use it."""
        options = _Filter(sz=32, handle=_HANDLE, priority=_PRIORITY)
        with contextlib.suppress(BpfError):  # the interface has gone, and the filter with it
            check(library().bpf_tc_detach(ctypes.byref(self._hook), ctypes.byref(options)), "detaching")


def attach(program: int, ifindex: int, way: Way) -> Link:
    """Attaches the program with this descriptor. Raises BpfError, UnavailableError for want of a right.

    Interfaces are numbered per network namespace: the calling thread's counts.
    """
    try:
        return TcxLink(program, ifindex, way)
    except BpfError as fault:
        if fault.number != errno.EINVAL:
            raise
    return ClsactLink(program, ifindex, way)
