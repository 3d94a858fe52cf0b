# SPDX-License-Identifier: Apache-2.0
"""The TUN device through which a program takes and gives users' packets."""

import fcntl
import os
import struct

TUN = "user"
TUN_MTU = 1400
"""Room for users' packets in a tunnel over links of 1500 octets."""
_TUNSETIFF, _TUNSETPERSIST, _IFF_TUN, _IFF_NO_PI = 0x400454CA, 0x400454CB, 0x0001, 0x1000  # linux/if_tun.h


def open_tun(persistent: bool = False) -> int:
    """A descriptor of the calling thread's TUN device, which is made if need be."""
    device = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(device, _TUNSETIFF, struct.pack("16sH22x", TUN.encode(), _IFF_TUN | _IFF_NO_PI))
    if persistent:
        fcntl.ioctl(device, _TUNSETPERSIST, 1)
    return device
