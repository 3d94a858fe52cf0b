# SPDX-License-Identifier: Apache-2.0
"""Runs a program under a unit's limits without systemd: `python confined.py LIMITS.json -- PROGRAM...`.

The kernel gets the rules of systemd.exec(5) from libseccomp and prctl(2): system calls, address families
of sockets, no namespaces, and no memory that is both written and executed. test_confined.py says what is missing here.
"""

import ctypes
import errno
import json
import os
import subprocess
import sys
from collections.abc import Iterable, Mapping
from typing import Any

_ALLOW, _ERRNO = 0x7FFF0000, 0x00050000  # seccomp.h of libseccomp
_EQUAL, _GREATER = 4, 6
_AF_MAX = 46
_PR_SET_MDWE, _REFUSE_EXEC_GAIN = 65, 1  # Linux 6.3, include/uapi/linux/prctl.h
_IMPLIED = ("@default", "execve", "exit", "exit_group", "rt_sigreturn", "getrlimit")


class _Compared(ctypes.Structure):
    _fields_ = (("arg", ctypes.c_uint), ("op", ctypes.c_int), ("a", ctypes.c_uint64), ("b", ctypes.c_uint64))


def allowed(lines: Iterable[str]) -> set[str]:
    """The system calls of an allow-list: lines of `SystemCallFilter=`, in their order."""
    capabilities = set(_expand(_IMPLIED))
    for line in lines:
        names = _expand(line.removeprefix("~").split())
        capabilities = capabilities - names if line.startswith("~") else capabilities | names
    return capabilities


def _expand(names: Iterable[str]) -> set[str]:
    capabilities: set[str] = set()
    for name in names:
        if name.startswith("@"):
            command = ["systemd-analyze", "--no-pager", "syscall-filter", name]
            shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()[1:]
            capabilities |= _expand(line.strip() for line in shown if line.strip() and not line.strip().startswith("#"))
        else:
            capabilities.add(name)
    return capabilities


class _Filter:
    def __init__(self, default: int) -> None:
        self._library = ctypes.CDLL("libseccomp.so.2", use_errno=True)
        self._library.seccomp_init.restype = ctypes.c_void_p
        self._context = ctypes.c_void_p(self._library.seccomp_init(ctypes.c_uint32(default)))

    def add(self, action: int, call: str, *compared: _Compared) -> None:
        number = self._library.seccomp_syscall_resolve_name(call.encode())
        if number < 0:
            return  # another architecture's
        array = (_Compared * len(compared))(*compared)
        rule = self._library.seccomp_rule_add_array(self._context, ctypes.c_uint32(action), number, len(array), array)
        if rule < 0:
            raise OSError(-rule, f"{call}: {os.strerror(-rule)}")

    def load(self) -> None:
        result = self._library.seccomp_load(self._context)
        if result < 0:
            raise OSError(-result, os.strerror(-result))


def confine(limits: Mapping[str, Any]) -> None:
    """From here on, for this process and what it starts."""
    if limits["no_new_code"]:
        ctypes.CDLL(None).prctl(_PR_SET_MDWE, _REFUSE_EXEC_GAIN, 0, 0, 0)
    others = _Filter(_ALLOW)
    for family in sorted({*range(_AF_MAX)} - set(limits["families"])):
        others.add(_ERRNO | errno.EAFNOSUPPORT, "socket", _Compared(0, _EQUAL, family))
    others.add(_ERRNO | errno.EAFNOSUPPORT, "socket", _Compared(0, _GREATER, _AF_MAX))
    for call, number in (("unshare", errno.EPERM), ("setns", errno.EPERM), ("clone3", errno.ENOSYS)):
        others.add(_ERRNO | number, call)
    others.load()
    calls = _Filter(_ERRNO | errno.EPERM)
    for call in limits["calls"]:
        calls.add(_ALLOW, call)
    calls.load()


if __name__ == "__main__":
    confine(json.loads(sys.argv[1]))
    os.execvp(sys.argv[3], sys.argv[3:])  # noqa: S606  # the test's own program
