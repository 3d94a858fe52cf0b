# SPDX-License-Identifier: Apache-2.0
"""Numbers of protocols and extension headers behind an IP header (IANA, Assigned Internet Protocol Numbers)."""

HOP_BY_HOP = 0
IGMP = 2
IPV4 = 4
TCP = 6
UDP = 17
IPV6 = 41
ROUTING = 43
FRAGMENT = 44
GRE = 47
AUTHENTICATION = 51
ICMPV6 = 58
NO_NEXT_HEADER = 59
DESTINATION = 60
SCTP = 132

NAMES = {
    "icmp": 1,
    "igmp": IGMP,
    "tcp": TCP,
    "udp": UDP,
    "gre": GRE,
    "esp": 50,
    "ah": AUTHENTICATION,
    "icmpv6": ICMPV6,
    "sctp": SCTP,
    "udplite": 136,
}
"""Protocols by the names that a configuration may give them."""
