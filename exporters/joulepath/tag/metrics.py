# SPDX-License-Identifier: Apache-2.0
"""The metrics of `joulepath tag`. Packets are those on the wire, bytes those of the IP packet with its new header."""

from joulepath.metrics import Shown, counter, gauge

PACKETS = counter("ioam_tag_packets_total", "Packets of a flow that got an IOAM trace.", "flow")
BYTES = counter("ioam_tag_bytes_total", "Bytes of IP packets of a flow that got an IOAM trace, trace included.", "flow")
UNTAGGED = counter(
    "ioam_tag_untagged_packets_total", "Packets of a flow that passed without a trace, by reason.", "flow", "reason"
)
READY = gauge(
    "ioam_tag_flow_ready",
    "1 if a flow's id and its sender's cgroup are there and half of its packets of the last minute, or more, got a "
    "trace; 0 otherwise.",
    "flow",
)
INTERFACE_INFO = gauge(
    "ioam_tag_interface_info",
    "Interface on which leaving packets are tagged, and the hook that tags them; always 1.",
    "interface",
    "hook",
)
ROUTE_MTU = gauge(
    "ioam_tag_route_mtu_bytes",
    "Largest packet that a route lets applications send, so that a trace still fits.",
    "destination",
    "interface",
)
REFUSED_ROUTES = gauge(
    "ioam_tag_routes_refused",
    "Routes with an MTU that cannot be lowered: large packets over them pass without a trace.",
)
HEADER_BYTES = gauge("ioam_tag_header_bytes", "Bytes that the trace adds to each packet.")
NARROW_PATHS = gauge(
    "ioam_tag_narrow_paths",
    "Destinations behind a link that is narrower than the first one, by how that was learned: packet_too_big (a "
    "router's message) or lost_packets (TCP's retransmissions).",
    "learned",
)
ADOPTED_SOCKETS = gauge(
    "ioam_tag_adopted_sockets",
    "Sockets that a flow's sender uses although they were made in another cgroup; they are tagged.",
    "flow",
)

METRICS = (
    PACKETS,
    BYTES,
    UNTAGGED,
    READY,
    INTERFACE_INFO,
    ROUTE_MTU,
    REFUSED_ROUTES,
    HEADER_BYTES,
    NARROW_PATHS,
    ADOPTED_SOCKETS,
)

SHOWN = (
    Shown("with a trace", "packets/s", PACKETS),
    Shown("without a trace", "packets/s", UNTAGGED),
    Shown("ready", "(1 or 0)", READY, adds=False),
)
