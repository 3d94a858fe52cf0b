# SPDX-License-Identifier: Apache-2.0
"""Clocks of this machine, of the server and of the machines of exporters."""

from collections.abc import Iterator

from joulepath_doctor import places
from joulepath_doctor.catalogue import found
from joulepath_doctor.context import Context
from joulepath_doctor.finding import Finding
from joulepath_doctor.places import SERVER
from joulepath_doctor.supply import Supply

TOLERANCE = 2.0
"""A difference [s] that a scrape or a slow answer may make."""


def check(context: Context) -> Iterator[Finding]:
    """Findings about clocks."""
    if abs(context.ahead) > TOLERANCE + context.unsure:
        yield found(
            "clock/differs", SERVER,
            f"the clock of Prometheus is {abs(context.ahead):.1f} s {_side(context.ahead)} that of this machine: set "
            "both by NTP",
        )  # fmt: skip
    yield from _exporters(context)


def _exporters(context: Context) -> Iterator[Finding]:
    """node_exporter tells the time. A process or a reading of the future tells that a clock is ahead."""
    needed = Supply(context).names()
    told = set[str]()
    for expr in (
        "node_time_seconds - timestamp(node_time_seconds)",
        "pdu_last_read_timestamp_seconds - timestamp(pdu_last_read_timestamp_seconds) > 0",
        "bmc_last_read_timestamp_seconds - timestamp(bmc_last_read_timestamp_seconds) > 0",
        "process_start_time_seconds - timestamp(process_start_time_seconds) > 0",
    ):
        for row in context.server.query(expr):
            job, instance = row.labels.get("job", ""), row.labels.get("instance", "")
            if abs(row.value) > TOLERANCE and (job, instance) in needed and instance not in told:
                told.add(instance)
                least = "" if expr.startswith("node_") else "at least "
                yield found(
                    "clock/differs", places.target(job, instance),
                    f"the clock of {instance} is {least}{abs(row.value):.1f} s {_side(row.value)} that of Prometheus: "
                    "set both by NTP",
                )  # fmt: skip


def _side(difference: float) -> str:
    return "ahead of" if difference > 0 else "behind"
