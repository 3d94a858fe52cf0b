# SPDX-License-Identifier: Apache-2.0
"""Gives up what a process of root's no longer needs once its programs run: capabilities(7)."""

import ctypes
import os

CAP_NET_ADMIN, CAP_PERFMON, CAP_BPF = 12, 38, 39
"""Attach programs; load them without the measures against speculation; load them at all."""

_VERSION_3 = 0x20080522  # include/uapi/linux/capability.h
_PR_CAPBSET_DROP = 24
_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL = 47, 4


class _Header(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


class _Words(ctypes.Structure):
    _fields_ = (("effective", ctypes.c_uint32), ("permitted", ctypes.c_uint32), ("inheritable", ctypes.c_uint32))


def keep(*capabilities: int) -> None:
    """Drops all capabilities of this thread, and of those it starts, but the ones named and held.

    Raises OSError where the kernel refuses, which it does not.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    held = (_Words * 2)()
    _call(libc.capget(ctypes.byref(_Header(_VERSION_3, 0)), held))
    for number in range(64):
        # The bounding set says what a program started from here may have; past the last capability the kernel says so.
        if number not in capabilities and libc.prctl(_PR_CAPBSET_DROP, number, 0, 0, 0) < 0:
            break
    libc.prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0)
    for index, words in enumerate(held):
        mask = sum(1 << number - 32 * index for number in capabilities if number // 32 == index)
        words.permitted &= mask
        words.effective = words.permitted
        words.inheritable = 0
    _call(libc.capset(ctypes.byref(_Header(_VERSION_3, 0)), held))


def _call(result: int) -> None:
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
