# SPDX-License-Identifier: Apache-2.0
"""The metrics of `joulepath pfcp`.

Source: messages of PFCP (3GPP TS 29.244) as they pass on N4. Bytes are what the UPF's usage reports say.
"""

from joulepath.metrics import Shown, counter, gauge

_SESSION = ("group", "dnn", "s_nssai", "upf")

BYTES = counter(
    "pfcp_usage_bytes_total",
    "Bytes of users that the UPF reported. They come in lumps: take rates over two report intervals or more.",
    *_SESSION,
    "direction",
)
PACKETS = counter(
    "pfcp_usage_packets_total", "Packets of users that the UPF reported, where it reports them.", *_SESSION, "direction"
)
SESSIONS = gauge("pfcp_sessions", "Sessions that were seen to begin and have not ended.", *_SESSION)
UNKNOWN_SESSIONS = gauge(
    "pfcp_unknown_sessions", 'Sessions that report and were not seen to begin; their usage has group="unknown".'
)
PERIOD = gauge(
    "pfcp_measurement_period_seconds",
    "Longest period of reports that the SMF asks of a group's sessions now; absent without one.",
    "group",
)
INTERVAL = gauge(
    "pfcp_report_interval_seconds", "Longest time that a usage report covered, in the last one to two hours.", "group"
)
MESSAGES = counter("pfcp_messages_total", "PFCP messages, repeated ones included.", "type")
ERRORS = counter("pfcp_decode_errors_total", "Messages that could not be read, by reason.", "reason")
EVENTS = {
    "duplicate_reports": counter(
        "pfcp_duplicate_reports_total", "Usage reports with a number (UR-SEQN) that was counted before; not counted."
    ),
    "missing_reports": counter(
        "pfcp_missing_reports_total", "Usage reports that are missing between the numbers of others: usage was lost."
    ),
    "overlapping_reports": counter(
        "pfcp_overlapping_reports_total", "Usage reports not counted because another URR counts the same packets."
    ),
    "retransmissions": counter("pfcp_retransmitted_messages_total", "Messages that were sent again; not counted."),
    "rejected_sessions": counter("pfcp_rejected_sessions_total", "Session establishments that the UPF rejected."),
    "refused_sessions": counter(
        "pfcp_refused_sessions_total", "Sessions not followed because of the configured bound; their usage is unknown."
    ),
    "restarts": counter("pfcp_node_restarts_total", "Restarts of an SMF or a UPF; each ends its sessions."),
}
"""By the names of sessions/counts.py."""
FOLDED = counter(
    "pfcp_folded_labels_total", 'Labels not shown because of the configured bound; their usage has dnn="other".'
)
MEASURED = counter(
    "pfcp_measured_seconds_total",
    "Seconds in which all interfaces were captured; rate(bytes) / rate(seconds) is the rate of reported bytes.",
)
DROPS = counter("pfcp_capture_drops_total", "N4 packets that the capture lost.")
CAPTURE_INFO = gauge("pfcp_capture_info", "Interface that is being captured; always 1.", "interface")
FLOWS = gauge("pfcp_flows_file_flows", "Flows in the file for `joulepath ioam`, as last written.")
FLOWS_LEFT_OUT = gauge(
    "pfcp_flows_file_left_out_flows", "Flows that are not in it, since joulepath ioam would refuse so large a file."
)
FLOWS_WRITES = counter("pfcp_flows_file_writes_total", "Times that the file for `joulepath ioam` was written.")
FLOWS_ERRORS = counter("pfcp_flows_file_errors_total", "Times that it could not be written.")

METRICS = (
    BYTES, PACKETS, SESSIONS, UNKNOWN_SESSIONS, PERIOD, INTERVAL, MESSAGES, ERRORS, *EVENTS.values(), FOLDED, MEASURED,
    DROPS, CAPTURE_INFO, FLOWS, FLOWS_LEFT_OUT, FLOWS_WRITES, FLOWS_ERRORS,
)  # fmt: skip

SHOWN = (
    Shown("usage", "B/s", BYTES, MEASURED),
    Shown("sessions", "", SESSIONS),
)
