# SPDX-License-Identifier: Apache-2.0
"""The metrics of `joulepath ioam`. Packets are those on the wire, bytes those of the IP packet (header included)."""

from joulepath.metrics import Shown, counter, gauge, histogram

_TRACE = ("ioam_namespace", "trace_id", "node_id", "direction")
_NODE = ("node_id", "direction")

TRACE_PACKETS = counter(
    "ioam_trace_packets_total", "User packets of a trace that this node, the configured node_id, saw.", *_TRACE
)
TRACE_BYTES = counter(
    "ioam_trace_bytes_total",
    "Bytes of user IP packets of a trace that this node, the configured node_id, saw.",
    *_TRACE,
)
NODE_PACKETS = counter("ioam_node_packets_total", "All user packets, traced or not, that this node saw.", *_NODE)
NODE_BYTES = counter(
    "ioam_node_bytes_total", "Bytes of all user IP packets, traced or not, that this node saw.", *_NODE
)
NODE_OTHER_PACKETS = counter(
    "ioam_node_other_packets_total", "Packets of signalling and management that this node saw.", *_NODE
)
NODE_OTHER_BYTES = counter(
    "ioam_node_other_bytes_total", "Bytes of IP packets of signalling and management that this node saw.", *_NODE
)
FLOW_PACKETS = counter(
    "ioam_flow_packets_total",
    "User packets of a flow that this node saw: the first flow that fits a packet without a configured trace.",
    "flow",
    *_NODE,
)
FLOW_BYTES = counter(
    "ioam_flow_bytes_total",
    "Bytes of user IP packets of a flow that this node saw.",
    "flow",
    *_NODE,
)
NODE_MEASURED = counter(
    "ioam_node_measured_seconds_total",
    "Seconds in which all interfaces of this node were captured; rate(packets) / rate(seconds) is the packet rate.",
    "node_id",
)
PATH_PACKETS = counter(
    "ioam_path_packets_total",
    "Packets of a trace by each node_id in their recorded path; the packets of ioam_trace_packets_total once more.",
    *_TRACE,
)
PATH_BYTES = counter(
    "ioam_path_bytes_total",
    "Bytes of packets of a trace by each node_id in their recorded path; those of ioam_trace_bytes_total once more.",
    *_TRACE,
)
PATH_INFO = gauge(
    "ioam_path_info",
    "Node ids of the latest recorded path of a trace in the order of travel, as this node saw it; always 1.",
    *_TRACE,
    "path",
)
PATH_CHANGES = counter(
    "ioam_path_changes_total",
    "Changes of the recorded path of a trace from one packet to the next.",
    "ioam_namespace",
    "trace_id",
    *_NODE,
)
HOP_LATENCY = histogram(
    "ioam_hop_latency_seconds",
    "Time between two nodes of recorded paths by their own timestamps; the packets of admitted traces.",
    "from_node_id",
    "to_node_id",
    "direction",
)
HOP_CLOCK_ERRORS = counter(
    "ioam_hop_clock_errors_total",
    "Hops without a latency: the later node's clock is behind the earlier one's, or the time format is another.",
)
MISSING_PACKETS = counter(
    "ioam_sequence_missing_packets_total",
    "Packets of a trace that the sequence numbers of direct export leave out, those that come late included.",
    *_TRACE,
)
LATE_PACKETS = counter(
    "ioam_sequence_late_packets_total",
    "Packets of a trace with a sequence number that was behind: late, or seen twice. Loss is missing without late.",
    *_TRACE,
)
MARKED_RATIO = gauge(
    "ioam_marked_ratio",
    "Part of a trace's packets that have the option, as configured; its counts are divided by it.",
    "ioam_namespace",
)
DECODE_ERRORS = counter(
    "ioam_decode_errors_total",
    "Packets with an IP header or IOAM option that contradicts its RFC; none has a trace.",
    "reason",
)
SKIPPED_FRAMES = counter(
    "ioam_skipped_frames_total", "Frames that count for no node, as no IP packet was looked for in them.", "reason"
)
OVERFLOW_PACKETS = counter(
    "ioam_overflow_packets_total", "Traced packets with the overflow flag: some node found no room, the path has gaps."
)
CAPTURE_DROPS = counter(
    "ioam_capture_drops_total", "Packets that the capture lost before they were counted (PACKET_STATISTICS)."
)
UNSEEN_PACKETS = counter(
    "ioam_interface_unseen_packets_total",
    "Packets in the interface's own counters (rtnetlink) that were not seen here: at least so many.",
    "interface",
)
OPTION_BYTES = counter("ioam_option_bytes_total", "Bytes of IOAM options in user packets: the cost of tracing itself.")
FRAGMENT_PACKETS = counter(
    "ioam_fragment_packets_total", "Packets seen that are fragments: each counts as the packet that it is on the wire."
)
JUMBOGRAM_PACKETS = counter("ioam_jumbogram_packets_total", "Packets seen that are jumbograms (RFC 2675).")
TRACES = gauge("ioam_traces", "Traces with label values of their own.")
TRACES_FOLDED = counter(
    "ioam_traces_folded_total", 'Packets counted as trace_id="other" because the bounds of `admit: any` were reached.'
)
CAPTURE_INFO = gauge(
    "ioam_capture_info", "Interface that is being captured, and by what; always 1.", "interface", "backend"
)
CAPTURE_LIMIT_INFO = gauge(
    "ioam_capture_limit_info",
    "Blind spot of a backend among the packets it counts (docs/guides/ioam.md); always 1.",
    "backend",
    "limit",
)

METRICS = (
    TRACE_PACKETS,
    TRACE_BYTES,
    NODE_PACKETS,
    NODE_BYTES,
    FLOW_PACKETS,
    FLOW_BYTES,
    NODE_OTHER_PACKETS,
    NODE_OTHER_BYTES,
    NODE_MEASURED,
    PATH_PACKETS,
    PATH_BYTES,
    PATH_INFO,
    PATH_CHANGES,
    HOP_LATENCY,
    HOP_CLOCK_ERRORS,
    MISSING_PACKETS,
    LATE_PACKETS,
    MARKED_RATIO,
    DECODE_ERRORS,
    SKIPPED_FRAMES,
    OVERFLOW_PACKETS,
    CAPTURE_DROPS,
    UNSEEN_PACKETS,
    OPTION_BYTES,
    FRAGMENT_PACKETS,
    JUMBOGRAM_PACKETS,
    TRACES,
    TRACES_FOLDED,
    CAPTURE_INFO,
    CAPTURE_LIMIT_INFO,
)

SHOWN = (
    Shown("node", "packets/s", NODE_PACKETS, NODE_MEASURED),
    Shown("unseen", "packets/s", UNSEEN_PACKETS),
    Shown("flow", "packets/s", FLOW_PACKETS, NODE_MEASURED, adds=False),
    Shown("trace", "packets/s", TRACE_PACKETS, NODE_MEASURED, adds=False),
)
