# SPDX-License-Identifier: Apache-2.0
"""One figure for each part that can fail."""

from collections.abc import Iterator

from grafana_foundation_sdk.builders import stat
from grafana_foundation_sdk.builders.dashboard import Row
from grafana_foundation_sdk.models import units

from joulepath_dashboards.common import TOPOLOGY, figure, limits, now
from joulepath_dashboards.declared import never_measured

DEVICES = "min by (job, instance) (pdu_up or bmc_up or gpu_up)"


def row() -> Row:
    """The row's heading."""
    return Row("State")


def panels() -> Iterator[stat.Panel]:
    """The row's panels, from left to right."""
    yield (
        figure(
            "Age of the newest evaluation",
            "Seconds since the rules of the attribution ran last; an interval of the topology at most while all is "
            "well. A gap means that they did not run in the last five minutes.",
            units.Seconds,
        )
        .thresholds(limits(warning=60, critical=120))
        .with_target(now(f"time() - max(timestamp(attribution:heartbeat{{{TOPOLOGY}}}))", "age"))
    )

    yield (
        figure(
            "Never measured",
            "How many declared hosts and components were not measured once in the chosen time range; the next row "
            "lists them. A gap means that the rules do not run.",
            units.Short,
        )
        .thresholds(limits(warning=1))
        .with_target(now(never_measured(), "hosts and components"))
    )

    yield (
        figure(
            "Hosts not measured now",
            "How many declared hosts have no power now; a gap means that the rules do not run.",
            units.Short,
        )
        .thresholds(limits(warning=1))
        .with_target(
            now(
                f"count(group by (host) (joulepath_topology_source{{{TOPOLOGY}}})"
                f" unless on (host) host:power_watts{{{TOPOLOGY}}})"
                f" or 0 * group(attribution:heartbeat{{{TOPOLOGY}}})",
                "hosts",
            )
        )
    )

    yield (
        figure(
            "Targets that do not answer",
            "How many targets of this Prometheus failed at their last scrape, of all jobs; a gap means that it scrapes "
            "nothing, as one that only receives recorded series.",
            units.Short,
        )
        .thresholds(limits(warning=1))
        .with_target(now("count(up == 0) or 0 * count(up)", "targets"))
    )

    yield (
        figure(
            "Devices that do not answer",
            "How many PDUs, BMCs and hosts with GPUs failed at the last poll, in part or whole; a gap means that no "
            "exporter of devices is scraped.",
            units.Short,
        )
        .thresholds(limits(warning=1))
        .with_target(now(f"count({DEVICES} == 0) or 0 * count({DEVICES})", "devices"))
    )

    yield (
        figure(
            "Old configurations",
            "How many exporters still run with an older configuration, because their files had a mistake at the last "
            "reload; a gap means that no exporter is scraped.",
            units.Short,
        )
        .thresholds(limits(warning=1))
        .with_target(
            now(
                "count(joulepath_config_last_reload_successful == 0)"
                " or 0 * count(joulepath_config_last_reload_successful)",
                "exporters",
            )
        )
    )
