# SPDX-License-Identifier: Apache-2.0
"""Why a packet is counted without a trace, or not at all."""

TRACE_TYPE = "trace_type"
NODE_LENGTH = "node_length"
REMAINING_LENGTH = "remaining_length"
NODE_DATA = "node_data"
OPTION_LENGTH = "option_length"
OPTION_OVERRUN = "option_overrun"
REPEATED_NAMESPACE = "repeated_namespace"
TRUNCATED = "truncated"
GTPU_HEADER = "gtpu_header"
IP_HEADER = "ip_header"

REASONS = {
    TRACE_TYPE: "the trace type asks for nothing",
    NODE_LENGTH: "NodeLen is not the sum of the fields that the trace type asks for",
    REMAINING_LENGTH: "RemainingLen is more than the option holds",
    NODE_DATA: "the data after the free space is not a whole number of nodes' data",
    OPTION_LENGTH: "an IOAM option has no room for its header, or is not a multiple of four octets",
    OPTION_OVERRUN: "an option ends behind the hop-by-hop header",
    REPEATED_NAMESPACE: "two options of one packet have the same IOAM-Option-Type and namespace",
    TRUNCATED: "the hop-by-hop header ends behind the packet",
    GTPU_HEADER: "a GTP-U header ends behind the packet, or has more than eight extensions",
    IP_HEADER: "the link says IP, but the packet has no IP header or one that contradicts itself",
}
"""Every value of the label `reason`, with what it says."""

SKIPPED = {
    "not_ip": "another protocol than IP, such as ARP or LLDP",
    "mpls": "MPLS: the packet behind the labels is not looked into",
    "pppoe": "PPPoE: the packet in the session is not looked into",
    "macsec": "MACsec: the frame is encrypted, or may be",
    "backbone": "a frame of a provider backbone bridge (IEEE 802.1ah): the frame inside is not looked into",
    "vlan_tags": "more than eight VLAN tags",
}
"""Why a frame is not counted as an IP packet: every value of that metric's label `reason`."""


class Malformed(Exception):  # noqa: N818  # it is the packet's fault
    """The packet contradicts the RFC; `reason` is one of REASONS."""

    def __init__(self, reason: str) -> None:
        super().__init__(REASONS[reason])
        self.reason = reason
