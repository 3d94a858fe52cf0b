# SPDX-License-Identifier: Apache-2.0
"""The list of programs that tcx runs on an interface, by bpf(2): kernel/bpf/{tcx,mprog}.c, Linux 6.6 and newer.

libbpf 1.1 can neither name a neighbour in the list nor read its revision.
"""

import ctypes
import errno
import os
import struct
from typing import NamedTuple

from joulepath.bpf.libbpf import BpfError, check, library

# By machine, the number of bpf(2): include/uapi/asm-generic/unistd.h and the architectures' own tables.
_NUMBERS = {"x86_64": 321, "aarch64": 280, "riscv64": 280, "loongarch64": 280, "ppc64le": 361, "armv7l": 386}
# include/uapi/linux/bpf.h, enum bpf_cmd and the flags of attaching
_PROG_QUERY, _LINK_CREATE = 16, 28
_BEFORE, _ID, _LINK = 1 << 3, 1 << 5, 1 << 13
_QUERY = struct.Struct("=4I Q I4x 3Q Q")
_CREATE = struct.Struct("=4I I4x Q")
_MOST = 64  # BPF_MPROG_MAX
_INFO = struct.Struct("=64x16s")  # the name in struct bpf_prog_info


class Attached(NamedTuple):
    """A program in the list. Ids are the kernel's; a program that is attached without a link has the link id 0."""

    program: int
    link: int


class Chain(NamedTuple):
    """The list, in the order in which the programs run."""

    revision: int
    """Another one after each change."""
    attached: tuple[Attached, ...]


def query(ifindex: int, hook: int) -> Chain:
    """The list at `hook`, an enum bpf_attach_type. Raises BpfError, with EINVAL where the kernel has no tcx."""
    programs, links = (ctypes.c_uint32 * _MOST)(), (ctypes.c_uint32 * _MOST)()
    addresses = ctypes.addressof(programs), 0, ctypes.addressof(links), 0
    attributes = bytearray(_QUERY.pack(ifindex, hook, 0, 0, addresses[0], _MOST, *addresses[1:], 0))
    try:
        _bpf(_PROG_QUERY, attributes, "listing tcx programs")
    except BpfError as fault:
        if fault.number != errno.ENOENT:  # some kernels' word for an empty list
            raise
        return Chain(0, ())
    *_, count, _, _, _, revision = _QUERY.unpack(attributes)
    return Chain(revision, tuple(map(Attached, programs[:count], links[:count])))


def link(program: int, ifindex: int, hook: int, before: Attached | None, revision: int) -> int:
    """Attaches a program before another one, None for behind all; returns the link's descriptor.

    Raises BpfError: ESTALE if the list has another revision than `revision` (0 for any).
    """
    flags, relative = 0, 0
    if before is not None:
        flags = _BEFORE | _ID | (_LINK if before.link else 0)
        relative = before.link or before.program
    attributes = bytearray(_CREATE.pack(program, ifindex, hook, flags, relative, revision))
    return _bpf(_LINK_CREATE, attributes, "attaching by tcx")


_names: dict[int, str] = {}
"""By id; the kernel does not give the id of a program that has ended to another one soon."""


def name(attached: Attached) -> str | None:
    """A program's name, cut at 15 octets. None where the kernel does not tell: it asks for CAP_SYS_ADMIN.

    A name that was told once is remembered, for the right to ask may be given up.
    """
    functions = library()
    descriptor = functions.bpf_prog_get_fd_by_id(attached.program)
    if descriptor < 0:
        return _names.get(attached.program)
    try:
        info, length = ctypes.create_string_buffer(_INFO.size), ctypes.c_uint32(_INFO.size)
        check(functions.bpf_obj_get_info_by_fd(descriptor, info, ctypes.byref(length)), "asking for a program's name")
        _names[attached.program] = str(_INFO.unpack(info.raw)[0].rstrip(b"\0").decode(errors="replace"))
        return _names[attached.program]
    finally:
        os.close(descriptor)


def own_id(descriptor: int) -> int:
    """The id of a link of ours."""
    info, length = (ctypes.c_uint32 * 2)(), ctypes.c_uint32(8)  # struct bpf_link_info: type, id
    check(library().bpf_obj_get_info_by_fd(descriptor, info, ctypes.byref(length)), "asking for a link's id")
    return int(info[1])


def _bpf(command: int, attributes: bytearray, what: str) -> int:
    # Without the number of bpf(2) on this machine tcx cannot be used, as on an old kernel.
    number = _NUMBERS.get(os.uname().machine)
    if number is None:
        raise BpfError(what, errno.EINVAL)
    system = ctypes.CDLL(None, use_errno=True)
    buffer = (ctypes.c_char * len(attributes)).from_buffer(attributes)
    result = system.syscall(ctypes.c_long(number), command, buffer, len(attributes))
    return check(result if result >= 0 else -ctypes.get_errno(), what)
