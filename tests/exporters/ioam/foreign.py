# SPDX-License-Identifier: Apache-2.0
"""Programs of others on an interface, of two instructions each: they return what they are told to.

    python -m tests.exporters.ioam.foreign INTERFACE tcx|clsact|xdp received|sent VALUE [first]

Attached from the line `here` until standard input ends.
"""

import ctypes
import os
import socket
import struct
import subprocess
import sys
from typing import Self

from joulepath.bpf import tc, tcx
from joulepath.bpf.libbpf import check, library
from joulepath_lab.network.namespace import PATIENCE_SECONDS, NetworkNamespace

PASS, NEXT, DROP = 0, -1, 2  # TCX_PASS and TC_ACT_OK, TCX_NEXT and TC_ACT_UNSPEC, TCX_DROP
XDP_TX = 3
_CLASSIFIER, _XDP = 3, 6  # enum bpf_prog_type
_LINK_CREATE, _XDP_HOOK, _GENERIC = 28, 37, 2


def loaded(kind: int, value: int) -> int:
    """The descriptor of a program: r0 = value; exit."""
    code = struct.pack("=BBhi", 0xB7, 0, 0, value) + struct.pack("=BBhi", 0x95, 0, 0, 0)
    function = library().bpf_prog_load
    function.restype = ctypes.c_int
    function.argtypes = (
        ctypes.c_int,
        ctypes.c_char_p,
        ctypes.c_char_p,
        ctypes.c_void_p,
        ctypes.c_size_t,
        ctypes.c_void_p,
    )
    return check(function(kind, b"foreign", b"GPL", code, len(code) // 8, None), "loading")


def main() -> None:
    """Attaches one program and waits."""
    interface, kind, way, value = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
    index = socket.if_nametoindex(interface)
    assert way in {"received", "sent"}
    if kind == "xdp":
        create = library().bpf_link_create
        create.argtypes = (ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_void_p)
        options = ctypes.create_string_buffer(struct.pack("=QII", 16, _GENERIC, 0))
        check(create(loaded(_XDP, value), index, _XDP_HOOK, options), "attaching")
    elif kind == "tcx":
        hook = {"received": 46, "sent": 47}[way]
        chain = tcx.query(index, hook)
        before = chain.attached[0] if chain.attached and "first" in sys.argv else None
        tcx.link(loaded(_CLASSIFIER, value), index, hook, before, 0)
    else:
        tc.ClsactLink(loaded(_CLASSIFIER, value), index, "sent" if way == "sent" else "received", tc.Place(7, 3))
    sys.stdout.write("here\n")
    sys.stdout.flush()
    sys.stdin.read()


class Foreign:
    """Such a program in a namespace."""

    def __init__(self, namespace: NetworkNamespace, *arguments: str) -> None:
        command = namespace.command(sys.executable, "-m", __name__, *arguments)
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env={**os.environ})
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == b"here\n"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate(timeout=PATIENCE_SECONDS)


if __name__ == "__main__":
    main()
