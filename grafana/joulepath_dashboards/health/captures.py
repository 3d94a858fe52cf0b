# SPDX-License-Identifier: Apache-2.0
"""The captures of packets: how much of the time they counted, and what they lost."""

from collections.abc import Iterator

from grafana_foundation_sdk.builders import timeseries
from grafana_foundation_sdk.builders.dashboard import Row
from grafana_foundation_sdk.models import units

from joulepath_dashboards.common import TOPOLOGY, lines, over_time

RATE = "[$__rate_interval]"
NO_CAPTURE = "a gap means that no `joulepath ioam` is scraped."


def row() -> Row:
    """The row's heading."""
    return Row("Captures")


def panels() -> Iterator[timeseries.Panel]:
    """The row's panels, from left to right."""
    yield (
        lines(
            "Measured part of the window",
            "The part of the window in which each IOAM node's packets were counted; a gap means less than half of it, "
            "and then no application has a share where the node counts.",
            units.PercentUnit,
        )
        .max(1)
        .span(6)
        .with_target(over_time(f"node:measured:ratio{{{TOPOLOGY}}}", "node {{node_id}}"))
    )

    yield (
        lines(
            "Lost packets",
            f"Packets per second that a capture lost before they were counted; {NO_CAPTURE}",
            units.PacketsPerSecond,
        )
        .span(6)
        .with_target(over_time(f"sum by (instance) (rate(ioam_capture_drops_total{RATE}))", "{{instance}}"))
    )

    yield (
        lines(
            "Unseen packets",
            "Packets per second in an interface's own counters that the capture did not see; a gap means that no "
            "interface has a capture, or that its own counters cannot be read.",
            units.PacketsPerSecond,
        )
        .span(6)
        .with_target(
            over_time(
                f"sum by (instance, interface) (rate(ioam_interface_unseen_packets_total{RATE}))",
                "{{instance}} {{interface}}",
            )
        )
    )

    yield (
        lines(
            "Rejected packets",
            f"Packets per second with an IP header or IOAM option that contradicts its RFC, by reason; {NO_CAPTURE}",
            units.PacketsPerSecond,
        )
        .span(6)
        .with_target(over_time(f"sum by (reason) (rate(ioam_decode_errors_total{RATE}))", "{{reason}}"))
    )
