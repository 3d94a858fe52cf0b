# SPDX-License-Identifier: Apache-2.0
"""Runs a loaded tc program over a frame without any interface (BPF_PROG_TEST_RUN): for tests and benchmarks."""

import ctypes
from typing import NamedTuple

from joulepath.bpf.libbpf import check, library


class Run(NamedTuple):
    """The result of a run."""

    returned: int
    """The program's TC_ACT_*."""
    nanoseconds: int
    """Mean duration of one run."""
    frame: bytes
    """The frame as the program left it."""


class _Buffer(ctypes.Structure):
    """The part of `struct __sk_buff` (include/uapi/linux/bpf.h) that may be set from outside."""

    _fields_ = (
        ("unset", ctypes.c_uint32 * 10),
        ("ifindex", ctypes.c_uint32),
        ("unset_too", ctypes.c_uint32 * 30),
        ("gso_segs", ctypes.c_uint32),
        ("unset_as_well", ctypes.c_uint32 * 2),
        ("gso_size", ctypes.c_uint32),
        ("unset_at_last", ctypes.c_uint32 * 3),
    )


class _Options(ctypes.Structure):
    """`struct bpf_test_run_opts` of libbpf's bpf.h."""

    _fields_ = (
        ("sz", ctypes.c_size_t),
        ("data_in", ctypes.c_void_p),
        ("data_out", ctypes.c_void_p),
        ("data_size_in", ctypes.c_uint32),
        ("data_size_out", ctypes.c_uint32),
        ("ctx_in", ctypes.c_void_p),
        ("ctx_out", ctypes.c_void_p),
        ("ctx_size_in", ctypes.c_uint32),
        ("ctx_size_out", ctypes.c_uint32),
        ("retval", ctypes.c_uint32),
        ("repeat", ctypes.c_int),
        ("duration", ctypes.c_uint32),
        ("flags", ctypes.c_uint32),
        ("cpu", ctypes.c_uint32),
        ("batch_size", ctypes.c_uint32),
    )


def run(program: int, frame: bytes, *, repeat: int = 1, segment: int = 0, room: int = 512) -> Run:
    """Runs the program `repeat` times; `segment` is the segment size of a large packet (GSO). Raises BpfError.

    The frame begins with an Ethernet header and has at least 14 octets; it may grow by `room` octets.
    """
    result = ctypes.create_string_buffer(len(frame) + room)
    buffer = _Buffer(gso_size=segment, gso_segs=2 if segment else 0)
    image = ctypes.create_string_buffer(frame, len(frame))
    options = _Options(
        sz=ctypes.sizeof(_Options),
        data_in=ctypes.addressof(image),
        data_size_in=len(frame),
        data_out=ctypes.addressof(result),
        data_size_out=len(result),
        ctx_in=ctypes.addressof(buffer) if segment else None,
        ctx_size_in=ctypes.sizeof(buffer) if segment else 0,
        repeat=repeat,
    )
    check(library().bpf_prog_test_run_opts(program, ctypes.byref(options)), "running the program")
    return Run(options.retval, options.duration, result.raw[: options.data_size_out])
