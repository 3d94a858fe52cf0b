# SPDX-License-Identifier: Apache-2.0
"""Devices through which a program takes and gives users' packets: TUN for IP, TAP for Ethernet."""

import fcntl
import os
import struct

TUN, LAN = "user", "lan"
TUN_MTU = 1400
"""Room for users' packets in a tunnel over links of 1500 octets."""
_TUNSETIFF, _TUNSETPERSIST = 0x400454CA, 0x400454CB  # linux/if_tun.h
_IFF_TUN, _IFF_TAP, _IFF_NO_PI = 0x0001, 0x0002, 0x1000


def open_tun(name: str = TUN, *, persistent: bool = False) -> int:
    """A descriptor of the calling thread's TUN device, which is made if need be."""
    return _open(name, _IFF_TUN, persistent=persistent)


def open_tap(name: str = LAN, *, persistent: bool = False) -> int:
    """The same for a TAP device."""
    return _open(name, _IFF_TAP, persistent=persistent)


def _open(name: str, kind: int, *, persistent: bool) -> int:
    device = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(device, _TUNSETIFF, struct.pack("16sH22x", name.encode(), kind | _IFF_NO_PI))
    if persistent:
        fcntl.ioctl(device, _TUNSETPERSIST, 1)
    return device
