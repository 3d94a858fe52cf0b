# SPDX-License-Identifier: Apache-2.0
"""Gives up the rights that a running exporter does not need: capabilities(7), and root's uid where that is asked for.

The kernel keeps rights for each thread. So this runs before the first thread starts; threads and programs that are
started later have no more.
"""

import ctypes
import os
import pwd
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

from joulepath.errors import UsageError

CAP_DAC_READ_SEARCH, CAP_NET_ADMIN, CAP_NET_RAW, CAP_SYS_PTRACE, CAP_PERFMON, CAP_BPF = 2, 12, 13, 19, 38, 39
"""include/uapi/linux/capability.h"""

_VERSION_3 = 0x20080522  # include/uapi/linux/capability.h
# include/uapi/linux/prctl.h
_PR_SET_KEEPCAPS, _PR_CAPBSET_DROP, _PR_SET_SECUREBITS, _PR_SET_NO_NEW_PRIVS = 8, 24, 28, 38
_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL = 47, 4
_NO_ROOT_LOCKED = 0b11  # SECBIT_NOROOT and its lock: a program that root starts gets no capability for that


class _Header(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


class _Words(ctypes.Structure):
    _fields_ = (("effective", ctypes.c_uint32), ("permitted", ctypes.c_uint32), ("inheritable", ctypes.c_uint32))


@dataclass(frozen=True)
class User:
    """The user that root becomes."""

    name: str
    uid: int
    gid: int

    @classmethod
    def of(cls, name: str) -> "User":
        """The user of this name. Raises UsageError."""
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            raise UsageError(f"--run-as {name}: no such user") from None
        if os.geteuid() not in (0, entry.pw_uid):
            raise UsageError(f"--run-as {name}: only root can become another user: start as {name}, or leave it out")
        return cls(name, entry.pw_uid, entry.pw_gid)


def keep(capabilities: Collection[int], user: User | None = None) -> None:
    """Drops all capabilities of this thread but the ones named and held, and with `user` becomes that user.

    Programs that are started from here get no capability at all. Raises OSError where the kernel refuses, which it
    does not.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    _call(libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
    libc.prctl(_PR_SET_SECUREBITS, _NO_ROOT_LOCKED, 0, 0, 0)  # refused to all but root, who alone needs it
    for number in range(64):
        # The bounding set limits programs started from here; past the last capability the kernel says so.
        if number not in capabilities and libc.prctl(_PR_CAPBSET_DROP, number, 0, 0, 0) < 0:
            break
    libc.prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0)
    if user is not None and user.uid != os.geteuid():
        _call(libc.prctl(_PR_SET_KEEPCAPS, 1, 0, 0, 0))
        os.setgroups(os.getgrouplist(user.name, user.gid))
        os.setresgid(user.gid, user.gid, user.gid)
        os.setresuid(user.uid, user.uid, user.uid)
    held = (_Words * 2)()
    _call(libc.capget(ctypes.byref(_Header(_VERSION_3, 0)), held))
    before = bytes(held)
    for index, words in enumerate(held):
        mask = sum(1 << number - 32 * index for number in capabilities if number // 32 == index)
        words.permitted &= mask
        words.effective = words.permitted
    if bytes(held) == before:
        return  # systemd may have done all that, and refuse the call
    for words in held:
        words.inheritable = 0
    _call(libc.capset(ctypes.byref(_Header(_VERSION_3, 0)), held))


def closed(files: Iterable[Path]) -> list[Path]:
    """The existing files that this process may not read."""
    return [path for path in files if _forbidden(path)]


def _forbidden(path: Path) -> bool:
    try:
        os.close(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC))
    except PermissionError:
        return True
    except OSError:
        return False
    return False


def _call(result: int) -> None:
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
