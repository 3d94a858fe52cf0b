# SPDX-License-Identifier: Apache-2.0
"""Attaches a program to what an interface receives or sends: tcx (Linux 6.6), else a filter of a clsact qdisc."""

import contextlib
import ctypes
import errno
import os
from typing import Literal, NamedTuple, Protocol

from joulepath.bpf import tcx
from joulepath.bpf.libbpf import BpfError, UnavailableError, check, library

Way = Literal["received", "sent"]

# include/uapi/linux/bpf.h, enum bpf_attach_type; tools/lib/bpf/libbpf.h, enum bpf_tc_attach_point
_TCX = {"received": 46, "sent": 47}
_CLSACT = {"received": 1, "sent": 2}
_REPLACE = 1
_ATTEMPTS = 10
"""At a list that others change at the same time."""


class Place(NamedTuple):
    """Where a program stands among others of an interface and way: before all but the programs named `behind`.

    Programs of others may end the list (TCX_PASS, TC_ACT_OK): what stands behind them sees nothing.
    A clsact filter has this handle and priority: a second start replaces the first one's, and touches no one else's.
    """

    handle: int
    """Also the priority of a filter that cannot have a lower one."""
    priority: int
    """Of a filter for packets sent; one for packets received has 1, the lowest. The lower runs earlier."""
    behind: frozenset[str] = frozenset()
    """Names of programs that run earlier, where they are the first in the list of packets sent."""


TAGGING = Place(0x6A6F, 1)
COUNTING = Place(0x6A70, 2, behind=frozenset({"tag_ethernet", "tag_ip"}))
"""Behind the tagging: packets sent are counted with the header that they get."""
LEARNING = Place(0x6A6E, 1)
"""The tagger's look at Packet Too Big messages that come in."""


class ProgramLink(Protocol):
    """A program that runs until `close`."""

    kind: str

    def ahead(self) -> int:
        """How many programs run earlier and may end the list; -1 where someone detached ours. Raises BpfError."""

    def advance(self) -> None:
        """Goes before the next of those programs. Raises BpfError, and is detached then."""

    def close(self) -> None:
        """Detaches it."""


def ask_names(ifindex: int) -> None:
    """Asks for the names of the programs of packets sent while the process may: CAP_SYS_ADMIN is given up later."""
    try:
        for one in tcx.query(ifindex, _TCX["sent"]).attached:
            tcx.name(one)
    except (BpfError, UnavailableError):
        return  # a kernel without tcx, or a user who may not ask: the packets that arrive tell


class TcxLink:
    """The kernel detaches the program when the last descriptor closes: however the process ends."""

    kind = "tcx"

    def __init__(self, program: int, ifindex: int, way: Way, place: Place) -> None:
        """Attaches it. Raises BpfError, with EINVAL where the kernel has no tcx."""
        self._program, self._ifindex, self._hook = program, ifindex, _TCX[way]
        self._behind = place.behind if way == "sent" else frozenset[str]()
        self._known: set[int] = set()
        """Ids of programs that do not end the list."""
        self._fd = -1
        self._id = 0
        self._attach(advance=False)

    def ahead(self) -> int:
        """As Link."""
        earlier = self._earlier()
        return -1 if earlier is None else len(earlier)

    def advance(self) -> None:
        """As Link. Packets between the two programs are not counted; counting them twice would be worse."""
        if self._earlier():
            self._attach(advance=True)

    def close(self) -> None:
        """Detaches it."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _earlier(self) -> tuple[tcx.Attached, ...] | None:
        attached = tcx.query(self._ifindex, self._hook).attached
        ids = [one.link for one in attached]
        if self._id not in ids:
            return None
        return tuple(one for one in attached[: ids.index(self._id)] if one.program not in self._known)

    def _attach(self, *, advance: bool) -> None:
        for attempt in range(_ATTEMPTS):
            chain = tcx.query(self._ifindex, self._hook)
            if advance:
                earlier = self._earlier()
                before = earlier[-1] if earlier else None
            else:
                before = self._follower(chain)
            self.close()
            try:
                # Closing was a change, too.
                revision = 0 if advance else chain.revision
                self._fd = tcx.link(self._program, self._ifindex, self._hook, before, revision)
            except BpfError as fault:
                if fault.number not in (errno.ESTALE, errno.ENOENT) or attempt == _ATTEMPTS - 1:
                    raise
                advance = False
                continue
            self._id = tcx.own_id(self._fd)
            return

    def _follower(self, chain: tcx.Chain) -> tcx.Attached | None:
        """The first program that must not run earlier."""
        for one in chain.attached:
            name = tcx.name(one) if self._behind else ""
            if name is None:
                # It may be the tagger. A program that ends the list shows by the packets that do not arrive.
                return None
            if name not in self._behind:
                return one
            self._known.add(one.program)
        return None


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
    """Outlives the process where that is killed; the next start replaces it.

    Filters of one priority run in the order in which they were added: one of priority 1 that was there stays first.
    """

    kind = "clsact"

    def __init__(self, program: int, ifindex: int, way: Way, place: Place) -> None:
        """Attaches it. Raises BpfError."""
        self._place = place
        first = place.priority if way == "sent" else 1
        # The padding is not counted in: libbpf refuses octets that it does not know unless they are 0.
        self._hook = _Hook(sz=24, ifindex=ifindex, attach_point=_CLSACT[way])
        error = library().bpf_tc_hook_create(ctypes.byref(self._hook))
        if error != -errno.EEXIST:
            check(error, "making a clsact qdisc")
        self._priority = first
        attached = self._attach(program)
        if attached in (-errno.EINVAL, -errno.EEXIST):  # another kind of filter has this priority
            self._priority = place.handle
            attached = self._attach(program)
        check(attached, "attaching by clsact")
        _detach(self._hook, place, place.handle if self._priority == first else first)

    def ahead(self) -> int:
        """As Link; of others' filters it knows nothing."""
        options = _Filter(sz=32, handle=self._place.handle, priority=self._priority)
        error = library().bpf_tc_query(ctypes.byref(self._hook), ctypes.byref(options))
        if error in (-errno.ENOENT, -errno.EINVAL):  # the filter, or the whole qdisc
            return -1
        check(error, "asking for a filter")
        return 0

    def advance(self) -> None:
        """As Link: it is as early as it can be."""

    def close(self) -> None:
        """Detaches it; the qdisc stays, others may use it."""
        _detach(self._hook, self._place, self._priority)

    def _attach(self, program: int) -> int:
        options = _Filter(sz=32, prog_fd=program, flags=_REPLACE, handle=self._place.handle, priority=self._priority)
        return int(library().bpf_tc_attach(ctypes.byref(self._hook), ctypes.byref(options)))


def _detach(hook: _Hook, place: Place, priority: int) -> None:
    options = _Filter(sz=32, handle=place.handle, priority=priority)
    with contextlib.suppress(BpfError):  # the interface has gone, and the filter with it
        check(library().bpf_tc_detach(ctypes.byref(hook), ctypes.byref(options)), "detaching")


def clear(ifindex: int, way: Way, place: Place) -> None:
    """Detaches the filter that a killed process left there, if any."""
    for priority in {1, place.priority, place.handle}:
        _detach(_Hook(sz=24, ifindex=ifindex, attach_point=_CLSACT[way]), place, priority)


def attach(program: int, ifindex: int, way: Way, place: Place) -> ProgramLink:
    """Attaches the program with this descriptor. Raises BpfError, UnavailableError for want of a right.

    Interfaces are numbered per network namespace: the calling thread's counts.
    """
    try:
        return TcxLink(program, ifindex, way, place)
    except BpfError as fault:
        if fault.number != errno.EINVAL:
            raise
    return ClsactLink(program, ifindex, way, place)
