# SPDX-License-Identifier: Apache-2.0
"""Usage reports of PFCP: `joulepath pfcp` sees N4, reads it, misses little, knows its sessions, and reports in time.

A topology names UPFs, and messages are not counted by UPF: they are looked at together.
"""

from collections.abc import Iterator

from joulepath_doctor.catalogue import found
from joulepath_doctor.context import Context
from joulepath_doctor.finding import Finding
from joulepath_doctor.questions import length, rows, since, value
from joulepath_rules.adapters import cores
from joulepath_rules.rule import number
from joulepath_topology.components import Traffic
from joulepath_topology.cores.schema import Series
from joulepath_topology.problem import Place

LOST = 0.01
"""The part of the messages that may be lost (alerts.yaml, `EnergyUsageReportsLost`)."""
UNKNOWN = 0.1
"""The part of the bytes that may be of unknown sessions (alerts.yaml, `EnergySessionsUnknown`)."""
INTERVALS = 2
"""Reports in a window, at least: with fewer, a window may hold none."""
USAGE = "pfcp_usage_bytes_total"
BEAT = 120.0
"""In this time an SMF and a UPF exchange a heartbeat [s]; 60 s is usual (TS 29.244, 6.2.2)."""


def check(context: Context) -> Iterator[Finding]:
    """Findings about each component for which usage reports count, and about the file of flows."""
    for name, component in context.topology.components.items():
        traffic = component.traffic
        if traffic is None or traffic.core != "pfcp":
            continue
        place: Place = ("components", name, "traffic", "core")
        messages = _grown(context, "pfcp_messages_total")
        captured = _grown(context, "pfcp_measured_seconds_total") or 0.0
        if messages == 0 and captured >= BEAT:
            yield found(
                "pfcp/silent", place,
                f"no message of N4 came to `joulepath pfcp` in {length(captured)}: let it capture where UDP 8805 "
                "passes between SMF and UPF, outside IPsec",
            )  # fmt: skip
        elif messages:
            yield from _unread(context, place, messages)
            yield from _lost(context, place, messages)
            yield from _unknown(context, place, traffic)
            yield from _lumps(context, place)
    if any(application.flows for application in context.topology.applications.values()):
        yield from _left_out(context)


def _unread(context: Context, place: Place, messages: float) -> Iterator[Finding]:
    reasons = rows(context, f"sum by (reason) (increase(pfcp_decode_errors_total[{since(context)}])) > 0", "reason")
    if sum(reasons.values()) > LOST * messages:
        most = max(reasons, key=lambda reason: reasons[reason])[0]
        cure = (
            "raise the MTU of the N4 network, since fragments are not put together"
            if most == "fragment"
            else "compare a capture with Wireshark, and report the message"
        )
        yield found(
            "pfcp/unread", place,
            f"{sum(reasons.values()):.0f} of {messages:.0f} messages of N4 cannot be read, most for the reason {most}: "
            f"{cure}",
        )  # fmt: skip


def _lost(context: Context, place: Place, messages: float) -> Iterator[Finding]:
    drops = _grown(context, "pfcp_capture_drops_total") or 0.0
    missing = _grown(context, "pfcp_missing_reports_total") or 0.0
    if drops + missing > LOST * messages:
        yield found(
            "pfcp/lost", place,
            f"beside {messages:.0f} messages of N4 the capture lost {drops:.0f} packets, and {missing:.0f} usage "
            "reports are missing between the numbers of others, so their bytes are not counted: capture all paths of "
            "N4, and give the exporter a core",
        )  # fmt: skip


def _unknown(context: Context, place: Place, traffic: Traffic) -> Iterator[Finding]:
    whole = _grown(context, cores.selected(traffic, Series(metric=USAGE)))
    unknown = _grown(context, cores.selected(traffic, Series(metric=USAGE, labels={"group": "unknown"})))
    if whole and unknown and unknown > UNKNOWN * whole:
        yield found(
            "pfcp/unknown", place,
            f"{unknown / whole:.0%} of the reported bytes are of sessions that were not seen to begin, so no "
            "application has them: name a `state_file`, so that a restart keeps the sessions, and capture "
            "establishments too",
        )  # fmt: skip


def _lumps(context: Context, place: Place) -> Iterator[Finding]:
    interval = value(context, "max(pfcp_report_interval_seconds)")
    window = context.topology.window
    if interval is not None and interval * INTERVALS > window:
        yield found(
            "pfcp/lumps", place,
            f"a usage report covers up to {length(interval)}, and the window is {length(window)}, so watts follow the "
            f"reports and not the traffic: let the SMF ask for reports each {number(window / INTERVALS)} s, or make "
            f"`window` {number(INTERVALS * interval)}s",
        )  # fmt: skip


def _left_out(context: Context) -> Iterator[Finding]:
    for (job, instance), flows in rows(
        context, "sum by (job, instance) (pfcp_flows_file_left_out_flows) > 0", "job", "instance"
    ).items():
        yield found(
            "pfcp/left-out", ("targets", job, instance),
            f"{flows:.0f} flows are not in the file that it writes, since `joulepath ioam` would refuse it: make "
            "groups larger, or name fewer",
        )  # fmt: skip


def _grown(context: Context, selector: str) -> float | None:
    """The growth over the time of the context; None where no exporter shows it."""
    return value(context, f"sum(increase({selector}[{since(context)}]))")
