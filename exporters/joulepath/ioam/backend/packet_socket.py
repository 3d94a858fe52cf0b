# SPDX-License-Identifier: Apache-2.0
"""Numbers of packet sockets (packet(7)) that the socket module does not have in every version of Python."""

SOL_PACKET = 263  # include/linux/socket.h
ETH_P_ALL = 0x0003  # include/uapi/linux/if_ether.h
