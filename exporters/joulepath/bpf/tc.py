# SPDX-License-Identifier: Apache-2.0
"""Attaches a program to what an interface receives or sends: tcx (Linux 6.6), else a filter of a clsact qdisc."""

import contextlib
import ctypes
import errno
import os
from typing import Literal, NamedTuple, Protocol

from joulepath.bpf.libbpf import BpfError, check, library

Way = Literal["received", "sent"]

# include/uapi/linux/bpf.h, enum bpf_attach_type; tools/lib/bpf/libbpf.h, enum bpf_tc_attach_point
_TCX = {"received": 46, "sent": 47}
_CLSACT = {"received": 1, "sent": 2}
_REPLACE = 1
_BEFORE = 1 << 3  # BPF_F_BEFORE, without a program: before all others


class Place(NamedTuple):
    """Where a program stands among others of an interface and way.

    A clsact filter of this handle and priority: a second start replaces the first one's, and touches no one else's.
    """

    handle: int
    priority: int
    """The lower runs earlier."""
    first: bool
    """With tcx: before all that are there, else behind them."""


COUNTING = Place(0x6A70, 0x6A70, first=False)
TAGGING = Place(0x6A6F, 0x6A6F, first=True)
"""Before the counting, which sees each packet as it leaves the host."""
LEARNING = Place(0x6A6E, 0x6A6E, first=True)
"""The tagger's look at Packet Too Big messages that come in."""


class _LinkOptions(ctypes.Structure):
    """The beginning of `struct bpf_link_create_opts` of libbpf's bpf.h."""

    _fields_ = (
        ("sz", ctypes.c_size_t),
        ("flags", ctypes.c_uint32),
        ("unused", ctypes.c_uint32),
    )


class Link(Protocol):
    """A program that runs until `close`."""

    kind: str

    def close(self) -> None:
        """Detaches it."""


class TcxLink:
    """The kernel detaches the program when the last descriptor closes: however the process ends."""

    kind = "tcx"

    def __init__(self, program: int, ifindex: int, way: Way, place: Place) -> None:
        """Attaches it. Raises BpfError, with EINVAL where the kernel has no tcx."""
        options = _LinkOptions(sz=ctypes.sizeof(_LinkOptions), flags=_BEFORE if place.first else 0)
        made = library().bpf_link_create(program, ifindex, _TCX[way], ctypes.byref(options))
        self._fd = check(made, "attaching by tcx")

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

    def __init__(self, program: int, ifindex: int, way: Way, place: Place) -> None:
        """Attaches it. Raises BpfError."""
        self._place = place
        # The padding is not counted in: libbpf refuses octets that it does not know unless they are 0.
        self._hook = _Hook(sz=24, ifindex=ifindex, attach_point=_CLSACT[way])
        made = library().bpf_tc_hook_create(ctypes.byref(self._hook))
        if made != -errno.EEXIST:
            check(made, "making a clsact qdisc")
        options = _Filter(sz=32, prog_fd=program, flags=_REPLACE, handle=place.handle, priority=place.priority)
        check(library().bpf_tc_attach(ctypes.byref(self._hook), ctypes.byref(options)), "attaching by clsact")

    def close(self) -> None:
        """Detaches it; the qdisc stays, others may use it."""
        _detach(self._hook, self._place)


def _detach(hook: _Hook, place: Place) -> None:
    options = _Filter(sz=32, handle=place.handle, priority=place.priority)
    with contextlib.suppress(BpfError):  # the interface has gone, and the filter with it
        check(library().bpf_tc_detach(ctypes.byref(hook), ctypes.byref(options)), "detaching")


def clear(ifindex: int, way: Way, place: Place) -> None:
    """Detaches the filter that a killed process left there, if any."""
    _detach(_Hook(sz=24, ifindex=ifindex, attach_point=_CLSACT[way]), place)


def attach(program: int, ifindex: int, way: Way, place: Place) -> Link:
    """Attaches the program with this descriptor. Raises BpfError, UnavailableError for want of a right.

    Interfaces are numbered per network namespace: the calling thread's counts.
    """
    try:
        return TcxLink(program, ifindex, way, place)
    except BpfError as fault:
        if fault.number != errno.EINVAL:
            raise
    return ClsactLink(program, ifindex, way, place)
